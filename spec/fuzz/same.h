/* Same: whether two trees, or two Lua values, are the same, for the target that reads JSON in two ways. By itself, without
 * the library's own readers. */
#ifndef TM_FUZZ_SAME_H
#define TM_FUZZ_SAME_H

#include <cjson/cJSON.h>
#include <lua.h>
#include <stdbool.h>

/* The same kinds, keys, texts and numbers in the same order. A number is that double; a raw node has no other form. */
bool same_trees(const cJSON *one, const cJSON *other);
/* Whether the library must take the text of a tree, and would take no other: no key twice, UTF-8, numbers that are numbers, 64 levels. */
bool same_is_strict(const cJSON *tree);
int same_depth(const cJSON *tree);
/* Whether there is something in it that the fast way to Lua may leave to the other: a raw number, more than 64 levels. */
bool same_is_special(const cJSON *tree);
/* The same as far as Lua knows: nulls in objects are gone, their order too; an empty table is an array or an object; what is
 * beyond 64 bits, or unsigned where the schema does not say so, is a double. */
bool same_but_for_lua(const cJSON *before, const cJSON *after);
/* Equal, integers to integers and floats to floats, with the same metatables, all the way down. */
bool same_values(lua_State *L, int one, int other);

#endif

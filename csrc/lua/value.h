/* Value: Lua table to JSON tree and back, without text in between. The keys of the API are unique over all
 * its structs, so the key alone tells what the schema knows of a value: which numbers are unsigned, which are
 * doubles, and which empty tables are arrays. tm_keys_open comes first. Each function says what it does to
 * the stack as [-popped, +pushed, what it may raise: - nothing, m lack of memory, v anything]. On the thread
 * of the Lua state. */
#ifndef TM_LUA_VALUE_H
#define TM_LUA_VALUE_H

#include "key.h"

/* Stack slots that one level of nesting takes: a table, a key, a value, and a metatable. */
enum { TM_VALUE_SLOTS = 4 };

/* The table at `index` as a tree; an empty one is an array if `is_array`. Metamethods are not asked. Owned by
 * the caller (cJSON_Delete). NULL: `err` has TIM_ERR_JSON and a sentence that begins with the path of what
 * can't be converted (a table within itself, holes, mixed keys, NaN, text that is not UTF-8, ...), or
 * ERR_OUT_OF_MEMORY. [-0, +0, -] */
cJSON *tm_value_to_tree(lua_State *L, int index, bool is_array, tm_error *err);

/* The array of Message tables at `index` as messages, as tm_args takes them; `index` is not relative to the top. Owned by
 * the caller (tm_messages_free). NULL: something about them is not plain, or wrong, or memory is short: ask
 * tm_value_to_tree. [-0, +0, -] */
tm_messages *tm_value_to_messages(lua_State *L, int index);

/* Pushes what `tree` (borrowed until return) stands for: nil for NULL. [-0, +1, m] */
void tm_value_push(lua_State *L, const cJSON *tree);

/* Pushes an array of Message tables, or one Message: what tm_value_push makes of tm_messages_to_tree, without the tree. `messages` is
 * borrowed until return. [-0, +1, m] */
void tm_value_push_messages(lua_State *L, tm_messages *messages);

/* Pushes timmsg.null, which stands for a JSON null inside arrays. [-0, +1, -] */
void tm_value_push_null(lua_State *L);

/* The functions timmsg.array and timmsg.object: mark a table (a new one if none is given) and return it. */
int tm_value_array(lua_State *L);
int tm_value_object(lua_State *L);

#endif

/* Value, what its files share: checking texts; pushing numbers and arrays, with what the schema knows of them. Stack effects as in
 * value.h. `texts` is the stack index of the key index's table of key strings; the index itself lies below it. `field`
 * is that of the value's key, NULL where the schema knows none. */
#ifndef TM_LUA_VALUE_INTERNAL_H
#define TM_LUA_VALUE_INTERNAL_H

#include "value.h"

/* True if the text is UTF-8 without NUL; `*bad` (may be NULL) is where it is not. */
bool tm_value_is_text(const char *text, size_t length, size_t *bad);

/* The number that `node` (not a raw one) has. [-0, +1, -] */
void tm_value_push_number(lua_State *L, double value, const tm_field *field);
/* That of a raw node, by its literal. [-0, +1, -] */
void tm_value_push_raw(lua_State *L, const cJSON *node, const tm_field *field);
/* `mark_empty`: one without entries gets timmsg.array's mark. [-0, +1, m] */
void tm_value_push_array(lua_State *L, const tm_key_index *index, int texts, const cJSON *node,
                         bool mark_empty);

/* The same of a text that tm_json_print made: what tm_value_push_array pushes for its tree. False, and nothing pushed:
 * it is none, or has something that is left to the tree. [-0, +(0|1), m] */
bool tm_value_push_array_text(lua_State *L, const tm_key_index *index, int texts, const char *text);

#endif

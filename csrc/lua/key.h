/* Key: finds the keys of the schema fast, by their Lua strings and by their text. Stack effects as in
 * value.h. On the thread of the Lua state. */
#ifndef TM_LUA_KEY_H
#define TM_LUA_KEY_H

#include "host.h"

typedef struct tm_key_index tm_key_index;

/* The index's user values: the keys' strings by number, the marks of timmsg.array and timmsg.object. */
enum { TM_UV_TEXTS = 1, TM_UV_ARRAY_MARK, TM_UV_OBJECT_MARK, TM_UV_INDEX_COUNT = TM_UV_OBJECT_MARK };

/* Makes the index and keeps it in the registry; once a Lua state. [-0, +0, m] */
void tm_keys_open(lua_State *L);
/* The index, which lives as long as the Lua state. [-0, +1, -] */
const tm_key_index *tm_keys_push(lua_State *L);

/* The field of a key that is a Lua string, or NULL. */
const tm_field *tm_keys_find_string(const tm_key_index *index, const char *text, size_t length);
/* The number of the key with this text, from 1, or 0. */
int tm_keys_find_text(const tm_key_index *index, const char *text, size_t length);
/* The field of a key by its number. */
const tm_field *tm_keys_field(const tm_key_index *index, int number);

/* The addresses of the marks, which are metatables. */
const void *tm_keys_array_mark(const tm_key_index *index);
const void *tm_keys_object_mark(const tm_key_index *index);

#endif

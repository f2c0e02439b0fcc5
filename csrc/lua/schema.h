/* Schema (Lua): what the core knows of structs, enums and calls (../schema.h, ../call.h), as tables. On the thread of the Lua
 * state. */
#ifndef TM_LUA_SCHEMA_H
#define TM_LUA_SCHEMA_H

#include "host.h"

/* Pushes every constant under its C name: the values of enums, and the keys of structs as strings. [-0, +1, m] */
void tm_lua_schema_push_constants(lua_State *L);
/* Pushes the calls' Lua names, in the order of their kinds. [-0, +1, m] */
void tm_lua_schema_push_calls(lua_State *L);

/* schema(): structs (name → list of {key, constant, type, flags, of, values}), enums (name → values by their
 * C names), calls (Lua name → {c_name, arguments, json, json_is_array, result, result_is_array}). For specs and tools. */
int tm_lua_schema(lua_State *L);

#endif

/* Argument: what Lua methods are given: the arguments of a call, and times. On the thread of the Lua state. */
#ifndef TM_LUA_ARGUMENT_H
#define TM_LUA_ARGUMENT_H

#include "host.h"

/* Where a call's arguments are on the stack; 0: left out. */
typedef struct tm_argument_places {
    int conv_id, conv_type, first_text, second_text, json, callback;
} tm_argument_places;

/* Finds the arguments of a method whose first is at index 2; raises an argument error for a wrong Lua type.
 * What is optional may be nil, or be left out where the callback follows. */
void tm_arguments_find(lua_State *L, const tm_call_type *type, tm_argument_places *places);

/* Copies what was found into `args` (all zero before; the caller frees it with tm_args_free, also on
 * failure). Raises nothing. 0, TIM_ERR_CONV or TIM_ERR_JSON. */
int32_t tm_arguments_take(lua_State *L, tm_call_kind kind, const tm_argument_places *places, tm_args *args,
                          tm_error *err);

/* The milliseconds at `arg`; `fallback` for nil. Raises for what is no time. [-0, +0, v] */
lua_Number tm_arguments_check_milliseconds(lua_State *L, int arg, lua_Number fallback);

#endif

/* Hush: whether a handler of log runs in this Lua state. What calls log that are made then is not told to any: they would be rung
 * without end. Stack effects as in value.h. On the thread of the Lua state. */
#ifndef TM_LUA_HUSH_H
#define TM_LUA_HUSH_H

#include "host.h"

/* [-0, +0, -] */
bool tm_hush_is(lua_State *L);
/* `hushed` is what tm_hush_is said before, or true. [-0, +0, m for true, else -] */
void tm_hush_set(lua_State *L, bool hushed);

#endif

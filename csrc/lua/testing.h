/* Testing: the C half of timmsg.testing: test worlds (world.h), and what is to go wrong for clients. On the thread of the Lua
 * state. */
#ifndef TM_LUA_TESTING_H
#define TM_LUA_TESTING_H

#include "host.h"

/* Pushes a table of its functions. Once a Lua state. [-0, +1, m] */
void tm_testing_open(lua_State *L);

#endif

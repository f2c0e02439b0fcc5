/* Testing: the C half of timmsg.testing: test worlds (world.h) as userdata, and what is to go wrong in them. */
#ifndef TM_LUA_TESTING_H
#define TM_LUA_TESTING_H

#include "host.h"

/* Pushes a table of its functions. Once a Lua state. [-0, +1, m] */
void tm_testing_open(lua_State *L);
/* The world at `arg`, borrowed; NULL for none or nil. Raises for anything else, a closed one too. [-0, +0, v] */
tm_world *tm_testing_world(lua_State *L, int arg);

#endif

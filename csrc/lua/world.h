/* World (Lua): the userdata of a test world (../world.h). On the thread of the Lua state. */
#ifndef TM_LUA_WORLD_H
#define TM_LUA_WORLD_H

#include "host.h"

/* Makes the metatable of worlds, with their methods. Once a Lua state, before tm_lua_world_new. [-0, +0, m] */
void tm_lua_world_open(lua_State *L);

/* world(seed, seconds): a new one. */
int tm_lua_world_new(lua_State *L);

/* The world at `arg`, borrowed; NULL for none or nil. Raises for anything else, a closed one too. [-0, +0, v] */
tm_world *tm_lua_world_get(lua_State *L, int arg);

#endif

/* Hush: of what nobody is told in this Lua state, because a handler runs that would be rung without end by what it brings about
 * itself. Of the state and not of a client: two clients can ring each other's handlers. Stack effects as in value.h. On the
 * thread of the Lua state. */
#ifndef TM_LUA_HUSH_H
#define TM_LUA_HUSH_H

#include "host.h"

enum {
    TM_HUSH_LOG = 1,  /* a handler of log runs: what calls log that are made now */
    TM_HUSH_ERROR = 2 /* a handler of error runs: failures of calls without a callback that are made now */
};

/* Once a Lua state, before the others. [-0, +0, m] */
void tm_hush_open(lua_State *L);
/* [-0, +0, -] */
unsigned tm_hush_get(lua_State *L);
void tm_hush_set(lua_State *L, unsigned hush);

#endif

/* Closing: the ends of a client: close, the end of a block, and the collector. On the thread of the Lua state. */
#ifndef TM_LUA_CLOSING_H
#define TM_LUA_CLOSING_H

#include "host.h"

/* close(): also inside a callback; then what waits is delivered here and the poll under way finds nothing. */
int tm_lua_client_close(lua_State *L);
/* __close: the end of a block, with the error that ended it, if one did. That one is to be seen, and not that of a callback
 * which was told that the client is closed. */
int tm_lua_client_leave(lua_State *L);
/* __gc: runs no Lua. */
int tm_lua_client_gc(lua_State *L);

#endif

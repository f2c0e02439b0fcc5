/* Method: what a script can call on a client: the calls of the API, its handlers, and what polling.h, closing.h and alarm.h
 * have. On the thread of the Lua state. */
#ifndef TM_LUA_METHOD_H
#define TM_LUA_METHOD_H

#include "host.h"

/* Makes the metatable of clients. `getters` is the stack index of a table of functions: what a client has
 * under such a name is what the function returns for it. Once a Lua state, before tm_lua_client_new. [-0, +0, m] */
void tm_methods_open(lua_State *L, int getters);

/* Pushes begin_download(client, …): as the method download_elem_to_path, but behind true it returns an integer that names the
 * download. [-0, +1, m] */
void tm_methods_push_begin_download(lua_State *L);
/* drop_download(client, download): ends it, if it has not ended yet; its callback is called all the same. */
int tm_lua_client_drop_download(lua_State *L);

#endif

/* Client (Lua): the userdata that a script holds: a tm_client, its mailbox, and what hangs on them. */
#ifndef TM_LUA_CLIENT_H
#define TM_LUA_CLIENT_H

#include "host.h"

/* Makes the metatable of clients. `getters` is the stack index of a table of functions: what a client has
 * under such a name is what the function returns for it. Once a Lua state, before tm_lua_client_new. */
void tm_lua_client_open(lua_State *L, int getters);

/* new(options[, world]): a client, of a test world (testing.h) if one is given; or nil, message, code. */
int tm_lua_client_new(lua_State *L);

/* state(client): "open"; "polling" (callbacks run now, so that poll would refuse); "closing" (callbacks run, and nothing
 * new is taken); "closed". */
int tm_lua_client_state(lua_State *L);

/* set_alarm(client, ms, callback): as the method after, but returns two integers that name the alarm; or nil, message, code. */
int tm_lua_client_set_alarm(lua_State *L);
/* drop_alarm(client, at, serial): if it has not rung yet it never will, and its callback is forgotten. */
int tm_lua_client_drop_alarm(lua_State *L);

/* The client at `arg`, borrowed; raises if it is none or closed. [-0, +0, v] */
tm_client *tm_lua_client_check(lua_State *L, int arg);
/* Whether the client at `arg` has not been closed; raises if it is none. [-0, +0, v] */
bool tm_lua_client_is_open(lua_State *L, int arg);

#endif

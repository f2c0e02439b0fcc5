/* Polling: how letters get out of a client's mailbox to its callbacks, and how a host learns that some wait. On the thread
 * that polls. */
#ifndef TM_LUA_POLLING_H
#define TM_LUA_POLLING_H

#include "client.h"

/* poll([budget_ms]): how many letters were handled, or nil, "already polling". */
int tm_lua_client_poll(lua_State *L);
/* wait([ms]): blocks until poll has something to do; false when the time is over before; false, "interrupted" when a signal
 * was handled before. In a callback, where poll has nothing to do whatever comes, nil, "already polling": it could wait for
 * ever, above all while the client closes. */
int tm_lua_client_wait(lua_State *L);

/* pollfd(), events(), timeout(): what an event loop asks, in the way of cqueues. */
int tm_lua_client_pollfd(lua_State *L);
int tm_lua_client_events(lua_State *L);
int tm_lua_client_timeout(lua_State *L);

/* For close, rest(client): delivers what is in the mailbox of a closed tm_client. Errors of callbacks are kept. */
int tm_lua_client_rest(lua_State *L);

#endif

/* Client (Lua): the userdata that a script holds: a tm_client, its mailbox, and what hangs on them. What it can do is in
 * files of their own: method.h has the list. On the thread of the Lua state. */
#ifndef TM_LUA_CLIENT_H
#define TM_LUA_CLIENT_H

#include "callback.h"

#define TM_LUA_CLIENT_TYPE "timmsg.client" /* the name of the metatable, which method.h makes */

/* All zero is closed. */
typedef struct tm_lua_client {
    tm_client *client;   /* owned; NULL: closed */
    tm_mailbox *mailbox; /* owned; there as long as the client is */
    tm_callbacks callbacks;
    uint32_t mark;  /* the newest mark's number: see polling.c */
    unsigned heard; /* the letters that there are handlers for: 1 << tm_letter_kind */
    bool polling;   /* callbacks are running */
    bool held;      /* the mailbox's descriptor is */
    bool closing;
} tm_lua_client;

/* The client at index 1; raises if it is none. [-0, +0, v] */
tm_lua_client *tm_lua_client_check(lua_State *L);
/* The same, which must be open. While it closes it still counts as open: callbacks that run then get TIM_ERR_SDKUNINIT
 * for what they try. [-0, +0, v] */
tm_lua_client *tm_lua_client_check_open(lua_State *L);

/* The one form of every failure: nil, message, TIMResult. Returns how many. [-0, +3, m] */
int tm_lua_client_push_failure(lua_State *L, int32_t code, const tm_error *err);

/* new(options[, world]): a client, of a test world (world.h) if one is given; or nil, message, code. */
int tm_lua_client_new(lua_State *L);
/* Takes note of which handlers the open client at `client` has now. [-0, +0, -] */
void tm_lua_client_heed(lua_State *L, int client);
/* Closes, if need be, and frees all but the callbacks' Lua values. Runs no Lua. */
void tm_lua_client_release(tm_lua_client *self);

/* state(client): "open"; "polling" (callbacks run now, so that poll would refuse); "closing" (callbacks run, and nothing
 * new is taken); "closed". */
int tm_lua_client_state(lua_State *L);

#endif

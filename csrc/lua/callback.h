/* Callback: the callbacks of a client's running calls, and how letters get to them and to its handlers. They too hang on the
 * client's user values: see handler.h, also for `client`. Stack effects as in value.h. On the thread that polls; nothing here
 * remembers a lua_State. */
#ifndef TM_LUA_CALLBACK_H
#define TM_LUA_CALLBACK_H

#include "handler.h"

/* The other user values of a client. */
enum { TM_UV_CALLS = TM_UV_HANDLERS + 1, TM_UV_RAISED, TM_UV_CLIENT_COUNT = TM_UV_RAISED };

/* The C half. All zero at first; the hand is emptied with tm_callbacks_free. */
typedef struct tm_callbacks {
    /* In hand: taken out of the mailbox and not wholly delivered; owned. Handlers up to the number `given`
     * have had it, those over `limit` (negative: delivery has not begun) came later. */
    tm_letter *letter;
    /* Lua values are being made of it: whoever does that frees it if it is in hand no more. */
    tm_letter *read;
    lua_Integer given, limit;
    lua_Integer last_handler; /* the newest handler's number; they grow */
    int first_raised, raised; /* errors that wait to go out of poll: where the first is, and how many */
} tm_callbacks;

/* Gives a new client's user values their tables. [-0, +0, m] */
void tm_callbacks_open(lua_State *L, int client);
/* Empties the hand. Runs no Lua. */
void tm_callbacks_free(tm_callbacks *callbacks);

/* The token of a new call, which keeps the callback at `callback` (0: none) until its completion is delivered
 * or tm_callbacks_forget. [-0, +0, m] */
void *tm_callbacks_token(lua_State *L, int client, tm_call_kind kind, int callback);
void tm_callbacks_forget(lua_State *L, int client, void *token);

/* Takes a letter into the hand, which must be empty. Owned by the callbacks from then on. */
void tm_callbacks_take(tm_callbacks *callbacks, tm_letter *letter);
/* Runs what the letter in hand is for. Errors of callbacks go to the handlers of "error"; those that nobody
 * handles are kept for tm_callbacks_push_raised. What it raises itself is lack of memory; then the letter
 * stays in hand, and the next delivery goes on where this one stopped. A callback may close the client, and so may a
 * finalizer before: that delivers the rest, this letter too, and empties the hand. [-0, +0, m] */
void tm_callbacks_deliver(lua_State *L, int client, tm_callbacks *callbacks);
/* Pushes the oldest error that must go out of poll and forgets it. False, and nothing pushed: there is none.
 * [-0, +(0|1), -] */
bool tm_callbacks_push_raised(lua_State *L, int client, tm_callbacks *callbacks);

#endif

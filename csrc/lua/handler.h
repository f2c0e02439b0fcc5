/* Handler: the functions that a script has given for a client's events. They hang on a user value of the client, not in the
 * registry, so that one that mentions its client doesn't keep it alive. Stack effects as in value.h. `client` is the stack
 * index of the client's userdata, absolute. On the thread of the Lua state. */
#ifndef TM_LUA_HANDLER_H
#define TM_LUA_HANDLER_H

#include "host.h"

/* The first user value of a client; callback.h has the others. */
enum { TM_UV_HANDLERS = 1 };

enum { TM_NO_LETTER = -1 }; /* no tm_letter_kind: what handlers of "error" are told comes in none */

/* The events that handlers can be added for, or NULL behind the last. */
const char *tm_handlers_event_name(int event);
/* The event that the argument `arg` names; raises if it is none. [-0, +0, v] */
int tm_handlers_check_event(lua_State *L, int arg);
/* The event that letters of this kind tell of; TM_NO_LETTER: "error". */
int tm_handlers_event_of(int letter_kind);

/* Adds the function at `handler` behind the others, under the number behind `*last`, which grows. [-0, +0, m] */
void tm_handlers_add(lua_State *L, int client, lua_Integer *last, int event, int handler);
/* Removes the first handler that is the function at `handler`, with effect at once. False: there is
 * none. [-0, +0, -] */
bool tm_handlers_remove(lua_State *L, int client, int event, int handler);
/* The letters that handlers are there for, as tm_client_want takes them. [-0, +0, -] */
unsigned tm_handlers_wanted(lua_State *L, int client);

/* Pushes the first handler whose number is over `*given` and not over `limit`, and sets `*given` to it.
 * False, and nothing pushed: there is none. [-0, +(0|1), -] */
bool tm_handlers_push_next(lua_State *L, int client, int event, lua_Integer *given, lua_Integer limit);

#endif

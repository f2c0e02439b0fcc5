/* Callback: see callback.h.
 *
 * Handlers: the user value TM_UV_HANDLERS holds a list an event, under the event's number + 1: number of the
 * first handler, its function, number of the second, its function, and so on. The numbers tell which handlers
 * a delivery has passed, whatever is added and removed meanwhile. */
#include "callback.h"

#include "hush.h"
#include "raised.h"
#include "value.h"

#include <string.h>

typedef struct event_type {
    const char *name;
    int letter; /* tm_letter_kind, or -1 */
} event_type;

static const event_type event_types[] = {
    {"recv_new_msg", TM_LETTER_RECV_NEW_MSG},
    {"msg_readed_receipt", TM_LETTER_READED_RECEIPT},
    {"msg_revoke", TM_LETTER_REVOKE},
    {"msg_elem_upload_progress", TM_LETTER_UPLOAD_PROGRESS},
    {"group_tips_event", TM_LETTER_GROUP_TIPS},
    {"conv_event", TM_LETTER_CONV_EVENT},
    {"network_status", TM_LETTER_NETWORK_STATUS},
    {"kicked_offline", TM_LETTER_KICKED_OFFLINE},
    {"log", TM_LETTER_LOG},
    {"error", -1},
};

enum { EVENT_COUNT = (int)(sizeof event_types / sizeof event_types[0]), EVENT_ERROR = EVENT_COUNT - 1 };

void tm_callbacks_open(lua_State *L, int client)
{
    for (int value = TM_UV_HANDLERS; value <= TM_UV_COUNT; value++) {
        lua_newtable(L);
        lua_setiuservalue(L, client, value);
    }
}

void tm_callbacks_free(tm_callbacks *callbacks)
{
    tm_letter_free(callbacks->letter);
    callbacks->letter = NULL;
}

/* ---- Handlers ---- */

const char *tm_callbacks_event_name(int event)
{
    return event < EVENT_COUNT ? event_types[event].name : NULL;
}

int tm_callbacks_check_event(lua_State *L, int arg)
{
    if (lua_type(L, arg) != LUA_TSTRING) return luaL_typeerror(L, arg, "string");
    size_t length;
    const char *name = lua_tolstring(L, arg, &length);
    luaL_argcheck(L, strlen(name) == length, arg, "a NUL in an event's name");
    for (int event = 0; event < EVENT_COUNT; event++)
        if (strcmp(event_types[event].name, name) == 0) return event;
    return luaL_argerror(L, arg, lua_pushfstring(L, "there is no event '%s'", name));
}

/* Pushes the event's list, or nil. [-0, +1, -] */
static bool push_list(lua_State *L, int client, int event)
{
    lua_getiuservalue(L, client, TM_UV_HANDLERS);
    int type = lua_rawgeti(L, -1, event + 1);
    lua_remove(L, -2);
    return type == LUA_TTABLE;
}

void tm_callbacks_on(lua_State *L, int client, tm_callbacks *callbacks, int event, int handler)
{
    if (!push_list(L, client, event)) {
        lua_pop(L, 1);
        lua_getiuservalue(L, client, TM_UV_HANDLERS);
        lua_createtable(L, 2, 0);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, event + 1);
        lua_remove(L, -2);
    }
    lua_Integer end = (lua_Integer)lua_rawlen(L, -1);
    /* The function first: if memory runs out in between, the list still has its old border. */
    lua_pushvalue(L, handler);
    lua_rawseti(L, -2, end + 2);
    lua_pushinteger(L, callbacks->last_handler + 1);
    lua_rawseti(L, -2, end + 1);
    callbacks->last_handler++;
    lua_pop(L, 1);
}

bool tm_callbacks_off(lua_State *L, int client, int event, int handler)
{
    bool found = false;
    if (push_list(L, client, event)) {
        lua_Integer end = (lua_Integer)lua_rawlen(L, -1);
        for (lua_Integer i = 1; i < end; i += 2) {
            if (!found) {
                lua_rawgeti(L, -1, i + 1);
                found = lua_rawequal(L, -1, handler);
                lua_pop(L, 1);
            }
            if (!found) continue;
            /* The rest moves down by one; behind the last there is nil. */
            for (lua_Integer j = i; j < i + 2; j++) {
                if (j + 2 <= end)
                    lua_rawgeti(L, -1, j + 2);
                else
                    lua_pushnil(L);
                lua_rawseti(L, -2, j);
            }
        }
    }
    lua_pop(L, 1);
    return found;
}

/* Pushes the first handler whose number is over `*given` and not over `limit`, and sets `*given` to it.
 * False, and nothing pushed: there is none. [-0, +(0|1), -] */
static bool push_next_handler(lua_State *L, int client, int event, lua_Integer *given, lua_Integer limit)
{
    if (push_list(L, client, event)) {
        for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TNUMBER; i += 2) {
            lua_Integer number = lua_tointeger(L, -1);
            lua_pop(L, 1);
            if (number <= *given) continue;
            if (number > limit) {
                lua_pop(L, 1);
                return false;
            }
            *given = number;
            lua_rawgeti(L, -1, i + 1);
            lua_remove(L, -2);
            return true;
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return false;
}

static bool has_handler(lua_State *L, int client, int event)
{
    lua_Integer given = 0;
    bool has = push_next_handler(L, client, event, &given, LUA_MAXINTEGER);
    if (has) lua_pop(L, 1);
    return has;
}

unsigned tm_callbacks_wanted(lua_State *L, int client)
{
    unsigned wanted = 1u << TM_LETTER_RESULT | 1u << TM_LETTER_PROGRESS;
    for (int event = 0; event < EVENT_COUNT; event++)
        if (event_types[event].letter >= 0 && has_handler(L, client, event))
            wanted |= 1u << event_types[event].letter;
    return wanted;
}

/* ---- Running calls ----
 *
 * A token is a number, no address: the callback's place in TM_UV_CALLS (0: none) and the call's kind + 1. */

enum { TOKEN_KIND_BITS = 8 };

void *tm_callbacks_token(lua_State *L, int client, tm_call_kind kind, int callback)
{
    uintptr_t place = 0;
    if (callback) {
        lua_getiuservalue(L, client, TM_UV_CALLS);
        lua_pushvalue(L, callback);
        place = (uintptr_t)luaL_ref(L, -2);
        lua_pop(L, 1);
    }
    return (void *)(place << TOKEN_KIND_BITS | ((uintptr_t)kind + 1));
}

static int place_of(const void *token)
{
    return (int)((uintptr_t)token >> TOKEN_KIND_BITS);
}

static tm_call_kind kind_of(const void *token)
{
    return (tm_call_kind)(((uintptr_t)token & ((1u << TOKEN_KIND_BITS) - 1)) - 1);
}

void tm_callbacks_forget(lua_State *L, int client, void *token)
{
    if (!place_of(token)) return;
    lua_getiuservalue(L, client, TM_UV_CALLS);
    luaL_unref(L, -1, place_of(token));
    lua_pop(L, 1);
}

/* ---- Errors ---- */

/* Keeps the error on top until poll can raise it. [-1, +0, m] */
static void keep_raised(lua_State *L, int client, tm_callbacks *callbacks)
{
    if (tm_raised_is_forgiven(L, -1)) {
        lua_pop(L, 1);
        return;
    }
    lua_getiuservalue(L, client, TM_UV_RAISED);
    lua_insert(L, -2);
    if (callbacks->raised == 0) callbacks->first_raised = 1;
    lua_rawseti(L, -2, callbacks->first_raised + callbacks->raised);
    callbacks->raised++;
    lua_pop(L, 1);
}

bool tm_callbacks_push_raised(lua_State *L, int client, tm_callbacks *callbacks)
{
    if (callbacks->raised == 0) return false;
    lua_getiuservalue(L, client, TM_UV_RAISED);
    lua_rawgeti(L, -1, callbacks->first_raised);
    lua_pushnil(L);
    lua_rawseti(L, -3, callbacks->first_raised);
    lua_remove(L, -2);
    callbacks->first_raised++;
    callbacks->raised--;
    return true;
}

/* Gives the error and the traceback on top to the handlers of "error", and what these raise to poll. Returns
 * whether there was a handler. [-0, +0, m] */
static bool tell_error(lua_State *L, int client, tm_callbacks *callbacks)
{
    int err = lua_gettop(L) - 1;
    lua_Integer given = 0, limit = callbacks->last_handler;
    unsigned hush = tm_hush_get(L);
    tm_hush_set(L, hush | TM_HUSH_ERROR);
    while (push_next_handler(L, client, EVENT_ERROR, &given, limit)) {
        lua_pushvalue(L, err);
        lua_pushvalue(L, err + 1);
        if (tm_raised_call(L, 2)) continue;
        lua_pop(L, 1);
        keep_raised(L, client, callbacks);
    }
    tm_hush_set(L, hush);
    return given > 0;
}

/* The one way of everything a callback raised; the error and its traceback are on top. [-2, +0, m] */
static void handle_raised(lua_State *L, int client, tm_callbacks *callbacks)
{
    if (tm_raised_is_forgiven(L, -2) || tell_error(L, client, callbacks)) {
        lua_pop(L, 2);
    } else {
        lua_pop(L, 1);
        keep_raised(L, client, callbacks);
    }
}

/* ---- Delivery ---- */

void tm_callbacks_take(tm_callbacks *callbacks, tm_letter *letter)
{
    callbacks->letter = letter;
    callbacks->given = 0;
    callbacks->limit = -1;
}

/* [-0, +1, m] */
static void push_content(lua_State *L, const tm_letter *letter)
{
    if (letter->messages)
        tm_value_push_messages(L, letter->messages);
    else
        tm_value_push(L, letter->json);
}

/* A call without a callback has failed: code and sentence go to the handlers of "error". [-0, +0, m] */
static void tell_failure(lua_State *L, int client, tm_callbacks *callbacks)
{
    tm_letter *letter = callbacks->letter;
    lua_pushfstring(L, "%s: %s (%d)", tm_call_type_of(kind_of(letter->token))->lua_name, letter->desc,
                    (int)letter->code);
    tm_callbacks_free(callbacks);
    lua_pushnil(L);
    tell_error(L, client, callbacks);
    lua_pop(L, 2);
}

/* Everything that needs memory comes before the callback is forgotten and the letter freed: if it fails, the
 * next delivery can do it all again. */
static void deliver_result(lua_State *L, int client, tm_callbacks *callbacks)
{
    tm_letter *letter = callbacks->letter;
    lua_getiuservalue(L, client, TM_UV_CALLS);
    if (!place_of(letter->token) || lua_rawgeti(L, -1, place_of(letter->token)) != LUA_TFUNCTION) {
        if (letter->kind == TM_LETTER_RESULT && letter->code)
            tell_failure(L, client, callbacks);
        else
            tm_callbacks_free(callbacks);
        return;
    }
    lua_pushinteger(L, letter->code);
    lua_pushstring(L, letter->desc);
    push_content(L, letter);
    int count = 3;
    if (letter->kind == TM_LETTER_PROGRESS) {
        lua_pushboolean(L, 1); /* more will follow */
        count++;
    } else {
        tm_callbacks_forget(L, client, letter->token);
    }
    tm_callbacks_free(callbacks);
    if (!tm_raised_call(L, count)) handle_raised(L, client, callbacks);
}

/* Pushes the arguments of an event's handlers and returns how many. [-0, +n, m] */
static int push_event(lua_State *L, const tm_letter *letter)
{
    switch (letter->kind) {
    case TM_LETTER_UPLOAD_PROGRESS:
        tm_value_push(L, letter->json);
        lua_pushinteger(L, (lua_Integer)letter->index + 1);
        lua_pushinteger(L, (lua_Integer)letter->current);
        lua_pushinteger(L, (lua_Integer)letter->total);
        return 4;
    case TM_LETTER_CONV_EVENT:
        lua_pushinteger(L, letter->event);
        tm_value_push(L, letter->json);
        return 2;
    case TM_LETTER_NETWORK_STATUS:
        lua_pushinteger(L, letter->event);
        lua_pushinteger(L, letter->code);
        lua_pushstring(L, letter->desc);
        return 3;
    case TM_LETTER_LOG:
        lua_pushinteger(L, letter->event);
        lua_pushstring(L, letter->desc);
        return 2;
    case TM_LETTER_KICKED_OFFLINE: return 0;
    default: push_content(L, letter); return 1;
    }
}

static void deliver_event(lua_State *L, int client, tm_callbacks *callbacks)
{
    tm_letter *letter = callbacks->letter;
    int event = 0;
    while (event < EVENT_ERROR && event_types[event].letter != (int)letter->kind)
        event++;
    lua_Integer given = callbacks->given;
    if (!push_next_handler(L, client, event, &given, callbacks->limit)) {
        tm_callbacks_free(callbacks);
        return;
    }
    lua_pop(L, 1);
    int first = lua_gettop(L) + 1, count = push_event(L, letter);
    unsigned hush = tm_hush_get(L);
    if (letter->kind == TM_LETTER_LOG) tm_hush_set(L, hush | TM_HUSH_LOG);
    /* A handler that closes the client has the letter delivered to the others before close returns: then the
     * hand is empty, and stays so. */
    while (callbacks->letter == letter &&
           push_next_handler(L, client, event, &callbacks->given, callbacks->limit)) {
        for (int i = 0; i < count; i++)
            lua_pushvalue(L, first + i);
        if (!tm_raised_call(L, count)) handle_raised(L, client, callbacks);
    }
    if (callbacks->letter == letter) tm_callbacks_free(callbacks);
    tm_hush_set(L, hush);
}

void tm_callbacks_deliver(lua_State *L, int client, tm_callbacks *callbacks)
{
    luaL_checkstack(L, LUA_MINSTACK, "a callback");
    if (callbacks->limit < 0) callbacks->limit = callbacks->last_handler;
    int top = lua_gettop(L);
    tm_letter_kind kind = callbacks->letter->kind;
    if (kind == TM_LETTER_RESULT || kind == TM_LETTER_PROGRESS)
        deliver_result(L, client, callbacks);
    else
        deliver_event(L, client, callbacks);
    lua_settop(L, top);
}

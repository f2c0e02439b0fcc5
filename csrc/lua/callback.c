/* Callback: see callback.h. */
#include "callback.h"

#include "hush.h"
#include "raised.h"
#include "value.h"

void tm_callbacks_open(lua_State *L, int client)
{
    for (int value = TM_UV_HANDLERS; value <= TM_UV_CLIENT_COUNT; value++) {
        lua_newtable(L);
        lua_setiuservalue(L, client, value);
    }
}

void tm_callbacks_free(tm_callbacks *callbacks)
{
    if (callbacks->letter != callbacks->read) tm_letter_free(callbacks->letter);
    callbacks->letter = NULL;
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
    int err = lua_gettop(L) - 1, event = tm_handlers_event_of(TM_NO_LETTER);
    lua_Integer given = 0, limit = callbacks->last_handler;
    unsigned hush = tm_hush_get(L);
    tm_hush_set(L, hush | TM_HUSH_ERROR);
    while (tm_handlers_push_next(L, client, event, &given, limit)) {
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

/* Calls `push` with the letter in hand, and leaves what it returns: how many values, or -1 if the letter has been
 * delivered meanwhile. For what is made there the collector runs finalizers, and one of those may close the client. Then that
 * close delivers the letter, like all that waits; this only keeps it until nobody reads it any more. [-0, +n, m] */
static int read_letter(lua_State *L, tm_callbacks *callbacks, lua_CFunction push)
{
    tm_letter *letter = callbacks->letter, *outer = callbacks->read;
    int top = lua_gettop(L);
    callbacks->read = letter;
    lua_pushcfunction(L, push);
    lua_pushlightuserdata(L, letter);
    int status = lua_pcall(L, 1, LUA_MULTRET, 0);
    callbacks->read = outer;
    bool is_delivered = callbacks->letter != letter;
    if (is_delivered && letter != outer) tm_letter_free(letter);
    if (status != LUA_OK) lua_error(L);
    return is_delivered ? -1 : lua_gettop(L) - top;
}

/* [-0, +1, m] */
static void push_content(lua_State *L, const tm_letter *letter)
{
    if (letter->messages)
        tm_value_push_messages(L, letter->messages);
    else
        tm_value_push(L, letter->json);
}

/* For read_letter: what the handlers of "error" are told. */
static int push_failure(lua_State *L)
{
    const tm_letter *letter = (const tm_letter *)lua_touserdata(L, 1);
    lua_pushfstring(L, "%s: %s (%d)", tm_call_type_of(kind_of(letter->token))->lua_name, letter->desc,
                    (int)letter->code);
    return 1;
}

/* A call without a callback has failed: code and sentence go to the handlers of "error". [-0, +n, m] */
static void tell_failure(lua_State *L, int client, tm_callbacks *callbacks)
{
    if (read_letter(L, callbacks, push_failure) < 0) return;
    tm_callbacks_free(callbacks);
    lua_pushnil(L);
    tell_error(L, client, callbacks);
}

/* For read_letter: the arguments of a call's callback. */
static int push_result(lua_State *L)
{
    const tm_letter *letter = (const tm_letter *)lua_touserdata(L, 1);
    lua_pushinteger(L, letter->code);
    lua_pushstring(L, letter->desc);
    push_content(L, letter);
    if (letter->kind == TM_LETTER_RESULT) return 3;
    lua_pushboolean(L, 1); /* more will follow */
    return 4;
}

/* Everything that needs memory comes before the callback is forgotten and the letter freed: if it fails, the
 * next delivery can do it all again. */
static void deliver_result(lua_State *L, int client, tm_callbacks *callbacks)
{
    const tm_letter *letter = callbacks->letter;
    lua_getiuservalue(L, client, TM_UV_CALLS);
    if (!place_of(letter->token) || lua_rawgeti(L, -1, place_of(letter->token)) != LUA_TFUNCTION) {
        if (letter->kind == TM_LETTER_RESULT && letter->code)
            tell_failure(L, client, callbacks);
        else
            tm_callbacks_free(callbacks);
        return;
    }
    int count = read_letter(L, callbacks, push_result);
    if (count < 0) return;
    if (letter->kind == TM_LETTER_RESULT) tm_callbacks_forget(L, client, letter->token);
    tm_callbacks_free(callbacks);
    if (!tm_raised_call(L, count)) handle_raised(L, client, callbacks);
}

/* For read_letter: the arguments of an event's handlers. */
static int push_event(lua_State *L)
{
    const tm_letter *letter = (const tm_letter *)lua_touserdata(L, 1);
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
    int event = tm_handlers_event_of((int)letter->kind);
    lua_Integer given = callbacks->given;
    if (!tm_handlers_push_next(L, client, event, &given, callbacks->limit)) {
        tm_callbacks_free(callbacks);
        return;
    }
    lua_pop(L, 1);
    int first = lua_gettop(L) + 1, count = read_letter(L, callbacks, push_event);
    if (count < 0) return;
    unsigned hush = tm_hush_get(L);
    if (letter->kind == TM_LETTER_LOG) tm_hush_set(L, hush | TM_HUSH_LOG);
    /* A handler that closes the client has the letter delivered to the others before close returns: then the
     * hand is empty, and stays so. */
    while (callbacks->letter == letter &&
           tm_handlers_push_next(L, client, event, &callbacks->given, callbacks->limit)) {
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

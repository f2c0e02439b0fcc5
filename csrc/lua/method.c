/* Method: see method.h. */
#include "method.h"

#include "alarm.h"
#include "argument.h"
#include "client.h"
#include "closing.h"
#include "hush.h"
#include "polling.h"

#include <string.h>

/* ---- Handlers and state ---- */

/* on(event, handler): returns the handler, for off. */
static int client_on(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    int event = tm_handlers_check_event(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    tm_handlers_add(L, 1, &self->callbacks.last_handler, event, 3);
    tm_lua_client_check_open(L); /* a finalizer that ran for the handler's place may have closed it */
    tm_lua_client_heed(L, 1);
    lua_settop(L, 3);
    return 1;
}

/* off(event, handler): whether it was there. */
static int client_off(lua_State *L)
{
    tm_lua_client_check_open(L);
    int event = tm_handlers_check_event(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    bool removed = tm_handlers_remove(L, 1, event, 3);
    tm_lua_client_heed(L, 1);
    lua_pushboolean(L, removed);
    return 1;
}

/* user(): the logged-in user, or nil. */
static int client_user(lua_State *L)
{
    char user[TM_USER_ID_SIZE];
    tm_client_user(tm_lua_client_check_open(L)->client, user);
    if (*user)
        lua_pushstring(L, user);
    else
        lua_pushnil(L);
    return 1;
}

static int client_tostring(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check(L);
    char user[TM_USER_ID_SIZE] = "";
    if (self->client) tm_client_user(self->client, user);
    const char *state = !self->client ? "closed" : self->closing ? "closing" : *user ? user : "not logged in";
    lua_pushfstring(L, "%s (%s): %p", TM_LUA_CLIENT_TYPE, state, (const void *)self);
    return 1;
}

/* ---- Calls ---- */

/* The method of the call whose kind is the first upvalue: true, and its token if the second one is true; or nil, message,
 * code. */
static int client_call(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    tm_call_kind kind = (tm_call_kind)lua_tointeger(L, lua_upvalueindex(1));
    tm_argument_places places;
    tm_arguments_find(L, tm_call_type_of(kind), &places);
    tm_error err = {0, ""};
    unsigned hush = tm_hush_get(L);
    bool quiet = hush & TM_HUSH_LOG;
    int32_t code = tm_client_check_ready(self->client, kind, &err);
    if (code)
        return tm_lua_client_push_failure(L, tm_client_refuse(self->client, kind, quiet, code, &err), &err);

    bool untold = (hush & TM_HUSH_ERROR) && !places.callback;
    void *token = untold ? NULL : tm_callbacks_token(L, 1, kind, places.callback);
    tm_args args; /* nothing raises as long as these are ours */
    memset(&args, 0, sizeof args);
    args.quiet = quiet;
    code = tm_arguments_take(L, kind, &places, &args, &err);
    if (code) {
        tm_args_free(&args);
        tm_client_refuse(self->client, kind, quiet, code, &err);
    } else {
        code = tm_client_call(self->client, kind, &args, token, &err);
    }
    if (code) {
        tm_callbacks_forget(L, 1, token);
        return tm_lua_client_push_failure(L, code, &err);
    }
    lua_pushboolean(L, 1);
    if (!lua_toboolean(L, lua_upvalueindex(2))) return 1;
    lua_pushinteger(L, (lua_Integer)(uintptr_t)token);
    return 2;
}

void tm_methods_push_begin_download(lua_State *L)
{
    lua_pushinteger(L, TM_CALL_DOWNLOAD_ELEM_TO_PATH);
    lua_pushboolean(L, 1);
    lua_pushcclosure(L, client_call, 2);
}

int tm_lua_client_drop_download(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check(L);
    void *token = (void *)(uintptr_t)luaL_checkinteger(L, 2);
    if (self->client && token) tm_client_drop_download(self->client, token);
    return 0;
}

/* ---- Registration ---- */

static const luaL_Reg methods[] = {
    {"close", tm_lua_client_close},
    {"poll", tm_lua_client_poll},
    {"pollfd", tm_lua_client_pollfd},
    {"events", tm_lua_client_events},
    {"timeout", tm_lua_client_timeout},
    {"wait", tm_lua_client_wait},
    {"on", client_on},
    {"off", client_off},
    {"user", client_user},
    {"after", tm_lua_client_after},
    {NULL, NULL},
};

static const luaL_Reg metamethods[] = {
    {"__close", tm_lua_client_leave},
    {"__gc", tm_lua_client_gc},
    {"__tostring", client_tostring},
    {NULL, NULL},
};

/* __index: a method, or what the getter of that name returns. Upvalues: the methods, the getters. */
static int client_index(lua_State *L)
{
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
    lua_settop(L, 2);
    if (lua_rawget(L, lua_upvalueindex(2)) == LUA_TNIL) return 1;
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

void tm_methods_open(lua_State *L, int getters)
{
    getters = lua_absindex(L, getters);
    luaL_newmetatable(L, TM_LUA_CLIENT_TYPE);
    luaL_setfuncs(L, metamethods, 0);
    lua_pushliteral(L, "protected");
    lua_setfield(L, -2, "__metatable"); /* a __gc called by hand would free what is in use */
    luaL_newlib(L, methods);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        lua_pushinteger(L, kind);
        lua_pushcclosure(L, client_call, 1);
        lua_setfield(L, -2, tm_call_type_of((tm_call_kind)kind)->lua_name);
    }
    lua_pushvalue(L, getters);
    lua_pushcclosure(L, client_index, 2);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

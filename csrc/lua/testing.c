/* Testing: see testing.h. */
#include "testing.h"

#include "client.h"
#include "world.h"

#include <string.h>

static tm_call_kind check_call(lua_State *L, int arg)
{
    const char *name = luaL_checkstring(L, arg);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++)
        if (strcmp(tm_call_type_of((tm_call_kind)kind)->lua_name, name) == 0) return (tm_call_kind)kind;
    luaL_argerror(L, arg, lua_pushfstring(L, "there is no call \"%s\"", name));
    return TM_CALL_COUNT;
}

/* fault(client, call, kind, code, desc, ms) */
static int add_fault(lua_State *L)
{
    static const char *const kinds[] = {"fail", "slow", "cut", NULL};
    tm_call_kind call = check_call(L, 2);
    tm_fault_kind kind = (tm_fault_kind)luaL_checkoption(L, 3, NULL, kinds);
    lua_Integer code = luaL_checkinteger(L, 4), ms = luaL_checkinteger(L, 6);
    luaL_argcheck(L, code >= INT32_MIN && code <= INT32_MAX, 4, "a code expected");
    luaL_argcheck(L, ms >= 0, 6, "milliseconds expected");
    const char *desc = luaL_checkstring(L, 5);
    tm_client *client =
        tm_lua_client_check_open(L)->client; /* last: a number that becomes a string may run a finalizer */
    tm_error err = {0, ""};
    if (tm_fault_add(client, call, kind, (int32_t)code, desc, (uint64_t)ms, &err))
        return luaL_error(L, "%s", err.text);
    return 0;
}

/* offline(client, boolean) */
static int set_offline(lua_State *L)
{
    tm_client *client = tm_lua_client_check_open(L)->client;
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    tm_client_set_offline(client, lua_toboolean(L, 2));
    return 0;
}

/* is_open(client) */
static int is_open(lua_State *L)
{
    const tm_lua_client *self = tm_lua_client_check(L);
    lua_pushboolean(L, self->client && !self->closing);
    return 1;
}

static const luaL_Reg functions[] = {
    {"world", tm_lua_world_new}, {"fault", add_fault}, {"offline", set_offline},
    {"is_open", is_open},        {NULL, NULL},
};

void tm_testing_open(lua_State *L)
{
    tm_lua_world_open(L);
    luaL_newlib(L, functions);
}

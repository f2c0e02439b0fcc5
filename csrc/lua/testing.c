/* Testing (Lua): see testing.h. */
#include "testing.h"

#include "client.h"

#include <string.h>

static const char type_name[] = "timmsg.testing.world";

typedef struct lua_world {
    tm_world *world; /* held; NULL: closed */
} lua_world;

tm_world *tm_testing_world(lua_State *L, int arg)
{
    if (lua_isnoneornil(L, arg)) return NULL;
    lua_world *self = (lua_world *)luaL_checkudata(L, arg, type_name);
    luaL_argcheck(L, self->world, arg, "the world is closed");
    return self->world;
}

static tm_world *check_world(lua_State *L)
{
    luaL_checkudata(L, 1, type_name);
    return tm_testing_world(L, 1);
}

/* world(seed, seconds) */
static int new_world(lua_State *L)
{
    uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
    lua_Integer seconds = luaL_checkinteger(L, 2);
    luaL_argcheck(L, seconds > 0, 2, "a Unix time expected");
    lua_world *self = (lua_world *)lua_newuserdatauv(L, sizeof *self, 0);
    self->world = NULL;
    luaL_setmetatable(L, type_name);
    tm_error err = {0, ""};
    self->world = tm_world_new(seed, (uint64_t)seconds, &err);
    return self->world ? 1 : luaL_error(L, "%s", err.text);
}

/* pump(): lets all clients work until nothing moves. Runs no callbacks: they run when the clients are polled. */
static int world_pump(lua_State *L)
{
    tm_world_pump(check_world(L));
    return 0;
}

/* advance(ms): moves the clock on to the next time that something waits for, `ms` at most: by how much. */
static int world_advance(lua_State *L)
{
    tm_world *world = check_world(L);
    lua_Integer ms = luaL_checkinteger(L, 2);
    luaL_argcheck(L, ms >= 0, 2, "milliseconds expected");
    lua_pushinteger(L, (lua_Integer)tm_world_advance(world, (uint64_t)ms));
    return 1;
}

/* now(): Unix seconds. */
static int world_now(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tm_world_seconds(check_world(L)));
    return 1;
}

/* set_now(seconds) */
static int world_set_now(lua_State *L)
{
    tm_world *world = check_world(L);
    lua_Integer seconds = luaL_checkinteger(L, 2);
    luaL_argcheck(L, seconds >= 0, 2, "Unix seconds expected");
    tm_world_set_seconds(world, (uint64_t)seconds);
    return 0;
}

static int world_close(lua_State *L)
{
    lua_world *self = (lua_world *)luaL_checkudata(L, 1, type_name);
    tm_world *world = self->world;
    self->world = NULL;
    tm_world_release(world);
    return 0;
}

/* ---- what is to go wrong ---- */

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
    tm_client *client = tm_lua_client_check_open(L)->client;
    tm_call_kind call = check_call(L, 2);
    tm_fault_kind kind = (tm_fault_kind)luaL_checkoption(L, 3, NULL, kinds);
    lua_Integer code = luaL_checkinteger(L, 4), ms = luaL_checkinteger(L, 6);
    luaL_argcheck(L, code >= INT32_MIN && code <= INT32_MAX, 4, "a code expected");
    luaL_argcheck(L, ms >= 0, 6, "milliseconds expected");
    tm_error err = {0, ""};
    if (tm_fault_add(client, call, kind, (int32_t)code, luaL_checkstring(L, 5), (uint64_t)ms, &err))
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

static const luaL_Reg methods[] = {
    {"pump", world_pump},       {"advance", world_advance}, {"now", world_now},
    {"set_now", world_set_now}, {"close", world_close},     {NULL, NULL},
};

static const luaL_Reg functions[] = {
    {"world", new_world}, {"fault", add_fault}, {"offline", set_offline}, {"is_open", is_open}, {NULL, NULL},
};

void tm_testing_open(lua_State *L)
{
    luaL_newmetatable(L, type_name);
    lua_pushcfunction(L, world_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    luaL_newlib(L, functions);
}

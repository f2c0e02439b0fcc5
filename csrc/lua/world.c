/* World (Lua): see world.h. */
#include "world.h"

static const char type_name[] = "timmsg.testing.world";

typedef struct lua_world {
    tm_world *world; /* held; NULL: closed */
} lua_world;

tm_world *tm_lua_world_get(lua_State *L, int arg)
{
    if (lua_isnoneornil(L, arg)) return NULL;
    lua_world *self = (lua_world *)luaL_checkudata(L, arg, type_name);
    luaL_argcheck(L, self->world, arg, "the world is closed");
    return self->world;
}

static tm_world *check_world(lua_State *L)
{
    luaL_checkudata(L, 1, type_name);
    return tm_lua_world_get(L, 1);
}

int tm_lua_world_new(lua_State *L)
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

static const luaL_Reg methods[] = {
    {"pump", world_pump},       {"advance", world_advance}, {"now", world_now},
    {"set_now", world_set_now}, {"close", world_close},     {NULL, NULL},
};

void tm_lua_world_open(lua_State *L)
{
    luaL_newmetatable(L, type_name);
    lua_pushcfunction(L, world_close);
    lua_setfield(L, -2, "__gc");
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

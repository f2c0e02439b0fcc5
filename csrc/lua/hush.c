/* Hush: see hush.h. */
#include "hush.h"

/* Of a field of the registry, there while it is hushed: clients of one state can ring each other's handlers. */
static const char key = 0;

bool tm_hush_is(lua_State *L)
{
    bool hushed = lua_rawgetp(L, LUA_REGISTRYINDEX, &key) != LUA_TNIL;
    lua_pop(L, 1);
    return hushed;
}

void tm_hush_set(lua_State *L, bool hushed)
{
    if (hushed == tm_hush_is(L)) return;
    if (hushed)
        lua_pushboolean(L, 1);
    else
        lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

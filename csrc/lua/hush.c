/* Hush: see hush.h. */
#include "hush.h"

/* Of a field of the registry. */
static const char key = 0;

void tm_hush_open(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)tm_hush_get(L));
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
}

unsigned tm_hush_get(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
    unsigned hush = (unsigned)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return hush;
}

void tm_hush_set(lua_State *L, unsigned hush)
{
    lua_pushinteger(L, (lua_Integer)hush);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &key); /* the field is there: that takes no memory */
}

/* Bench value: a Lua module of `make bench` alone, linked with the library's objects: a Lua table as a JSON tree and
 * that as a table again, which is what happens to a message on its way into the library and out of it. */
#include "lua/value.h"

#include <lauxlib.h>

/* round_trip(table): the table that its tree stands for. */
static int bench_round_trip(lua_State *L)
{
    tm_error err = {0, ""};
    luaL_checktype(L, 1, LUA_TTABLE);
    cJSON *tree = tm_value_to_tree(L, 1, false, &err);
    if (!tree) return luaL_error(L, "%s", err.text);
    tm_value_push(L, tree);
    cJSON_Delete(tree);
    return 1;
}

int luaopen_bench_value(lua_State *L);
__attribute__((visibility("default"))) int luaopen_bench_value(lua_State *L)
{
    tm_keys_open(L);
    lua_newtable(L);
    lua_pushcfunction(L, bench_round_trip);
    lua_setfield(L, -2, "round_trip");
    return 1;
}

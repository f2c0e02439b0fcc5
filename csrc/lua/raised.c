/* Raised: see raised.h.
 *
 * A message handler returns one value, and two are needed: the error and its traceback. So they travel in a
 * box: a table of the two with a metatable of its own. */
#include "raised.h"

static const char box_name[] = "timmsg.raised";

/* Boxes the error on top with the traceback below it. [-2, +1, m] */
static void push_box(lua_State *L)
{
    lua_createtable(L, 2, 0);
    lua_insert(L, -3);
    lua_rawseti(L, -3, 1);
    lua_rawseti(L, -2, 2);
    luaL_newmetatable(L, box_name);
    lua_setmetatable(L, -2);
}

static bool is_box(lua_State *L, int index)
{
    if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
    luaL_getmetatable(L, box_name);
    bool same = lua_rawequal(L, -1, -2) && !lua_isnil(L, -1);
    lua_pop(L, 2);
    return same;
}

static int box_error(lua_State *L)
{
    lua_settop(L, 1);
    if (is_box(L, 1)) return 1;
    luaL_traceback(L, L, NULL, 1);
    lua_insert(L, 1);
    push_box(L);
    return 1;
}

int tm_raised_raise(lua_State *L)
{
    lua_settop(L, 2);
    if (is_box(L, 1)) {
        /* out of a coroutine that resumed the one which raised it: the innermost traceback is the one */
        lua_settop(L, 1);
        return lua_error(L);
    }
    lua_insert(L, 1);
    push_box(L);
    return lua_error(L);
}

bool tm_raised_call(lua_State *L, int count)
{
    int base = lua_gettop(L) - count;
    lua_pushcfunction(L, box_error);
    lua_insert(L, base);
    bool fine = lua_pcall(L, count, 0, base) == LUA_OK;
    lua_remove(L, base);
    if (fine) return true;
    if (is_box(L, -1)) {
        lua_rawgeti(L, -1, 1);
        lua_rawgeti(L, -2, 2);
        lua_remove(L, -3);
    } else {
        lua_pushnil(L);
    }
    return false;
}

/* ---- Forgiving ----
 *
 * A set of the forgiven texts in the registry, there while there are any. Known by its text, an error is still known
 * where it went through coroutines that others resumed. */

static const char forgiven_key = 0;
/* How many closes run, one inside of another: what the outer one ends may close another client. */
static const char closes_key = 0;

static lua_Integer count_closes(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &closes_key);
    lua_Integer count = lua_tointeger(L, -1);
    lua_pop(L, 1);
    return count;
}

static void set_closes(lua_State *L, lua_Integer count)
{
    lua_pushinteger(L, count);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &closes_key);
}

void tm_raised_open(lua_State *L)
{
    set_closes(L, count_closes(L));
}

int tm_raised_forgive(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TSTRING);
    lua_settop(L, 1);
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &forgiven_key) != LUA_TTABLE) {
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &forgiven_key);
        lua_replace(L, 2);
    }
    lua_insert(L, 1);
    lua_pushboolean(L, 1);
    lua_rawset(L, 1);
    return 0;
}

bool tm_raised_is_forgiven(lua_State *L, int index)
{
    index = lua_absindex(L, index);
    bool is = false;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &forgiven_key) == LUA_TTABLE) {
        lua_pushvalue(L, index);
        is = lua_rawget(L, -2) != LUA_TNIL;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return is;
}

void tm_raised_begin_close(lua_State *L)
{
    set_closes(L, count_closes(L) + 1); /* the field is there: that takes no memory */
}

void tm_raised_end_close(lua_State *L)
{
    lua_Integer left = count_closes(L) - 1;
    set_closes(L, left);
    if (left > 0) return;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &forgiven_key) != LUA_TNIL) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &forgiven_key);
    }
    lua_pop(L, 1);
}

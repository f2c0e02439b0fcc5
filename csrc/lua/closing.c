/* Closing: see closing.h. */
#include "closing.h"

#include "hush.h"
#include "polling.h"
#include "raised.h"

/* Raises the first error that a callback left to close, and forgets the others: no poll will come to raise them. */
static int raise_last(lua_State *L, tm_lua_client *self)
{
    if (!tm_callbacks_push_raised(L, 1, &self->callbacks)) return 0;
    while (tm_callbacks_push_raised(L, 1, &self->callbacks))
        lua_pop(L, 1);
    return lua_error(L);
}

/* `quiet`: raises nothing but lack of memory. */
static int close_client(lua_State *L, bool quiet)
{
    tm_lua_client *self = tm_lua_client_check(L);
    if (!self->client || self->closing) return 0;
    lua_settop(L, 1);
    lua_pushcfunction(L, tm_lua_client_rest);
    lua_pushvalue(L, 1);
    bool was_polling = self->polling;
    unsigned hush = tm_hush_get(L);
    self->polling = self->closing = true;
    tm_raised_begin_close(L);
    tm_client_close(self->client);
    int status = lua_pcall(L, 1, 0, 0);
    self->polling = was_polling;
    self->closing = false;
    tm_hush_set(L, hush);
    tm_raised_end_close(L);
    if (status != LUA_OK) return lua_error(L); /* no memory: close again to go on */
    tm_lua_client_release(self);
    return quiet ? 0 : raise_last(L, self);
}

int tm_lua_client_close(lua_State *L)
{
    return close_client(L, false);
}

int tm_lua_client_leave(lua_State *L)
{
    return close_client(L, !lua_isnoneornil(L, 2));
}

int tm_lua_client_gc(lua_State *L)
{
    tm_lua_client_release(tm_lua_client_check(L));
    return 0;
}

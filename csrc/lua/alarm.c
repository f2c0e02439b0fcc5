/* Alarm (Lua): see alarm.h. */
#include "alarm.h"

#include "argument.h"
#include "client.h"

#include <math.h>

int tm_lua_client_set_alarm(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check_open(L);
    luaL_checktype(L, 2, LUA_TNUMBER);
    lua_Number ms = tm_arguments_check_milliseconds(L, 2, 0);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    tm_error err = {0, ""};
    tm_alarm_id id;
    void *token = tm_callbacks_token(L, 1, TM_CALL_LOGOUT, 3); /* one that brings nothing */
    int32_t code =
        tm_client_after(self->client, ms < 1e15 ? (uint64_t)ceil(ms) : UINT64_MAX, token, &id, &err);
    if (code) {
        tm_callbacks_forget(L, 1, token);
        return tm_lua_client_push_failure(L, code, &err);
    }
    lua_pushinteger(L, (lua_Integer)id.at);
    lua_pushinteger(L, (lua_Integer)id.serial);
    return 2;
}

int tm_lua_client_drop_alarm(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check(L);
    tm_alarm_id id = {(uint64_t)luaL_checkinteger(L, 2), (uint64_t)luaL_checkinteger(L, 3)};
    void *token;
    if (self->client && tm_client_never_mind(self->client, id, &token)) tm_callbacks_forget(L, 1, token);
    return 0;
}

int tm_lua_client_after(lua_State *L)
{
    int count = tm_lua_client_set_alarm(L);
    if (count != 2) return count;
    lua_pushboolean(L, 1);
    return 1;
}

/* Client (Lua): see client.h. */
#include "client.h"

#include "option.h"
#include "value.h"
#include "world.h"

#include <string.h>

/* ---- Checks ---- */

tm_lua_client *tm_lua_client_check(lua_State *L)
{
    return (tm_lua_client *)luaL_checkudata(L, 1, TM_LUA_CLIENT_TYPE);
}

tm_lua_client *tm_lua_client_check_open(lua_State *L)
{
    tm_lua_client *self = tm_lua_client_check(L);
    luaL_argcheck(L, self->client, 1, "client is closed");
    return self;
}

int tm_lua_client_push_failure(lua_State *L, int32_t code, const tm_error *err)
{
    luaL_pushfail(L);
    lua_pushstring(L, err->text);
    lua_pushinteger(L, code < 0 ? code : TIM_ERR_PARAM); /* memory has no TIMResult of its own */
    return 3;
}

/* ---- Creation ---- */

static int32_t set_log_level(tm_client *client, lua_Integer level, tm_error *err)
{
    tm_args args;
    memset(&args, 0, sizeof args);
    args.json = cJSON_CreateObject();
    if (!args.json || !tm_json_add_int(args.json, kTIMSetConfigLogLevel, level)) {
        tm_args_free(&args);
        return tm_fail_memory(err);
    }
    return tm_client_call(client, TM_CALL_SET_CONFIG, &args, NULL, err);
}

void tm_lua_client_release(tm_lua_client *self)
{
    tm_client *client = self->client;
    tm_mailbox *mailbox = self->mailbox;
    self->client = NULL;
    self->mailbox = NULL;
    tm_client_free(client);
    tm_mailbox_free(mailbox);
    tm_callbacks_free(&self->callbacks);
}

/* Starts the client with the config table on top. Raises nothing. */
static int32_t start(lua_State *L, tm_lua_client *self, const lua_Integer *log_level, tm_world *world,
                     tm_error *err)
{
    cJSON *config = tm_value_to_tree(L, -1, false, err);
    if (!config) return err->code;
    self->mailbox = tm_mailbox_new(err);
    int32_t code =
        self->mailbox ? tm_client_new(config, 1, self->mailbox, world, &self->client, err) : err->code;
    cJSON_Delete(config);
    if (!code && log_level) code = set_log_level(self->client, *log_level, err);
    if (code) tm_lua_client_release(self);
    return code;
}

/* An event may come before its handler is there, which counts when poll comes to it. Of lines of the log there are too many for
 * that. */
void tm_lua_client_heed(lua_State *L, int client)
{
    tm_lua_client *self = (tm_lua_client *)lua_touserdata(L, client);
    self->heard = tm_handlers_wanted(L, client);
    tm_client_want(self->client, self->heard | ~(1u << TM_LETTER_LOG));
}

int tm_lua_client_new(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    tm_lua_world_get(L, 2);
    lua_settop(L, 2);
    tm_lua_client *self = (tm_lua_client *)lua_newuserdatauv(L, sizeof *self, TM_UV_CLIENT_COUNT);
    memset(self, 0, sizeof *self);
    luaL_setmetatable(L, TM_LUA_CLIENT_TYPE);
    tm_callbacks_open(L, 3);

    lua_pushliteral(L, "log_level");
    lua_rawget(L, 1);
    tm_options_push(L);
    lua_Integer log_level = lua_tointeger(L, 4);
    tm_world *world = tm_lua_world_get(L, 2); /* a finalizer that ran for all this may have closed it */
    tm_error err = {0, ""};
    int32_t code = start(L, self, lua_isnil(L, 4) ? NULL : &log_level, world, &err);
    if (code) return tm_lua_client_push_failure(L, code, &err);
    tm_lua_client_heed(L, 3);
    lua_settop(L, 3);
    return 1;
}

/* ---- State ---- */

int tm_lua_client_state(lua_State *L)
{
    const tm_lua_client *self = tm_lua_client_check(L);
    lua_pushstring(L, !self->client   ? "closed"
                      : self->closing ? "closing"
                      : self->polling ? "polling"
                                      : "open");
    return 1;
}

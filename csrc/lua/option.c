/* Option: see option.h. */
#include "option.h"

#include <string.h>

static const char prefix[] = "sdk_config_";

static int option_error(lua_State *L, const char *name, const char *wanted, int value)
{
    return luaL_argerror(
        L, 1, lua_pushfstring(L, "option '%s': %s expected, got %s", name, wanted, luaL_typename(L, value)));
}

static bool is_whole(lua_State *L, int index)
{
    int whole = 0;
    if (lua_type(L, index) == LUA_TNUMBER) lua_tointegerx(L, index, &whole);
    return whole;
}

/* The key of the SdkConfig that the option `name` is, or NULL. */
static const tm_field *find_option(const char *name)
{
    if (strcmp(name, "data_dir") == 0)
        return tm_schema_field(&tm_schema_sdk_config, kTIMSdkConfigConfigFilePath);
    for (size_t i = 0; i < tm_schema_sdk_config.count; i++) {
        const tm_field *field = &tm_schema_sdk_config.fields[i];
        if (strncmp(field->key, prefix, sizeof prefix - 1) == 0 &&
            strcmp(field->key + sizeof prefix - 1, name) == 0)
            return field;
    }
    return NULL;
}

/* Puts the option whose name and value are on top into the table at `config` if it belongs there. */
static void take_option(lua_State *L, int config)
{
    if (lua_type(L, -2) != LUA_TSTRING)
        luaL_argerror(L, 1,
                      lua_pushfstring(L, "an option's name is a string, not a %s", luaL_typename(L, -2)));
    size_t length;
    const char *name = lua_tolstring(L, -2, &length);
    luaL_argcheck(L, strlen(name) == length, 1, "a NUL in an option's name");
    if (strcmp(name, "sdk_app_id") == 0 || strcmp(name, "log_level") == 0) {
        if (!is_whole(L, -1)) option_error(L, name, "integer", -1);
        return;
    }
    const tm_field *field = find_option(name);
    if (!field) return (void)luaL_argerror(L, 1, lua_pushfstring(L, "there is no option '%s'", name));
    switch (field->type) {
    case TM_STRING:
        if (lua_type(L, -1) != LUA_TSTRING) option_error(L, name, "string", -1);
        break;
    case TM_BOOL:
        if (!lua_isboolean(L, -1)) option_error(L, name, "boolean", -1);
        break;
    default:
        if (!is_whole(L, -1)) option_error(L, name, "integer", -1);
        break;
    }
    if (lua_getfield(L, config, field->key) != LUA_TNIL)
        luaL_argerror(L, 1, "options 'data_dir' and 'config_file_path' are the same");
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    lua_setfield(L, config, field->key);
}

void tm_options_push(lua_State *L)
{
    lua_newtable(L);
    int config = lua_gettop(L);
    bool inherits = lua_getmetatable(L, 1);
    lua_settop(L, config);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        inherits = false;
        take_option(L, config);
        lua_pop(L, 1);
    }
    /* metamethods are not asked: these options would all be defaults */
    luaL_argcheck(L, !inherits, 1, "an empty table with a metatable");
}

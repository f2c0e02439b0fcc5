/* Argument: see argument.h. */
#include "argument.h"

#include "value.h"

#include <string.h>

/* ---- Finding ---- */

/* The place of the argument at `*next`, which is then behind it. */
static int find(lua_State *L, int *next, int lua_type_wanted, bool optional)
{
    int place = *next, type = lua_type(L, place);
    if (optional && (type == LUA_TNONE || type == LUA_TNIL)) {
        ++*next;
        return 0;
    }
    if (optional && type == LUA_TFUNCTION) return 0; /* left out: this is the callback */
    /* Nothing is coerced: a user id that is given as a number is a mistake. */
    if (type != lua_type_wanted) luaL_typeerror(L, place, lua_typename(L, lua_type_wanted));
    ++*next;
    return place;
}

void tm_arguments_find(lua_State *L, const tm_call_type *type, tm_argument_places *places)
{
    int next = 2;
    memset(places, 0, sizeof *places);
    if (type->has_conv) {
        places->conv_id = find(L, &next, LUA_TSTRING, false);
        places->conv_type = find(L, &next, LUA_TNUMBER, false);
        luaL_checkinteger(L, places->conv_type); /* raises for a fraction */
    }
    if (type->json && type->json_before_text) places->json = find(L, &next, LUA_TTABLE, type->json_optional);
    if (type->first_text) places->first_text = find(L, &next, LUA_TSTRING, false);
    if (type->second_text) places->second_text = find(L, &next, LUA_TSTRING, type->second_text_optional);
    if (type->json && !type->json_before_text) places->json = find(L, &next, LUA_TTABLE, type->json_optional);
    /* it comes last, also for who hands on more than there is: lost, it would be waited for for ever */
    while (next < lua_gettop(L) && lua_isnil(L, next))
        next++;
    if (!lua_isnoneornil(L, next)) {
        luaL_checktype(L, next, LUA_TFUNCTION);
        places->callback = next;
    }
}

/* ---- Taking ---- */

/* A copy of the text at `place`, which may hold no NUL; `*copy` stays NULL for place 0. */
static int32_t take_text(lua_State *L, int place, const char *name, int32_t code, char **copy, tm_error *err)
{
    if (!place) return 0;
    size_t length;
    const char *text = lua_tolstring(L, place, &length);
    const char *nul = (const char *)memchr(text, '\0', length);
    if (nul) return tm_fail(err, code, "%s: a NUL at byte %zu", name, (size_t)(nul - text) + 1);
    *copy = tm_strndup(text, length);
    return *copy ? 0 : tm_fail_memory(err);
}

int32_t tm_arguments_take(lua_State *L, tm_call_kind kind, const tm_argument_places *places, tm_args *args,
                          tm_error *err)
{
    const tm_call_type *type = tm_call_type_of(kind);
    int32_t code = take_text(L, places->conv_id, "conv_id", TIM_ERR_CONV, &args->conv_id, err);
    if (!code)
        code = take_text(L, places->first_text, type->first_text, TIM_ERR_JSON, &args->first_text, err);
    if (!code)
        code = take_text(L, places->second_text, type->second_text, TIM_ERR_JSON, &args->second_text, err);
    if (code) return code;
    if (places->conv_type) {
        lua_Integer conv_type = lua_tointeger(L, places->conv_type);
        /* What doesn't fit must not turn into a type that is one. */
        if ((code = tm_check_conv_type(conv_type, err))) return code;
        args->conv_type = (int32_t)conv_type;
    }
    if (!places->json) return 0;
    if (kind == TM_CALL_IMPORT_MSG_LIST && (args->messages = tm_value_to_messages(L, places->json))) return 0;
    args->json = tm_value_to_tree(L, places->json, type->json_is_array, err);
    return args->json ? 0 : err->code;
}

/* ---- Times ---- */

lua_Number tm_arguments_check_milliseconds(lua_State *L, int arg, lua_Number fallback)
{
    if (lua_isnoneornil(L, arg)) return fallback;
    luaL_checktype(L, arg, LUA_TNUMBER);
    lua_Number milliseconds = lua_tonumber(L, arg);
    luaL_argcheck(L, milliseconds >= 0, arg, "a time in milliseconds expected"); /* NaN too */
    return milliseconds;
}

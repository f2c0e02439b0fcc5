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
    if (!lua_isnoneornil(L, next)) {
        luaL_checktype(L, next, LUA_TFUNCTION);
        places->callback = next;
    }
}

/* ---- Locators ----
 *
 * Where a Message only names one that exists, a locator does as well: its keys become the Message's. */

typedef struct key_pair {
    const char *locator, *message; /* NULL: says nothing about which message it is */
} key_pair;

static const key_pair key_pairs[] = {
    {kTIMMsgLocatorConvId, kTIMMsgConvId}, {kTIMMsgLocatorConvType, kTIMMsgConvType},
    {kTIMMsgLocatorIsRevoked, NULL},       {kTIMMsgLocatorTime, kTIMMsgServerTime},
    {kTIMMsgLocatorSeq, kTIMMsgSeq},       {kTIMMsgLocatorIsSelf, kTIMMsgIsFormSelf},
    {kTIMMsgLocatorRand, kTIMMsgRand},     {kTIMMsgLocatorUniqueId, kTIMMsgUniqueId},
};

static bool has_key_of(const tm_struct *type, const cJSON *object)
{
    for (const cJSON *child = object ? object->child : NULL; child; child = child->next)
        if (child->string && tm_schema_field(type, child->string)) return true;
    return false;
}

/* Gives the locator's `item` the Message's key, or takes it out. Its own key is a constant: it is known. */
static void rename_item(cJSON *object, cJSON *item)
{
    for (size_t i = 0; i < sizeof key_pairs / sizeof key_pairs[0]; i++) {
        if (strcmp(key_pairs[i].locator, item->string) != 0) continue;
        const char *key = key_pairs[i].message;
        if (key && !cJSON_GetObjectItemCaseSensitive(object, key))
            item->string = (char *)(uintptr_t)key;
        else
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
        return;
    }
}

/* Turns `object` into a Message if it is a locator. */
static int32_t locator_to_message(cJSON *object, tm_error *err)
{
    if (!has_key_of(&tm_schema_locator, object)) return 0;
    int32_t code = tm_schema_check(&tm_schema_locator, false, TM_CHECK_PLAIN, object, 1, err);
    if (code) return code;
    for (cJSON *item = object->child, *next; item; item = next) {
        next = item->next;
        rename_item(object, item);
    }
    return 0;
}

/* The parameter of `delete`: {msg_delete_param_msg = a Message or a locator, ...}, or one of these by itself,
 * which is put into such an object. `*tree` is the caller's before and after. */
static int32_t complete_delete(cJSON **tree, tm_error *err)
{
    if (has_key_of(&tm_schema_locator, *tree) || has_key_of(&tm_schema_message, *tree)) {
        int32_t code = locator_to_message(*tree, err);
        if (code) return code;
        cJSON *param = cJSON_CreateObject(), *message = *tree;
        if (!param) return tm_fail_memory(err);
        *tree = param;
        return tm_json_add_item(param, kTIMMsgDeleteParamMsg, message) ? 0 : tm_fail_memory(err);
    }
    int32_t code = locator_to_message(cJSON_GetObjectItemCaseSensitive(*tree, kTIMMsgDeleteParamMsg), err);
    if (code) tm_error_prefix(err, "msg_delete_param_msg.");
    return code;
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
        args->conv_type = conv_type < INT32_MIN || conv_type > INT32_MAX ? -1 : (int32_t)conv_type;
    }
    if (!places->json) return 0;
    if (kind == TM_CALL_IMPORT_MSG_LIST && (args->messages = tm_value_to_messages(L, places->json))) return 0;
    args->json = tm_value_to_tree(L, places->json, type->json_is_array, err);
    if (!args->json) return err->code;
    switch (kind) {
    case TM_CALL_REPORT_READED:
    case TM_CALL_REVOKE: return locator_to_message(args->json, err);
    case TM_CALL_DELETE: return complete_delete(&args->json, err);
    default: return 0;
    }
}

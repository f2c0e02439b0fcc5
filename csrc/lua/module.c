/* Module: timmsg.core, the C half of the Lua module timmsg. See luaopen_timmsg_core in timmsg.h. */
#include "alarm.h"
#include "client.h"
#include "handler.h"
#include "hush.h"
#include "method.h"
#include "raised.h"
#include "testing.h"
#include "value.h"

#include <dlfcn.h>

#ifdef __cplusplus
extern "C" {
#endif
#include "../include/timmsg.h"
#include "../version.h"
#ifdef __cplusplus
}
#endif

/* Pushes every constant under its C name: the values of enums, and the keys of structs as strings. */
static void push_constants(lua_State *L)
{
    lua_newtable(L);
    size_t count;
    const tm_enum *const *enums = tm_schema_enums(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < enums[i]->count; j++) {
            lua_pushinteger(L, enums[i]->values[j].value);
            lua_setfield(L, -2, enums[i]->values[j].name);
        }
    }
    const tm_struct *const *structs = tm_schema_structs(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < structs[i]->count; j++) {
            lua_pushstring(L, structs[i]->fields[j].key);
            lua_setfield(L, -2, structs[i]->fields[j].constant);
        }
    }
}

static void push_calls(lua_State *L)
{
    lua_createtable(L, TM_CALL_COUNT, 0);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        lua_pushstring(L, tm_call_type_of((tm_call_kind)kind)->lua_name);
        lua_rawseti(L, -2, kind + 1);
    }
}

static void push_events(lua_State *L)
{
    lua_newtable(L);
    const char *name;
    for (int event = 0; (name = tm_handlers_event_name(event)) != NULL; event++) {
        lua_pushstring(L, name);
        lua_rawseti(L, -2, event + 1);
    }
}

/* ---- The schema as tables ---- */

static const char *const type_names[] = {"string", "bool", "int32",  "uint32", "uint64",
                                         "double", "enum", "object", "array"};

typedef struct flag_name {
    unsigned flag;
    const char *name;
} flag_name;

static const flag_name flag_names[] = {
    {TM_REQUIRED, "required"}, {TM_TO_SEND, "to_send"}, {TM_READ_ONLY, "read_only"},
    {TM_LOCAL, "local"},       {TM_AS_NAME, "as_name"}, {TM_AS_SEND, "as_send"},
};

static void push_field(lua_State *L, const tm_field *field)
{
    lua_createtable(L, 0, 6);
    lua_pushstring(L, field->key);
    lua_setfield(L, -2, "key");
    lua_pushstring(L, field->constant);
    lua_setfield(L, -2, "constant");
    lua_pushstring(L, type_names[field->type]);
    lua_setfield(L, -2, "type");
    lua_newtable(L);
    for (size_t i = 0; i < sizeof flag_names / sizeof flag_names[0]; i++) {
        if (!(field->flags & flag_names[i].flag)) continue;
        lua_pushboolean(L, 1);
        lua_setfield(L, -2, flag_names[i].name);
    }
    lua_setfield(L, -2, "flags");
    lua_pushstring(L, field->of ? field->of->name : NULL);
    lua_setfield(L, -2, "of");
    lua_pushstring(L, field->values ? field->values->name : NULL);
    lua_setfield(L, -2, "values");
}

static void push_structs(lua_State *L)
{
    size_t count;
    const tm_struct *const *structs = tm_schema_structs(&count);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        lua_createtable(L, (int)structs[i]->count, 0);
        for (size_t j = 0; j < structs[i]->count; j++) {
            push_field(L, &structs[i]->fields[j]);
            lua_rawseti(L, -2, (lua_Integer)j + 1);
        }
        lua_setfield(L, -2, structs[i]->name);
    }
}

static void push_enums(lua_State *L)
{
    size_t count;
    const tm_enum *const *enums = tm_schema_enums(&count);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        lua_createtable(L, 0, (int)enums[i]->count);
        for (size_t j = 0; j < enums[i]->count; j++) {
            lua_pushinteger(L, enums[i]->values[j].value);
            lua_setfield(L, -2, enums[i]->values[j].name);
        }
        lua_setfield(L, -2, enums[i]->name);
    }
}

/* Adds an argument {name, of, is_array, optional} to the list on top. A table's name is nil: the schema has none. */
static void push_argument(lua_State *L, const char *name, const char *of, bool is_array, bool optional)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "name");
    lua_pushstring(L, of);
    lua_setfield(L, -2, "of");
    lua_pushboolean(L, is_array);
    lua_setfield(L, -2, "is_array");
    lua_pushboolean(L, optional);
    lua_setfield(L, -2, "optional");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static void push_json_argument(lua_State *L, const tm_call_type *type)
{
    if (type->json) push_argument(L, NULL, type->json->name, type->json_is_array, type->json_optional);
}

/* A call's arguments but the callback, in the order of tm_arguments_find. */
static void push_arguments(lua_State *L, const tm_call_type *type)
{
    lua_newtable(L);
    if (type->has_conv) {
        push_argument(L, "conv_id", NULL, false, false);
        push_argument(L, "conv_type", "TIMConvType", false, false);
    }
    if (type->json_before_text) push_json_argument(L, type);
    if (type->first_text) push_argument(L, type->first_text, NULL, false, false);
    if (type->second_text) push_argument(L, type->second_text, NULL, false, type->second_text_optional);
    if (!type->json_before_text) push_json_argument(L, type);
}

/* What each call takes and brings: {c_name, arguments, json, json_is_array, result, result_is_array} by Lua
 * names. */
static void push_call_types(lua_State *L)
{
    lua_createtable(L, 0, TM_CALL_COUNT);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        const tm_call_type *type = tm_call_type_of((tm_call_kind)kind);
        lua_createtable(L, 0, 6);
        lua_pushstring(L, type->c_name);
        lua_setfield(L, -2, "c_name");
        push_arguments(L, type);
        lua_setfield(L, -2, "arguments");
        lua_pushstring(L, type->json ? type->json->name : NULL);
        lua_setfield(L, -2, "json");
        lua_pushboolean(L, type->json_is_array);
        lua_setfield(L, -2, "json_is_array");
        lua_pushstring(L, type->result ? type->result->name : NULL);
        lua_setfield(L, -2, "result");
        lua_pushboolean(L, type->result_is_array);
        lua_setfield(L, -2, "result_is_array");
        lua_setfield(L, -2, type->lua_name);
    }
}

/* schema(): structs (name → list of {key, constant, type, flags, of, values}), enums (name → values by their
 * C names), calls. For specs and tools. */
static int module_schema(lua_State *L)
{
    push_structs(L);
    push_enums(L);
    push_call_types(L);
    return 3;
}

/* state, set_alarm, drop_alarm, raise, forgive, is_forgiven and traceback serve the Lua half alone, which may not have Lua's
 * debug library. */
static int module_traceback(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTHREAD);
    luaL_traceback(L, lua_tothread(L, 1), NULL, 0);
    return 1;
}

static int module_is_forgiven(lua_State *L)
{
    luaL_checkany(L, 1);
    lua_pushboolean(L, tm_raised_is_forgiven(L, 1));
    return 1;
}

static const luaL_Reg functions[] = {
    {"new", tm_lua_client_new},
    {"array", tm_value_array},
    {"object", tm_value_object},
    {"schema", module_schema},
    {"state", tm_lua_client_state},
    {"raise", tm_raised_raise},
    {"forgive", tm_raised_forgive},
    {"is_forgiven", module_is_forgiven},
    {"traceback", module_traceback},
    {"set_alarm", tm_lua_client_set_alarm},
    {"drop_alarm", tm_lua_client_drop_alarm},
    {NULL, NULL},
};

/* Lua unloads a module's library when the state closes, but a thread of ours that waits for the disk may
 * outlive that: the library stays in memory, however it was linked. Part of a program it is there anyway,
 * and this does nothing. */
static void stay_loaded(void)
{
#ifdef RTLD_NODELETE
    Dl_info info;
    if (dladdr((const void *)&luaopen_timmsg_core, &info) && info.dli_fname)
        (void)dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

int luaopen_timmsg_core(lua_State *L)
{
    stay_loaded();
    luaL_checkversion(L);
    tm_keys_open(L);
    tm_hush_open(L);
    luaL_newlib(L, functions);
    lua_newtable(L);
    tm_methods_open(L, -1);
    lua_setfield(L, -2, "getters");
    push_constants(L);
    lua_setfield(L, -2, "constants");
    push_calls(L);
    lua_setfield(L, -2, "calls");
    push_events(L);
    lua_setfield(L, -2, "events");
    tm_testing_open(L);
    lua_setfield(L, -2, "testing");
    tm_value_push_null(L);
    lua_setfield(L, -2, "null");
    lua_pushliteral(L, TM_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}

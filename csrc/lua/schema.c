/* Schema (Lua): see schema.h. */
#include "schema.h"

/* Adds the enum's values to the table on top, by their C names. [-0, +0, m] */
static void set_values(lua_State *L, const tm_enum *values)
{
    for (size_t i = 0; i < values->count; i++) {
        lua_pushinteger(L, values->values[i].value);
        lua_setfield(L, -2, values->values[i].name);
    }
}

/* ---- Parts of it ---- */

void tm_lua_schema_push_constants(lua_State *L)
{
    lua_newtable(L);
    size_t count;
    const tm_enum *const *enums = tm_schema_enums(&count);
    for (size_t i = 0; i < count; i++)
        set_values(L, enums[i]);
    const tm_struct *const *structs = tm_schema_structs(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < structs[i]->count; j++) {
            lua_pushstring(L, structs[i]->fields[j].key);
            lua_setfield(L, -2, structs[i]->fields[j].constant);
        }
    }
}

void tm_lua_schema_push_calls(lua_State *L)
{
    lua_createtable(L, TM_CALL_COUNT, 0);
    for (int kind = 0; kind < TM_CALL_COUNT; kind++) {
        lua_pushstring(L, tm_call_type_of((tm_call_kind)kind)->lua_name);
        lua_rawseti(L, -2, kind + 1);
    }
}

/* ---- All of it ---- */

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
        set_values(L, enums[i]);
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

int tm_lua_schema(lua_State *L)
{
    push_structs(L);
    push_enums(L);
    push_call_types(L);
    return 3;
}

/* Value: from a list of Message tables to messages, without a tree, whose nodes would each be allocated on the host's
 * thread and freed on the worker's. See value.h.
 *
 * Only what is plain is taken: tables without metatables, known keys, values of just the right type. All else is left to
 * the tree, which has the words for what is wrong, and else leads to the same messages. As there, nothing raises. */
#include "value_internal.h"

#include <math.h>
#include <string.h>

/* More than lie on the stack at once: the list, a message, its elements, an element, and a key and a value of each. */
#define SLOTS 16

typedef struct message_reader {
    lua_State *L;
    const tm_key_index *index;
    int elem_type;     /* where the stack has that key */
    tm_json_out elems; /* the text of the elements of the message under work */
} message_reader;

/* A value of a key, as it lies in the table: the text is Lua's. */
typedef struct plain {
    int type;            /* LUA_TNIL where there is none */
    lua_Integer integer; /* a boolean too */
    lua_Number number;
    const char *text;
} plain;

/* ---- Values ---- */

static bool take_number(lua_State *L, const tm_field *field, plain *out)
{
    out->integer = lua_tointeger(L, -1);
    out->number = lua_tonumber(L, -1);
    switch (field->type) {
    case TM_DOUBLE: return isfinite(out->number);
    case TM_UINT64: return lua_isinteger(L, -1);
    case TM_INT32:
    case TM_UINT32:
    case TM_ENUM: return lua_isinteger(L, -1) && tm_schema_integer_fits(field, TM_JSON_INT64, out->integer);
    default: return false;
    }
}

/* Takes the value on top, if it may stand in that field. */
static bool take_value(lua_State *L, const tm_field *field, plain *out)
{
    size_t length;
    out->type = lua_type(L, -1);
    switch (out->type) {
    case LUA_TSTRING:
        out->text = lua_tolstring(L, -1, &length);
        return field->type == TM_STRING && tm_value_is_text(out->text, length, NULL);
    case LUA_TBOOLEAN: out->integer = lua_toboolean(L, -1); return field->type == TM_BOOL;
    case LUA_TNUMBER: return take_number(L, field, out);
    default: return false;
    }
}

static void print_value(tm_json_out *out, const tm_field *field, const plain *value)
{
    switch (field->type) {
    case TM_STRING: tm_json_put_string(out, value->text); break;
    case TM_BOOL: tm_json_put(out, value->integer ? "true" : "false", value->integer ? 4 : 5); break;
    case TM_DOUBLE: tm_json_put_double(out, value->number); break;
    default: {
        bool negative = value->integer < 0 && field->type != TM_UINT64;
        tm_json_put_whole(out, negative, negative ? 0 - (uint64_t)value->integer : (uint64_t)value->integer);
    }
    }
}

/* ---- Tables ---- */

/* How many entries the table on top has, if it is an array; else 0. */
static lua_Integer count_entries(lua_State *L)
{
    lua_Integer length, count = 0;
    if (lua_type(L, -1) != LUA_TTABLE || lua_getmetatable(L, -1)) return 0;
    length = (lua_Integer)lua_rawlen(L, -1);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1), count++) {
        lua_Integer key = lua_isinteger(L, -2) ? lua_tointeger(L, -2) : 0;
        if (key < 1 || key > length) return 0;
    }
    return count == length ? count : 0;
}

/* The field of `type` that the key below the top names, or NULL. */
static const tm_field *field_of_key(const message_reader *r, const tm_struct *type, size_t *near)
{
    size_t length;
    if (lua_type(r->L, -2) != LUA_TSTRING) return NULL;
    const char *key = lua_tolstring(r->L, -2, &length);
    const tm_field *field = tm_keys_find_string(r->index, key, length);
    return field ? tm_schema_field_near(type, field->key, near) : NULL;
}

/* The variant of Elem that the table on top is, or NULL. */
static const tm_struct *variant_on_top(const message_reader *r)
{
    lua_Integer type = -1;
    if (lua_type(r->L, -1) != LUA_TTABLE || lua_getmetatable(r->L, -1)) return NULL;
    lua_pushvalue(r->L, r->elem_type);
    if (lua_rawget(r->L, -2) == LUA_TNUMBER && lua_isinteger(r->L, -1)) type = lua_tointeger(r->L, -1);
    lua_pop(r->L, 1);
    return type >= 0 && type <= INT32_MAX ? tm_schema_elem((int32_t)type) : NULL;
}

/* Prints the element on top. */
static bool print_elem(message_reader *r)
{
    plain values[TM_SCHEMA_MAX_FIELDS];
    const tm_struct *type = variant_on_top(r);
    size_t near = 0;
    if (!type) return false;
    for (size_t i = 0; i < type->count; i++)
        values[i].type = LUA_TNIL;
    for (lua_pushnil(r->L); lua_next(r->L, -2); lua_pop(r->L, 1)) {
        const tm_field *field = field_of_key(r, type, &near);
        if (!field || !take_value(r->L, field, &values[field - type->fields])) return false;
    }
    bool is_first = true;
    for (size_t i = 0; i < type->count; i++) {
        const tm_field *field = &type->fields[i];
        if (values[i].type == LUA_TNIL && (field->flags & TM_REQUIRED)) return false;
        if (values[i].type == LUA_TNIL) continue;
        tm_json_put_key(&r->elems, is_first, field->key);
        print_value(&r->elems, field, &values[i]);
        is_first = false;
    }
    tm_json_put(&r->elems, "}", 1);
    return true;
}

/* Prints the elements on top: at least one. */
static bool print_elems(message_reader *r)
{
    lua_Integer count = count_entries(r->L);
    if (!count) return false;
    for (lua_Integer i = 1; i <= count; i++) {
        tm_json_put(&r->elems, i == 1 ? "[" : ",", 1);
        lua_rawgeti(r->L, -1, i);
        if (!print_elem(r)) return false;
        lua_pop(r->L, 1);
    }
    tm_json_put(&r->elems, "]", 2); /* with its NUL */
    return !r->elems.failed;
}

static void set_field(tm_message *message, int number, const plain *value)
{
    uint64_t whole = (uint64_t)value->integer;
    char *text = (char *)(uintptr_t)value->text;
    switch (number) {
    case TM_MSG_CLIENT_TIME: message->client_time = whole; break;
    case TM_MSG_CUSTOM_INT: message->custom_int = (uint32_t)whole; break;
    case TM_MSG_CUSTOM_STR: message->custom_str = *text ? text : NULL; break;
    case TM_MSG_IS_FROM_SELF: message->is_self = whole; break;
    case TM_MSG_IS_ONLINE_MSG: message->is_online = whole; break;
    case TM_MSG_IS_READ: message->is_read = whole; break;
    case TM_MSG_PRIORITY: message->priority = (uint32_t)whole; break;
    case TM_MSG_RAND: message->rand = whole; break;
    case TM_MSG_SENDER: message->sender = text; break;
    case TM_MSG_SEQ: message->seq = whole; break;
    case TM_MSG_SERVER_TIME: message->server_time = whole; break;
    case TM_MSG_STATUS: message->status = (uint32_t)whole; break;
    default: break; /* what only the library says */
    }
}

/* The message on top; its texts are Lua's and the reader's. */
static bool read_message(message_reader *r, tm_message *out)
{
    size_t near = 0;
    plain value;
    memset(out, 0, sizeof *out);
    out->is_self = out->is_read = true;
    out->priority = kTIMMsgPriority_Normal;
    if (lua_type(r->L, -1) != LUA_TTABLE || lua_getmetatable(r->L, -1)) return false;
    for (lua_pushnil(r->L); lua_next(r->L, -2); lua_pop(r->L, 1)) {
        const tm_field *field = field_of_key(r, &tm_schema_message, &near);
        if (!field) return false;
        int number = (int)(field - tm_schema_message.fields);
        if (number == TM_MSG_ELEM_ARRAY) {
            r->elems.used = 0;
            if (!print_elems(r)) return false;
            out->elems = r->elems.text;
        } else {
            if (!take_value(r->L, field, &value)) return false;
            set_field(out, number, &value);
        }
    }
    return out->elems != NULL;
}

static bool read_messages(message_reader *r, tm_messages *messages)
{
    lua_Integer count = count_entries(r->L);
    for (lua_Integer i = 1; i <= count; i++) {
        tm_message message;
        lua_rawgeti(r->L, -1, i);
        if (!read_message(r, &message) || !tm_messages_add(messages, &message)) return false;
        lua_pop(r->L, 1);
    }
    return count > 0;
}

tm_messages *tm_value_to_messages(lua_State *L, int index)
{
    int top = lua_gettop(L);
    message_reader r = {L, NULL, top + 1, {NULL, 0, 0, false}};
    tm_messages *messages = lua_checkstack(L, SLOTS) ? tm_messages_new() : NULL;
    if (!messages) return NULL;
    r.index = tm_keys_push(L);
    lua_getiuservalue(L, -1, TM_UV_TEXTS);
    lua_rawgeti(L, -1, tm_keys_find_text(r.index, kTIMElemType, strlen(kTIMElemType)));
    lua_replace(L, -3); /* the index */
    lua_pop(L, 1);
    lua_pushvalue(L, index);
    if (!read_messages(&r, messages)) {
        tm_messages_free(messages);
        messages = NULL;
    }
    tm_free(r.elems.text);
    lua_settop(L, top);
    return messages;
}

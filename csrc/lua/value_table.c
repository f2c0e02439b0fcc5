/* Value: from a JSON tree, or a list of messages, to a Lua table. See value.h. */
#include "value_internal.h"

#include <string.h>

/* A whole number of at most 18 digits, without a call: what most raw nodes hold. */
static bool short_integer(const char *text, lua_Integer *value)
{
    bool negative = *text == '-';
    const char *digits = text + negative, *end = digits;
    lua_Integer sum = 0;
    for (; *end >= '0' && *end <= '9' && end - digits < 18; end++)
        sum = sum * 10 + (*end - '0');
    if (*end || end == digits) return false;
    *value = negative ? -sum : sum;
    return true;
}

void tm_value_push_raw(lua_State *L, const cJSON *node, const tm_field *field)
{
    lua_Integer value;
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    if (field && field->type == TM_DOUBLE) {
        lua_pushnumber(L, (lua_Number)tm_json_double(node));
    } else if (short_integer(node->valuestring, &value)) {
        lua_pushinteger(L, value);
    } else if (!field && strpbrk(node->valuestring, ".eE")) {
        lua_pushnumber(L, (lua_Number)tm_json_double(node));
    } else {
        switch (tm_json_number_kind(node, &value_int, &value_uint)) {
        case TM_JSON_INT64: lua_pushinteger(L, (lua_Integer)value_int); break;
        case TM_JSON_UINT64:
            if (field && field->type == TM_UINT64)
                lua_pushinteger(L, (lua_Integer)value_uint);
            else
                lua_pushnumber(L, (lua_Number)value_uint);
            break;
        default: lua_pushnumber(L, (lua_Number)tm_json_double(node)); break;
        }
    }
}

void tm_value_push_number(lua_State *L, double value, const tm_field *field)
{
    bool is_double = field && field->type == TM_DOUBLE, is_uint64 = field && field->type == TM_UINT64;
    if (!is_double && value >= -0x1p63 && value < 0x1p63 && (double)(int64_t)value == value)
        lua_pushinteger(L, (lua_Integer)value);
    else if (is_uint64 && value >= 0x1p63 && value < 0x1p64) /* so large, it is whole */
        lua_pushinteger(L, (lua_Integer)(uint64_t)value);
    else
        lua_pushnumber(L, (lua_Number)value);
}

static void push_node(lua_State *L, const tm_key_index *index, int texts, const cJSON *node,
                      const tm_field *field);

void tm_value_push_array(lua_State *L, const tm_key_index *index, int texts, const cJSON *node,
                         bool mark_empty)
{
    lua_createtable(L, cJSON_GetArraySize(node), 0);
    lua_Integer number = 0;
    for (const cJSON *child = node->child; child; child = child->next) {
        push_node(L, index, texts, child, NULL);
        lua_rawseti(L, -2, ++number);
    }
    if (number == 0 && mark_empty) {
        lua_getiuservalue(L, texts - 1, TM_UV_ARRAY_MARK);
        lua_setmetatable(L, -2);
    }
}

/* [-0, +1, m] */
static void push_object(lua_State *L, const tm_key_index *index, int texts, const cJSON *node)
{
    lua_createtable(L, 0, cJSON_GetArraySize(node));
    for (const cJSON *child = node->child; child; child = child->next) {
        if (cJSON_IsNull(child)) continue;
        int number = tm_keys_find_text(index, child->string, strlen(child->string));
        if (number)
            lua_rawgeti(L, texts, number);
        else
            lua_pushstring(L, child->string);
        push_node(L, index, texts, child, number ? tm_keys_field(index, number) : NULL);
        lua_rawset(L, -3);
    }
}

/* [-0, +1, m] */
static void push_node(lua_State *L, const tm_key_index *index, int texts, const cJSON *node,
                      const tm_field *field)
{
    switch (node->type & 0xff) {
    case cJSON_String: lua_pushlstring(L, node->valuestring, strlen(node->valuestring)); break;
    case cJSON_Number: tm_value_push_number(L, node->valuedouble, field); break;
    case cJSON_Raw: tm_value_push_raw(L, node, field); break;
    case cJSON_True: lua_pushboolean(L, 1); break;
    case cJSON_False: lua_pushboolean(L, 0); break;
    case cJSON_Array:
        luaL_checkstack(L, TM_VALUE_SLOTS, "a value nested too deep");
        tm_value_push_array(L, index, texts, node, !field);
        break;
    case cJSON_Object:
        luaL_checkstack(L, TM_VALUE_SLOTS, "a value nested too deep");
        push_object(L, index, texts, node);
        break;
    default: tm_value_push_null(L); break;
    }
}

void tm_value_push(lua_State *L, const cJSON *tree)
{
    luaL_checkstack(L, TM_VALUE_SLOTS, "a result");
    if (!tree || cJSON_IsNull(tree)) {
        lua_pushnil(L);
        return;
    }
    const tm_key_index *index = tm_keys_push(L);
    lua_getiuservalue(L, -1, TM_UV_TEXTS);
    int texts = lua_gettop(L);
    if (cJSON_IsArray(tree))
        tm_value_push_array(L, index, texts, tree, false);
    else
        push_node(L, index, texts, tree, NULL);
    lua_replace(L, texts - 1);
    lua_settop(L, texts - 1);
}

/* ---- Messages ---- */

typedef struct message_push {
    lua_State *L;
    const tm_key_index *index;
    int texts; /* as for push_node */
    int keys;  /* where the stack has the first key of a Message */
} message_push;

/* Each sets a key of the table on top. [-0, +0, m] */
static void set_integer(const message_push *p, int key, uint64_t value)
{
    lua_pushvalue(p->L, p->keys + key);
    lua_pushinteger(p->L, (lua_Integer)value);
    lua_rawset(p->L, -3);
}

static void set_boolean(const message_push *p, int key, bool value)
{
    lua_pushvalue(p->L, p->keys + key);
    lua_pushboolean(p->L, value);
    lua_rawset(p->L, -3);
}

static void set_text(const message_push *p, int key, const char *value)
{
    lua_pushvalue(p->L, p->keys + key);
    lua_pushlstring(p->L, value ? value : "", value ? strlen(value) : 0);
    lua_rawset(p->L, -3);
}

/* [-0, +1, m] */
static void push_elems(const message_push *p, tm_listed *listed)
{
    const char *text = listed->message.elems ? listed->message.elems : "[]";
    if (tm_value_push_array_text(p->L, p->index, p->texts, text)) return;
    const cJSON *elems = tm_messages_elems(listed); /* freed with the list, whatever is raised here */
    if (!elems) luaL_error(p->L, "not enough memory");
    tm_value_push_array(p->L, p->index, p->texts, elems, false);
}

/* [-0, +1, m] */
static void push_message(const message_push *p, tm_listed *listed)
{
    const tm_message *message = &listed->message;
    lua_createtable(p->L, 0, TM_MSG_FIELDS);
    lua_pushvalue(p->L, p->keys + TM_MSG_ELEM_ARRAY);
    push_elems(p, listed);
    lua_rawset(p->L, -3);
    set_text(p, TM_MSG_CONV_ID, message->conv_id);
    set_integer(p, TM_MSG_CONV_TYPE, (uint64_t)message->conv_type);
    set_text(p, TM_MSG_SENDER, message->sender);
    set_integer(p, TM_MSG_PRIORITY, message->priority);
    set_integer(p, TM_MSG_CLIENT_TIME, message->client_time);
    set_integer(p, TM_MSG_SERVER_TIME, message->server_time);
    set_boolean(p, TM_MSG_IS_FROM_SELF, message->is_self);
    set_boolean(p, TM_MSG_IS_READ, message->is_read);
    set_boolean(p, TM_MSG_IS_ONLINE_MSG, message->is_online);
    set_boolean(p, TM_MSG_IS_PEER_READ, message->is_peer_read);
    set_integer(p, TM_MSG_STATUS, message->status);
    set_integer(p, TM_MSG_UNIQUE_ID,
                tm_message_unique_id(message->conv_type, message->server_time, message->seq, message->rand));
    set_integer(p, TM_MSG_RAND, message->rand);
    set_integer(p, TM_MSG_SEQ, message->seq);
    set_integer(p, TM_MSG_CUSTOM_INT, message->custom_int);
    set_text(p, TM_MSG_CUSTOM_STR, message->custom_str);
}

void tm_value_push_messages(lua_State *L, tm_messages *messages)
{
    luaL_checkstack(L, 3 * TM_VALUE_SLOTS + TM_MSG_FIELDS, "a result");
    message_push p = {L, tm_keys_push(L), lua_gettop(L) + 1, lua_gettop(L) + 2};
    lua_getiuservalue(L, -1, TM_UV_TEXTS);
    for (int i = 0; i < TM_MSG_FIELDS; i++) {
        const char *key = tm_schema_message.fields[i].key;
        lua_rawgeti(L, p.texts, tm_keys_find_text(p.index, key, strlen(key)));
    }
    if (messages->single) {
        push_message(&p, messages->list);
    } else {
        lua_createtable(L, (int)messages->count, 0);
        for (size_t i = 0; i < messages->count; i++) {
            push_message(&p, &messages->list[i]);
            lua_rawseti(L, -2, (lua_Integer)i + 1);
        }
    }
    lua_replace(L, p.texts - 1);
    lua_settop(L, p.texts - 1);
}

/* ---- Null and marks ---- */

void tm_value_push_null(lua_State *L)
{
    lua_pushlightuserdata(L, NULL);
}

static int mark(lua_State *L, int user_value)
{
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    tm_keys_push(L);
    lua_getiuservalue(L, -1, user_value);
    lua_setmetatable(L, 1);
    lua_settop(L, 1);
    return 1;
}

int tm_value_array(lua_State *L)
{
    return mark(L, TM_UV_ARRAY_MARK);
}

int tm_value_object(lua_State *L)
{
    return mark(L, TM_UV_OBJECT_MARK);
}

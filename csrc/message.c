/* Message: see message.h. */
#include "message.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "schema.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>

void tm_message_clear(tm_message *message)
{
    tm_free(message->conv_id);
    tm_free(message->sender);
    tm_free(message->custom_str);
    tm_free(message->elems);
    memset(message, 0, sizeof *message);
}

/* All but the elements, from what tm_schema_values found. */
static int32_t read_head(const cJSON *const *values, tm_message *out, tm_error *err)
{
    memset(out, 0, sizeof *out);
    out->conv_type = (int32_t)tm_json_uint(values[TM_MSG_CONV_TYPE], 0);
    out->seq = tm_json_uint(values[TM_MSG_SEQ], 0);
    out->rand = tm_json_uint(values[TM_MSG_RAND], 0);
    out->client_time = tm_json_uint(values[TM_MSG_CLIENT_TIME], 0);
    out->server_time = tm_json_uint(values[TM_MSG_SERVER_TIME], 0);
    out->priority = (uint32_t)tm_json_uint(values[TM_MSG_PRIORITY], kTIMMsgPriority_Normal);
    out->status = (uint32_t)tm_json_uint(values[TM_MSG_STATUS], 0);
    out->custom_int = (uint32_t)tm_json_uint(values[TM_MSG_CUSTOM_INT], 0);
    out->is_self = tm_json_bool(values[TM_MSG_IS_FROM_SELF], false);
    out->is_read = tm_json_bool(values[TM_MSG_IS_READ], true);
    out->is_online = tm_json_bool(values[TM_MSG_IS_ONLINE_MSG], false);
    const char *custom_str = tm_json_string(values[TM_MSG_CUSTOM_STR], "");
    out->conv_id = tm_strdup(tm_json_string(values[TM_MSG_CONV_ID], ""));
    out->sender = tm_strdup(tm_json_string(values[TM_MSG_SENDER], ""));
    if (*custom_str) out->custom_str = tm_strdup(custom_str);
    if (out->conv_id && out->sender && (!*custom_str || out->custom_str)) return 0;
    tm_message_clear(out);
    return tm_fail_memory(err);
}

int32_t tm_message_head_from_tree(const cJSON *tree, tm_message *out, tm_error *err)
{
    const cJSON *values[TM_MSG_FIELDS];
    tm_schema_values(&tm_schema_message, tree, values);
    return read_head(values, out, err);
}

int32_t tm_message_from_tree(const cJSON *tree, unsigned elem_drop, tm_message *out, tm_error *err)
{
    const cJSON *values[TM_MSG_FIELDS];
    tm_schema_values(&tm_schema_message, tree, values);
    int32_t code = read_head(values, out, err);
    if (code || !values[TM_MSG_ELEM_ARRAY]) return code;
    out->elems = tm_schema_print_elems(values[TM_MSG_ELEM_ARRAY], elem_drop);
    if (out->elems) return 0;
    tm_message_clear(out);
    return tm_fail_memory(err);
}

cJSON *tm_message_elems(const tm_message *message)
{
    tm_error err = {0};
    cJSON *elems = message->elems ? tm_json_parse_own(message->elems, strlen(message->elems), &err)
                                  : cJSON_CreateArray();
    return elems || err.code != TIM_ERR_JSON ? elems : cJSON_CreateArray();
}

cJSON *tm_message_to_tree(const tm_message *message)
{
    return tm_message_tree_with(message, tm_message_elems(message));
}

cJSON *tm_message_tree_with(const tm_message *message, cJSON *elems)
{
    cJSON *tree = cJSON_CreateObject();
    bool ok = tm_json_add_item(tree, kTIMMsgElemArray, elems) &&
              tm_json_add_string(tree, kTIMMsgConvId, message->conv_id) &&
              tm_json_add_int(tree, kTIMMsgConvType, message->conv_type) &&
              tm_json_add_string(tree, kTIMMsgSender, message->sender) &&
              tm_json_add_int(tree, kTIMMsgPriority, message->priority) &&
              tm_json_add_uint(tree, kTIMMsgClientTime, message->client_time) &&
              tm_json_add_uint(tree, kTIMMsgServerTime, message->server_time) &&
              tm_json_add_bool(tree, kTIMMsgIsFormSelf, message->is_self) &&
              tm_json_add_bool(tree, kTIMMsgIsRead, message->is_read) &&
              tm_json_add_bool(tree, kTIMMsgIsOnlineMsg, message->is_online) &&
              tm_json_add_bool(tree, kTIMMsgIsPeerRead, message->is_peer_read) &&
              tm_json_add_int(tree, kTIMMsgStatus, message->status) &&
              tm_json_add_uint(tree, kTIMMsgUniqueId,
                               tm_message_unique_id(message->conv_type, message->server_time, message->seq,
                                                    message->rand)) &&
              tm_json_add_uint(tree, kTIMMsgRand, message->rand) &&
              tm_json_add_uint(tree, kTIMMsgSeq, message->seq) &&
              tm_json_add_int(tree, kTIMMsgCustomInt, message->custom_int) &&
              tm_json_add_string(tree, kTIMMsgCustomStr, message->custom_str);
    if (ok) return tree;
    cJSON_Delete(tree);
    return NULL;
}

cJSON *tm_message_locator(const tm_message *message, bool revoked)
{
    cJSON *tree = cJSON_CreateObject();
    bool ok = tm_json_add_string(tree, kTIMMsgLocatorConvId, message->conv_id) &&
              tm_json_add_int(tree, kTIMMsgLocatorConvType, message->conv_type) &&
              tm_json_add_bool(tree, kTIMMsgLocatorIsRevoked, revoked) &&
              tm_json_add_uint(tree, kTIMMsgLocatorTime, message->server_time) &&
              tm_json_add_uint(tree, kTIMMsgLocatorSeq, message->seq) &&
              tm_json_add_bool(tree, kTIMMsgLocatorIsSelf, message->is_self) &&
              tm_json_add_uint(tree, kTIMMsgLocatorRand, message->rand) &&
              tm_json_add_uint(tree, kTIMMsgLocatorUniqueId,
                               tm_message_unique_id(message->conv_type, message->server_time, message->seq,
                                                    message->rand));
    if (ok) return tree;
    cJSON_Delete(tree);
    return NULL;
}

int32_t tm_message_copy(const tm_message *from, tm_message *to, tm_error *err)
{
    *to = *from;
    to->conv_id = tm_strdup(from->conv_id);
    to->sender = tm_strdup(from->sender);
    to->custom_str = tm_strdup(from->custom_str);
    to->elems = tm_strdup(from->elems);
    if ((!from->conv_id || to->conv_id) && (!from->sender || to->sender) &&
        (!from->custom_str || to->custom_str) && (!from->elems || to->elems))
        return 0;
    tm_message_clear(to);
    return tm_fail_memory(err);
}

uint64_t tm_message_unique_id(int32_t conv_type, uint64_t server_time, uint64_t seq, uint64_t rand)
{
    uint64_t high = conv_type == kTIMConv_Group ? seq : server_time;
    return high << 32 | (rand & 0xffffffffu);
}

uint64_t tm_next_seq(uint64_t top_seq)
{
    return top_seq < UINT64_MAX ? top_seq + 1 : UINT64_MAX;
}

uint64_t tm_message_random(void)
{
    uint32_t value = 0;
    while (!value) {
        ssize_t got = getrandom(&value, sizeof value, 0);
        if (got != (ssize_t)sizeof value) value = 0;
    }
    return value;
}

uint64_t tm_message_rand(uint32_t *counter)
{
    for (;;) {
        /* each step can be undone, so no two counters meet */
        uint32_t value = ++*counter;
        value ^= value >> 16;
        value *= 0x85ebca6bu;
        value ^= value >> 13;
        value *= 0xc2b2ae35u;
        value ^= value >> 16;
        if (value) return value;
    }
}

/* FNV-1a: fixed for ever, since the identities of imported messages depend on it. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 1099511628211u;
    return hash;
}

uint64_t tm_message_content_hash(const char *sender, uint64_t client_time, const char *elems)
{
    unsigned char time[8];
    for (int i = 0; i < 8; i++)
        time[i] = (unsigned char)(client_time >> (8 * i));
    uint64_t hash = hash_bytes(14695981039346656037u, sender, strlen(sender) + 1);
    hash = hash_bytes(hash, elems, strlen(elems) + 1);
    return hash_bytes(hash, time, sizeof time);
}

void tm_message_derive_identity(uint64_t content_hash, uint32_t occurrence, uint64_t *seq, uint64_t *rand)
{
    uint64_t hash = content_hash + occurrence * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 33;
    hash *= 0xff51afd7ed558ccdu;
    hash ^= hash >> 33;
    hash *= 0xc4ceb9fe1a85ec53u;
    hash ^= hash >> 33;
    *seq = (hash >> 33) + 1;
    *rand = hash & 0xffffffffu;
    if (!*rand) *rand = 1;
}

/* Hub online: messages that reach those who are there and are stored nowhere (rule 18). They travel as
 * datagrams, each one JSON object: the message's own keys, and who speaks in which conversation. See hub.c
 * and hub_bell.h. */
#include "hub_internal.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "schema.h"

#include <string.h>

static cJSON *frame(const tm_hub *hub, const tm_op *op, const char *conv_id)
{
    const tm_message *message = op->message;
    cJSON *tree = cJSON_CreateObject();
    cJSON *elems = message->elems ? tm_json_parse_own(message->elems, strlen(message->elems), NULL) : NULL;
    bool ok =
        tm_json_add_item(tree, kTIMMsgElemArray, elems) && tm_json_add_string(tree, kTIMMsgConvId, conv_id) &&
        tm_json_add_int(tree, kTIMMsgConvType, message->conv_type) &&
        tm_json_add_string(tree, kTIMMsgSender, hub->user) && tm_json_add_uint(tree, kTIMMsgSeq, op->seq) &&
        tm_json_add_uint(tree, kTIMMsgRand, message->rand) &&
        tm_json_add_uint(tree, kTIMMsgClientTime, message->client_time) &&
        tm_json_add_uint(tree, kTIMMsgServerTime, op->server_time) &&
        tm_json_add_int(tree, kTIMMsgPriority, message->priority);
    if (ok) return tree;
    cJSON_Delete(tree);
    return NULL;
}

static int32_t ring_all(tm_hub *hub, const tm_op *op, const char *conv_id, const tm_hub_guests *guests,
                        tm_error *err)
{
    cJSON *tree = frame(hub, op, conv_id);
    char *text = tree ? tm_json_print(tree) : NULL;
    cJSON_Delete(tree);
    if (!text) return tm_fail_memory(err);
    for (size_t i = 0; i < guests->count; i++)
        tm_hub_bell_ring(hub->bell, guests->names[i], text, strlen(text));
    tm_free(text);
    return 0;
}

int32_t tm_hub_send_online(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    tm_hub_guests guests = {0}, own = {0};
    int32_t code = tm_hub_find_target(hub, op->message->conv_type, op->message->conv_id, false, &target, err);
    if (code) return code;
    op->server_time = tm_world_seconds(hub->host.world) > target.last_time ? tm_world_seconds(hub->host.world)
                                                                           : target.last_time;
    op->seq = op->message->seq;
    if (target.group_id) {
        code = tm_hub_invite(
            hub, tm_sql_query(hub->sql, err, HUB_BELLS_OF_GROUP, "ii", target.group_id, hub->session_id),
            &guests, err);
        if (!code) code = ring_all(hub, op, op->message->conv_id, &guests, err);
    } else {
        /* the conversation has another name for each side */
        code = tm_hub_invite(
            hub, tm_sql_query(hub->sql, err, HUB_BELLS_OF_USER, "ii", target.peer_id, hub->session_id),
            &guests, err);
        if (!code) code = ring_all(hub, op, hub->user, &guests, err);
        if (!code && target.peer_id != hub->user_id) {
            code = tm_hub_invite(
                hub, tm_sql_query(hub->sql, err, HUB_BELLS_OF_USER, "ii", hub->user_id, hub->session_id),
                &own, err);
            if (!code) code = ring_all(hub, op, op->message->conv_id, &own, err);
        }
    }
    tm_hub_guests_clear(&guests);
    tm_hub_guests_clear(&own);
    return code;
}

/* Whether it is a message that a caller could have sent. Reads it into `message`, which the caller clears. */
static int32_t read_message(const cJSON *tree, tm_message *message, tm_error *err)
{
    int32_t code = tm_schema_check(&tm_schema_message, false, TM_CHECK_SENT, tree, 0, err);
    if (!code) code = tm_message_from_tree(tree, TM_LOCAL, message, err);
    if (code) return code;
    if (!tm_valid_conv(message->conv_type, message->conv_id) || !tm_valid_user(message->sender))
        return tm_fail(err, TIM_ERR_JSON, "not a conversation of users");
    if (strlen(message->elems) > TM_MESSAGE_MAX_ELEMS)
        return tm_fail(err, TIM_ERR_JSON, "%s: more than %d bytes", kTIMMsgElemArray, TM_MESSAGE_MAX_ELEMS);
    return 0;
}

tm_event *tm_hub_online_event(tm_hub *hub, const char *text, size_t length)
{
    tm_error err = {0};
    cJSON *tree = tm_json_parse(text, length, 0, &err);
    tm_event *event = NULL;
    if (tree && (event = tm_calloc(1, sizeof *event))) {
        event->kind = TM_EVENT_MESSAGE;
        tm_message *message = &event->message;
        if (read_message(tree, message, &err)) {
            tm_event_free(event);
            event = NULL;
        } else {
            message->is_self = strcmp(message->sender, hub->user) == 0;
            message->is_online = true;
            message->is_read = message->is_self;
            message->status = kTIMMsg_SendSucc;
            message->custom_int = 0;
            tm_free(message->custom_str);
            message->custom_str = NULL;
        }
    }
    if (!event)
        tm_log_write(hub->host.log, kTIMLog_Warn, "hub: dropped a datagram that is no message: %s", err.text);
    cJSON_Delete(tree);
    return event;
}

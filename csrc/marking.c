/* Marking: reading, revoking and deleting messages that are there (rules 26 to 29, 36). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

/* ---- ReportReaded ---- */

/* The time up to which to read: that of the message given, as the store knows it now, or its own. */
static int32_t time_to_read(tm_worker *worker, const tm_conv *conv, const cJSON *tree, uint64_t *time,
                            tm_error *err)
{
    tm_stored stored = {0};
    *time = UINT64_MAX;
    if (tm_json_is_empty(tree)) return 0;
    *time = tm_json_get_uint(tree, kTIMMsgServerTime, 0);
    int32_t code = tm_worker_find(worker, conv, tree, &stored, err);
    if (!code && stored.id && stored.message.server_time) *time = stored.message.server_time;
    tm_message_clear(&stored.message);
    return code;
}

static int32_t start_report(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    uint64_t time, last_time;
    bool changed;
    tm_position position;
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (code || !conv.id) return code; /* nothing there: all of it is read */
    code = time_to_read(worker, &conv, request->args.json, &time, err);
    if (!code) code = tm_store_read_local(worker->store, &conv, time, &changed, err);
    if (code) return code;
    worker->must_sync |= changed; /* the backend cannot tell of it again */
    code = tm_store_find_unread(worker->store, &conv, time, &position, &last_time, err);
    if (code || position <= conv.my_read) return code;
    /* The rest is read here once the backend knows: a report that fails can be made again. */
    tm_op *op = tm_worker_ask(worker, request, TM_OP_READ, err);
    if (!op) return err->code;
    request->message.conv_type = conv.type;
    request->message.conv_id = tm_strdup(conv.name);
    if (!request->message.conv_id) return tm_fail_memory(err);
    op->message = &request->message;
    op->position = position;
    op->time = last_time;
    return 0;
}

static int32_t resume_report(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    tm_conv conv;
    bool gone = op->error.code == ERR_SVR_GROUP_PERMISSION_DENY ||
                op->error.code == ERR_SVR_GROUP_NOT_FOUND || op->error.code == ERR_SVR_MSG_INVALID_ID;
    if (op->error.code && !gone) return tm_fail(err, op->error.code, "%s", op->error.text);
    /* of a group that was left there is nobody to tell, but it is read here all the same */
    worker->must_sync |= gone;
    worker->more_events = true;
    int32_t code = tm_worker_conv(worker, request, true, &conv, err);
    if (!code) code = tm_store_read_position(worker->store, &conv, op->position, err);
    /* in a conversation with oneself the reader is the peer too */
    bool to_self = conv.type == kTIMConv_C2C && strcmp(conv.name, worker->user) == 0;
    if (!code && to_self) code = tm_store_peer_read(worker->store, &conv, op->position, err);
    return code;
}

/* ---- Revoke ---- */

/* What to revoke: the row that the tree names, or, if this device has none, what the tree says. */
static int32_t name_message(tm_worker *worker, const tm_conv *conv, const tm_request *request,
                            tm_message *out, tm_error *err)
{
    tm_stored stored = {0};
    const cJSON *tree = request->args.json;
    uint64_t time = tm_json_get_uint(tree, kTIMMsgServerTime, 0);
    int32_t code = tm_worker_find(worker, conv, tree, &stored, err);
    if (code) return code;
    if (stored.id && time && stored.message.server_time && time != stored.message.server_time) {
        tm_message_clear(&stored.message);
        return tm_fail(err,
                       conv->type == kTIMConv_Group ? ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND
                                                    : ERR_SVR_MSG_REVOKE_NOT_FOUND,
                       "%s: the message has another time", kTIMMsgServerTime);
    }
    if (stored.id) {
        *out = stored.message;
        return 0;
    }
    code = tm_message_from_tree(tree, 0, out, err);
    if (code) return code;
    const char *sender = out->is_self || *out->sender ? out->sender
                         : conv->type == kTIMConv_C2C ? conv->name
                                                      : "";
    if (out->is_self && !*out->sender) sender = worker->user;
    char *conv_id = tm_strdup(conv->name), *copy = tm_strdup(sender);
    tm_free(out->conv_id);
    tm_free(out->sender);
    out->conv_id = conv_id;
    out->sender = copy;
    out->conv_type = conv->type;
    out->server_time = time;
    return conv_id && copy ? 0 : tm_fail_memory(err);
}

static int32_t start_revoke(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (!code) code = name_message(worker, &conv, request, &request->message, err);
    tm_op *op = code ? NULL : tm_worker_ask(worker, request, TM_OP_REVOKE, err);
    if (!op) return err->code;
    op->message = &request->message;
    return 0;
}

static int32_t resume_revoke(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    tm_conv conv;
    tm_stored stored = {0};
    const tm_message *message = &request->message;
    if (op->error.code) return tm_fail(err, op->error.code, "%s", op->error.text);
    request->keep = true;
    worker->more_events = true; /* the event of it: this device may not have the message */
    tm_identity identity = {
        .sender = message->sender, .is_self = -1, .seq = message->seq, .rand = message->rand};
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (!code) code = tm_store_find(worker->store, &conv, &identity, &stored, err);
    if (!code && stored.id) code = tm_store_revoke(worker->store, &conv, stored.id, err);
    tm_message_clear(&stored.message);
    return code;
}

/* ---- Delete ---- */

static int32_t start_delete(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    tm_stored stored = {0};
    const cJSON *tree = tm_json_get(request->args.json, kTIMMsgDeleteParamMsg);
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    if (code || !conv.id) return code;
    if (tm_json_is_empty(tree)) return tm_store_delete_all(worker->store, &conv, err);
    code = tm_worker_find(worker, &conv, tree, &stored, err);
    if (!code && stored.id) code = tm_store_delete(worker->store, &conv, &stored, err);
    tm_message_clear(&stored.message);
    return code;
}

const tm_handler_type tm_handle_report_readed = {
    .class = TM_CLASS_REMOTE, .start = start_report, .resume = resume_report};
const tm_handler_type tm_handle_revoke = {
    .class = TM_CLASS_REMOTE, .start = start_revoke, .resume = resume_revoke};
const tm_handler_type tm_handle_delete = {.class = TM_CLASS_LOCAL, .synced = true, .start = start_delete};

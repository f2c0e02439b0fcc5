/* Revoking: Revoke (rules 28, 29). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

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

const tm_handler_type tm_handle_revoke = {
    .class = TM_CLASS_REMOTE, .start = start_revoke, .resume = resume_revoke};

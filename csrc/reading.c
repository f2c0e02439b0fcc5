/* Reading: ReportReaded (rules 26, 27). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

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
    code = tm_store_find_unread(worker->store, &conv, time, request->heard, &position, &last_time, err);
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

const tm_handler_type tm_handle_report_readed = {
    .class = TM_CLASS_REMOTE, .start = start_report, .resume = resume_report};

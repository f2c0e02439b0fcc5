/* History: GetMsgList and FindByMsgLocatorList (rules 30, 33 to 35). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

#define DEFAULT_COUNT 20

/* ---- GetMsgList ---- */

typedef struct page {
    tm_conv conv;
    tm_place place;
    bool has_place, forward;
    uint32_t count;
    char *sender; /* what place.sender points at; owned */
} page;

/* Where the page starts: behind last_msg. Its present place counts; if the store does not know it, the place
 * it names. */
static int32_t find_place(tm_worker *worker, const cJSON *last, page *out, tm_error *err)
{
    tm_stored stored = {0};
    if (tm_json_is_empty(last)) return 0;
    int32_t code = tm_worker_find(worker, &out->conv, last, &stored, err);
    if (code) return code;
    tm_message named = {0};
    if (!stored.id && (code = tm_message_from_tree(last, 0, &named, err))) return code;
    const tm_message *message = stored.id ? &stored.message : &named;
    out->has_place = true;
    out->place.time = stored.id              ? stored.place_time
                      : message->server_time ? message->server_time
                                             : message->client_time;
    out->place.seq = message->seq;
    out->place.rand = message->rand;
    out->sender = tm_strdup(message->sender);
    out->place.sender = out->sender;
    tm_message_clear(&named);
    tm_message_clear(&stored.message);
    return out->sender ? 0 : tm_fail_memory(err);
}

static int32_t read_param(tm_worker *worker, const tm_request *request, page *out, tm_error *err)
{
    const cJSON *param = request->args.json;
    memset(out, 0, sizeof *out);
    out->forward = tm_json_get_bool(param, kTIMMsgGetMsgListParamIsForward, false);
    out->count = (uint32_t)tm_json_get_uint(param, kTIMMsgGetMsgListParamCount, DEFAULT_COUNT);
    bool remote = tm_json_get_bool(param, kTIMMsgGetMsgListParamIsRamble, false);
    int32_t code = tm_worker_conv(worker, request, remote, &out->conv, err);
    return code ? code : find_place(worker, tm_json_get(param, kTIMMsgGetMsgListParamLastMsg), out, err);
}

static int32_t read_page(tm_worker *worker, tm_request *request, const page *of, uint32_t *rows,
                         uint64_t *last_time, tm_error *err)
{
    tm_request_drop_result(request);
    request->messages = tm_messages_new();
    if (!request->messages) return tm_fail_memory(err);
    return tm_store_page(worker->store, &of->conv, of->has_place ? &of->place : NULL, of->forward, of->count,
                         request->messages, rows, last_time, err);
}

static int32_t start_local(tm_worker *worker, tm_request *request, tm_error *err)
{
    page of;
    uint32_t rows;
    uint64_t last_time;
    int32_t code = read_param(worker, request, &of, err);
    if (!code) code = read_page(worker, request, &of, &rows, &last_time, err);
    tm_free(of.sender);
    return code;
}

static int64_t second(uint64_t time)
{
    return time > INT64_MAX ? INT64_MAX : (int64_t)time;
}

/* Reads the page from the store; if it crosses the edge of what is complete, asks the backend for that part
 * instead. */
static int32_t complete_page(tm_worker *worker, tm_request *request, tm_error *err)
{
    page of;
    uint32_t rows;
    uint64_t last_time;
    int32_t code = read_param(worker, request, &of, err);
    if (!code) code = read_page(worker, request, &of, &rows, &last_time, err);
    tm_free(of.sender);
    if (code) return code;
    bool full = rows == of.count;
    int64_t near = of.has_place ? second(of.place.time) : of.forward ? 0 : TM_TIME_END;
    int64_t far = full ? second(last_time) : of.forward ? TM_TIME_END : 0;
    int64_t low, high;
    tm_error local = {0};
    if (!tm_store_find_hole(worker->store, &of.conv, of.forward ? near : far, of.forward ? far : near,
                            of.forward, &low, &high, &local))
        return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
    tm_op *op = tm_worker_ask(worker, request, TM_OP_HISTORY, err);
    if (!op) return err->code;
    tm_request_drop_result(request);
    tm_message_clear(&request->message);
    request->message.conv_type = of.conv.type;
    request->message.conv_id = tm_strdup(of.conv.name);
    if (!request->message.conv_id) return tm_fail_memory(err);
    op->message = &request->message;
    op->low = (uint64_t)low;
    op->high = (uint64_t)high;
    op->want = of.count;
    op->forward = of.forward;
    return 0;
}

static int32_t resume_remote(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    tm_conv conv;
    if (op->error.code) { /* rule 35: what is here */
        tm_log_tell(worker->client->log, request->quiet, kTIMLog_Warn, "history was not completed: %s",
                    op->error.text);
        return start_local(worker, request, err);
    }
    int32_t code = tm_worker_conv(worker, request, true, &conv, err);
    if (!code && op->my_read) code = tm_store_read_position(worker->store, &conv, op->my_read, err);
    if (!code && op->peer_read) code = tm_store_peer_read(worker->store, &conv, op->peer_read, err);
    for (const tm_event *event = op->events; event && !code; event = event->next)
        code = tm_incoming_store(worker, &conv, event, err);
    if (!code) code = tm_store_add_stretch(worker->store, &conv, second(op->low), second(op->high), err);
    return code ? code : complete_page(worker, request, err);
}

const tm_handler_type tm_handle_get_list = {.class = TM_CLASS_LOCAL, .start = start_local};
const tm_handler_type tm_handle_get_list_remote = {
    .class = TM_CLASS_REMOTE, .start = complete_page, .resume = resume_remote};

/* ---- FindByMsgLocatorList ---- */

static bool matches(const cJSON *locator, const tm_message *message)
{
    const cJSON *revoked = tm_json_get(locator, kTIMMsgLocatorIsRevoked);
    uint64_t time = tm_json_get_uint(locator, kTIMMsgLocatorTime, 0);
    uint64_t unique_id = tm_json_get_uint(locator, kTIMMsgLocatorUniqueId, 0);
    uint64_t own_time = message->server_time ? message->server_time : message->client_time;
    if (revoked && cJSON_IsTrue(revoked) != (message->status == kTIMMsg_Revoked)) return false;
    if (time && time != own_time) return false;
    return !unique_id || unique_id == tm_message_unique_id(message->conv_type, message->server_time,
                                                           message->seq, message->rand);
}

/* Appends the message that a locator means, if it is there. A locator names no sender: in a group several may
 * have its seq and rand. */
static int32_t find_one(tm_worker *worker, const tm_conv *conv, const cJSON *locator, tm_messages *result,
                        tm_error *err)
{
    const cJSON *is_self = tm_json_get(locator, kTIMMsgLocatorIsSelf);
    tm_identity identity = {.is_self = is_self ? cJSON_IsTrue(is_self) : -1,
                            .seq = tm_json_get_uint(locator, kTIMMsgLocatorSeq, 0),
                            .rand = tm_json_get_uint(locator, kTIMMsgLocatorRand, 0)};
    for (bool found = false; !found; identity.skip++) {
        tm_stored stored = {0};
        int32_t code = tm_store_find(worker->store, conv, &identity, &stored, err);
        if (code || !stored.id) return code;
        found = matches(locator, &stored.message);
        if (found && !tm_messages_add(result, &stored.message)) code = tm_fail_memory(err);
        tm_message_clear(&stored.message);
        if (code) return code;
    }
    return 0;
}

static int32_t start_find(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    const cJSON *locator;
    int32_t code = tm_worker_conv(worker, request, false, &conv, err);
    request->messages = tm_messages_new();
    if (!code && !request->messages) code = tm_fail_memory(err);
    cJSON_ArrayForEach(locator, request->args.json)
    {
        if (code) break;
        code = find_one(worker, &conv, locator, request->messages, err);
    }
    return code;
}

const tm_handler_type tm_handle_find = {.class = TM_CLASS_LOCAL, .start = start_find};

/* Sending: SendNewMsg and BatchSend (rules 13 to 21, 40). A request has one sending for each recipient.
 *
 * Each message gets its identity and a row in state 1 first; files are uploaded; then the backend is asked;
 * then the row is in state 2 or 3. See worker.h for who calls this. */
#include "attachment.h"
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

void tm_sendings_free(tm_request *request)
{
    for (size_t i = 0; i < request->sending_count; i++) {
        tm_message_clear(&request->sendings[i].message);
        tm_message_clear(&request->sendings[i].wire);
        tm_free(request->sendings[i].desc);
    }
    tm_free(request->sendings);
    request->sendings = NULL;
    request->sending_count = 0;
}

static void forget(tm_worker *worker, tm_request *request)
{
    (void)worker;
    tm_sendings_free(request);
}

static void settle(tm_sending *sending, int32_t code, const char *text)
{
    sending->done = true;
    sending->code = code;
    tm_free(sending->desc);
    sending->desc = code ? tm_strdup(text) : NULL;
}

void tm_sending_progress(tm_worker *worker, tm_request *request, const tm_op *op,
                         const tm_media_report *report)
{
    if (!tm_worker_wanted(worker, TM_LETTER_UPLOAD_PROGRESS) || !request->sending_count) return;
    cJSON *tree = tm_message_to_tree(&request->sendings[0].message);
    tm_letter *letter = tree ? tm_letter_new(TM_LETTER_UPLOAD_PROGRESS, NULL, tree) : NULL;
    if (!letter) return;
    letter->index = tm_attachment_index(op);
    letter->current = (uint32_t)report->current;
    letter->total = (uint32_t)report->total;
    tm_mailbox_put(worker->client->mailbox, letter);
}

/* ---- rows ---- */

/* Writes what request->elems holds now into every message, as it is kept and as it travels. */
static int32_t print_elems(tm_request *request, tm_error *err)
{
    char *text = tm_schema_print_elems(request->elems, TM_LOCAL);
    char *kept = tm_schema_print_elems(request->elems, 0);
    bool ok = text && kept;
    for (size_t i = 0; i < request->sending_count && ok; i++) {
        tm_sending *sending = &request->sendings[i];
        tm_free(sending->message.elems);
        tm_free(sending->wire.elems);
        sending->message.elems = tm_strdup(kept);
        sending->wire.elems = tm_strdup(text);
        ok = sending->message.elems && sending->wire.elems;
    }
    tm_free(text);
    tm_free(kept);
    return ok ? 0 : tm_fail_memory(err);
}

/* What the caller, or this sending, takes for unsent has turned out to be sent: then it is that, as the row tells it, which is
 * taken over. */
static int32_t settle_as_sent(tm_worker *worker, const tm_conv *conv, tm_sending *sending, tm_stored *stored,
                              tm_error *err)
{
    tm_message *message = &sending->message;
    tm_message_clear(message);
    *message = stored->message;
    memset(&stored->message, 0, sizeof stored->message);
    sending->position = stored->position;
    settle(sending, 0, NULL);
    if (message->status != kTIMMsg_Sending && message->status != kTIMMsg_SendFail) return 0;
    message->status = kTIMMsg_SendSucc; /* SaveMsg said otherwise */
    return tm_store_set_status(worker->store, conv, stored->id, message->status, err);
}

/* Gives a new message its identity and its row in state 1, or takes the row of an attempt that
 * failed or is still on its way (rules 14, 15). What the caller holds as that may have turned out to be sent
 * since: then it is that, and does not go out twice. */
static int32_t make_row(tm_worker *worker, tm_sending *sending, const cJSON *tree, tm_error *err)
{
    tm_conv conv;
    tm_stored failed = {0};
    tm_message *message = &sending->message;
    uint64_t rand = tm_json_get_uint(tree, kTIMMsgRand, 0);
    uint64_t status = tm_json_get_uint(tree, kTIMMsgStatus, 0);
    bool failed_once = status == kTIMMsg_SendFail || status == kTIMMsg_Sending;
    int32_t code = tm_store_conv(worker->store, message->conv_type, message->conv_id, true, &conv, err);
    if (!code && rand && tm_json_get(tree, kTIMMsgClientTime))
        code = tm_store_find_attempt(worker->store, &conv, rand, message->client_time,
                                     failed_once ? TM_ATTEMPT_ANY : TM_ATTEMPT_UNSENT, &failed, err);
    if (code) return code;
    if (failed.position) return settle_as_sent(worker, &conv, sending, &failed, err);
    if (failed.id) {
        sending->row = failed.id;
        message->seq = failed.message.seq;
        message->rand = failed.message.rand;
        message->server_time = failed.message.server_time; /* an imported one may have been given one */
        code = tm_store_rewrite(worker->store, &conv, failed.id, message, err);
    } else {
        message->seq = tm_next_seq(conv.top_seq);
        code = tm_store_set_top_seq(worker->store, &conv, message->seq, err);
        while (!code && !sending->row) { /* an import may have taken the identity */
            if (atomic_load(&worker->client->stop))
                return tm_fail(err, ERR_USER_CANCELED, "cancelled: the client closes");
            message->rand = tm_message_rand(&worker->rand_counter);
            code = tm_store_insert(worker->store, &conv, message, 0, &sending->row, err);
        }
    }
    tm_message_clear(&failed.message);
    sending->wire.seq = message->seq;
    sending->wire.rand = message->rand;
    return code;
}

/* An online-only message has an identity but no row. */
static int32_t make_identity(tm_worker *worker, tm_sending *sending, tm_error *err)
{
    tm_conv conv;
    tm_message *message = &sending->message;
    int32_t code = tm_store_conv(worker->store, message->conv_type, message->conv_id, false, &conv, err);
    message->seq = sending->wire.seq = tm_next_seq(conv.top_seq);
    message->rand = sending->wire.rand = tm_message_rand(&worker->rand_counter);
    return code;
}

static int32_t fill_message(tm_worker *worker, const cJSON *tree, int32_t conv_type, const char *conv_id,
                            tm_message *out, tm_error *err)
{
    int32_t code = tm_message_head_from_tree(tree, out, err);
    if (code) return code;
    tm_free(out->conv_id);
    tm_free(out->sender);
    out->conv_type = conv_type;
    out->conv_id = tm_strdup(conv_id);
    out->sender = tm_strdup(worker->user);
    out->is_self = out->is_read = true;
    out->server_time = 0;
    out->status = kTIMMsg_Sending;
    if (!out->client_time) out->client_time = tm_world_seconds(worker->world);
    return out->conv_id && out->sender ? 0 : tm_fail_memory(err);
}

static int32_t prepare(tm_worker *worker, tm_sending *sending, const cJSON *tree, int32_t conv_type,
                       const char *conv_id, tm_error *err)
{
    int32_t code = fill_message(worker, tree, conv_type, conv_id, &sending->message, err);
    if (!code) code = tm_message_copy(&sending->message, &sending->wire, err);
    return code;
}

/* ---- asking the backend ---- */

/* Whether the row is still the message's, which it is not when that was deleted meanwhile. */
static bool is_row_of(const tm_sending *sending, const tm_stored *stored)
{
    return stored->id && stored->message.rand == sending->message.rand && stored->message.is_self;
}

/* Writes the state of a message that is not sent, or not yet, into its row, if that is still there. What SaveMsg has changed
 * of it meanwhile stays, and goes into the message. */
static int32_t write_row(tm_worker *worker, tm_sending *sending, tm_error *err)
{
    tm_conv conv;
    tm_stored stored;
    tm_message *message = &sending->message, *row = &stored.message;
    int32_t code = tm_store_load(worker->store, sending->row, &conv, &stored, err);
    if (code) return code;
    if (!is_row_of(sending, &stored)) {
        tm_message_clear(row);
        return 0;
    }
    if (stored.position) { /* another attempt turned out to be sent meanwhile */
        code = settle_as_sent(worker, &conv, sending, &stored, err);
    } else if (row->status == kTIMMsg_Revoked) {
        tm_message taken = *message;
        *message = *row;
        *row = taken;
    } else {
        char *text = message->custom_str;
        message->custom_str = row->custom_str;
        row->custom_str = text;
        message->custom_int = row->custom_int;
        code = tm_store_rewrite(worker->store, &conv, sending->row, message, err);
    }
    tm_message_clear(row);
    return code;
}

/* The row's last state, and the message as the caller gets it: that is settled whatever becomes of the row, since a batch is
 * through only when all of it is. */
static int32_t fail_row(tm_worker *worker, tm_sending *sending, int32_t code, const char *text, tm_error *err)
{
    settle(sending, code, text);
    sending->message.status = kTIMMsg_SendFail;
    return sending->row ? write_row(worker, sending, err) : 0;
}

static int32_t fail_rows(tm_worker *worker, tm_request *request, int32_t code, const char *text,
                         tm_error *err)
{
    for (size_t i = 0; i < request->sending_count; i++) {
        if (request->sendings[i].done) continue;
        int32_t failed = fail_row(worker, &request->sendings[i], code, text, err);
        if (failed) return failed;
    }
    return 0;
}

static int32_t ask_sends(tm_worker *worker, tm_request *request, tm_error *err)
{
    for (size_t i = 0; i < request->sending_count; i++) {
        tm_sending *sending = &request->sendings[i];
        if (sending->done) continue;
        tm_op *op = tm_worker_ask(worker, request, TM_OP_SEND, err);
        if (!op) return err->code;
        op->slot = (int32_t)i;
        op->message = &sending->wire;
    }
    return 0;
}

static bool too_large(const tm_request *request)
{
    return request->sending_count && strlen(request->sendings[0].wire.elems) > TM_MESSAGE_MAX_ELEMS;
}

#define TOO_LARGE_TEXT "message_elem_array: more than 12288 bytes"

/* Deleted while it was on its way, and imported or saved anew since: then it is that row's message (rule 36). */
static int32_t accept_brought_back(tm_worker *worker, tm_conv *conv, tm_sending *sending, const tm_op *op,
                                   bool *found, tm_error *err)
{
    tm_stored stored = {0};
    tm_message *message = &sending->message;
    int32_t code = tm_store_find_attempt(worker->store, conv, message->rand, message->client_time,
                                         TM_ATTEMPT_UNPLACED, &stored, err);
    int64_t row = stored.id;
    tm_message_clear(&stored.message);
    if (code || !row) return code;
    sending->row = row;
    return tm_store_accept(worker->store, conv, row, message, op->server_time, op->seq, op->position, found,
                           err);
}

static int32_t note_send(tm_worker *worker, tm_request *request, const tm_op *op, tm_error *err)
{
    tm_sending *sending = &request->sendings[op->slot];
    tm_message *message = &sending->message;
    tm_conv conv;
    if (op->error.code) return fail_row(worker, sending, op->error.code, op->error.text, err);
    request->keep = true; /* the backend has it, whatever becomes of the row */
    settle(sending, 0, NULL);
    sending->position = op->position;
    message->status = kTIMMsg_SendSucc;
    message->server_time = op->server_time;
    message->seq = op->seq;
    if (!sending->row) return 0;
    int32_t code = tm_store_conv(worker->store, message->conv_type, message->conv_id, true, &conv, err);
    if (code) return code;
    bool found;
    code = tm_store_accept(worker->store, &conv, sending->row, message, op->server_time, op->seq,
                           op->position, &found, err);
    if (!code && !found) code = accept_brought_back(worker, &conv, sending, op, &found, err);
    if (code) return code;
    /* deleted while it was on its way: it stays away when the backend brings it back */
    if (!found) return tm_store_bury(worker->store, &conv, message, err);
    /* a conversation that begins with the own message is followed from then on */
    if (op->server_time < INT64_MAX && !tm_store_is_followed(worker->store, &conv, err))
        code = tm_store_add_stretch(worker->store, &conv, (int64_t)op->server_time + 1, TM_TIME_END, err);
    return code;
}

/* ---- results ---- */

/* What was sent is sent, though its files failed in a later attempt, or the store could not take what became of another one of
 * the batch. */
static void forgive(tm_request *request)
{
    request->code = 0;
    tm_free(request->desc);
    request->desc = NULL;
}

static int32_t finish_send(tm_request *request, tm_error *err)
{
    tm_sending *sending = &request->sendings[0];
    request->messages = tm_messages_of_one(&sending->message);
    if (sending->code)
        tm_request_fail(request, sending->code, sending->desc);
    else
        forgive(request);
    return request->messages ? 0 : tm_fail_memory(err);
}

static const tm_sending *sending_to(const tm_request *request, const char *user)
{
    for (size_t i = 0; i < request->sending_count; i++)
        if (strcmp(request->sendings[i].message.conv_id, user) == 0) return &request->sendings[i];
    return NULL;
}

/* An entry for each identifier. NULL: memory. */
static cJSON *batch_results(const tm_request *request)
{
    const cJSON *user;
    cJSON *results = cJSON_CreateArray();
    cJSON_ArrayForEach(user, tm_json_get(request->args.json, kTIMMsgBatchSendParamIdentifierArray))
    {
        const tm_sending *sending = sending_to(request, user->valuestring);
        cJSON *entry = cJSON_CreateObject();
        if (tm_json_append(results, entry) &&
            tm_json_add_string(entry, kTIMMsgBatchSendResultIdentifier, user->valuestring) &&
            tm_json_add_int(entry, kTIMMsgBatchSendResultCode, sending->code) &&
            tm_json_add_string(entry, kTIMMsgBatchSendResultDesc, sending->desc) &&
            tm_json_add_item(entry, kTIMMsgBatchSendResultMsg, tm_message_to_tree(&sending->message)))
            continue;
        cJSON_Delete(results);
        return NULL;
    }
    return results;
}

static int32_t finish_batch(tm_request *request, tm_error *err)
{
    bool any = false;
    for (size_t i = 0; i < request->sending_count; i++)
        any |= request->sendings[i].code == 0;
    if (!any) {
        tm_request_fail(request, ERR_NO_SUCC_RESULT, request->sendings[0].desc);
        return 0;
    }
    request->result = batch_results(request);
    if (!request->result) { /* what went out stays so, but nobody could tell to whom */
        tm_request_fail(request, ERR_OUT_OF_MEMORY, "out of memory for the results of what was sent");
        return tm_fail_memory(err);
    }
    forgive(request);
    return 0;
}

static int32_t finish(tm_request *request, tm_error *err)
{
    for (size_t i = 0; i < request->sending_count; i++)
        if (!request->sendings[i].done) return 0;
    return request->kind == TM_CALL_BATCH_SEND ? finish_batch(request, err) : finish_send(request, err);
}

/* ---- steps ---- */

/* What keeps a message from going out that its row shows as failed, with the reason. */
static int32_t refusal(tm_request *request, tm_error *refused)
{
    if (too_large(request)) return tm_fail(refused, ERR_SDK_MSG_BODY_SIZE_LIMIT, TOO_LARGE_TEXT);
    return tm_attachment_inspect(request, refused);
}

/* With the sendings prepared: rows, then uploads, or the sends at once. */
static int32_t go(tm_worker *worker, tm_request *request, const cJSON *tree, tm_error *err)
{
    tm_error refused = {0};
    request->elems = tm_schema_copy_elems(tm_json_get(tree, kTIMMsgElemArray), TM_READ_ONLY);
    if (!request->elems) return tm_fail_memory(err);
    int32_t code = print_elems(request, err);
    if (!code && refusal(request, &refused) == ERR_OUT_OF_MEMORY) code = tm_fail_memory(err);
    if (!code && tm_attachment_any(request->elems))
        code = print_elems(request, err); /* sizes and kinds of files are in it now */
    for (size_t i = 0; i < request->sending_count && !code; i++)
        code = request->sendings[i].message.is_online ? make_identity(worker, &request->sendings[i], err)
                                                      : make_row(worker, &request->sendings[i], tree, err);
    if (code) return code;
    code = finish(request, err);
    if (code || request->result || request->messages) return code;
    if (refused.code) {
        code = fail_rows(worker, request, refused.code, refused.text, err);
        return code ? code : finish(request, err);
    }
    code = tm_attachment_ask(worker, request, err);
    return code || request->outstanding ? code : ask_sends(worker, request, err);
}

static int32_t start_send(tm_worker *worker, tm_request *request, tm_error *err)
{
    request->sendings = tm_calloc(1, sizeof *request->sendings);
    if (!request->sendings) return tm_fail_memory(err);
    request->sending_count = 1;
    int32_t code = prepare(worker, &request->sendings[0], request->args.json, request->args.conv_type,
                           request->args.conv_id, err);
    return code ? code : go(worker, request, request->args.json, err);
}

static int32_t start_batch(tm_worker *worker, tm_request *request, tm_error *err)
{
    const cJSON *users = tm_json_get(request->args.json, kTIMMsgBatchSendParamIdentifierArray), *user;
    const cJSON *tree = tm_json_get(request->args.json, kTIMMsgBatchSendParamMsg);
    request->sendings = tm_calloc((size_t)cJSON_GetArraySize(users), sizeof *request->sendings);
    if (!request->sendings) return tm_fail_memory(err);
    cJSON_ArrayForEach(user, users)
    {
        if (sending_to(request, user->valuestring)) continue; /* named twice: sent to once (rule 40) */
        tm_sending *sending = &request->sendings[request->sending_count];
        request->sending_count++;
        int32_t code = prepare(worker, sending, tree, kTIMConv_C2C, user->valuestring, err);
        if (code) return code;
    }
    return go(worker, request, tree, err);
}

/* All files are there: the elements with their ids and urls go out. */
static int32_t after_uploads(tm_worker *worker, tm_request *request, tm_error *err)
{
    int32_t code = request->code ? fail_rows(worker, request, request->code, request->desc, err)
                                 : print_elems(request, err);
    if (!code && !request->code && too_large(request))
        code = fail_rows(worker, request, ERR_SDK_MSG_BODY_SIZE_LIMIT, TOO_LARGE_TEXT, err);
    for (size_t i = 0; i < request->sending_count && !code; i++) {
        tm_sending *sending = &request->sendings[i];
        if (!sending->row || sending->done) continue;
        code = write_row(worker, sending, err);
        /* a row from before, without ids and urls, must not be what a power cut leaves of a message that is sent */
        worker->must_sync = true;
    }
    if (!code) code = ask_sends(worker, request, err);
    return code || request->outstanding ? code : finish(request, err);
}

static int32_t resume(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    int32_t code;
    if (op->kind == TM_OP_SEND) {
        /* what the backend accepted is sent, whether or not its row can be brought up to date */
        code = note_send(worker, request, op, err);
        int32_t finished = finish(request, err);
        return code ? code : finished;
    }
    if (op->error.code) {
        if (!request->code) tm_request_fail(request, op->error.code, op->error.text);
    } else if ((code = tm_attachment_note(request, op, err))) {
        tm_request_fail(request, code, err->text);
    }
    return request->outstanding ? 0 : after_uploads(worker, request, err);
}

const tm_handler_type tm_handle_send = {
    .class = TM_CLASS_REMOTE, .start = start_send, .resume = resume, .cancel = forget};
const tm_handler_type tm_handle_batch_send = {
    .class = TM_CLASS_REMOTE, .start = start_batch, .resume = resume, .cancel = forget};

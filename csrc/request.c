/* Request: its handler, and its way through steps, transactions and completion. See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

/* Requests that share one transaction, each message of a batch counted: more would only make the first of them wait longer,
 * and other processes too. */
#define MAX_RUN 1000

static const tm_handler_type *const handlers[TM_CALL_COUNT] = {
    [TM_CALL_SEND_NEW_MSG] = &tm_handle_send,
    [TM_CALL_REPORT_READED] = &tm_handle_report_readed,
    [TM_CALL_REVOKE] = &tm_handle_revoke,
    [TM_CALL_FIND_BY_MSG_LOCATOR_LIST] = &tm_handle_find,
    [TM_CALL_IMPORT_MSG_LIST] = &tm_handle_import,
    [TM_CALL_SAVE_MSG] = &tm_handle_save,
    [TM_CALL_GET_MSG_LIST] = &tm_handle_get_list,
    [TM_CALL_DELETE] = &tm_handle_delete,
    [TM_CALL_DOWNLOAD_ELEM_TO_PATH] = &tm_handle_download,
    [TM_CALL_BATCH_SEND] = &tm_handle_batch_send,
    [TM_CALL_SET_CONFIG] = &tm_handle_set_config,
    [TM_CALL_LOGIN] = &tm_handle_login,
    [TM_CALL_LOGOUT] = &tm_handle_logout,
    [TM_CALL_CONV_CREATE] = &tm_handle_conv_create,
    [TM_CALL_CONV_DELETE] = &tm_handle_conv_delete,
    [TM_CALL_CONV_GET_CONV_LIST] = &tm_handle_conv_list,
    [TM_CALL_CONV_SET_DRAFT] = &tm_handle_set_draft,
    [TM_CALL_CONV_CANCEL_DRAFT] = &tm_handle_cancel_draft,
    [TM_CALL_GROUP_CREATE] = &tm_handle_group,
    [TM_CALL_GROUP_DELETE] = &tm_handle_group,
    [TM_CALL_GROUP_JOIN] = &tm_handle_group,
    [TM_CALL_GROUP_QUIT] = &tm_handle_group,
    [TM_CALL_GROUP_INVITE_MEMBER] = &tm_handle_group,
    [TM_CALL_GROUP_GET_JOINED_GROUP_LIST] = &tm_handle_group,
    [TM_CALL_GROUP_GET_MEMBER_INFO_LIST] = &tm_handle_group,
    [TM_CALL_GROUP_DELETE_MEMBER] = &tm_handle_group,
    [TM_CALL_GROUP_MODIFY_MEMBER_INFO] = &tm_handle_group,
};

static const tm_handler_type *handler_of(const tm_request *request)
{
    const tm_handler_type *handler = handlers[request->kind];
    /* a page that may need the backend is another matter than one from the store */
    if (handler == &tm_handle_get_list &&
        tm_json_get_bool(request->args.json, kTIMMsgGetMsgListParamIsRamble, false))
        return &tm_handle_get_list_remote;
    return handler;
}

/* ---- for the handlers ---- */

void tm_request_fail(tm_request *request, int32_t code, const char *text)
{
    request->code = code;
    tm_free(request->desc);
    request->desc = tm_strdup(text);
}

tm_op *tm_worker_ask(tm_worker *worker, tm_request *request, tm_op_kind kind, tm_error *err)
{
    tm_op *op = tm_calloc(1, sizeof *op);
    if (!op) {
        tm_fail_memory(err);
        return NULL;
    }
    op->kind = kind;
    op->owner = request;
    if (worker->last_asked)
        worker->last_asked->next = op;
    else
        worker->asked = op;
    worker->last_asked = op;
    request->outstanding++;
    return op;
}

bool tm_worker_wanted(const tm_worker *worker, tm_letter_kind kind)
{
    return atomic_load(&worker->client->want) & 1u << kind;
}

void tm_worker_tell(tm_worker *worker, tm_letter *letter)
{
    if (!letter) {
        tm_log_write(worker->client->log, kTIMLog_Error, "an event was not told: out of memory");
        return;
    }
    letter->next = NULL;
    if (worker->last_letter)
        worker->last_letter->next = letter;
    else
        worker->letters = letter;
    worker->last_letter = letter;
}

void tm_worker_answer(tm_worker *worker, tm_op *op)
{
    op->next = NULL;
    if (worker->last_answered)
        worker->last_answered->next = op;
    else
        worker->answered = op;
    worker->last_answered = op;
}

void tm_worker_finish(tm_worker *worker, tm_request *request)
{
    if (request->code)
        tm_log_tell(worker->client->log, request->quiet, kTIMLog_Warn, "%s failed (%d): %s",
                    tm_call_type_of(request->kind)->c_name, (int)request->code,
                    request->desc ? request->desc : "");
    const tm_handler_type *handler = handler_of(request);
    /* rule 3: a send that fails, for whatever reason, brings the message in its state; unless there was no memory to make
     * one */
    if (request->kind == TM_CALL_SEND_NEW_MSG && !request->messages && request->sending_count &&
        request->sendings[0].message.elems)
        request->messages = tm_messages_of_one(&request->sendings[0].message);
    if (handler->cancel) handler->cancel(worker, request);
    tm_request_complete(worker->client, request);
}

void tm_worker_wait(tm_worker *worker, tm_request *request)
{
    if (request->waits) return;
    request->waits = true;
    request->previous = NULL;
    request->next = worker->waiting;
    if (worker->waiting) worker->waiting->previous = request;
    worker->waiting = request;
}

void tm_worker_stop_waiting(tm_worker *worker, tm_request *request)
{
    if (!request->waits) return;
    if (request->previous)
        request->previous->next = request->next;
    else
        worker->waiting = request->next;
    if (request->next) request->next->previous = request->previous;
    request->waits = false;
    request->next = request->previous = NULL;
}

int32_t tm_worker_conv(tm_worker *worker, const tm_request *request, bool make, tm_conv *conv, tm_error *err)
{
    return tm_store_conv(worker->store, request->args.conv_type, request->args.conv_id, make, conv, err);
}

int32_t tm_worker_find(tm_worker *worker, const tm_conv *conv, const cJSON *tree, tm_stored *out,
                       tm_error *err)
{
    const char *sender = tm_json_get_string(tree, kTIMMsgSender, "");
    const cJSON *is_self = tm_json_get(tree, kTIMMsgIsFormSelf);
    tm_identity identity = {.sender = *sender ? sender : NULL,
                            .is_self = is_self && !*sender ? cJSON_IsTrue(is_self) : -1,
                            .seq = tm_json_get_uint(tree, kTIMMsgSeq, 0),
                            .rand = tm_json_get_uint(tree, kTIMMsgRand, 0),
                            .client_time = tm_json_get_uint(tree, kTIMMsgClientTime, 0)};
    return tm_store_find(worker->store, conv, &identity, out, err);
}

/* ---- transactions ---- */

static void note_finished(tm_worker *worker, tm_request *request)
{
    request->next = NULL;
    if (worker->last_finished)
        worker->last_finished->next = request;
    else
        worker->finished = request;
    worker->last_finished = request;
}

/* Letters for the conversations that the transaction changed. */
static void tell_changes(tm_worker *worker)
{
    if (!tm_worker_wanted(worker, TM_LETTER_CONV_EVENT)) return;
    cJSON *changed[3];
    tm_error err = {0};
    if (tm_store_changes(worker->store, changed, &err)) {
        tm_log_write(worker->client->log, kTIMLog_Error, "conversation events were not told: %s", err.text);
        return;
    }
    for (int event = 0; event < 3; event++) {
        if (!changed[event]) continue;
        tm_letter *letter = tm_letter_new(TM_LETTER_CONV_EVENT, NULL, changed[event]);
        if (letter) letter->event = event;
        tm_worker_tell(worker, letter);
    }
}

/* Those behind `last`; NULL: all. */
static void drop_letters(tm_worker *worker, tm_letter *last)
{
    tm_letter **first = last ? &last->next : &worker->letters;
    while (*first) {
        tm_letter *letter = *first;
        *first = letter->next;
        tm_letter_free(letter);
    }
    worker->last_letter = last;
}

/* After the transaction: events go out, then completions: what a call changed has been told when it
 * completes. */
static void deliver(tm_worker *worker, int32_t failure, const char *text)
{
    while (worker->letters) {
        tm_letter *letter = worker->letters;
        worker->letters = letter->next;
        tm_mailbox_put(worker->client->mailbox, letter);
    }
    worker->last_letter = NULL;
    tm_request *request = worker->finished;
    worker->finished = worker->last_finished = NULL;
    while (request) {
        tm_request *next = request->next;
        if (failure && worker->answering) tm_unsaved_note(worker, request);
        if (failure && !request->keep && !request->code) {
            tm_request_drop_result(request);
            tm_request_fail(request, failure, text);
        }
        tm_worker_finish(worker, request);
        request = next;
    }
}

/* What a transaction asked is not asked when it did not commit: its rows are gone. */
static void drop_asked(tm_worker *worker, const tm_error *failure)
{
    while (worker->asked) {
        tm_op *op = worker->asked;
        tm_request *request = op->owner;
        worker->asked = op->next;
        tm_op_free(op);
        if (--request->outstanding > 0) continue;
        tm_worker_stop_waiting(worker, request);
        tm_request_fail(request, failure->code, failure->text);
        note_finished(worker, request);
    }
    worker->last_asked = NULL;
}

int32_t tm_worker_end_transaction(tm_worker *worker, tm_error *err)
{
    tell_changes(worker);
    int32_t code = tm_store_commit(worker->store, err);
    if (code) {
        drop_asked(worker, err);
        drop_letters(worker, NULL);
    } else if (worker->must_sync) {
        code =
            tm_store_sync(worker->store, err); /* on failure: it is there, but may not be after a power cut */
    }
    worker->must_sync = false;
    deliver(worker, code, err->text);
    return code;
}

/* One step of a request: start, or resume with an answer; false: the store does not even let an answer be looked at. */
static bool step(tm_worker *worker, tm_request *request, tm_op *op)
{
    tm_error err = {0};
    const tm_handler_type *handler = handler_of(request);
    tm_op *asked_before = worker->last_asked;
    tm_letter *told_before = worker->last_letter;
    int outstanding_before = request->outstanding;
    int32_t code = tm_store_savepoint(worker->store, &err);
    if (code && op) return false;
    if (!code) {
        code = op ? handler->resume(worker, request, op, &err) : handler->start(worker, request, &err);
        if (!code) code = tm_store_release(worker->store, &err);
        if (code) tm_store_undo(worker->store);
    }
    if (code) {
        drop_letters(worker, told_before);
        /* what it asked in this step is not asked */
        tm_op *dropped = asked_before ? asked_before->next : worker->asked;
        if (asked_before)
            asked_before->next = NULL;
        else
            worker->asked = NULL;
        worker->last_asked = asked_before;
        while (dropped) {
            tm_op *next = dropped->next;
            tm_op_free(dropped);
            dropped = next;
        }
        request->outstanding = outstanding_before;
        if (op) tm_unsaved_note(worker, request);
        if (request->keep) {
            tm_log_tell(worker->client->log, request->quiet, kTIMLog_Error,
                        "%s is done, but was not stored: %s", tm_call_type_of(request->kind)->c_name,
                        err.text);
        } else {
            tm_request_drop_result(request);
            if (!request->code) tm_request_fail(request, code, err.text);
        }
    }
    if (request->outstanding > 0) {
        tm_worker_wait(worker, request);
    } else {
        tm_worker_stop_waiting(worker, request);
        note_finished(worker, request);
    }
    return true;
}

static void fail_all(tm_worker *worker, tm_request *list, int32_t code, const char *text)
{
    while (list) {
        tm_request *next = list->next;
        tm_request_fail(list, code, text);
        tm_worker_finish(worker, list);
        list = next;
    }
}

/* A run of requests of one class: one transaction. */
static void start_run(tm_worker *worker, tm_request *run, bool synced)
{
    bool quick = handler_of(run)->class == TM_CLASS_LOCAL && !synced;
    tm_error err = {0};
    if (tm_store_begin(worker->store, synced, &err)) {
        fail_all(worker, run, err.code, err.text);
        return;
    }
    while (run) {
        tm_request *request = run;
        run = run->next;
        request->next = NULL;
        request->letter->quick = quick;
        if (atomic_load(&worker->client->stop)) {
            tm_request_fail(request, ERR_USER_CANCELED, "cancelled: the client closes");
            note_finished(worker, request);
            continue;
        }
        step(worker, request, NULL);
    }
    tm_worker_end_transaction(worker, &err);
    tm_worker_pump(worker);
    worker->quick = quick;
}

/* The answers wait: what the backend has done must not be told as failed. */
static void put_back(tm_worker *worker, tm_op *answers, const tm_error *err)
{
    tm_log_write(worker->client->log, kTIMLog_Error, "answers wait for the store: %s", err->text);
    worker->answered = answers;
    for (worker->last_answered = answers; worker->last_answered->next;)
        worker->last_answered = worker->last_answered->next;
    worker->retry_at = tm_world_ms(worker->world) + RETRY_MS;
}

/* False: the store cannot take all of them now. */
static bool handle_answers(tm_worker *worker)
{
    tm_error err = {0};
    tm_op *op = worker->answered;
    worker->answered = worker->last_answered = NULL;
    /* log-in and -out have no store yet, or none any more: their steps manage that themselves */
    while (op && handler_of(op->owner)->class == TM_CLASS_SOLO) {
        tm_op *next = op->next;
        tm_request *request = op->owner;
        request->outstanding--;
        handler_of(request)->resume(worker, request, op, &err);
        tm_op_free(op);
        op = next;
    }
    if (!op) return true;
    if (tm_store_begin(worker->store, false, &err)) {
        put_back(worker, op, &err);
        return false;
    }
    worker->answering = true;
    char *cursor = NULL;
    tm_error later = {0}; /* then it is asked for with the next answers */
    if (worker->backend && !worker->backend->moved(worker->backend, &cursor, &later) && cursor)
        tm_store_set(worker->store, "cursor", cursor, &err);
    tm_free(cursor);
    while (op) {
        tm_op *next = op->next;
        tm_request *request = op->owner;
        request->outstanding--;
        if (!step(worker, request, op)) {
            request->outstanding++;
            break;
        }
        tm_op_free(op);
        op = next;
    }
    if (tm_worker_end_transaction(worker, &err)) /* what else of a batch is under way goes on all the same */
        for (const tm_request *request = worker->waiting; request; request = request->next)
            tm_unsaved_note_done(worker, request);
    worker->answering = false;
    if (!op) return true;
    /* an earlier step's failure undid all, which was told with the end of the transaction */
    put_back(worker, op, &err);
    return false;
}

void tm_worker_pump(tm_worker *worker)
{
    while (worker->asked || worker->answered) {
        tm_op *op = worker->asked;
        worker->asked = worker->last_asked = NULL;
        while (op) {
            tm_op *next = op->next;
            op->next = NULL;
            worker->backend->submit(worker->backend, op);
            op = next;
        }
        if (worker->backend) worker->backend->flush(worker->backend);
        if (worker->answered && !handle_answers(worker)) return;
    }
}

/* ---- a list of requests ---- */

static int weight_of(const tm_request *request)
{
    if (request->kind != TM_CALL_BATCH_SEND) return 1;
    return cJSON_GetArraySize(tm_json_get(request->args.json, kTIMMsgBatchSendParamIdentifierArray));
}

/* Takes the first requests of one class off the list. */
static tm_request *take_run(tm_request **list, tm_class *class, bool *synced)
{
    tm_request *run = *list, *last = run;
    *class = handler_of(run)->class;
    *synced = handler_of(run)->synced;
    int weight = weight_of(run);
    while (*class != TM_CLASS_SOLO && last->next) {
        const tm_handler_type *handler = handler_of(last->next);
        if (handler->class != *class || last->next->refused) break;
        weight += weight_of(last->next);
        if (weight > MAX_RUN) break;
        *synced |= handler->synced;
        last = last->next;
    }
    *list = last->next;
    last->next = NULL;
    return run;
}

void tm_worker_handle(tm_worker *worker, tm_request *list)
{
    while (list) {
        tm_class class;
        bool synced;
        tm_request *refused = list->refused || list->code ? list : NULL;
        if (refused) {
            list = refused->next;
            if (!refused->code)
                tm_request_fail(refused, ERR_SDK_NET_REQ_COUNT_LIMIT,
                                "more than 10000 operations are under way");
            tm_worker_finish(worker, refused);
            continue;
        }
        tm_request *run = take_run(&list, &class, &synced);
        if (atomic_load(&worker->client->stop)) {
            fail_all(worker, run, ERR_USER_CANCELED, "cancelled: the client closes");
        } else if (class == TM_CLASS_SOLO) {
            tm_error err = {0};
            int32_t code = handler_of(run)->start(worker, run, &err);
            if (code) {
                tm_request_fail(run, code, err.text);
                tm_worker_finish(worker, run);
            }
            tm_worker_pump(worker);
        } else if (!worker->store) {
            fail_all(worker, run, ERR_USER_CANCELED, "cancelled: logged out");
        } else {
            start_run(worker, run, synced);
        }
    }
}

/* Session: logging in and out, and settling what an earlier life left (rule 15). See worker.h. */
#include "worker.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "line.h"

#include <stdio.h>
#include <string.h>

/* How many messages of an earlier life are settled in one go (rule 15). */
#define SETTLE_AT_ONCE 100

enum { STEP_LOGIN, STEP_SETTLE };

static void tell_network(tm_worker *worker, enum TIMNetworkStatus status, int32_t code, const char *text)
{
    if (!tm_worker_wanted(worker, TM_LETTER_NETWORK_STATUS)) return;
    tm_letter *letter = tm_letter_new(TM_LETTER_NETWORK_STATUS, text, NULL);
    if (!letter) return;
    letter->event = (int32_t)status;
    letter->code = code;
    tm_mailbox_put(worker->client->mailbox, letter);
}

/* ---- what the backend asks of its host ---- */

static void answer(void *argument, tm_op *op)
{
    tm_worker_answer(argument, op);
}

static void online(void *argument, tm_event *event)
{
    tm_incoming_online(argument, event);
}

static tm_media *media(void *argument, tm_error *err)
{
    return tm_worker_media(argument, err);
}

static uint64_t transfer(void *argument, tm_op *op)
{
    return tm_job_add(argument, op, op->owner);
}

static void no_transfer(void *argument, uint64_t id)
{
    tm_job_forget(argument, id);
}

static void network(void *argument, bool up, bool kicked, const tm_error *err)
{
    tm_worker *worker = argument;
    tell_network(worker, up ? kTIMConnected : kTIMDisconnected, up ? 0 : err->code, up ? "" : err->text);
    worker->kicked |= kicked;
}

/* ---- ending ---- */

static void free_ops(tm_op *list)
{
    while (list) {
        tm_op *next = list->next;
        tm_op_free(list);
        list = next;
    }
}

/* Closes what a log-in opened. */
static void close_session(tm_worker *worker)
{
    tm_job_cancel_all(worker);
    tm_unsaved_drop(worker);
    if (worker->backend) worker->backend->close(worker->backend);
    free_ops(worker->asked);
    free_ops(worker->answered);
    worker->asked = worker->last_asked = worker->answered = worker->last_answered = NULL;
    tm_store_close(worker->store);
    worker->backend = NULL;
    worker->store = NULL;
    worker->online = worker->more_events = worker->kicked = false;
    worker->retry_at = 0;
    worker->user[0] = '\0';
}

void tm_worker_end_session(tm_worker *worker)
{
    bool was_online = worker->online;
    close_session(worker);
    while (worker->waiting) {
        tm_request *request = worker->waiting;
        worker->waiting = request->next;
        request->waits = false;
        request->outstanding = 0;
        cJSON_Delete(request->result);
        request->result = NULL;
        tm_request_fail(request, ERR_USER_CANCELED, "cancelled: logged out");
        tm_worker_finish(worker, request);
    }
    if (was_online) tell_network(worker, kTIMDisconnected, 0, "");
}

static void login_failed(tm_worker *worker, tm_request *request, const tm_error *err)
{
    close_session(worker);
    tm_client_end_login(worker->client, request, false);
    tm_request_fail(request, err->code < 0 ? ERR_INIT_CORE_FAIL : err->code, err->text);
    tm_worker_finish(worker, request);
}

/* The log-in that is under way, NULL if none is. */
static tm_request *find_login(const tm_worker *worker)
{
    tm_request *request = worker->waiting;
    while (request && request->kind != TM_CALL_LOGIN)
        request = request->next;
    return request;
}

void tm_worker_kicked(tm_worker *worker)
{
    tm_request *login = find_login(worker);
    if (login) { /* its session had begun, but what an earlier life left was not settled yet */
        tm_error err;
        tm_fail(&err, ERR_LOGIN_KICKED_OFF_BY_OTHER, "another session has taken this one's place meanwhile");
        tm_worker_stop_waiting(worker, login);
        login->outstanding = 0;
        login_failed(worker, login, &err);
        return;
    }
    worker->online = false; /* that the connection is down was told */
    tm_worker_end_session(worker);
    tm_client_set_session(worker->client, TM_SESSION_IN, TM_SESSION_OUT);
    if (tm_worker_wanted(worker, TM_LETTER_KICKED_OFFLINE)) {
        tm_letter *letter = tm_letter_new(TM_LETTER_KICKED_OFFLINE, NULL, NULL);
        if (letter) tm_mailbox_put(worker->client->mailbox, letter);
    }
}

static int32_t start_logout(tm_worker *worker, tm_request *request, tm_error *err)
{
    (void)err;
    tm_worker_end_session(worker);
    tm_log_tell(worker->client->log, request->quiet, kTIMLog_Info, "logged out");
    tm_client_set_session(worker->client, TM_SESSION_LOGGING_OUT, TM_SESSION_OUT);
    tm_worker_finish(worker, request);
    return 0;
}

const tm_handler_type tm_handle_logout = {.class = TM_CLASS_SOLO, .start = start_logout};

/* ---- logging in ---- */

/* Rule 26: a report counts what was here when it was called. */
static int32_t note_what_is_here(tm_worker *worker, tm_error *err)
{
    tm_position last;
    int32_t code = tm_store_last_unread(worker->store, &last, err);
    atomic_store(&worker->client->heard, last);
    return code;
}

static void login_done(tm_worker *worker, tm_request *request)
{
    worker->online = worker->more_events = true;
    tm_log_tell(worker->client->log, request->quiet, kTIMLog_Info, "logged in");
    tm_client_end_login(worker->client, request, true);
    tell_network(worker, kTIMConnected, 0, "");
    tm_worker_finish(worker, request);
}

/* The device's name, made when the store is new. Owned by the caller. */
static char *device_name(tm_store *store, tm_world *world, tm_error *err)
{
    char *name = tm_store_get(store, "device", err);
    if (!name || *name) return name;
    tm_free(name);
    name = tm_format("%08llx%08llx%08llx", (unsigned long long)tm_world_random(world),
                     (unsigned long long)tm_world_random(world), (unsigned long long)tm_world_random(world));
    if (!name) {
        tm_fail_memory(err);
        return NULL;
    }
    if (!tm_store_begin(store, true, err) && !tm_store_set(store, "device", name, err) &&
        !tm_store_commit(store, err))
        return name;
    tm_store_rollback(store);
    tm_free(name);
    return NULL;
}

static int32_t open_session(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_client *client = worker->client;
    worker->store = tm_store_open(client->directory, worker->user, &client->stop, worker->world, err);
    if (!worker->store) return err->code;
    tm_backend_host host = {.worker = worker,
                            .answer = answer,
                            .online = online,
                            .media = media,
                            .transfer = transfer,
                            .no_transfer = no_transfer,
                            .network = network,
                            .directory = client->directory,
                            .log = client->log,
                            .world = worker->world,
                            .actor = &worker->actor,
                            .stop = &client->stop,
                            .timeout_ms = client->timeout_ms,
                            .revoke_window_s = client->revoke_window_s};
    worker->backend = worker->world ? tm_line_open(client->server, &host, client, err)
                                    : tm_backend_open(client->server, &host, err);
    if (!worker->backend) return err->code;
    char *device = device_name(worker->store, worker->world, err);
    char *cursor = device ? tm_store_get(worker->store, "cursor", err) : NULL;
    uint32_t unsettled = cursor ? tm_store_sending_count(worker->store, err) : 0;
    tm_op *op = cursor && !err->code ? tm_worker_ask(worker, request, TM_OP_LOGIN, err) : NULL;
    if (!op) {
        tm_free(device);
        tm_free(cursor);
        return err->code;
    }
    /* the operation borrows: the request keeps them */
    tm_message_clear(&request->message);
    request->message.conv_id = device;
    request->message.sender = cursor;
    op->text = worker->user;
    op->second = request->args.second_text ? request->args.second_text : "";
    op->third = device;
    op->cursor = cursor;
    op->want = unsettled;
    return 0;
}

static int32_t start_login(tm_worker *worker, tm_request *request, tm_error *err)
{
    if (request->again) { /* others were answered on the caller's thread */
        if (!worker->online)
            tm_request_fail(request, ERR_LOGIN_KICKED_OFF_BY_OTHER,
                            "another session has taken this one's place meanwhile");
        tm_worker_finish(worker, request);
        return 0;
    }
    if (!tm_valid_user(request->args.first_text)) {
        tm_fail(err, ERR_SDK_COMM_INVALID_IDENTIFIER, "user_id: expected 1 to %d characters from space to ~",
                TM_MAX_USER_ID);
        login_failed(worker, request, err);
        return 0;
    }
    snprintf(worker->user, sizeof worker->user, "%s", request->args.first_text);
    worker->rand_counter = (uint32_t)tm_world_random(worker->world);
    request->step = STEP_LOGIN;
    if (open_session(worker, request, err))
        login_failed(worker, request, err);
    else
        tm_worker_wait(worker, request);
    return 0;
}

/* Rule 15: asks the backend about messages that an earlier life left in state 1. Each becomes a sending of
 * the request. When there are none left the log-in is done. */
static int32_t ask_about_unsettled(tm_worker *worker, tm_request *request, tm_error *err)
{
    int64_t ids[SETTLE_AT_ONCE];
    tm_sendings_free(request);
    int count = tm_store_sending(worker->store, ids, SETTLE_AT_ONCE, err);
    if (count < 0) return err->code;
    request->step = STEP_SETTLE;
    if (count && !(request->sendings = tm_calloc((size_t)count, sizeof *request->sendings)))
        return tm_fail_memory(err);
    for (int i = 0; i < count; i++) {
        tm_conv conv;
        tm_stored stored;
        int32_t code = tm_store_load(worker->store, ids[i], &conv, &stored, err);
        if (code) return code;
        tm_sending *sending = &request->sendings[request->sending_count++];
        sending->row = ids[i];
        sending->message = stored.message;
        tm_op *op = tm_worker_ask(worker, request, TM_OP_SETTLE, err);
        if (!op) return err->code;
        op->message = &sending->message;
        op->slot = i;
    }
    return 0;
}

static int32_t settle(tm_worker *worker, tm_sending *sending, const tm_op *op, tm_error *err)
{
    tm_conv conv;
    tm_message *message = &sending->message;
    int32_t code = tm_store_conv(worker->store, message->conv_type, message->conv_id, true, &conv, err);
    if (code) return code;
    if (!op->found) return tm_store_set_status(worker->store, &conv, sending->row, kTIMMsg_SendFail, err);
    bool found;
    return tm_store_accept(worker->store, &conv, sending->row, message, op->server_time, op->seq,
                           op->position, &found, err);
}

/* A cursor begins with the name of what it is a cursor of. */
static bool same_backend(const char *cursor, const char *other)
{
    size_t length = strcspn(cursor, " ");
    return !*other || (strncmp(cursor, other, length) == 0 && other[length] == ' ');
}

/* The log-in was answered: keeps where the device stands. `before`: where it stood. */
static int32_t keep_cursor(tm_worker *worker, const char *before, tm_error *err)
{
    char *cursor;
    int32_t code = worker->backend->moved(worker->backend, &cursor, err);
    if (code || !cursor) return code;
    /* The first one is synced: to a device without any the backend gives only what no device of the user has fetched,
     * and what this one fetches could be lost by then with a power cut. */
    code = tm_store_begin(worker->store, !*before || !same_backend(cursor, before), err);
    if (!code && !same_backend(cursor, before)) code = tm_store_forget_backend(worker->store, err);
    if (!code && !(code = tm_store_set(worker->store, "cursor", cursor, err)))
        code = tm_store_commit(worker->store, err);
    if (code) tm_store_rollback(worker->store);
    tm_free(cursor);
    return code;
}

static int32_t resume_login(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err)
{
    int32_t code = 0;
    memset(err, 0, sizeof *err); /* it may hold the failure of another answer of this flush */
    if (request->step == STEP_LOGIN) {
        code = op->error.code ? tm_fail(err, op->error.code, "%s", op->error.text)
                              : keep_cursor(worker, op->cursor, err);
    } else if (!op->error.code && !(code = tm_store_begin(worker->store, false, err))) {
        code = settle(worker, &request->sendings[op->slot], op, err);
        if (code)
            tm_store_rollback(worker->store);
        else
            code = tm_worker_end_transaction(worker, err);
    } /* else the backend could not tell: it stays as it is until the next log-in */
    bool unsure = request->step == STEP_SETTLE && op->error.code;
    if (!code && !request->outstanding && !unsure) code = ask_about_unsettled(worker, request, err);
    if (code && request->outstanding) {
        tm_log_write(worker->client->log, kTIMLog_Error,
                     "a message of an earlier session was not settled: %s", err->text);
        return 0;
    }
    if (request->outstanding) return 0;
    tm_worker_stop_waiting(worker, request);
    if (!code) code = note_what_is_here(worker, err);
    if (code)
        login_failed(worker, request, err);
    else
        login_done(worker, request);
    return 0;
}

static void forget_login(tm_worker *worker, tm_request *request)
{
    (void)worker;
    tm_sendings_free(request);
}

const tm_handler_type tm_handle_login = {
    .class = TM_CLASS_SOLO, .start = start_login, .resume = resume_login, .cancel = forget_login};

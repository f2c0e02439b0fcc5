/* Client: the handle, the checks of a call on the caller's thread, and the queue to the worker. See
 * client.h. */
#include "client_internal.h"

#include "attachment.h"
#include "backend.h"
#include "call_check.h"
#include "fault.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "locator.h"
#include "path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_DIRECTORY "timmsg"
#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_REVOKE_WINDOW_S 120
/* A host that does not poll must not make the log grow in memory. */
#define MAX_LOG_LETTERS_WAITING 1000

void tm_args_free(tm_args *args)
{
    tm_free(args->conv_id);
    tm_free(args->first_text);
    tm_free(args->second_text);
    tm_free(args->here);
    cJSON_Delete(args->json);
    tm_messages_free(args->messages);
    memset(args, 0, sizeof *args);
}

void tm_request_drop_result(tm_request *request)
{
    cJSON_Delete(request->result);
    tm_messages_free(request->messages);
    request->result = NULL;
    request->messages = NULL;
}

static void request_free(tm_request *request)
{
    if (!request) return;
    tm_args_free(&request->args);
    tm_letter_free(request->letter);
    tm_request_drop_result(request);
    cJSON_Delete(request->elems);
    tm_message_clear(&request->message);
    tm_free(request->desc);
    tm_free(request);
}

/* ---- what the worker needs of the handle ---- */

void tm_request_complete(tm_client *client, tm_request *request)
{
    tm_letter *letter = request->letter;
    request->letter = NULL;
    letter->code = request->code;
    if (request->desc) {
        tm_free(letter->desc);
        letter->desc = request->desc;
        request->desc = NULL;
    }
    letter->json = request->result;
    letter->messages = request->messages;
    request->result = NULL;
    request->messages = NULL;
    tm_mailbox_put(client->mailbox, letter);
    request_free(request); /* the arguments of a large import take a while */
}

void tm_client_take(tm_client *client, tm_request **requests, tm_report **reports)
{
    pthread_mutex_lock(&client->lock);
    *requests = client->first;
    client->first = client->last = NULL;
    atomic_store(&client->called, false);
    *reports = client->first_report;
    client->first_report = client->last_report = NULL;
    client->asleep = client->drained = false;
    pthread_mutex_unlock(&client->lock);
}

bool tm_client_sleep(tm_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool idle = !client->first && !client->first_report && !client->drained && !atomic_load(&client->stop);
    client->asleep = idle;
    pthread_mutex_unlock(&client->lock);
    return idle;
}

void tm_client_wake_worker(tm_client *client)
{
    if (client->world) {
        if (client->worker) tm_worker_wake(client->worker);
        return;
    }
    if (!client->asleep) return;
    client->asleep = false;
    tm_wake_signal(&client->wake);
}

void tm_client_notify(tm_client *client, tm_report *report)
{
    pthread_mutex_lock(&client->lock);
    if (report) {
        report->next = NULL;
        if (client->last_report)
            client->last_report->next = report;
        else
            client->first_report = report;
        client->last_report = report;
    } else {
        client->drained = true;
    }
    tm_client_wake_worker(client);
    pthread_mutex_unlock(&client->lock);
}

/* The lock is held. */
static void move_session(tm_client *client, tm_session from, tm_session to)
{
    if (client->session != from) return;
    client->session = to;
    if (to == TM_SESSION_OUT) client->user[0] = '\0';
}

void tm_client_set_session(tm_client *client, tm_session from, tm_session to)
{
    pthread_mutex_lock(&client->lock);
    move_session(client, from, to);
    pthread_mutex_unlock(&client->lock);
}

void tm_client_end_login(tm_client *client, const tm_request *request, bool is_in)
{
    pthread_mutex_lock(&client->lock);
    if (request->login == client->logins)
        move_session(client, TM_SESSION_LOGGING_IN, is_in ? TM_SESSION_IN : TM_SESSION_OUT);
    pthread_mutex_unlock(&client->lock);
}

void tm_client_user(tm_client *client, char out[TM_USER_ID_SIZE])
{
    pthread_mutex_lock(&client->lock);
    snprintf(out, TM_USER_ID_SIZE, "%s", client->session == TM_SESSION_IN ? client->user : "");
    pthread_mutex_unlock(&client->lock);
}

void tm_client_want(tm_client *client, unsigned letter_bits)
{
    atomic_store(&client->want, letter_bits);
}

/* ---- making and ending ---- */

static void log_letter(void *userdata, enum TIMLogLevel level, const char *text)
{
    tm_client *client = userdata;
    if (!(atomic_load(&client->want) & 1u << TM_LETTER_LOG)) return;
    if (tm_mailbox_events(client->mailbox) > TM_MAX_EVENTS_AHEAD + MAX_LOG_LETTERS_WAITING) return;
    tm_letter *letter = tm_letter_new(TM_LETTER_LOG, text, NULL);
    if (!letter) return;
    letter->event = (int32_t)level;
    tm_mailbox_put(client->mailbox, letter);
}

static void on_drained(void *userdata)
{
    tm_client_notify(userdata, NULL);
}

static int32_t read_config(tm_client *client, const cJSON *config, tm_error *err)
{
    const char *directory = tm_json_get_string(config, kTIMSdkConfigConfigFilePath, "");
    const char *server = tm_json_get_string(config, kTIMSdkConfigServer, "");
    client->directory = tm_strdup(*directory ? directory : DEFAULT_DIRECTORY);
    if (*server)
        client->server = tm_strdup(server);
    else
        client->server = client->directory ? tm_format("hub:%s/hub", client->directory) : NULL;
    if (!client->directory || !client->server) return tm_fail_memory(err);
    client->timeout_ms =
        (uint32_t)tm_json_get_uint(config, kTIMSdkConfigRequestTimeoutMs, DEFAULT_TIMEOUT_MS);
    client->revoke_window_s =
        (uint32_t)tm_json_get_uint(config, kTIMSdkConfigRevokeWindowS, DEFAULT_REVOKE_WINDOW_S);
    if (client->timeout_ms == 0)
        return tm_fail(err, TIM_ERR_PARAM, "%s: out of range (1 to 4294967295)",
                       kTIMSdkConfigRequestTimeoutMs);
    if (client->world && strncmp(client->server, "hub:", 4) != 0)
        return tm_fail(err, TIM_ERR_PARAM, "%s: in a test there are only hubs", kTIMSdkConfigServer);
    return tm_backend_check(client->server, err);
}

static int32_t make_directory(tm_client *client, tm_error *err)
{
    if (tm_path_make_directory(client->directory, err)) {
        tm_error_prefix(err, ": ");
        tm_error_prefix(err, kTIMSdkConfigConfigFilePath);
        err->code = TIM_ERR_PARAM;
        return TIM_ERR_PARAM;
    }
    if (access(client->directory, R_OK | W_OK | X_OK))
        return tm_fail(err, TIM_ERR_PARAM, "%s: cannot write in %s", kTIMSdkConfigConfigFilePath,
                       client->directory);
    return 0;
}

/* Takes `fixed` for `*text`; NULL is a failure, which `err` tells. */
static int32_t take_fixed(char **text, char *fixed, const char *key, tm_error *err)
{
    if (!fixed) {
        tm_error_prefix(err, ": ");
        tm_error_prefix(err, key);
        return err->code;
    }
    tm_free(*text);
    *text = fixed;
    return 0;
}

/* The host may change its working directory. After the directory was made, so that what is told of that names what the
 * caller gave. */
static int32_t fix_paths(tm_client *client, tm_error *err)
{
    int32_t code = take_fixed(&client->directory, tm_path_absolute(client->directory, err),
                              kTIMSdkConfigConfigFilePath, err);
    return code ? code
                : take_fixed(&client->server, tm_backend_absolute(client->server, err), kTIMSdkConfigServer,
                             err);
}

static void client_destroy(tm_client *client)
{
    tm_wake_close(&client->wake);
    tm_fault_free_all(client);
    tm_world_release(client->world);
    pthread_mutex_destroy(&client->lock);
    tm_log_free(client->log);
    tm_free(client->directory);
    tm_free(client->server);
    tm_free(client->proxy);
    tm_free(client);
}

static int32_t start_thread(tm_client *client, tm_error *err)
{
    if (pthread_create(&client->thread, NULL, tm_worker_main, client))
        return tm_fail(err, TIM_ERR_PARAM, "cannot start a thread");
    return 0;
}

/* In a test world nobody has directories, descriptors or a thread. */
static int32_t start_worker(tm_client *client, tm_error *err)
{
    return (client->worker = tm_worker_new(client, err)) ? 0 : err->code;
}

int32_t tm_client_new(const cJSON *config, int index_base, tm_mailbox *mailbox, tm_world *world,
                      tm_client **out, tm_error *err)
{
    *out = NULL;
    int32_t code =
        config ? tm_schema_check(&tm_schema_sdk_config, false, TM_CHECK_PLAIN, config, index_base, err) : 0;
    if (code) return code;
    tm_client *client = tm_calloc(1, sizeof *client);
    if (!client) {
        tm_fail_memory(err);
        return TIM_ERR_PARAM;
    }
    client->index_base = index_base;
    client->mailbox = mailbox;
    client->world = world ? tm_world_hold(world) : NULL;
    client->wake.read_fd = client->wake.write_fd = -1;
    pthread_mutex_init(&client->lock, NULL);
    const char *log_directory = tm_json_get_string(config, kTIMSdkConfigLogFilePath, NULL);
    if (read_config(client, config, err) ||
        (!world &&
         (make_directory(client, err) || fix_paths(client, err) || tm_wake_open(&client->wake, err))) ||
        !(client->log =
              tm_log_new(log_directory && *log_directory ? log_directory : NULL, log_letter, client, err)))
        goto fail;
    tm_mailbox_on_drained(mailbox, TM_MAX_EVENTS_AHEAD / 2, on_drained, client);
    if (world ? start_worker(client, err) : start_thread(client, err)) {
        tm_mailbox_on_drained(mailbox, 0, NULL, NULL);
        goto fail;
    }
    *out = client;
    return 0;
fail:
    client_destroy(client);
    return err->code < 0 ? err->code : TIM_ERR_PARAM;
}

void tm_client_close(tm_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool first = !client->closed;
    client->closed = true;
    client->session = TM_SESSION_OUT;
    client->user[0] = '\0';
    atomic_store(&client->stop, true);
    client->asleep = true; /* whatever it waits for, it must look */
    tm_client_wake_worker(client);
    pthread_mutex_unlock(&client->lock);
    if (!first) return;
    if (client->world) {
        tm_worker_free(client->worker);
        client->worker = NULL;
    } else {
        pthread_join(client->thread, NULL);
    }
    tm_mailbox_on_drained(client->mailbox, 0, NULL, NULL);
}

void tm_client_free(tm_client *client)
{
    if (!client) return;
    tm_client_close(client);
    client_destroy(client);
}

bool tm_client_pump(tm_client *client)
{
    if (client->world) tm_world_pump(client->world);
    return client->world != NULL;
}

/* ---- the checks of a call (rule 1) ---- */

static int32_t check_state(const tm_client *client, tm_call_kind kind, tm_error *err)
{
    if (client->closed) return tm_fail(err, TIM_ERR_SDKUNINIT, "the client is closed");
    if (!tm_call_type_of(kind)->needs_login || client->session == TM_SESSION_IN) return 0;
    /* a server may keep a log-in waiting for ever */
    if (kind == TM_CALL_LOGOUT && client->session == TM_SESSION_LOGGING_IN) return 0;
    return tm_fail(err, TIM_ERR_NOTLOGIN, "nobody is logged in");
}

int32_t tm_client_check_ready(tm_client *client, tm_call_kind kind, tm_error *err)
{
    pthread_mutex_lock(&client->lock);
    int32_t code = check_state(client, kind, err);
    pthread_mutex_unlock(&client->lock);
    return code;
}

/* ---- calling ---- */

/* The session as the caller sees it moves with the call, not with the worker (rule 8). The lock is held. */
static void enter_session(tm_client *client, tm_request *request)
{
    if (request->kind == TM_CALL_LOGOUT) client->session = TM_SESSION_LOGGING_OUT;
    if (request->kind != TM_CALL_LOGIN) return;
    bool free_to = client->session == TM_SESSION_OUT || client->session == TM_SESSION_LOGGING_OUT;
    if (free_to) {
        client->session = TM_SESSION_LOGGING_IN;
        request->login = ++client->logins;
        /* an id that is too long is refused by the worker: its cut form names nobody */
        snprintf(client->user, sizeof client->user, "%s", request->args.first_text);
    } else if (client->session == TM_SESSION_LOGGING_IN ||
               strcmp(client->user, request->args.first_text) != 0) {
        request->code = ERR_IN_PROGESS;
        request->desc = tm_strdup(client->session == TM_SESSION_IN ? "another user is logged in"
                                                                   : "a login is under way");
    } else {
        request->again = true;
    }
}

static void enqueue(tm_client *client, tm_request *request)
{
    request->next = NULL;
    request->heard = atomic_load(&client->heard);
    if (client->last)
        client->last->next = request;
    else
        client->first = request;
    client->last = request;
    atomic_store(&client->called, true);
    tm_client_wake_worker(client);
}

int32_t tm_client_refuse(tm_client *client, tm_call_kind kind, bool quiet, int32_t code, const tm_error *err)
{
    tm_log_tell(client->log, quiet, kTIMLog_Error, "%s refused (%d): %s", tm_call_type_of(kind)->c_name,
                (int)code, err->text);
    return code;
}

/* The elements of the message that a call sends, NULL if it sends none. */
static const cJSON *elems_to_send(tm_call_kind kind, const tm_args *args)
{
    const cJSON *message = kind == TM_CALL_SEND_NEW_MSG ? args->json
                           : kind == TM_CALL_BATCH_SEND ? tm_json_get(args->json, kTIMMsgBatchSendParamMsg)
                                                        : NULL;
    return message ? tm_json_get(message, kTIMMsgElemArray) : NULL;
}

/* Paths count from the working directory that the process has now: the host may change it before their turn comes. Where that
 * is none any more they lead nowhere, as whatever is below a device. */
static int32_t keep_place(tm_call_kind kind, tm_args *args, tm_error *err)
{
    tm_error local = {0};
    bool downloads = kind == TM_CALL_DOWNLOAD_ELEM_TO_PATH && *args->first_text != '/';
    if (!downloads && !tm_attachment_any_relative(elems_to_send(kind, args))) return 0;
    const char *path = downloads ? args->first_text : "";
    char *whole = tm_path_absolute(path, &local);
    if (!whole && local.code != ERR_OUT_OF_MEMORY) whole = tm_path_join("/dev/null", path);
    if (!whole) {
        tm_fail_memory(err);
        return TIM_ERR_PARAM;
    }
    if (downloads) {
        tm_free(args->first_text);
        args->first_text = whole;
    } else {
        args->here = whole;
    }
    return 0;
}

int32_t tm_client_call(tm_client *client, tm_call_kind kind, tm_args *args, void *token, tm_error *err)
{
    tm_error local = {0};
    bool quiet = args->quiet;
    int32_t code = tm_client_check_ready(client, kind, &local);
    if (!code) code = tm_locators_accept(kind, client->index_base, &args->json, &local);
    if (!code) code = tm_check_args(kind, args, client->index_base, &local);
    if (!code) code = keep_place(kind, args, &local);
    tm_request *request = code ? NULL : tm_calloc(1, sizeof *request);
    if (!code && (!request || !(request->letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL)))) {
        tm_fail_memory(&local);
        code = TIM_ERR_PARAM;
    }
    if (code) {
        if (err) *err = local;
        tm_free(request);
        tm_args_free(args);
        return tm_client_refuse(client, kind, quiet, code, &local);
    }
    request->kind = kind;
    request->args = *args;
    request->quiet = quiet;
    memset(args, 0, sizeof *args);
    request->letter->token = token;
    size_t in_flight = tm_mailbox_expect(client->mailbox, request->letter);
    if (in_flight >= TM_MAX_IN_FLIGHT && kind != TM_CALL_LOGIN && kind != TM_CALL_LOGOUT) {
        tm_args_free(&request->args); /* rule 43: the payload is not kept */
        request->refused = true;
    }
    pthread_mutex_lock(&client->lock);
    code = check_state(client, kind, &local); /* it may have changed while the arguments were checked */
    if (!code) {
        enter_session(client, request);
        enqueue(client, request);
    }
    pthread_mutex_unlock(&client->lock);
    if (!code) return 0;
    tm_mailbox_unexpect(client->mailbox, request->letter);
    request_free(request);
    if (err) *err = local;
    return tm_client_refuse(client, kind, quiet, code, &local);
}

void tm_client_drop_download(tm_client *client, void *token)
{
    tm_request *request = tm_calloc(1, sizeof *request);
    /* nobody's: the host skips it */
    if (request) request->letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL);
    if (request && request->letter) {
        request->kind = TM_CALL_DOWNLOAD_ELEM_TO_PATH;
        request->quiet = true;
        request->drops = token;
        pthread_mutex_lock(&client->lock);
        bool closed = client->closed;
        if (!closed) enqueue(client, request);
        pthread_mutex_unlock(&client->lock);
        if (!closed) return;
    }
    request_free(request);
}

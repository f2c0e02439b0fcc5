/* Client: the handle, the checks of a call on the caller's thread, and the queue to the worker. See client.h.
 */
#include "client_internal.h"

#include "backend.h"
#include "ids.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "path.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_DIRECTORY "timmsg"
#define DEFAULT_TIMEOUT_MS 30000
#define DEFAULT_REVOKE_WINDOW_S 120
#define MAX_LOCATORS 1000
#define MAX_BATCH 500
#define MAX_PAGE 1000
/* A host that does not poll must not make the log grow in memory. */
#define MAX_LOG_LETTERS_WAITING 1000

void tm_args_free(tm_args *args)
{
    tm_free(args->conv_id);
    tm_free(args->first_text);
    tm_free(args->second_text);
    cJSON_Delete(args->json);
    memset(args, 0, sizeof *args);
}

static void request_free(tm_request *request)
{
    if (!request) return;
    tm_args_free(&request->args);
    tm_letter_free(request->letter);
    cJSON_Delete(request->result);
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
    request->result = NULL;
    request_free(request);
    tm_mailbox_put(client->mailbox, letter);
    atomic_fetch_sub(&client->in_flight, 1);
}

void tm_client_take(tm_client *client, tm_request **requests, tm_report **reports)
{
    pthread_mutex_lock(&client->lock);
    *requests = client->first;
    client->first = client->last = NULL;
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

/* Signals only when the worker sleeps: a burst of calls costs one wake-up. The lock is held. */
static void wake_worker(tm_client *client)
{
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
    wake_worker(client);
    pthread_mutex_unlock(&client->lock);
}

void tm_client_set_session(tm_client *client, tm_session from, tm_session to)
{
    pthread_mutex_lock(&client->lock);
    if (client->session == from) {
        client->session = to;
        if (to == TM_SESSION_OUT) client->user[0] = '\0';
    }
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

static void client_destroy(tm_client *client)
{
    tm_wake_close(&client->wake);
    pthread_mutex_destroy(&client->lock);
    tm_log_free(client->log);
    tm_free(client->directory);
    tm_free(client->server);
    tm_free(client->proxy);
    tm_free(client);
}

int32_t tm_client_new(uint64_t sdk_app_id, const cJSON *config, int index_base, tm_mailbox *mailbox,
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
    client->sdk_app_id = sdk_app_id;
    client->index_base = index_base;
    client->mailbox = mailbox;
    client->wake.read_fd = client->wake.write_fd = -1;
    pthread_mutex_init(&client->lock, NULL);
    const char *log_directory = tm_json_get_string(config, kTIMSdkConfigLogFilePath, NULL);
    if (read_config(client, config, err) || make_directory(client, err) || tm_wake_open(&client->wake, err) ||
        !(client->log =
              tm_log_new(log_directory && *log_directory ? log_directory : NULL, log_letter, client, err)))
        goto fail;
    tm_mailbox_on_drained(mailbox, TM_MAX_EVENTS_AHEAD / 2, on_drained, client);
    if (pthread_create(&client->thread, NULL, tm_worker_main, client)) {
        tm_mailbox_on_drained(mailbox, 0, NULL, NULL);
        tm_fail(err, TIM_ERR_PARAM, "cannot start a thread");
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
    wake_worker(client);
    pthread_mutex_unlock(&client->lock);
    if (!first) return;
    pthread_join(client->thread, NULL);
    tm_mailbox_on_drained(client->mailbox, 0, NULL, NULL);
}

void tm_client_free(tm_client *client)
{
    if (!client) return;
    tm_client_close(client);
    client_destroy(client);
}

/* ---- the checks of a call (rule 1) ---- */

static int32_t check_state(const tm_client *client, const tm_call_type *type, tm_error *err)
{
    if (client->closed) return tm_fail(err, TIM_ERR_SDKUNINIT, "the client is closed");
    if (type->needs_login && client->session != TM_SESSION_IN)
        return tm_fail(err, TIM_ERR_NOTLOGIN, "nobody is logged in");
    return 0;
}

int32_t tm_client_check_ready(tm_client *client, tm_call_kind kind, tm_error *err)
{
    pthread_mutex_lock(&client->lock);
    int32_t code = check_state(client, tm_call_type_of(kind), err);
    pthread_mutex_unlock(&client->lock);
    return code;
}

static int32_t check_conv(const tm_args *args, tm_error *err)
{
    if (args->conv_type != kTIMConv_C2C && args->conv_type != kTIMConv_Group)
        return tm_fail(err, TIM_ERR_CONV, "conv_type: %d is neither C2C (1) nor Group (2)",
                       (int)args->conv_type);
    if (!args->conv_id) return tm_fail(err, TIM_ERR_PARAM, "conv_id: null");
    if (!tm_valid_conv(args->conv_type, args->conv_id))
        return tm_fail(err, TIM_ERR_CONV, "conv_id: expected 1 to %d characters from space to ~",
                       args->conv_type == kTIMConv_C2C ? TM_MAX_USER_ID : TM_MAX_GROUP_ID);
    return 0;
}

static int32_t check_group_id(const char *name, const char *id, tm_error *err)
{
    if (!id || !*id) return tm_fail(err, TIM_ERR_PARAM, "%s: empty", name);
    if (!tm_valid_group(id))
        return tm_fail(err, TIM_ERR_GROUP, "%s: expected 1 to %d characters from space to ~", name,
                       TM_MAX_GROUP_ID);
    return 0;
}

static int32_t check_user_id(const char *path, int index, const char *id, tm_error *err)
{
    if (tm_valid_user(id)) return 0;
    return tm_fail(err, TIM_ERR_CONV, "%s[%d]: expected 1 to %d characters from space to ~", path, index,
                   TM_MAX_USER_ID);
}

static int32_t check_each_user_id(const tm_client *client, const cJSON *json, const char *key, tm_error *err)
{
    const cJSON *id;
    int index = client->index_base;
    cJSON_ArrayForEach(id, tm_json_get(json, key))
    {
        int32_t code = check_user_id(key, index++, id->valuestring, err);
        if (code) return code;
    }
    return 0;
}

/* An array of user ids: at least one, at most `max`. */
static int32_t check_user_ids(const tm_client *client, const cJSON *json, const char *key, int max,
                              tm_error *err)
{
    int count = cJSON_GetArraySize(tm_json_get(json, key));
    if (count == 0) return tm_fail(err, TIM_ERR_JSON, "%s: empty", key);
    if (count > max)
        return tm_fail(err, TIM_ERR_PARAM, "%s: %d entries, at most %d are allowed", key, count, max);
    return check_each_user_id(client, json, key, err);
}

static int32_t check_count(const cJSON *json, tm_error *err)
{
    uint64_t count = tm_json_get_uint(json, kTIMMsgGetMsgListParamCount, 20);
    if (count >= 1 && count <= MAX_PAGE) return 0;
    return tm_fail(err, TIM_ERR_PARAM, "%s: out of range (1 to %d)", kTIMMsgGetMsgListParamCount, MAX_PAGE);
}

static int32_t check_import(const tm_client *client, const cJSON *list, bool one, tm_error *err)
{
    const cJSON *message;
    int index = client->index_base;
    cJSON_ArrayForEach(message, list)
    {
        uint64_t status = tm_json_get_uint(message, kTIMMsgStatus, kTIMMsg_SendSucc);
        const char *sender = tm_json_get_string(message, kTIMMsgSender, "");
        char path[32] = "";
        if (!one) snprintf(path, sizeof path, "[%d].", index);
        index++;
        if (status == kTIMMsg_Deleted || status == 0)
            return tm_fail(err, TIM_ERR_JSON, "%s%s: a message cannot be kept in state %u", path,
                           kTIMMsgStatus, (unsigned)status);
        if (*sender && !tm_valid_user(sender))
            return tm_fail(err, TIM_ERR_CONV, "%s%s: expected 1 to %d characters from space to ~", path,
                           kTIMMsgSender, TM_MAX_USER_ID);
        if (one) break;
    }
    return 0;
}

/* The keys of a message that name it: something of it must be there. */
static int32_t check_names(const cJSON *json, tm_error *err)
{
    if (tm_json_get(json, kTIMMsgSeq) && tm_json_get(json, kTIMMsgRand)) return 0;
    return tm_fail(err, TIM_ERR_JSON, "%s: missing",
                   tm_json_get(json, kTIMMsgSeq) ? kTIMMsgRand : kTIMMsgSeq);
}

static int32_t check_group_members(const tm_client *client, const cJSON *json, tm_error *err)
{
    const cJSON *member;
    int index = client->index_base;
    const char *id = tm_json_get_string(json, kTIMCreateGroupParamGroupId, "");
    if (*id && !tm_valid_group(id)) return check_group_id(kTIMCreateGroupParamGroupId, id, err);
    if (!*tm_json_get_string(json, kTIMCreateGroupParamGroupName, ""))
        return tm_fail(err, TIM_ERR_JSON, "%s: empty", kTIMCreateGroupParamGroupName);
    cJSON_ArrayForEach(member, tm_json_get(json, kTIMCreateGroupParamGroupMemberArray))
    {
        int32_t code = check_user_id(kTIMCreateGroupParamGroupMemberArray, index++,
                                     tm_json_get_string(member, kTIMGroupMemberInfoIdentifier, ""), err);
        if (code) return code;
    }
    return 0;
}

/* What the schema cannot say, call by call. */
static int32_t check_meaning(const tm_client *client, tm_call_kind kind, const tm_args *args, tm_error *err)
{
    const cJSON *json = args->json;
    int32_t code;
    switch (kind) {
    case TM_CALL_REVOKE: return check_names(json, err);
    case TM_CALL_REPORT_READED:
        /* {} is the same as none: all of the conversation */
        return json && json->child && !tm_json_get(json, kTIMMsgServerTime) ? check_names(json, err) : 0;
    case TM_CALL_FIND_BY_MSG_LOCATOR_LIST:
        if (!json->child) return tm_fail(err, TIM_ERR_JSON, "no locator");
        if (cJSON_GetArraySize(json) > MAX_LOCATORS)
            return tm_fail(err, TIM_ERR_PARAM, "more than %d locators", MAX_LOCATORS);
        return 0;
    case TM_CALL_IMPORT_MSG_LIST: return check_import(client, json, false, err);
    case TM_CALL_SAVE_MSG: {
        cJSON list = {.child = args->json};
        return check_import(client, &list, true, err);
    }
    case TM_CALL_GET_MSG_LIST: return check_count(json, err);
    case TM_CALL_DELETE: {
        const cJSON *message = tm_json_get(json, kTIMMsgDeleteParamMsg);
        return message && message->child ? check_names(message, err) : 0;
    }
    case TM_CALL_DOWNLOAD_ELEM_TO_PATH:
        if (!*tm_json_get_string(json, kTIMMsgDownloadElemParamUrl, "") &&
            !*tm_json_get_string(json, kTIMMsgDownloadElemParamId, ""))
            return tm_fail(err, TIM_ERR_JSON, "%s: missing", kTIMMsgDownloadElemParamUrl);
        return 0;
    case TM_CALL_BATCH_SEND:
        return check_user_ids(client, json, kTIMMsgBatchSendParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_CREATE: return check_group_members(client, json, err);
    case TM_CALL_GROUP_DELETE:
    case TM_CALL_GROUP_JOIN:
    case TM_CALL_GROUP_QUIT: return check_group_id("group_id", args->first_text, err);
    case TM_CALL_GROUP_INVITE_MEMBER:
        code = check_group_id(kTIMGroupInviteMemberParamGroupId,
                              tm_json_get_string(json, kTIMGroupInviteMemberParamGroupId, ""), err);
        return code ? code
                    : check_user_ids(client, json, kTIMGroupInviteMemberParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_DELETE_MEMBER:
        code = check_group_id(kTIMGroupDeleteMemberParamGroupId,
                              tm_json_get_string(json, kTIMGroupDeleteMemberParamGroupId, ""), err);
        return code ? code
                    : check_user_ids(client, json, kTIMGroupDeleteMemberParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_GET_MEMBER_INFO_LIST:
        code = check_group_id(kTIMGroupGetMemberInfoListParamGroupId,
                              tm_json_get_string(json, kTIMGroupGetMemberInfoListParamGroupId, ""), err);
        return code ? code
                    : check_each_user_id(client, json, kTIMGroupGetMemberInfoListParamIdentifierArray, err);
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO:
        code = check_group_id(kTIMGroupModifyMemberInfoParamGroupId,
                              tm_json_get_string(json, kTIMGroupModifyMemberInfoParamGroupId, ""), err);
        if (code) return code;
        if (tm_valid_user(tm_json_get_string(json, kTIMGroupModifyMemberInfoParamIdentifier, ""))) return 0;
        return tm_fail(err, TIM_ERR_CONV, "%s: expected 1 to %d characters from space to ~",
                       kTIMGroupModifyMemberInfoParamIdentifier, TM_MAX_USER_ID);
    default: return 0;
    }
}

static int32_t check_text(const char *name, const char *text, bool optional, tm_error *err)
{
    if (!name || optional) {
        if (text && !tm_utf8_valid(text, strlen(text), NULL))
            return tm_fail(err, TIM_ERR_JSON, "%s: not UTF-8", name ? name : "text");
        return 0;
    }
    if (!text || !*text) return tm_fail(err, TIM_ERR_PARAM, "%s: %s", name, text ? "empty" : "null");
    if (!tm_utf8_valid(text, strlen(text), NULL)) return tm_fail(err, TIM_ERR_JSON, "%s: not UTF-8", name);
    return 0;
}

static int32_t check_args(const tm_client *client, tm_call_kind kind, const tm_args *args, tm_error *err)
{
    const tm_call_type *type = tm_call_type_of(kind);
    int32_t code = type->has_conv ? check_conv(args, err) : 0;
    if (!code) code = check_text(type->first_text, args->first_text, false, err);
    if (!code) code = check_text(type->second_text, args->second_text, type->second_text_optional, err);
    if (code) return code;
    if (type->json && !args->json && !type->json_optional)
        return tm_fail(err, TIM_ERR_PARAM, "the JSON argument is null or empty");
    if (type->json && args->json)
        code =
            tm_schema_check(type->json, type->json_is_array, type->mode, args->json, client->index_base, err);
    return code ? code : check_meaning(client, kind, args, err);
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
        /* an id that is too long is refused by the worker: its cut form names nobody */
        snprintf(client->user, sizeof client->user, "%s", request->args.first_text);
    } else if (client->session == TM_SESSION_LOGGING_IN ||
               strcmp(client->user, request->args.first_text) != 0) {
        request->code = ERR_IN_PROGESS;
        request->desc = tm_strdup(client->session == TM_SESSION_IN ? "another user is logged in"
                                                                   : "a login is under way");
    }
}

static void enqueue(tm_client *client, tm_request *request)
{
    request->next = NULL;
    if (client->last)
        client->last->next = request;
    else
        client->first = request;
    client->last = request;
    wake_worker(client);
}

int32_t tm_client_refuse(tm_client *client, tm_call_kind kind, int32_t code, const tm_error *err)
{
    tm_log_write(client->log, kTIMLog_Error, "%s refused (%d): %s", tm_call_type_of(kind)->c_name, (int)code,
                 err->text);
    return code;
}

int32_t tm_client_call(tm_client *client, tm_call_kind kind, tm_args *args, void *token, tm_error *err)
{
    tm_error local = {0};
    int32_t code = tm_client_check_ready(client, kind, &local);
    if (!code) code = check_args(client, kind, args, &local);
    tm_request *request = code ? NULL : tm_calloc(1, sizeof *request);
    if (!code && (!request || !(request->letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL)))) {
        tm_fail_memory(&local);
        code = TIM_ERR_PARAM;
    }
    if (code) {
        if (err) *err = local;
        tm_free(request);
        tm_args_free(args);
        return tm_client_refuse(client, kind, code, &local);
    }
    request->kind = kind;
    request->args = *args;
    memset(args, 0, sizeof *args);
    request->letter->token = token;
    size_t in_flight = atomic_fetch_add(&client->in_flight, 1) + tm_mailbox_results(client->mailbox);
    if (in_flight >= TM_MAX_IN_FLIGHT && kind != TM_CALL_LOGIN && kind != TM_CALL_LOGOUT) {
        tm_args_free(&request->args); /* rule 43: the payload is not kept */
        request->refused = true;
    }
    pthread_mutex_lock(&client->lock);
    code = check_state(client, tm_call_type_of(kind),
                       &local); /* it may have changed while the arguments were checked */
    if (!code) {
        enter_session(client, request);
        enqueue(client, request);
    }
    pthread_mutex_unlock(&client->lock);
    if (!code) return 0;
    atomic_fetch_sub(&client->in_flight, 1);
    request_free(request);
    if (err) *err = local;
    return tm_client_refuse(client, kind, code, &local);
}

/* Cloud state: see cloud_state.h. The only place of the library with process-wide mutable state.
 *
 * Locks: `cloud.mutex` guards `cloud`. It is never held while a callback runs or while the logic thread is
 * waited for. Calls do not hold it either: they count themselves in `cloud.calls`, and TIMUninit waits for
 * them, which is short, as a call only checks and queues. There are no destructors: a process may exit
 * without TIMUninit. */
#include "cloud_state.h"

#include "client.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

typedef enum cloud_state {
    CLOSED,
    OPEN,
    CLOSING, /* TIMUninit runs, or a callback that made it has not returned yet */
} cloud_state;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* `calls` fell to 0, or `state` became CLOSED */
    cloud_state state;
    tm_client *client; /* owned; set unless CLOSED */
    tm_logic *logic;   /* owned; set unless CLOSED, and then too once a completion had to be delivered */
    unsigned calls;    /* how many threads use `client` */
    cJSON *config;     /* owned; all settings made so far (SetConfig), NULL: none */
    tm_handlers handlers;
} cloud = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .changed = PTHREAD_COND_INITIALIZER,
    .handlers = TM_HANDLERS_INIT,
};

static _Thread_local char last_error[TM_ERROR_TEXT];

const char *tm_cloud_last_error(void)
{
    return last_error;
}

/* Every call ends here: keeps the sentence for timmsg_last_error, and returns a TIMResult. */
static int finish(int32_t code, const tm_error *err)
{
    snprintf(last_error, sizeof last_error, "%s", code ? err->text : "");
    /* TIMResult knows nothing of memory that ran out; the sentence does. */
    return code > 0 ? TIM_ERR_PARAM : code;
}

static int32_t not_initialised(tm_error *err)
{
    return tm_fail(err, TIM_ERR_SDKUNINIT, "not initialised: TIMInit comes first");
}

/* ---- Calls ---- */

/* The client for one call, NULL when there is none; then leave() must not be called. */
static tm_client *enter(void)
{
    pthread_mutex_lock(&cloud.mutex);
    tm_client *client = cloud.state == OPEN ? cloud.client : NULL;
    if (client) cloud.calls++;
    pthread_mutex_unlock(&cloud.mutex);
    return client;
}

static void leave(void)
{
    pthread_mutex_lock(&cloud.mutex);
    if (--cloud.calls == 0) pthread_cond_broadcast(&cloud.changed);
    pthread_mutex_unlock(&cloud.mutex);
}

/* Text to tree. Null and "" are no tree; whether one is needed is for the client to say. The tree is the
 * caller's. */
static int32_t parse(const char *text, cJSON **tree, tm_error *err)
{
    *tree = NULL;
    if (!text || !*text) return 0;
    *tree = tm_json_parse(text, strlen(text), 0, err);
    return *tree ? 0 : err->code;
}

/* A copy of a text that may be NULL; false when memory is short. */
static bool copy_text(char **copy, const char *text)
{
    *copy = tm_strdup(text);
    return *copy || !text;
}

/* For text that could not be parsed: a caller who is not logged in hears of that, not of its JSON. */
static int32_t refuse_text(tm_client *client, tm_call_kind kind, tm_error *err)
{
    tm_error not_ready = {0};
    if (tm_client_check_ready(client, kind, &not_ready) != 0) *err = not_ready;
    return tm_client_refuse(client, kind, tm_logic_is_logging(cloud.logic), err->code, err);
}

static int32_t queue_call(tm_client *client, const tm_cloud_args *call, tm_error *err)
{
    tm_args args = {.conv_type = (int32_t)call->conv_type, .quiet = tm_logic_is_logging(cloud.logic)};
    tm_token *token = NULL;
    if (parse(call->json, &args.json, err) != 0) return refuse_text(client, call->kind, err);
    if (!copy_text(&args.conv_id, call->conv_id) || !copy_text(&args.first_text, call->first_text) ||
        !copy_text(&args.second_text, call->second_text) ||
        (call->cb && !(token = tm_token_new(call->cb, call->user_data)))) {
        tm_args_free(&args);
        return tm_fail_memory(err);
    }
    int32_t code = tm_client_call(client, call->kind, &args, token, err);
    if (code) tm_free(token);
    return code;
}

int tm_cloud_call(const tm_cloud_args *call)
{
    tm_error err = {0};
    tm_client *client = enter();
    if (!client) return finish(not_initialised(&err), &err);
    int32_t code = queue_call(client, call, &err);
    leave();
    return finish(code, &err);
}

/* ---- Settings ---- */

/* Puts a copy of `item` into `into`, in the place of one of the same name. False when memory is short. */
static bool put_setting(cJSON *into, const cJSON *item)
{
    cJSON *there = cJSON_GetObjectItemCaseSensitive(into, item->string);
    cJSON *copy = cJSON_Duplicate(item, true);
    if (!copy) return false;
    if (there) {
        cJSON_ReplaceItemViaPointer(into, there, copy);
    } else if (!cJSON_AddItemToObject(into, item->string, copy)) {
        cJSON_Delete(copy);
        return false;
    }
    return true;
}

/* Puts the settings of `from` over those of `into`, so that `into` alone does what both did one after the
 * other: the user's settings key by key, a proxy as a whole and in the place of one of the other kind. */
static bool merge(cJSON *into, const cJSON *from)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, from)
    {
        const tm_field *field = tm_schema_field(&tm_schema_set_config, item->string);
        if (!field || cJSON_IsNull(item)) continue;
        cJSON *there = cJSON_GetObjectItemCaseSensitive(into, item->string);
        if (!there || !cJSON_IsObject(item) || strcmp(item->string, kTIMSetConfigUserConfig) != 0) {
            if (!put_setting(into, item)) return false;
            continue;
        }
        for (const cJSON *part = item->child; part; part = part->next)
            if (!cJSON_IsNull(part) && !put_setting(there, part)) return false;
    }
    bool http = tm_json_get(from, kTIMSetConfigHttpProxyInfo);
    bool socks = tm_json_get(from, kTIMSetConfigSocks5ProxyInfo);
    if (http && !socks) cJSON_DeleteItemFromObjectCaseSensitive(into, kTIMSetConfigSocks5ProxyInfo);
    if (socks && !http) cJSON_DeleteItemFromObjectCaseSensitive(into, kTIMSetConfigHttpProxyInfo);
    return true;
}

/* All settings so far with those of `tree` (may be NULL) over them. Owned by the caller. NULL: memory is
 * short. The tree has not been checked where the client does that; a bad one is dropped with the merged
 * one. */
static cJSON *merged_config(const cJSON *tree)
{
    cJSON *merged = cloud.config ? cJSON_Duplicate(cloud.config, true) : cJSON_CreateObject();
    if (merged && cJSON_IsObject(tree) && !merge(merged, tree)) {
        cJSON_Delete(merged);
        return NULL;
    }
    return merged;
}

/* The logic thread for a completion that comes before TIMInit. */
static int32_t start_early(tm_error *err)
{
    tm_mailbox *mailbox = tm_mailbox_new(err);
    if (!mailbox) return err->code;
    cloud.logic = tm_logic_start(&cloud.handlers, mailbox, err);
    if (cloud.logic) return 0;
    tm_mailbox_free(mailbox);
    return err->code;
}

/* Before TIMInit there is no client: the settings are only checked, and the completion is put in here. */
static int32_t complete_early(const cJSON *tree, tm_token *token, tm_error *err)
{
    int32_t code = tree ? tm_schema_check(&tm_schema_set_config, false, TM_CHECK_PLAIN, tree, 0, err) : 0;
    if (code || !token) return code;
    tm_letter *letter = tm_letter_new(TM_LETTER_RESULT, NULL, NULL);
    if (!letter) return tm_fail_memory(err);
    letter->token = token;
    if (!cloud.logic && (code = start_early(err)) != 0) {
        tm_letter_free(letter);
        return code;
    }
    tm_logic_put(cloud.logic, letter);
    return 0;
}

/* The mutex is held all the time, so that what the client has and what is kept change in the same order. */
static int32_t set_config(const char *json, TIMCommCallback cb, const void *user_data, tm_error *err)
{
    if (cloud.state == CLOSING) return not_initialised(err);
    cJSON *tree, *merged = NULL;
    tm_token *token = NULL;
    int32_t code = parse(json, &tree, err);
    if (code) return cloud.state == OPEN ? refuse_text(cloud.client, TM_CALL_SET_CONFIG, err) : code;
    if (!(merged = merged_config(tree)) || (cb && !(token = tm_token_new(cb, user_data)))) {
        code = tm_fail_memory(err);
        goto out;
    }
    if (cloud.state == OPEN) {
        tm_args args = {.json = tree, .quiet = tm_logic_is_logging(cloud.logic)};
        tree = NULL;
        code = tm_client_call(cloud.client, TM_CALL_SET_CONFIG, &args, token, err);
    } else {
        code = complete_early(tree, token, err);
    }
    if (code) goto out;
    token = NULL;
    cJSON_Delete(cloud.config);
    cloud.config = merged;
    merged = NULL;
out:
    tm_free(token);
    cJSON_Delete(merged);
    cJSON_Delete(tree);
    return code;
}

int tm_cloud_set_config(const char *json, TIMCommCallback cb, const void *user_data)
{
    tm_error err = {0};
    pthread_mutex_lock(&cloud.mutex);
    int32_t code = set_config(json, cb, user_data, &err);
    pthread_mutex_unlock(&cloud.mutex);
    return finish(code, &err);
}

/* ---- Beginning and end ---- */

/* Gives a new client the settings made before it was there. */
static int32_t apply_config(tm_client *client, tm_error *err)
{
    if (!cloud.config) return 0;
    tm_args args = {.json = cJSON_Duplicate(cloud.config, true)};
    if (!args.json) return tm_fail_memory(err);
    return tm_client_call(client, TM_CALL_SET_CONFIG, &args, NULL, err);
}

/* From now on the logic thread delivers the letters of `mailbox` (taken over on success). There is one
 * already if TIMSetConfig needed it; it moves, so that callbacks still come one after the other, and the
 * client has a mailbox that nobody used before. */
static int32_t start_logic(tm_mailbox *mailbox, tm_error *err)
{
    if (cloud.logic) return tm_logic_move(cloud.logic, mailbox, err);
    cloud.logic = tm_logic_start(&cloud.handlers, mailbox, err);
    return cloud.logic ? 0 : err->code;
}

/* The mutex is held: whoever calls meanwhile waits until it is known whether the library is open. */
static int32_t open_client(const char *json, tm_error *err)
{
    if (cloud.state == OPEN) return tm_fail(err, TIM_ERR_PARAM, "initialised already");
    if (cloud.state == CLOSING) return tm_fail(err, TIM_ERR_PARAM, "TIMUninit has not ended yet");
    cJSON *config;
    tm_mailbox *mailbox = NULL;
    tm_client *client = NULL;
    int32_t code = parse(json, &config, err);
    if (code) return code;
    if (!(mailbox = tm_mailbox_new(err))) {
        code = err->code;
        goto out;
    }
    code = tm_client_new(config, 0, mailbox, NULL, &client, err);
    if (code) goto out;
    tm_client_want(client, tm_handlers_wanted(&cloud.handlers));
    code = apply_config(client, err);
    if (!code) code = start_logic(mailbox, err);
    if (code) goto out;
    cloud.client = client;
    cloud.state = OPEN;
    client = NULL;
    mailbox = NULL;
out:
    tm_client_free(client);
    tm_mailbox_free(mailbox);
    cJSON_Delete(config);
    return code;
}

int tm_cloud_init(const char *json)
{
    tm_error err = {0};
    pthread_mutex_lock(&cloud.mutex);
    int32_t code = open_client(json, &err);
    pthread_mutex_unlock(&cloud.mutex);
    return finish(code, &err);
}

/* The library is as before TIMInit. Runs on the logic thread when TIMUninit was made inside a callback. */
static void closed(void)
{
    pthread_mutex_lock(&cloud.mutex);
    cloud.client = NULL;
    cloud.logic = NULL;
    cloud.state = CLOSED;
    pthread_cond_broadcast(&cloud.changed);
    pthread_mutex_unlock(&cloud.mutex);
}

int tm_cloud_uninit(void)
{
    tm_error err = {0};
    pthread_mutex_lock(&cloud.mutex);
    bool inside = cloud.logic && tm_logic_is_current(cloud.logic);
    if (cloud.state != OPEN) {
        /* Another thread's TIMUninit came first. Its end is waited for, so that here too no callback runs
         * after the return; inside a callback it can't be, for the other one waits for this callback. */
        while (!inside && cloud.state == CLOSING)
            pthread_cond_wait(&cloud.changed, &cloud.mutex);
        pthread_mutex_unlock(&cloud.mutex);
        return finish(not_initialised(&err), &err);
    }
    cloud.state = CLOSING;
    while (cloud.calls > 0)
        pthread_cond_wait(&cloud.changed, &cloud.mutex);
    tm_client *client = cloud.client;
    tm_logic *logic = cloud.logic;
    pthread_mutex_unlock(&cloud.mutex);

    /* The client is freed late: taking letters may still tell it that there is room. */
    tm_client_close(client);
    if (inside) {
        tm_logic_drain(logic);
        tm_client_free(client);
        tm_logic_stop_inside(logic, closed);
    } else {
        tm_logic_stop(logic);
        closed(); /* before what `cloud` points to is freed */
        tm_client_free(client);
        tm_logic_free(logic);
    }
    return finish(0, &err);
}

/* ---- Events ---- */

/* Tells the client, if there is one, which letters are wanted. The mutex is held. */
static void tell_wanted(void)
{
    if (cloud.state == OPEN) tm_client_want(cloud.client, tm_handlers_wanted(&cloud.handlers));
}

void tm_cloud_set_handler(tm_letter_kind kind, tm_any_callback cb, const void *user_data)
{
    pthread_mutex_lock(&cloud.mutex);
    tm_handlers_set(&cloud.handlers, kind, cb, user_data);
    tell_wanted();
    pthread_mutex_unlock(&cloud.mutex);
}

void tm_cloud_add_recv(TIMRecvNewMsgCallback cb, const void *user_data)
{
    tm_error err = {0};
    pthread_mutex_lock(&cloud.mutex);
    /* Nothing is returned, so the sentence is all there is. */
    if (!tm_handlers_add_recv(&cloud.handlers, cb, user_data)) finish(tm_fail_memory(&err), &err);
    tell_wanted();
    pthread_mutex_unlock(&cloud.mutex);
}

void tm_cloud_remove_recv(TIMRecvNewMsgCallback cb)
{
    pthread_mutex_lock(&cloud.mutex);
    tm_handlers_remove_recv(&cloud.handlers, cb);
    tell_wanted();
    pthread_mutex_unlock(&cloud.mutex);
}

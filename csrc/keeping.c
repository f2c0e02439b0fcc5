/* Keeping: ImportMsgList and SaveMsg, which put messages into the store alone (rules 31, 32). See
 * worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

/* A longer import is prepared in slices of this many messages, between which other requests run. */
#define SLICE 500

/* How often each content came up in a list so far without an identity: open addressing over its hash. */
typedef struct tally {
    uint64_t hash;
    uint32_t count;
} tally;

struct tm_import {
    const cJSON *next; /* the message that becomes a row next; in request->args.json */
    tm_messages *rows; /* those before `ready` are as they will be stored */
    size_t ready;
    tally *tallies;
    size_t mask;
};

/* ---- one message ---- */

/* Sender, state and flags as the rules want them; what is put in is borrowed from the request and the worker. seq and rand
 * stay 0 where they are not given. `is_self` is false where the message says so itself. */
static void complete(const tm_worker *worker, const tm_request *request, uint32_t default_status,
                     tm_message *message)
{
    bool from_peer = request->args.conv_type == kTIMConv_C2C && !message->is_self;
    const char *sender = from_peer ? request->args.conv_id : worker->user;
    if (!message->sender || !*message->sender) message->sender = (char *)(uintptr_t)sender;
    message->conv_id = request->args.conv_id;
    message->conv_type = request->args.conv_type;
    message->is_self = strcmp(message->sender, worker->user) == 0;
    if (!message->status) message->status = default_status;
    if (message->status == kTIMMsg_Sending) message->status = kTIMMsg_SendFail;
    if (message->is_self || message->status == kTIMMsg_Revoked) message->is_read = true;
    if (!message->elems) message->elems = (char *)(uintptr_t) "[]";
    if (message->status == kTIMMsg_Revoked) message->elems = NULL;
}

/* The message of a tree, owned by the caller, for `complete`. */
static int32_t read_message(const cJSON *tree, tm_message *out, tm_error *err)
{
    int32_t code = tm_message_from_tree(tree, 0, out, err);
    out->is_self = tm_json_get_bool(tree, kTIMMsgIsFormSelf, true);
    return code;
}

/* Times that are not given: each stands in for the other, else now. After the identity was derived, which
 * must not depend on now. */
static void fill_times(tm_message *message, const tm_world *world)
{
    bool unsent = message->status == kTIMMsg_SendFail;
    if (!message->client_time)
        message->client_time = message->server_time ? message->server_time : tm_world_seconds(world);
    if (!message->server_time && !unsent) message->server_time = message->client_time;
}

/* An identity that is not given. seq and rand of 0 are none: no message has them. */
static void fill_identity(tm_message *message, uint64_t hash, uint32_t occurrence)
{
    uint64_t seq, rand;
    tm_message_derive_identity(hash, occurrence, &seq, &rand);
    if (!message->rand) message->rand = rand;
    if (!message->seq) message->seq = seq;
}

static uint64_t hash_of(const tm_message *message)
{
    uint64_t time = message->client_time ? message->client_time : message->server_time;
    return tm_message_content_hash(message->sender, time, message->elems ? message->elems : "[]");
}

/* ---- ImportMsgList ---- */

static void import_free(tm_worker *worker, tm_request *request)
{
    tm_import *import = request->import;
    (void)worker;
    if (!import) return;
    tm_messages_free(import->rows);
    tm_free(import->tallies);
    tm_free(import);
    request->import = NULL;
}

/* Takes the messages that came as such over. */
static int32_t import_new(tm_request *request, tm_error *err)
{
    tm_args *args = &request->args;
    tm_import *import = request->import = tm_calloc(1, sizeof *import);
    if (!import) return tm_fail_memory(err);
    import->rows = args->messages ? args->messages : tm_messages_new();
    args->messages = NULL;
    if (!import->rows) return tm_fail_memory(err);
    import->next = args->json ? args->json->child : NULL;
    size_t total = args->json ? (size_t)cJSON_GetArraySize(args->json) : import->rows->count, slots = 16;
    while (slots < total * 2)
        slots *= 2;
    import->mask = slots - 1;
    import->tallies = tm_calloc(slots, sizeof *import->tallies);
    return import->tallies ? 0 : tm_fail_memory(err);
}

/* How many times this content came before so. */
static uint32_t count_content(tm_import *import, uint64_t hash)
{
    for (size_t at = (size_t)hash & import->mask;; at = (at + 1) & import->mask) {
        tally *found = &import->tallies[at];
        if (found->count && found->hash != hash) continue;
        found->hash = hash;
        return found->count++;
    }
}

/* Makes a row of the next message of a tree. */
static int32_t add_row(tm_import *import, tm_error *err)
{
    tm_message message;
    int32_t code = read_message(import->next, &message, err);
    import->next = import->next->next;
    if (!code && !tm_messages_add(import->rows, &message)) code = tm_fail_memory(err);
    tm_message_clear(&message);
    return code;
}

static bool is_ready(const tm_import *import)
{
    return !import->next && import->ready == import->rows->count;
}

/* Prepares up to `limit` messages. */
static int32_t prepare(tm_worker *worker, tm_request *request, size_t limit, tm_error *err)
{
    tm_import *import = request->import;
    for (; !is_ready(import) && limit; limit--) {
        int32_t code = import->next ? add_row(import, err) : 0;
        if (code) return code;
        tm_message *message = &import->rows->list[import->ready++].message;
        complete(worker, request, kTIMMsg_LocalImported, message);
        if (!message->seq || !message->rand) {
            uint64_t hash = hash_of(message);
            fill_identity(message, hash, count_content(import, hash));
        }
        fill_times(message, worker->world);
    }
    return 0;
}

/* What is the same for all of them is done once. */
static int32_t insert_all(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    tm_import *import = request->import;
    int32_t code = tm_worker_conv(worker, request, true, &conv, err);
    uint64_t newest = 0;
    for (size_t i = 0; i < import->rows->count && !code; i++) {
        int64_t id;
        const tm_message *message = &import->rows->list[i].message;
        if (atomic_load(&worker->client->stop))
            return tm_fail(err, ERR_USER_CANCELED, "cancelled: the client closes");
        if (tm_store_is_renumbered(worker->store, &conv, message)) continue;
        code = tm_store_add(worker->store, &conv, message, 0, &id, err);
        if (id && tm_store_place_time(message) > newest) newest = tm_store_place_time(message);
    }
    return code || !newest ? code : tm_store_list_conv(worker->store, &conv, true, newest, err);
}

static int32_t start_import(tm_worker *worker, tm_request *request, tm_error *err)
{
    int32_t code = import_new(request, err);
    if (code || is_ready(request->import)) return code; /* an empty list */
    code = prepare(worker, request, SLICE, err);
    if (code) return code;
    if (!is_ready(request->import)) { /* the rest follows in slices */
        request->outstanding++;
        return 0;
    }
    return insert_all(worker, request, err);
}

/* The longest-waiting import that is still being prepared. */
static tm_request *next_import(const tm_worker *worker)
{
    tm_request *found = NULL;
    for (tm_request *request = worker->waiting; request; request = request->next)
        if (request->import) found = request;
    return found;
}

bool tm_import_slice(tm_worker *worker)
{
    tm_error err = {0};
    tm_request *request = next_import(worker);
    if (!request) return false;
    int32_t code = prepare(worker, request, SLICE, &err);
    if (!code && !is_ready(request->import)) return true;
    tm_worker_stop_waiting(worker, request);
    request->outstanding = 0;
    if (!code && !(code = tm_store_begin(worker->store, true, &err)) &&
        (code = insert_all(worker, request, &err)))
        tm_store_rollback(worker->store);
    if (!code) code = tm_worker_end_transaction(worker, &err);
    if (code) tm_request_fail(request, code, err.text);
    tm_worker_finish(worker, request);
    return next_import(worker) != NULL;
}

const tm_handler_type tm_handle_import = {
    .class = TM_CLASS_LOCAL, .synced = true, .start = start_import, .cancel = import_free};

/* ---- SaveMsg ---- */

/* A message that is there: only what a caller may change of it. */
static int32_t update(tm_worker *worker, const tm_conv *conv, tm_stored *stored, const tm_message *given,
                      const cJSON *tree, tm_error *err)
{
    tm_message *message = &stored->message;
    bool was_read = message->is_read;
    uint64_t status = tm_json_get_uint(tree, kTIMMsgStatus, 0);
    /* what was revoked stays so; and state 1 is the library's to give */
    if (status && status != kTIMMsg_Sending && message->status != kTIMMsg_Revoked)
        message->status = (uint32_t)status;
    message->is_read = message->is_self || message->status == kTIMMsg_Revoked || given->is_read;
    if (message->status == kTIMMsg_Revoked) {
        tm_free(message->elems);
        message->elems = NULL;
    }
    if (tm_json_get(tree, kTIMMsgCustomInt)) message->custom_int = given->custom_int;
    if (tm_json_get(tree, kTIMMsgCustomStr)) {
        tm_free(message->custom_str);
        message->custom_str = tm_strdup(given->custom_str);
        if (given->custom_str && !message->custom_str) return tm_fail_memory(err);
    }
    int32_t code = tm_store_rewrite(worker->store, conv, stored->id, message, err);
    bool now_read = message->is_read && !was_read && stored->position;
    return code || !now_read ? code
                             : tm_store_owe(worker->store, conv, stored->position, stored->place_time, err);
}

/* A message that is saved is a new one each time, unless it says which it is. Behind the highest seq that there is, which a
 * peer may have used, there is no other: then a rand that was given may be taken, and stay so. */
static int32_t insert_new(tm_worker *worker, tm_conv *conv, tm_message *message, tm_error *err)
{
    bool made_rand = !message->rand, made_seq = !message->seq;
    int64_t id = 0;
    int32_t code = 0;
    fill_times(message, worker->world);
    do {
        if (made_rand) message->rand = tm_message_rand(&worker->rand_counter);
        if (made_seq) message->seq = tm_next_seq(conv->top_seq);
        if (made_seq) code = tm_store_set_top_seq(worker->store, conv, message->seq, err);
        if (!code) code = tm_store_insert(worker->store, conv, message, 0, &id, err);
        if (code || id || (!made_rand && !made_seq)) return code;
        if (atomic_load(&worker->client->stop))
            return tm_fail(err, ERR_USER_CANCELED, "cancelled: the client closes");
    } while (made_rand || message->seq < UINT64_MAX);
    return tm_fail(err, ERR_INVALID_PARAMETERS,
                   "message_rand: %llu is taken, and there is no seq behind the newest message's",
                   (unsigned long long)message->rand);
}

static int32_t start_save(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    tm_stored stored = {0};
    const cJSON *tree = request->args.json;
    int32_t code = read_message(tree, &request->message, err);
    if (!code) code = tm_worker_conv(worker, request, true, &conv, err);
    if (code) return code;
    tm_message message = request->message; /* borrows */
    complete(worker, request, kTIMMsg_SendSucc, &message);
    if (message.seq && message.rand) {
        tm_identity identity = {.sender = message.sender,
                                .is_self = -1,
                                .seq = message.seq,
                                .rand = message.rand,
                                .client_time = message.client_time};
        code = tm_store_find(worker->store, &conv, &identity, &stored, err);
    }
    if (!code && stored.id) {
        code = update(worker, &conv, &stored, &message, tree, err);
    } else if (!code) {
        code = insert_new(worker, &conv, &message, err);
    }
    tm_message_clear(&stored.message);
    return code;
}

const tm_handler_type tm_handle_save = {.class = TM_CLASS_LOCAL, .synced = true, .start = start_save};

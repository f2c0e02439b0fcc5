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
    const cJSON *next; /* the message to be prepared next; in request->args.json */
    tm_message *rows;
    size_t count;
    tally *tallies;
    size_t mask;
};

/* ---- one message ---- */

/* Sender, times, status and flags as the rules want them. seq and rand stay 0 where they are not given. */
static int32_t read_message(tm_worker *worker, const tm_request *request, const cJSON *tree,
                            uint32_t default_status, tm_message *out, tm_error *err)
{
    int32_t code = tm_message_from_tree(tree, 0, out, err);
    if (code) return code;
    const cJSON *is_self = tm_json_get(tree, kTIMMsgIsFormSelf);
    bool from_peer = request->args.conv_type == kTIMConv_C2C && is_self && !cJSON_IsTrue(is_self);
    if (!*out->sender) {
        tm_free(out->sender);
        out->sender = tm_strdup(from_peer ? request->args.conv_id : worker->user);
    }
    tm_free(out->conv_id);
    out->conv_id = tm_strdup(request->args.conv_id);
    out->conv_type = request->args.conv_type;
    if (!out->elems) out->elems = tm_strdup("[]");
    if (!out->sender || !out->conv_id || !out->elems) {
        tm_message_clear(out);
        return tm_fail_memory(err);
    }
    out->is_self = strcmp(out->sender, worker->user) == 0;
    if (!out->status) out->status = default_status;
    if (out->status == kTIMMsg_Sending) out->status = kTIMMsg_SendFail;
    if (out->is_self || out->status == kTIMMsg_Revoked) out->is_read = true;
    if (out->status == kTIMMsg_Revoked) {
        tm_free(out->elems);
        out->elems = NULL;
    }
    return 0;
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
    for (size_t i = 0; i < import->count; i++)
        tm_message_clear(&import->rows[i]);
    tm_free(import->rows);
    tm_free(import->tallies);
    tm_free(import);
    request->import = NULL;
}

static int32_t import_new(tm_request *request, tm_error *err)
{
    size_t total = (size_t)cJSON_GetArraySize(request->args.json), slots = 16;
    while (slots < total * 2)
        slots *= 2;
    tm_import *import = request->import = tm_calloc(1, sizeof *import);
    if (!import) return tm_fail_memory(err);
    import->next = request->args.json->child;
    import->mask = slots - 1;
    import->rows = tm_calloc(total, sizeof *import->rows);
    import->tallies = tm_calloc(slots, sizeof *import->tallies);
    return import->rows && import->tallies ? 0 : tm_fail_memory(err);
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

/* Prepares up to `limit` messages. */
static int32_t prepare(tm_worker *worker, tm_request *request, size_t limit, tm_error *err)
{
    tm_import *import = request->import;
    for (; import->next && limit; import->next = import->next->next, limit--) {
        tm_message *message = &import->rows[import->count];
        int32_t code = read_message(worker, request, import->next, kTIMMsg_LocalImported, message, err);
        if (code) return code;
        if (!message->seq || !message->rand) {
            uint64_t hash = hash_of(message);
            fill_identity(message, hash, count_content(import, hash));
        }
        fill_times(message, worker->world);
        import->count++;
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
    for (size_t i = 0; i < import->count && !code; i++) {
        int64_t id;
        const tm_message *message = &import->rows[i];
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
    if (!request->args.json->child) return 0;
    int32_t code = import_new(request, err);
    if (!code) code = prepare(worker, request, SLICE, err);
    if (code) return code;
    if (request->import->next) { /* the rest follows in slices */
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
    if (!code && request->import->next) return true;
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

/* A message that is saved is a new one each time, unless it says which it is. */
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
    } while (!code && !id && (made_rand || made_seq));
    return code;
}

static int32_t start_save(tm_worker *worker, tm_request *request, tm_error *err)
{
    tm_conv conv;
    tm_stored stored = {0};
    tm_message *message = &request->message;
    const cJSON *tree = request->args.json;
    int32_t code = read_message(worker, request, tree, kTIMMsg_SendSucc, message, err);
    if (!code) code = tm_worker_conv(worker, request, true, &conv, err);
    if (code) return code;
    if (message->seq && message->rand) {
        tm_identity identity = {.sender = message->sender,
                                .is_self = -1,
                                .seq = message->seq,
                                .rand = message->rand,
                                .client_time = message->client_time};
        code = tm_store_find(worker->store, &conv, &identity, &stored, err);
    }
    if (!code && stored.id) {
        code = update(worker, &conv, &stored, message, tree, err);
    } else if (!code) {
        code = insert_new(worker, &conv, message, err);
    }
    tm_message_clear(&stored.message);
    return code;
}

const tm_handler_type tm_handle_save = {.class = TM_CLASS_LOCAL, .synced = true, .start = start_save};

/* Incoming: what others did, stored and told of (rules 22 to 29). See worker.h. */
#include "worker.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "schema.h"

#include <string.h>

/* Rule 22: as many messages as one callback may bring. */
#define MAX_EVENTS 100
/* Elements, in bytes, with which a callback's messages are enough: what it brings is made at once for the host, whose frame must
 * not wait for a hundred messages of the greatest size. */
#define ENOUGH_BYTES 24576

/* What a batch has to tell, once it is committed. */
typedef struct news {
    tm_letter *letters, *last_letter; /* those that have enough messages */
    tm_messages *messages;
    size_t bytes; /* of their elements */
    cJSON *tips, *revoked, *receipts;
} news;

/* Takes `item` over in every case. */
static int32_t append(cJSON **array, cJSON *item, tm_error *err)
{
    if (!*array) *array = cJSON_CreateArray();
    return tm_json_append(*array, item) ? 0 : tm_fail_memory(err);
}

/* A letter with the new messages, if there are any; NULL also where memory is short. */
static tm_letter *messages_letter(news *out)
{
    tm_letter *letter = out->messages ? tm_letter_new(TM_LETTER_RECV_NEW_MSG, NULL, NULL) : NULL;
    if (!letter) return NULL;
    letter->messages = out->messages;
    out->messages = NULL;
    out->bytes = 0;
    return letter;
}

static int32_t append_message(news *out, const tm_message *message, tm_error *err)
{
    if (!out->messages) out->messages = tm_messages_new();
    if (!out->messages || !tm_messages_add(out->messages, message)) return tm_fail_memory(err);
    out->bytes += message->elems ? strlen(message->elems) : 0;
    if (out->bytes < ENOUGH_BYTES) return 0;
    tm_letter *letter = messages_letter(out);
    if (!letter) return tm_fail_memory(err);
    if (out->last_letter)
        out->last_letter->next = letter;
    else
        out->letters = letter;
    out->last_letter = letter;
    return 0;
}

/* A conversation that others speak in is followed from the second after its first event. */
static int32_t follow(tm_worker *worker, const tm_conv *conv, uint64_t time, tm_error *err)
{
    tm_error local = {0};
    if (time >= INT64_MAX || tm_store_is_followed(worker->store, conv, &local)) return 0;
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    return tm_store_add_stretch(worker->store, conv, (int64_t)time + 1, TM_TIME_END, err);
}

/* The row that the store has for a message from the backend. An own one may still be known by its attempt. */
static int32_t find_row(tm_worker *worker, const tm_conv *conv, const tm_message *message, tm_stored *out,
                        tm_error *err)
{
    tm_identity identity = {
        .sender = message->sender, .is_self = -1, .seq = message->seq, .rand = message->rand};
    int32_t code = tm_store_find(worker->store, conv, &identity, out, err);
    if (code || out->id || !message->is_self) return code;
    return tm_store_find_attempt(worker->store, conv, message->rand, message->client_time, TM_ATTEMPT_UNSENT,
                                 out, err);
}

/* Rule 25: incoming is unread, but for what was read elsewhere, or said before this user could hear it. */
static bool is_read(const tm_event *event, const tm_conv *conv)
{
    return event->message.is_self || event->revoked || event->unaddressed || event->position <= conv->my_read;
}

/* What everybody else has of a message goes into it, if that is something else. */
static int32_t take_elems(tm_message *message, const char *elems, tm_error *err)
{
    cJSON *kept = tm_message_elems(message);
    char *text = kept ? tm_schema_print_elems(kept, TM_LOCAL) : NULL;
    bool same = text && strcmp(text, elems) == 0;
    char *taken = text && !same ? tm_strdup(elems) : NULL;
    cJSON_Delete(kept);
    tm_free(text);
    if (same) return 0;
    if (!taken) return tm_fail_memory(err);
    tm_free(message->elems);
    message->elems = taken;
    return 0;
}

/* An attempt that was thought lost (rule 15). The row may be a later one's by now, which says something else, or whose files are
 * not up yet. */
static int32_t accept_attempt(tm_worker *worker, tm_conv *conv, const tm_event *event, tm_stored *stored,
                              tm_error *err)
{
    const tm_message *message = &event->message;
    bool found;
    int32_t code = message->elems ? take_elems(&stored->message, message->elems, err) : 0;
    return code ? code
                : tm_store_accept(worker->store, conv, stored->id, &stored->message, message->server_time,
                                  message->seq, event->position, &found, err);
}

/* Whether a row stands for a message of which the backend had told no more than that it was revoked (rule 29): then its time
 * is what its sender claims. */
static bool is_stand_in(const tm_stored *stored)
{
    return stored->id && stored->message.status == kTIMMsg_Revoked && !stored->position;
}

/* WAS_REVOKED: known, and in state 6 only since now. */
typedef enum { KNOWN, WAS_REVOKED, FRESH, DELETED } outcome;

/* Stores a message if it is new here and was not deleted. `live`: it came as an event, which happens once. */
static int32_t store_message(tm_worker *worker, tm_conv *conv, const tm_event *event, bool live, outcome *out,
                             tm_error *err)
{
    tm_stored stored;
    const tm_message *message = &event->message;
    *out = KNOWN;
    int32_t code = find_row(worker, conv, message, &stored, err);
    if (code) return code;
    if (stored.id) {
        bool unsent = stored.message.status == kTIMMsg_Sending || stored.message.status == kTIMMsg_SendFail;
        if (stored.message.is_self && unsent)
            code = accept_attempt(worker, conv, event, &stored, err);
        else if (event->revoked && is_stand_in(&stored))
            code = tm_store_place(worker->store, conv, stored.id, message->server_time, event->position, err);
        else if (stored.message.server_time == message->server_time &&
                 (!stored.position || (event->again && !message->is_self))) /* imported; or called anew */
            code = tm_store_set_position(worker->store, stored.id, event->position, err);
        if (!code && event->revoked && stored.message.status != kTIMMsg_Revoked) {
            code = tm_store_revoke(worker->store, conv, stored.id, err);
            *out = WAS_REVOKED;
        }
        tm_message_clear(&stored.message);
        return code;
    }
    int deleted = tm_store_is_deleted(worker->store, conv, message, event->position, live, err);
    if (deleted) *out = DELETED;
    if (deleted) return deleted < 0 ? err->code : 0;
    tm_message kept = *message; /* borrows */
    kept.is_read = is_read(event, conv);
    int64_t id = 0;
    code = tm_store_insert(worker->store, conv, &kept, event->position, &id, err);
    if (id) *out = FRESH;
    return code;
}

/* Where a message stands that is not to be seen before the event that it was revoked, which may have been here first. */
static int32_t place_stand_in(tm_worker *worker, tm_conv *conv, const tm_event *event, tm_error *err)
{
    tm_stored stored;
    int32_t code = find_row(worker, conv, &event->message, &stored, err);
    if (code) return code;
    if (is_stand_in(&stored))
        code =
            tm_store_place(worker->store, conv, stored.id, event->message.server_time, event->position, err);
    tm_message_clear(&stored.message);
    return code;
}

static int32_t tell_revoke(tm_worker *worker, const tm_message *message, news *out, tm_error *err)
{
    if (!tm_worker_wanted(worker, TM_LETTER_REVOKE)) return 0;
    return append(&out->revoked, tm_message_locator(message, true), err);
}

static void tell(tm_worker *worker, tm_letter_kind kind, cJSON **array)
{
    if (*array) tm_worker_tell(worker, tm_letter_new(kind, NULL, *array));
    *array = NULL;
}

/* What the history tells was revoked concerns who has shown it. What is not here comes revoked, or never. */
static int32_t store_revoke(tm_worker *worker, const tm_conv *conv, const tm_event *event, tm_error *err)
{
    tm_stored stored;
    news out = {0};
    int32_t code = find_row(worker, conv, &event->message, &stored, err);
    if (code) return code;
    bool in_time = event->time <= stored.message.server_time ||
                   event->time - stored.message.server_time <= worker->client->revoke_window_s;
    if (stored.id && stored.message.status != kTIMMsg_Revoked && in_time) {
        code = tm_store_revoke(worker->store, conv, stored.id, err);
        if (!code) code = tell_revoke(worker, &stored.message, &out, err);
        if (!code) tell(worker, TM_LETTER_REVOKE, &out.revoked);
    }
    cJSON_Delete(out.revoked);
    tm_message_clear(&stored.message);
    return code;
}

/* Rule 26: a report counts what was here when it was called. */
static void note_heard(tm_worker *worker, tm_position position)
{
    if (position > atomic_load(&worker->client->heard)) atomic_store(&worker->client->heard, position);
}

int32_t tm_incoming_store(tm_worker *worker, tm_conv *conv, const tm_event *event, tm_error *err)
{
    outcome is;
    if (event->kind == TM_EVENT_REVOKE) return store_revoke(worker, conv, event, err);
    if (event->to_come) return place_stand_in(worker, conv, event, err);
    int32_t code = store_message(worker, conv, event, false, &is, err);
    note_heard(worker, event->position);
    /* rule 10: what was deleted before it came here is not seen */
    return code || is == DELETED ? code : tm_store_set_top_seq(worker->store, conv, event->message.seq, err);
}

static int32_t tell_message(tm_worker *worker, const tm_message *message, news *out, tm_error *err)
{
    int32_t code = 0;
    if (tm_worker_wanted(worker, TM_LETTER_RECV_NEW_MSG)) code = append_message(out, message, err);
    if (code || !tm_worker_wanted(worker, TM_LETTER_GROUP_TIPS) ||
        strcmp(message->sender, "@TIM#SYSTEM") != 0 || !message->elems)
        return code;
    cJSON *elems = tm_json_parse_own(message->elems, strlen(message->elems), NULL);
    if (!elems) return tm_fail_memory(err);
    while (elems->child && !code) {
        cJSON *elem = cJSON_DetachItemFromArray(elems, 0);
        if (tm_json_get_int(elem, kTIMElemType, -1) == kTIMElem_GroupTips)
            code = append(&out->tips, elem, err);
        else
            cJSON_Delete(elem);
    }
    cJSON_Delete(elems);
    return code;
}

static int32_t handle_message(tm_worker *worker, tm_conv *conv, const tm_event *event, news *out,
                              tm_error *err)
{
    outcome is;
    int32_t code = store_message(worker, conv, event, !event->again, &is, err);
    if (!code) code = tm_store_set_top_seq(worker->store, conv, event->message.seq, err);
    if (!code) code = follow(worker, conv, event->message.server_time, err);
    if (code || is == KNOWN || is == DELETED) return code;
    if (event->revoked) return tell_revoke(worker, &event->message, out, err);
    tm_message told = event->message; /* borrows */
    told.is_read = is_read(event, conv);
    return tell_message(worker, &told, out, err);
}

static int32_t handle_revoke(tm_worker *worker, tm_conv *conv, const tm_event *event, news *out,
                             tm_error *err)
{
    tm_stored stored;
    const tm_message *message = &event->message;
    int32_t code = find_row(worker, conv, message, &stored, err);
    if (code) return code;
    int64_t id = stored.id;
    bool known = stored.message.status == kTIMMsg_Revoked;
    tm_message_clear(&stored.message);
    if (known) return 0;
    if (id) {
        code = tm_store_revoke(worker->store, conv, id, err);
    } else {
        /* a device that never had it gets a read row without elements, unless it was deleted here (rules 29,
         * 36) */
        int deleted = tm_store_is_deleted(worker->store, conv, message, event->position, false, err);
        if (deleted) return deleted < 0 ? err->code : 0;
        tm_message kept = *message; /* borrows */
        kept.status = kTIMMsg_Revoked;
        kept.is_read = true;
        kept.elems = NULL;
        code = tm_store_insert(worker->store, conv, &kept, event->position, &id, err);
        if (!code)
            code = tm_store_set_top_seq(worker->store, conv, message->seq, err); /* rule 10: it is seen */
    }
    return code ? code : tell_revoke(worker, message, out, err);
}

static int32_t handle_read(tm_worker *worker, tm_conv *conv, const tm_event *event, news *out, tm_error *err)
{
    if (strcmp(event->reader, worker->user) == 0) {
        int32_t code = tm_store_read_position(worker->store, conv, event->position, err);
        /* in a conversation with oneself the reader is the peer too */
        if (code || conv->type != kTIMConv_C2C || strcmp(conv->name, worker->user) != 0) return code;
    }
    /* what says nothing new, as other clients may, is told to nobody */
    if (conv->type != kTIMConv_C2C || event->position <= conv->peer_read) return 0;
    int32_t code = tm_store_peer_read(worker->store, conv, event->position, err);
    if (code || strcmp(event->reader, worker->user) == 0) return code;
    if (!atomic_load(&worker->client->want_receipts) || !tm_worker_wanted(worker, TM_LETTER_READED_RECEIPT))
        return 0;
    cJSON *receipt = cJSON_CreateObject();
    if (!tm_json_add_string(receipt, kTIMMsgReceiptConvId, event->reader) ||
        !tm_json_add_int(receipt, kTIMMsgReceiptConvType, kTIMConv_C2C) ||
        !tm_json_add_uint(receipt, kTIMMsgReceiptTimeStamp, event->time)) {
        cJSON_Delete(receipt);
        return tm_fail_memory(err);
    }
    return append(&out->receipts, receipt, err);
}

static int32_t handle_membership(tm_worker *worker, const tm_conv *conv, const tm_event *event, tm_error *err)
{
    if (event->time >= INT64_MAX) return 0;
    int64_t time = (int64_t)event->time;
    return event->joined ? tm_store_add_stretch(worker->store, conv, time + 1, TM_TIME_END, err)
                         : tm_store_end_stretch(worker->store, conv, time, err);
}

static int32_t handle_event(tm_worker *worker, const tm_event *event, news *out, tm_error *err)
{
    tm_conv conv;
    int32_t code =
        tm_store_conv(worker->store, event->message.conv_type, event->message.conv_id, true, &conv, err);
    if (code) return code;
    switch (event->kind) {
    case TM_EVENT_MESSAGE: return handle_message(worker, &conv, event, out, err);
    case TM_EVENT_REVOKE: return handle_revoke(worker, &conv, event, out, err);
    case TM_EVENT_READ: return handle_read(worker, &conv, event, out, err);
    case TM_EVENT_MEMBERSHIP: return handle_membership(worker, &conv, event, err);
    }
    return 0;
}

/* Takes the first of the letters that are full; NULL: there is none. */
static tm_letter *take_letter(news *out)
{
    tm_letter *letter = out->letters;
    if (letter) out->letters = letter->next;
    return letter;
}

static void forget(news *out)
{
    for (tm_letter *letter; (letter = take_letter(out)) != NULL;)
        tm_letter_free(letter);
    tm_messages_free(out->messages);
    cJSON_Delete(out->tips);
    cJSON_Delete(out->revoked);
    cJSON_Delete(out->receipts);
}

void tm_incoming_receive(tm_worker *worker)
{
    tm_error err = {0};
    tm_event *events = NULL;
    char *cursor = NULL;
    news out = {0};
    bool more = false;
    int32_t code = worker->backend->receive(worker->backend, MAX_EVENTS, &events, &cursor, &more, &err);
    if (code || !cursor) goto out;
    if ((code = tm_store_begin(worker->store, false, &err))) goto out;
    for (const tm_event *event = events; event && !code; event = event->next)
        code = handle_event(worker, event, &out, &err);
    if (!code) code = tm_store_set(worker->store, "cursor", cursor, &err);
    if (code) {
        tm_store_rollback(worker->store);
        forget(&out);
        goto out;
    }
    for (const tm_event *event = events; event; event = event->next)
        if (event->kind == TM_EVENT_MESSAGE) note_heard(worker, event->position);
    for (tm_letter *letter; (letter = take_letter(&out)) != NULL;)
        tm_worker_tell(worker, letter);
    if (out.messages) tm_worker_tell(worker, messages_letter(&out));
    tm_messages_free(out.messages);
    tell(worker, TM_LETTER_GROUP_TIPS, &out.tips);
    tell(worker, TM_LETTER_REVOKE, &out.revoked);
    tell(worker, TM_LETTER_READED_RECEIPT, &out.receipts);
    code = tm_worker_end_transaction(worker, &err);
    if (!code) worker->backend->stored(worker->backend);
out:
    worker->more_events = !code && more;
    if (code && !atomic_load(&worker->client->stop)) {
        tm_log_write(worker->client->log, kTIMLog_Error, "events were not stored and will be tried again: %s",
                     err.text);
        worker->retry_at = tm_world_ms(worker->world) + RETRY_MS;
    }
    tm_event_free_list(events);
    tm_free(cursor);
}

void tm_incoming_online(tm_worker *worker, tm_event *event)
{
    tm_error err = {0};
    news out = {0};
    if (!worker->online || tell_message(worker, &event->message, &out, &err)) {
        forget(&out);
    } else {
        tm_letter *letter = out.letters ? take_letter(&out) : messages_letter(&out);
        if (letter) tm_mailbox_put(worker->client->mailbox, letter);
        forget(&out);
    }
    tm_event_free(event);
}

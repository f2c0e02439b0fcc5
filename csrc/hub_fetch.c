/* Hub fetch: reading the log: the events behind a device's cursor, and a conversation's history. See
 * hub.c. */
#include "hub_internal.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_COLUMNS                                                                                      \
    "e.id, e.sender, e.seq, e.rand, e.client_time, e.server_time, e.priority, e.elems, e.revoked"
/* The same, and whether the user (?5) was addressed: a group's messages from before it joined were for
 * others. */
#define HISTORY_COLUMNS MESSAGE_COLUMNS ", EXISTS(SELECT 1 FROM inbox WHERE user = ?5 AND event = e.id)"

/* The elements of a row as another process wrote them: as strict as a caller's, with the known keys only.
 * Owned by the caller; NULL on failure. */
static char *read_elems(sqlite3_stmt *row, int column, const char *sender, tm_error *err)
{
    const char *text = tm_sql_column_text(row, column);
    cJSON *elems = tm_peer_parse(text, (size_t)sqlite3_column_bytes(row, column), err);
    char *result = NULL;
    if (elems) result = tm_peer_elems(elems, strcmp(sender, HUB_SYSTEM) == 0, err);
    cJSON_Delete(elems);
    return result;
}

/* Fills the message of an event from the columns of MESSAGE_COLUMNS. */
static int32_t read_message(tm_hub *hub, sqlite3_stmt *row, int32_t conv_type, const char *conv_id,
                            tm_event *event, tm_error *err)
{
    tm_message *message = &event->message;
    event->position = sqlite3_column_int64(row, 0);
    message->conv_type = conv_type;
    message->conv_id = tm_strdup(conv_id);
    message->sender = tm_strdup(tm_sql_column_text(row, 1));
    message->seq = tm_sql_column_u64(row, 2);
    message->rand = tm_sql_column_u64(row, 3);
    message->client_time = tm_sql_column_u64(row, 4);
    message->server_time = tm_sql_column_u64(row, 5);
    message->priority = (uint32_t)sqlite3_column_int64(row, 6);
    if (message->priority > kTIMMsgPriority_Lowest) message->priority = kTIMMsgPriority_Normal;
    event->revoked = sqlite3_column_int64(row, 8) != 0;
    if (!message->conv_id || !message->sender) return tm_fail_memory(err);
    if (!tm_valid_conv(conv_type, conv_id) || !tm_valid_user(message->sender))
        return tm_fail(err, TIM_ERR_JSON, "not a conversation of users");
    message->is_self = strcmp(message->sender, hub->user) == 0;
    message->status = event->revoked ? kTIMMsg_Revoked : kTIMMsg_SendSucc;
    if (event->revoked) return 0;
    message->elems = read_elems(row, 7, message->sender, err);
    return message->elems ? 0 : err->code;
}

/* One row of the fetch below as an event. Columns: MESSAGE_COLUMNS of the event itself (a message) or of the
 * one it is about (9 to 17), kind, target, group name, peer name. */
static tm_event *read_event(tm_hub *hub, sqlite3_stmt *row, tm_error *err)
{
    tm_event *event = tm_calloc(1, sizeof *event);
    if (!event) {
        tm_fail_memory(err);
        return NULL;
    }
    int kind = sqlite3_column_int(row, 9);
    bool group = sqlite3_column_type(row, 11) != SQLITE_NULL;
    int32_t conv_type = group ? kTIMConv_Group : kTIMConv_C2C;
    const char *conv_id = tm_sql_column_text(row, group ? 11 : 12);
    int32_t code = 0;
    switch (kind) {
    case HUB_MESSAGE:
    case HUB_REVOKE:
        event->kind = kind == HUB_MESSAGE ? TM_EVENT_MESSAGE : TM_EVENT_REVOKE;
        code = read_message(hub, row, conv_type, conv_id, event, err);
        break;
    case HUB_READ:
    case HUB_MEMBERSHIP:
        event->kind = kind == HUB_READ ? TM_EVENT_READ : TM_EVENT_MEMBERSHIP;
        event->message.conv_type = kind == HUB_READ ? conv_type : kTIMConv_Group;
        event->message.conv_id = tm_strdup(kind == HUB_READ ? conv_id : tm_sql_column_text(row, 7));
        event->time = tm_sql_column_u64(row, 5);
        event->position = event->joined = 0;
        if (kind == HUB_READ)
            event->position = sqlite3_column_int64(row, 10);
        else
            event->joined = sqlite3_column_int64(row, 10) != 0;
        snprintf(event->reader, sizeof event->reader, "%s", tm_sql_column_text(row, 1));
        if (!event->message.conv_id)
            code = tm_fail_memory(err);
        else if (!tm_valid_conv(event->message.conv_type, event->message.conv_id) ||
                 !tm_valid_user(event->reader))
            code = tm_fail(err, TIM_ERR_JSON, "not a conversation of users");
        break;
    default: code = tm_fail(err, TIM_ERR_JSON, "of unknown kind %d", kind); break;
    }
    if (!code) return event;
    tm_event_free(event);
    return NULL;
}

static void skip_event(tm_hub *hub, int64_t event, tm_error *err)
{
    tm_log_write(hub->host.log, kTIMLog_Warn, "hub: event %lld was left out: %s", (long long)event,
                 err->text);
    memset(err, 0, sizeof *err);
}

int32_t tm_hub_fetch(tm_hub *hub, int limit, tm_event **list, int *rows, tm_error *err)
{
    *rows = 0;
    tm_error local = {0};
    tm_event **end = list;
    *list = NULL;
    /* a revoke tells of the message it is about: the columns come from there (r), else from the event
     * itself */
    sqlite3_stmt *row = tm_sql_query(
        hub->sql, &local,
        "SELECT coalesce(r.id, e.id), coalesce(r.sender, e.sender), coalesce(r.seq, e.seq), coalesce(r.rand, "
        "e.rand),"
        " coalesce(r.client_time, e.client_time), coalesce(r.server_time, e.server_time),"
        " coalesce(r.priority, e.priority), CASE WHEN e.kind = 2 THEN NULL ELSE e.elems END,"
        " coalesce(r.revoked, e.revoked), e.kind, e.target, t.group_name,"
        " (SELECT name FROM users WHERE id = CASE WHEN t.low = ?1 THEN t.high ELSE t.low END), e.id"
        " FROM inbox i JOIN events e ON e.id = i.event JOIN topics t ON t.id = e.topic"
        " LEFT JOIN events r ON e.kind = 2 AND r.id = e.target"
        " WHERE i.user = ?1 AND i.event > ?2 ORDER BY i.event LIMIT ?3",
        "iii", hub->user_id, hub->cursor, (int64_t)limit);
    int64_t cursor = hub->cursor;
    while (tm_sql_step(hub->sql, row, &local)) {
        cursor = sqlite3_column_int64(row, 13);
        ++*rows;
        tm_event *event = read_event(hub, row, &local);
        if (event) {
            *end = event;
            end = &event->next;
        } else if (local.code == TIM_ERR_JSON) {
            /* what a hostile process or a newer library wrote is of no use here, and must not stop the
             * others */
            skip_event(hub, cursor, &local);
        } else {
            tm_sql_drop(row);
            break;
        }
    }
    if (!local.code) {
        hub->next = cursor;
        return 0;
    }
    tm_event_free_list(*list);
    *list = NULL;
    return tm_fail(err, local.code, "%s", local.text);
}

static tm_position read_mark(tm_hub *hub, int64_t topic, int64_t user, tm_error *err)
{
    return tm_sql_int(hub->sql, err, 0, "SELECT position FROM reads WHERE topic = ? AND user = ?", "ii",
                      topic, user);
}

/* How far the peer has read; 0 if it says so behind the cursor: its receipt comes with that event. */
static tm_position peer_mark(tm_hub *hub, int64_t topic, int64_t peer, tm_error *err)
{
    bool is_to_come = tm_sql_int(hub->sql, err, 0,
                                 "SELECT EXISTS(SELECT 1 FROM inbox i JOIN events e ON e.id = i.event"
                                 " WHERE i.user = ? AND i.event > ? AND e.kind = 3 AND e.topic = ?"
                                 " AND e.sender = (SELECT name FROM users WHERE id = ?))",
                                 "iiii", hub->user_id, hub->cursor, topic, peer) != 0;
    return is_to_come ? 0 : read_mark(hub, topic, peer, err);
}

/* Takes rows until `want` are there and the last second is whole. *edge: the last second that is. */
static int32_t take_history(tm_hub *hub, sqlite3_stmt *row, tm_op *op, uint64_t *edge, bool *all,
                            tm_error *err)
{
    tm_error local = {0};
    uint32_t count = 0;
    uint64_t second = 0;
    *all = true;
    while (tm_sql_step(hub->sql, row, &local)) {
        uint64_t time = tm_sql_column_u64(row, 5);
        if (count >= op->want && time != second) {
            *all = false;
            tm_sql_drop(row);
            break;
        }
        second = time;
        tm_event *event = tm_calloc(1, sizeof *event);
        if (!event) {
            tm_fail_memory(&local);
            tm_sql_drop(row);
            break;
        }
        event->kind = TM_EVENT_MESSAGE;
        count++;
        read_message(hub, row, op->message->conv_type, op->message->conv_id, event, &local);
        event->unaddressed = !sqlite3_column_int(row, 9);
        if (!local.code) {
            event->next = op->events;
            op->events = event;
            continue;
        }
        tm_event_free(event);
        if (local.code == TIM_ERR_JSON) {
            skip_event(hub, sqlite3_column_int64(row, 0), &local);
            continue;
        }
        tm_sql_drop(row);
        break;
    }
    *edge = second;
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* What lies behind the cursor comes as events, with their callbacks: history must not be first, neither with a message
 * nor with its being revoked. What a group said before the user joined never does. */
#define NOT_TO_COME                                                                                          \
    "(id <= ?4 OR NOT EXISTS(SELECT 1 FROM inbox WHERE user = ?5 AND event = e.id))"                         \
    " AND (revoked = 0 OR NOT EXISTS(SELECT 1 FROM events r JOIN inbox i ON i.event = r.id AND i.user = ?5"  \
    " WHERE r.topic = ?1 AND r.kind = 2 AND r.id > ?4 AND r.target = e.id))"

int32_t tm_hub_history(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    tm_error local = {0};
    int32_t code = tm_hub_find_target(hub, op->message->conv_type, op->message->conv_id, false, &target, err);
    if (code || !target.topic) return code; /* nothing was ever said: all of it is here */
    op->my_read = read_mark(hub, target.topic, hub->user_id, &local);
    if (!target.group_id) op->peer_read = peer_mark(hub, target.topic, target.peer_id, &local);
    sqlite3_stmt *row = NULL;
    if (!local.code)
        row = op->forward
                  ? tm_sql_query(hub->sql, &local,
                                 "SELECT " HISTORY_COLUMNS
                                 " FROM events e WHERE topic = ?1 AND server_time >= ?2 AND "
                                 "server_time <= ?3 AND kind = 1 AND " NOT_TO_COME " ORDER BY server_time",
                                 "iuuii", target.topic, op->low, op->high, hub->cursor, hub->user_id)
                  : tm_sql_query(
                        hub->sql, &local,
                        "SELECT " HISTORY_COLUMNS " FROM events e WHERE topic = ?1 AND server_time >= ?2 AND "
                        "server_time <= ?3 AND kind = 1 AND " NOT_TO_COME " ORDER BY server_time DESC",
                        "iuuii", target.topic, op->low, op->high, hub->cursor, hub->user_id);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    uint64_t edge;
    bool all;
    if ((code = take_history(hub, row, op, &edge, &all, err))) return code;
    if (!all && op->forward) op->high = edge;
    if (!all && !op->forward) op->low = edge;
    return 0;
}

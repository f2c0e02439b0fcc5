/* XMPP mirror: reading: events for the worker, messages by what names them, what was read. See xmpp_mirror.h. */
#include "xmpp_mirror_internal.h"

#include "include/TIMCloudDef.h"

#include <string.h>

/* Contents and receipts are erased at once, rows after this time. */
#define KEEP_DAYS 30
/* Rows that are forgotten at a time, at most. */
#define FORGET_ROWS 500

/* ---- events ---- */

static int32_t fill_message(sqlite3_stmt *row, tm_event *event, bool revoke, tm_error *err)
{
    tm_message *message = &event->message;
    message->sender = tm_strdup(tm_sql_column_text(row, 4));
    message->seq = tm_sql_column_u64(row, 5);
    message->rand = tm_sql_column_u64(row, 6);
    message->client_time = tm_sql_column_u64(row, 7);
    message->server_time = tm_sql_column_u64(row, 8) / 1000000;
    message->priority = (uint32_t)sqlite3_column_int64(row, 9);
    message->is_self = sqlite3_column_int(row, 10);
    event->revoked = revoke || sqlite3_column_int(row, 11);
    message->status = event->revoked ? kTIMMsg_Revoked : kTIMMsg_SendSucc;
    if (!event->revoked) message->elems = tm_strdup(tm_sql_column_text(row, 12));
    return message->sender && (event->revoked || message->elems) ? 0 : tm_fail_memory(err);
}

/* A retraction or marker tells of the message it is about (t), which a device may never have had: then its time is what
 * its id claims, but nothing is said after it was retracted. */
#define EVENT                                                                                                \
    "SELECT l.number, l.kind, l.conv_type, l.conv, coalesce(t.sender, nullif(l.sender, ''), l.actor),"       \
    " coalesce(t.seq, l.seq), coalesce(t.rand, l.rand), coalesce(t.client_time, l.client_time),"             \
    " CASE WHEN l.kind = 2 THEN coalesce(t.stamp, min(l.client_time, l.stamp / 1000000) * 1000000)"          \
    " ELSE coalesce(t.stamp, l.stamp) END,"                                                                  \
    " l.priority, coalesce(t.is_self, l.is_self), l.revoked, l.elems, coalesce(l.target_number, 0),"         \
    " l.sender, l.stamp, l.told, l.stamp <= coalesce((SELECT value FROM meta WHERE name = 'lost'), 0)"       \
    " FROM log l LEFT JOIN log t ON t.number = l.target_number AND l.target_number > 0 "

/* One row; NULL with err->code 0: it is no event (any more). */
static tm_event *read_event(sqlite3_stmt *row, tm_error *err)
{
    int kind = sqlite3_column_int(row, 1);
    bool message = kind == TM_ITEM_MESSAGE || kind == TM_ITEM_TIPS;
    bool erased = message && !sqlite3_column_int(row, 11) && sqlite3_column_type(row, 12) == SQLITE_NULL;
    bool again = sqlite3_column_int(row, 17);
    if (erased || (again && kind == TM_ITEM_DISPLAYED)) return NULL;
    tm_event *event = tm_calloc(1, sizeof *event);
    int32_t code =
        event && (event->message.conv_id = tm_strdup(tm_sql_column_text(row, 3))) ? 0 : tm_fail_memory(err);
    if (code) goto fail;
    event->message.conv_type = sqlite3_column_int(row, 2);
    event->again = again;
    event->position = sqlite3_column_int64(row, message ? 0 : 13);
    if (message) {
        event->kind = TM_EVENT_MESSAGE;
        code = fill_message(row, event, false, err);
    } else if (kind == TM_ITEM_RETRACT) {
        event->kind = TM_EVENT_REVOKE;
        code = fill_message(row, event, true, err);
    } else if (kind == TM_ITEM_DISPLAYED) {
        event->kind = TM_EVENT_READ;
        event->time = tm_sql_column_u64(row, 8) / 1000000;
        snprintf(event->reader, sizeof event->reader, "%s", tm_sql_column_text(row, 14));
    } else {
        event->kind = TM_EVENT_MEMBERSHIP;
        event->time = tm_sql_column_u64(row, 15);
        event->joined = sqlite3_column_int(row, 9);
        event->position = 0;
    }
    if (!code) return event;
fail:
    tm_event_free(event);
    return NULL;
}

int32_t tm_mirror_fetch(tm_mirror *mirror, int64_t cursor, int64_t end_number, int limit, tm_event **list,
                        int64_t *next, int *rows, tm_error *err)
{
    tm_error local = {0};
    tm_event **end = list;
    *list = NULL;
    *next = cursor;
    *rows = 0;
    sqlite3_stmt *row = tm_sql_query(mirror->sql, &local,
                                     EVENT "WHERE l.number > ? AND l.number < ? ORDER BY l.number LIMIT ?",
                                     "iii", cursor, end_number, (int64_t)limit);
    while (row && tm_sql_step(mirror->sql, row, &local)) {
        tm_event *event = sqlite3_column_int(row, 16) ? read_event(row, &local) : NULL;
        if (local.code) {
            tm_sql_drop(row);
            break;
        }
        *next = sqlite3_column_int64(row, 0);
        ++*rows;
        if (!event) continue;
        *end = event;
        end = &event->next;
    }
    if (!local.code) return 0;
    tm_event_free_list(*list);
    *list = NULL;
    *next = cursor;
    return tm_fail(err, local.code, "%s", local.text);
}

int32_t tm_mirror_retraction(tm_mirror *mirror, int64_t number, tm_event **event, tm_error *err)
{
    tm_error local = {0};
    *event = NULL;
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &local, EVENT "WHERE l.number = ? AND l.kind = 2", "i", number);
    if (row && tm_sql_step(mirror->sql, row, &local)) {
        *event = read_event(row, &local);
        if (*event && !(*event)->position) (*event)->time = tm_sql_column_u64(row, 15) / 1000000;
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* ---- messages ---- */

/* The id by which others know it: of those that their sender gave the same one that is the last's; another one is
 * called as the room's archive calls it, or has no name. */
#define MESSAGE                                                                                              \
    "SELECT number, CASE WHEN id ISNULL OR (twin AND EXISTS(SELECT 1 FROM log n WHERE n.conv = log.conv AND" \
    " n.conv_type = log.conv_type AND n.id = log.id AND n.sender = log.sender AND n.kind IN (1, 6) AND"      \
    " (n.number > log.number OR (n.number <> log.number AND n.conv_type = 2))))"                             \
    " THEN CASE conv_type WHEN 2 THEN archive_id ELSE '' END ELSE id END,"                                   \
    " seq, rand, client_time, stamp, revoked, is_self, sender FROM log "

static int32_t read_message(tm_mirror *mirror, sqlite3_stmt *row, tm_mirror_message *out, tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    if (!row) return err->code;
    if (tm_sql_step(mirror->sql, row, &local)) {
        out->number = sqlite3_column_int64(row, 0);
        out->id = tm_strdup(tm_sql_column_text(row, 1));
        out->seq = tm_sql_column_u64(row, 2);
        out->rand = tm_sql_column_u64(row, 3);
        out->client_time = tm_sql_column_u64(row, 4);
        out->stamp = tm_sql_column_u64(row, 5);
        out->revoked = sqlite3_column_int(row, 6);
        out->is_self = sqlite3_column_int(row, 7);
        snprintf(out->sender, sizeof out->sender, "%s", tm_sql_column_text(row, 8));
        tm_sql_drop(row);
        if (!out->id) tm_fail_memory(&local);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_find(tm_mirror *mirror, int32_t conv_type, const char *conv_id, const char *sender,
                       uint64_t seq, uint64_t rand, tm_mirror_message *out, tm_error *err)
{
    return read_message(mirror,
                        tm_sql_query(mirror->sql, err,
                                     MESSAGE
                                     "WHERE conv = ? AND rand = ? AND kind = 1 AND conv_type = ? AND seq = ?"
                                     " AND sender = ?",
                                     "tuiut", conv_id, rand, (int64_t)conv_type, seq, sender),
                        out, err);
}

int32_t tm_mirror_at(tm_mirror *mirror, int64_t number, tm_mirror_message *out, tm_error *err)
{
    return read_message(
        mirror, tm_sql_query(mirror->sql, err, MESSAGE "WHERE number = ? AND kind IN (1, 6)", "i", number),
        out, err);
}

uint64_t tm_mirror_top_seq(tm_mirror *mirror, int32_t conv_type, const char *conv_id)
{
    tm_error err = {0};
    uint64_t seq = 0;
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &err, "SELECT max(seq) FROM log WHERE conv = ? AND conv_type = ? AND kind IN (1, 6)",
        "ti", conv_id, (int64_t)conv_type);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        seq = tm_sql_column_u64(row, 0);
        tm_sql_drop(row);
    }
    return seq;
}

bool tm_mirror_revoke_is_to_come(tm_mirror *mirror, int64_t number, int64_t cursor, tm_error *err)
{
    return tm_sql_int(mirror->sql, err, 0,
                      "SELECT EXISTS(SELECT 1 FROM log WHERE number > ? AND kind = 2 AND told AND "
                      "target_number = ?)",
                      "ii", cursor, number) != 0;
}

int32_t tm_mirror_read_marks(tm_mirror *mirror, int32_t conv_type, const char *conv_id, const char *user,
                             int64_t cursor, tm_position *my_read, tm_position *peer_read, tm_error *err)
{
    tm_error local = {0};
    *my_read = *peer_read = 0;
    /* by id, since the message may have come after its marker, as history; in a room perhaps by the archive's.
     * CROSS: markers are few, and lead to their messages. What the store had counts by the numbers that it knows */
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &local,
        "SELECT m.sender = ?3, max(t.number) FROM log m CROSS JOIN log t WHERE m.kind = 3 AND m.conv = ?1"
        " AND m.stamp > coalesce((SELECT value FROM meta WHERE name = 'lost'), 0)"
        " AND (m.sender = ?3 OR NOT m.told OR m.number <= ?5)"
        " AND m.conv_type = ?2 AND t.number = coalesce("
        " (SELECT max(number) FROM log WHERE conv = m.conv AND conv_type = m.conv_type AND id = m.target"
        "  AND kind IN (1, 6) AND kind = 1 AND (sender <> m.sender OR ?1 = ?3)"
        "  AND (twin = 0 OR number < m.number)),"
        " (SELECT number FROM known WHERE archive = m.conv AND archive_id = m.target AND m.conv_type = ?4))"
        " AND t.kind = 1 AND (t.sender <> m.sender OR ?1 = ?3) GROUP BY 1",
        "titii", conv_id, (int64_t)conv_type, user, (int64_t)kTIMConv_Group, cursor);
    while (row && tm_sql_step(mirror->sql, row, &local)) {
        if (sqlite3_column_int(row, 0))
            *my_read = sqlite3_column_int64(row, 1);
        else if (conv_type == kTIMConv_C2C)
            *peer_read = sqlite3_column_int64(row, 1);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int64_t tm_mirror_next_receipt(tm_mirror *mirror, int64_t number, int64_t end, char peer[TM_MAX_USER_ID + 1],
                               char **id, tm_error *err)
{
    int64_t found = 0;
    *id = NULL;
    sqlite3_stmt *row = tm_sql_query(mirror->sql, err,
                                     "SELECT number, sender, id FROM log WHERE receipt AND number > ? AND "
                                     "number <= ? ORDER BY number LIMIT 1",
                                     "ii", number, end);
    if (row && tm_sql_step(mirror->sql, row, err)) {
        found = sqlite3_column_int64(row, 0);
        snprintf(peer, TM_MAX_USER_ID + 1, "%s", tm_sql_column_text(row, 1));
        *id = tm_strdup(tm_sql_column_text(row, 2));
        tm_sql_drop(row);
        if (!*id) {
            tm_fail_memory(err);
            found = 0;
        }
    }
    return found;
}

/* The oldest rows that may go: numbers are times. What only the mirror can name stays, a reader's last marker in
 * each conversation, and what the peer said last there: a marker of this user's names it. So does what comes again, and
 * would be news: ?3 is how far back archives are read, the user's also from what is still to be told on. */
#define AGAIN                                                                                                \
    "min(a.stamp, CASE a.name WHEN '' THEN coalesce((SELECT value FROM meta WHERE name = 'untold'), "        \
    "a.stamp)"                                                                                               \
    " ELSE a.stamp END) - ?3"
#define PASSED                                                                                               \
    "(SELECT number FROM log WHERE number < ?1 AND (kind NOT IN (1, 6) OR ours)"                             \
    " AND NOT EXISTS(SELECT 1 FROM archives a WHERE a.name = log.archive AND log.stamp >= " AGAIN ")"        \
    " AND (kind <> 1 OR is_self OR EXISTS(SELECT 1 FROM log n WHERE n.conv = log.conv AND"                   \
    " n.conv_type = log.conv_type AND n.kind = 1 AND NOT n.is_self AND"                                      \
    " n.number > log.number))"                                                                               \
    " AND (kind <> 3 OR EXISTS(SELECT 1 FROM log n WHERE n.kind = 3 AND n.conv = log.conv AND"               \
    " n.sender = log.sender AND n.conv_type = log.conv_type AND n.number > log.number))"                     \
    " ORDER BY number LIMIT ?2)"

int32_t tm_mirror_erase(tm_mirror *mirror, int64_t number, tm_error *err)
{
    int32_t code = tm_sql_run(mirror->sql, err,
                              "UPDATE log SET elems = NULL WHERE elems NOTNULL AND number <= ?", "i", number);
    if (code) return code;
    return tm_sql_run(mirror->sql, err, "UPDATE log SET receipt = 0 WHERE receipt AND number <= ?", "i",
                      number);
}

int32_t tm_mirror_forget(tm_mirror *mirror, int64_t number, bool *more, tm_error *err)
{
    int64_t old = number - (int64_t)KEEP_DAYS * 86400 * 1000000, limit = FORGET_ROWS,
            back = TM_MIRROR_REWIND + TM_MIRROR_MARGIN;
    *more = false;
    int32_t code =
        tm_sql_run(mirror->sql, err, "DELETE FROM known WHERE number IN " PASSED, "iii", old, limit, back);
    if (!code)
        code =
            tm_sql_run(mirror->sql, err, "DELETE FROM log WHERE number IN " PASSED, "iii", old, limit, back);
    if (!code) *more = tm_sql_changes(mirror->sql) == limit;
    if (!code)
        code = tm_sql_run(mirror->sql, err, "DELETE FROM letters WHERE due = ? AND sent < ?", "iu",
                          TM_LETTER_HELD, old > 0 ? (uint64_t)old / 1000000 : 0);
    /* of what was not kept, the stamp's negative is known; the oldest are the highest */
    if (!code)
        code = tm_sql_run(mirror->sql, err,
                          "DELETE FROM known WHERE (archive, archive_id) IN (SELECT archive, archive_id FROM "
                          "known WHERE number < -1 AND number > -?1 AND NOT EXISTS(SELECT 1 FROM archives a"
                          " WHERE a.name = known.archive AND -known.number >= " AGAIN ") LIMIT ?2)",
                          "iii", old, limit, back);
    if (!code) *more |= tm_sql_changes(mirror->sql) == limit;
    return code;
}

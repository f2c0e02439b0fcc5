/* Store: messages. See store.h. */
#include "store_internal.h"

#include "include/TIMCloudDef.h"

#include <string.h>

#define COLUMNS                                                                                              \
    "id, conv, seq, sender, rand, client_time, server_time, status, priority, is_self, is_read, "            \
    "custom_int, "                                                                                           \
    "custom_str, elems, position, place_time"

/* The row as a message whose texts are borrowed from the statement. */
static void borrow_row(sqlite3_stmt *row, const tm_conv *conv, tm_stored *out)
{
    memset(out, 0, sizeof *out);
    tm_message *message = &out->message;
    out->id = sqlite3_column_int64(row, 0);
    out->conv = sqlite3_column_int64(row, 1);
    message->conv_type = conv->type;
    message->conv_id = (char *)(uintptr_t)conv->name;
    message->seq = tm_sql_column_u64(row, 2);
    message->sender = (char *)(uintptr_t)tm_sql_column_text(row, 3);
    message->rand = tm_sql_column_u64(row, 4);
    message->client_time = tm_sql_column_u64(row, 5);
    message->server_time = tm_sql_column_u64(row, 6);
    message->status = (uint32_t)sqlite3_column_int64(row, 7);
    message->priority = (uint32_t)sqlite3_column_int64(row, 8);
    message->is_self = sqlite3_column_int(row, 9);
    message->is_read = sqlite3_column_int(row, 10);
    message->custom_int = (uint32_t)sqlite3_column_int64(row, 11);
    message->custom_str = (char *)(uintptr_t)sqlite3_column_text(row, 12);
    message->elems = (char *)(uintptr_t)sqlite3_column_text(row, 13);
    out->position = sqlite3_column_int64(row, 14);
    out->place_time = tm_sql_column_u64(row, 15);
    message->is_peer_read = message->is_self && conv->type == kTIMConv_C2C && out->position > 0 &&
                            out->position <= conv->peer_read;
}

/* The first row of a query as a message of its own; id 0 where there is none. */
static int32_t load_first(tm_store *store, const tm_conv *conv, sqlite3_stmt *row, tm_stored *out,
                          tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    if (tm_sql_step(store->sql, row, &local)) {
        tm_stored borrowed;
        borrow_row(row, conv, &borrowed);
        *out = borrowed;
        tm_message_copy(&borrowed.message, &out->message, &local);
        tm_sql_drop(row);
    }
    if (!local.code) return 0;
    memset(out, 0, sizeof *out);
    return tm_fail(err, local.code, "%s", local.text);
}

int32_t tm_store_load(tm_store *store, int64_t id, tm_conv *conv, tm_stored *out, tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    int64_t conv_id = tm_sql_int(store->sql, &local, 0, "SELECT conv FROM messages WHERE id = ?", "i", id);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    int32_t code = tm_store_conv_by_id(store, conv_id, conv, err);
    if (code || !conv->id) return code;
    sqlite3_stmt *row =
        tm_sql_query(store->sql, err, "SELECT " COLUMNS " FROM messages WHERE id = ?", "i", id);
    return row ? load_first(store, conv, row, out, err) : err->code;
}

/* An unaccepted message of a group changes its seq when it is accepted; who took its identity before still
 * means it. */
static int32_t find_by_client_time(tm_store *store, const tm_conv *conv, const tm_identity *identity,
                                   tm_stored *out, tm_error *err)
{
    sqlite3_stmt *row = tm_sql_query(store->sql, err,
                                     "SELECT " COLUMNS
                                     " FROM messages INDEXED BY message_attempt WHERE conv = ? AND rand = ? "
                                     "AND client_time = ? AND is_self LIMIT 1",
                                     "iuu", conv->id, identity->rand, identity->client_time);
    return row ? load_first(store, conv, row, out, err) : err->code;
}

int32_t tm_store_find(tm_store *store, const tm_conv *conv, const tm_identity *identity, tm_stored *out,
                      tm_error *err)
{
    memset(out, 0, sizeof *out);
    if (!conv->id) return 0;
    sqlite3_stmt *row = tm_sql_query(
        store->sql, err,
        "SELECT " COLUMNS " FROM messages WHERE conv = ?1 AND seq = ?2 AND rand = ?3 "
        "AND (?4 IS NULL OR sender = ?4) AND (?5 < 0 OR is_self = ?5) ORDER BY sender LIMIT 1 OFFSET ?6",
        "iuutii", conv->id, identity->seq, identity->rand, identity->sender, (int64_t)identity->is_self,
        (int64_t)identity->skip);
    if (!row) return err->code;
    int32_t code = load_first(store, conv, row, out, err);
    if (code || out->id || conv->type != kTIMConv_Group || !identity->client_time || identity->is_self == 0)
        return code;
    if (identity->sender && strcmp(identity->sender, store->user) != 0) return 0;
    return find_by_client_time(store, conv, identity, out, err);
}

bool tm_store_is_renumbered(tm_store *store, const tm_conv *conv, const tm_message *message)
{
    return conv->type == kTIMConv_Group && message->is_self &&
           tm_sql_int(store->sql, NULL, 0,
                      "SELECT 1 FROM messages INDEXED BY message_attempt WHERE conv = ? AND rand = ? AND "
                      "(client_time = ? OR elems = ?) AND is_self AND position NOTNULL AND seq != ?",
                      "iuutu", conv->id, message->rand, message->client_time, message->elems, message->seq);
}

int32_t tm_store_find_attempt(tm_store *store, const tm_conv *conv, uint64_t rand, uint64_t client_time,
                              tm_attempt which, tm_stored *out, tm_error *err)
{
    sqlite3_stmt *row =
        tm_sql_query(store->sql, err,
                     "SELECT " COLUMNS " FROM messages INDEXED BY message_attempt WHERE conv = ?1 AND "
                     "rand = ?2 AND client_time = ?3 AND is_self AND "
                     "CASE ?4 WHEN 0 THEN status IN (1, 3) WHEN 1 THEN status IN (1, 3) OR position NOTNULL "
                     "ELSE position ISNULL END LIMIT 1",
                     "iuui", conv->id, rand, client_time, (int64_t)which);
    return row ? load_first(store, conv, row, out, err) : err->code;
}

uint64_t tm_store_place_time(const tm_message *message)
{
    bool accepted =
        message->server_time && message->status != kTIMMsg_Sending && message->status != kTIMMsg_SendFail;
    return accepted ? message->server_time : message->client_time;
}

int32_t tm_store_add(tm_store *store, const tm_conv *conv, const tm_message *message, tm_position position,
                     int64_t *id, tm_error *err)
{
    int32_t code = tm_sql_run(
        store->sql, err,
        "INSERT INTO messages(conv, place_time, seq, sender, rand, client_time, server_time, status, "
        "priority, is_self, is_read, custom_int, custom_str, elems, position) "
        "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,nullif(?,0)) ON CONFLICT DO NOTHING",
        "iuutuuuiiiiitti", conv->id, tm_store_place_time(message), message->seq, message->sender,
        message->rand, message->client_time, message->server_time, (int64_t)message->status,
        (int64_t)message->priority, (int64_t)message->is_self, (int64_t)message->is_read,
        (int64_t)message->custom_int, message->custom_str, message->elems, position);
    *id = !code && tm_sql_changes(store->sql) ? tm_sql_last_id(store->sql) : 0;
    return code;
}

/* How active a message makes its conversation. One on its way has the time that the caller gave it: that must not keep the
 * conversation above what happens from now on. */
static uint64_t activity_of(const tm_store *store, const tm_message *message)
{
    uint64_t time = tm_store_place_time(message), now = tm_world_seconds(store->world);
    return message->status == kTIMMsg_Sending && time > now ? now : time;
}

int32_t tm_store_insert(tm_store *store, tm_conv *conv, const tm_message *message, tm_position position,
                        int64_t *id, tm_error *err)
{
    int32_t code = tm_store_add(store, conv, message, position, id, err);
    return *id ? tm_store_list_conv(store, conv, true, activity_of(store, message), err) : code;
}

/* The same where the row is not as it was when the message went out, or moves: somebody saved it meanwhile, or sent it
 * again, or has revoked it. */
static int32_t accept_changed(tm_store *store, int64_t id, tm_message *message, uint64_t server_time,
                              uint64_t seq, tm_position position, bool *found, tm_error *err)
{
    tm_conv conv;
    tm_stored stored;
    int32_t code = tm_store_load(store, id, &conv, &stored, err);
    if (code) return code;
    uint32_t status = stored.message.status;
    bool known = stored.position && status != kTIMMsg_Sending && status != kTIMMsg_SendFail;
    *found = stored.id && stored.message.rand == message->rand &&
             stored.message.client_time == message->client_time;
    if (*found && (known || status == kTIMMsg_Revoked)) {
        tm_message taken = *message;
        *message = stored.message;
        stored.message = taken;
    }
    if (*found && !known && status != kTIMMsg_Revoked) { /* what SaveMsg has changed */
        char *text = message->custom_str;
        message->custom_str = stored.message.custom_str;
        stored.message.custom_str = text;
        message->custom_int = stored.message.custom_int;
    }
    tm_message_clear(&stored.message);
    if (!*found || known) return 0;
    message->status = status == kTIMMsg_Revoked ? kTIMMsg_Revoked : kTIMMsg_SendSucc;
    message->server_time = server_time;
    message->seq = seq;
    /* REPLACE: somebody imported the very message meanwhile; the sent one is the real one */
    return tm_sql_run(store->sql, err,
                      "UPDATE OR REPLACE messages SET status = ?, place_time = ?, server_time = ?, seq = ?, "
                      "elems = ?, position = nullif(?, 0) WHERE id = ?",
                      "iuuutii", (int64_t)message->status, server_time, server_time, seq, message->elems,
                      position, id);
}

int32_t tm_store_accept(tm_store *store, tm_conv *conv, int64_t id, tm_message *message, uint64_t server_time,
                        uint64_t seq, tm_position position, bool *found, tm_error *err)
{
    /* Most messages stay where they are. SQLite writes an index anew for each column that is named, whether or not it
     * changes: so these are not. */
    int32_t code =
        tm_sql_run(store->sql, err,
                   "UPDATE messages SET status = 2, server_time = ?1, position = nullif(?3, 0) "
                   "WHERE id = ?4 AND rand = ?5 AND client_time = ?6 AND place_time = ?1 AND seq = ?2 "
                   "AND status IN (1, 3) AND elems = ?7 AND custom_int = ?8 AND custom_str IS ?9",
                   "uuiiuutit", server_time, seq, position, id, message->rand, message->client_time,
                   message->elems, (int64_t)message->custom_int, message->custom_str);
    *found = !code && tm_sql_changes(store->sql) > 0;
    if (!code && !*found) code = accept_changed(store, id, message, server_time, seq, position, found, err);
    if (!code)
        code = tm_store_set_top_seq(store, conv, seq, err); /* seen, though the row may be gone (rule 10) */
    if (code || !*found) return code;
    code = tm_store_touch(store, conv, err);
    return code ? code : tm_store_list_conv(store, conv, true, server_time, err);
}

int32_t tm_store_set_position(tm_store *store, int64_t id, tm_position position, tm_error *err)
{
    return tm_sql_run(store->sql, err, "UPDATE messages SET position = ? WHERE id = ?", "ii", position, id);
}

int32_t tm_store_place(tm_store *store, tm_conv *conv, int64_t id, uint64_t server_time, tm_position position,
                       tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    if (!code)
        code = tm_sql_run(store->sql, err,
                          "UPDATE messages SET place_time = ?1, server_time = ?1, position = nullif(?2, 0) "
                          "WHERE id = ?3",
                          "uii", server_time, position, id);
    return code ? code : tm_store_list_conv(store, conv, true, server_time, err);
}

int32_t tm_store_rewrite(tm_store *store, const tm_conv *conv, int64_t id, const tm_message *message,
                         tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    return code ? code
                : tm_sql_run(store->sql, err,
                             "UPDATE messages SET status = ?, priority = ?, is_read = ?, custom_int = ?, "
                             "custom_str = ?, "
                             "elems = ? WHERE id = ? AND rand = ? AND client_time = ?",
                             "iiiittiuu", (int64_t)message->status, (int64_t)message->priority,
                             (int64_t)message->is_read, (int64_t)message->custom_int, message->custom_str,
                             message->elems, id, message->rand, message->client_time);
}

int32_t tm_store_set_status(tm_store *store, const tm_conv *conv, int64_t id, uint32_t status, tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    return code ? code
                : tm_sql_run(store->sql, err, "UPDATE messages SET status = ? WHERE id = ?", "ii",
                             (int64_t)status, id);
}

int32_t tm_store_revoke(tm_store *store, const tm_conv *conv, int64_t id, tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    return code ? code
                : tm_sql_run(store->sql, err,
                             "UPDATE messages SET status = 6, elems = NULL, is_read = 1 WHERE id = ?", "i",
                             id);
}

/* The index has the failed ones too. Without its name SQLite might rather read all messages in the order of their ids. */
#define SENDING "messages INDEXED BY message_unsent WHERE status IN (1, 3) AND status = 1"

uint32_t tm_store_sending_count(tm_store *store, tm_error *err)
{
    return (uint32_t)tm_sql_int(store->sql, err, 0, "SELECT count(*) FROM " SENDING, "");
}

int tm_store_sending(tm_store *store, int64_t *ids, int limit, tm_error *err)
{
    tm_error local = {0};
    int count = 0;
    sqlite3_stmt *row = tm_sql_query(store->sql, &local, "SELECT id FROM " SENDING " ORDER BY id", "");
    while (tm_sql_step(store->sql, row, &local)) {
        ids[count++] = sqlite3_column_int64(row, 0);
        if (count < limit) continue;
        tm_sql_drop(row);
        break;
    }
    if (!local.code) return count;
    tm_fail(err, local.code, "%s", local.text);
    return -1;
}

#define PLACE_COLUMNS "place_time, seq, sender, rand"
#define NEWEST_FIRST " ORDER BY place_time DESC, seq DESC, sender DESC, rand DESC LIMIT ?2"
#define OLDEST_FIRST " ORDER BY place_time, seq, sender, rand LIMIT ?2"

static sqlite3_stmt *page_query(tm_store *store, const tm_conv *conv, const tm_place *place, bool forward,
                                uint32_t count, tm_error *err)
{
    int64_t limit = count;
    if (!place)
        return forward ? tm_sql_query(store->sql, err,
                                      "SELECT " COLUMNS " FROM messages WHERE conv = ?1" OLDEST_FIRST, "ii",
                                      conv->id, limit)
                       : tm_sql_query(store->sql, err,
                                      "SELECT " COLUMNS " FROM messages WHERE conv = ?1" NEWEST_FIRST, "ii",
                                      conv->id, limit);
    if (forward)
        return tm_sql_query(store->sql, err,
                            "SELECT " COLUMNS " FROM messages WHERE conv = ?1 AND (" PLACE_COLUMNS
                            ") > (?3, ?4, ?5, ?6)" OLDEST_FIRST,
                            "iiuutu", conv->id, limit, place->time, place->seq, place->sender, place->rand);
    return tm_sql_query(store->sql, err,
                        "SELECT " COLUMNS " FROM messages WHERE conv = ?1 AND (" PLACE_COLUMNS
                        ") < (?3, ?4, ?5, ?6)" NEWEST_FIRST,
                        "iiuutu", conv->id, limit, place->time, place->seq, place->sender, place->rand);
}

int32_t tm_store_page(tm_store *store, const tm_conv *conv, const tm_place *place, bool forward,
                      uint32_t count, tm_messages *messages, uint32_t *rows, uint64_t *last_time,
                      tm_error *err)
{
    tm_error local = {0};
    *rows = 0;
    *last_time = 0;
    sqlite3_stmt *row = page_query(store, conv, place, forward, count, &local);
    while (tm_sql_step(store->sql, row, &local)) {
        tm_stored borrowed;
        borrow_row(row, conv, &borrowed);
        if (!tm_messages_add(messages, &borrowed.message)) {
            tm_sql_drop(row);
            return tm_fail_memory(err);
        }
        *last_time = tm_sql_column_u64(row, 15);
        ++*rows;
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_store_find_unread(tm_store *store, const tm_conv *conv, uint64_t time, tm_position most,
                             tm_position *position, uint64_t *last_time, tm_error *err)
{
    tm_error local = {0};
    *position = 0;
    *last_time = 0;
    /* Only incoming messages count: others that are still to come may lie before an own one. In a
     * conversation with oneself all of them are own ones. Positions grow with time: the greatest is in the
     * last second that holds a message the backend knows. */
    bool to_self = conv->type == kTIMConv_C2C && strcmp(conv->name, store->user) == 0;
    sqlite3_stmt *row =
        to_self
            ? tm_sql_query(store->sql, &local,
                           "SELECT max(position), place_time FROM messages WHERE conv = ?1 AND place_time = "
                           "(SELECT place_time FROM messages WHERE conv = ?1 AND place_time <= ?2 AND "
                           "position NOTNULL ORDER BY place_time DESC LIMIT 1)",
                           "iu", conv->id, time)
            : tm_sql_query(
                  store->sql, &local,
                  "SELECT max(position), place_time FROM (SELECT position, place_time FROM messages "
                  "WHERE conv = ?1 AND is_read = 0 AND place_time <= ?2 AND position <= ?3 UNION ALL "
                  "SELECT owed, owed_time FROM convs WHERE id = ?1 AND owed_time <= ?2)",
                  "iui", conv->id, time, most);
    if (tm_sql_step(store->sql, row, &local)) {
        *position = sqlite3_column_int64(row, 0);
        *last_time = tm_sql_column_u64(row, 1);
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_store_last_unread(tm_store *store, tm_position *position, tm_error *err)
{
    tm_error local = {0};
    *position = tm_sql_int(store->sql, &local, 0, "SELECT max(position) FROM messages WHERE is_read = 0", "");
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_store_owe(tm_store *store, const tm_conv *conv, tm_position position, uint64_t time, tm_error *err)
{
    return tm_sql_run(store->sql, err,
                      "UPDATE convs SET owed = ?1, owed_time = ?2 WHERE id = ?3 AND owed < ?1", "iui",
                      position, time, conv->id);
}

int32_t tm_store_read_local(tm_store *store, const tm_conv *conv, uint64_t time, bool *changed, tm_error *err)
{
    int32_t code = tm_sql_run(store->sql, err,
                              "UPDATE messages SET is_read = 1 WHERE conv = ? AND is_read = 0 AND "
                              "place_time <= ? AND (position IS NULL OR position <= ?)",
                              "iui", conv->id, time, conv->my_read);
    *changed = !code && tm_sql_changes(store->sql) > 0;
    return *changed ? tm_store_touch(store, conv, err) : code;
}

int32_t tm_store_read_position(tm_store *store, tm_conv *conv, tm_position position, tm_error *err)
{
    if (position <= conv->my_read) return 0;
    int32_t code = tm_store_touch(store, conv, err);
    if (code) return code;
    conv->my_read = position;
    tm_store_forget(store);
    code = tm_sql_run(store->sql, err, "UPDATE convs SET my_read = ? WHERE id = ?", "ii", position, conv->id);
    return code ? code
                : tm_sql_run(
                      store->sql, err,
                      "UPDATE messages SET is_read = 1 WHERE conv = ? AND is_read = 0 AND position <= ?",
                      "ii", conv->id, position);
}

int32_t tm_store_peer_read(tm_store *store, tm_conv *conv, tm_position position, tm_error *err)
{
    if (position <= conv->peer_read) return 0;
    int32_t code = tm_store_touch(store, conv, err);
    if (code) return code;
    conv->peer_read = position;
    tm_store_forget(store);
    return tm_sql_run(store->sql, err, "UPDATE convs SET peer_read = ? WHERE id = ?", "ii", position,
                      conv->id);
}

/* Store: what was deleted, and which seconds of a conversation are complete. See store.h. */
#include "store_internal.h"

#include "include/TIMCloudDef.h"

int32_t tm_store_bury(tm_store *store, const tm_conv *conv, const tm_message *message, tm_error *err)
{
    return tm_sql_run(store->sql, err,
                      "INSERT OR IGNORE INTO buried(conv, seq, rand, sender) VALUES(?, ?, ?, ?)", "iuut",
                      conv->id, message->seq, message->rand, message->sender);
}

int tm_store_is_deleted(tm_store *store, const tm_conv *conv, const tm_message *message, tm_position position,
                        bool fresh, tm_error *err)
{
    bool is_behind =
        message->server_time == conv->cleared && (!position || position > conv->cleared_position);
    if (!fresh && conv->cleared && message->server_time <= conv->cleared && !is_behind) return 1;
    tm_error local = {0};
    int64_t found = tm_sql_int(
        store->sql, &local, 0,
        "SELECT 1 FROM buried WHERE conv = ?1 AND seq = ?2 AND rand = ?3 AND sender = ?4 "
        "UNION ALL SELECT 1 FROM buried WHERE ?5 AND conv = ?1 AND seq = 0 AND rand = ?3 "
        "AND sender = ?4 LIMIT 1",
        "iuuti", conv->id, message->seq, message->rand, message->sender, (int64_t)message->is_self);
    if (!local.code) return (int)found;
    tm_fail(err, local.code, "%s", local.text);
    return -1;
}

int32_t tm_store_delete(tm_store *store, const tm_conv *conv, const tm_stored *stored, tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    if (!code) code = tm_store_bury(store, conv, &stored->message, err);
    /* one that was not accepted may turn out to be, and have another seq then (rule 10): 0 stands for any */
    tm_message any_seq = stored->message; /* borrows */
    any_seq.seq = 0;
    if (!code && !stored->message.server_time && stored->message.is_self)
        code = tm_store_bury(store, conv, &any_seq, err);
    return code ? code : tm_sql_run(store->sql, err, "DELETE FROM messages WHERE id = ?", "i", stored->id);
}

int32_t tm_store_delete_all(tm_store *store, tm_conv *conv, tm_error *err)
{
    int32_t code = tm_store_touch(store, conv, err);
    if (code) return code;
    /* Everything older than the last second the backend told of is deleted by that one number. It must come
     * from the backend: a time that somebody made up in an import would swallow messages to come. */
    tm_error local = {0};
    uint64_t newest = 0;
    tm_position position = 0;
    sqlite3_stmt *row =
        tm_sql_query(store->sql, &local,
                     "SELECT place_time, max(position) FROM messages WHERE conv = ?1 AND place_time = "
                     "(SELECT place_time FROM messages WHERE conv = ?1 AND position NOTNULL "
                     "ORDER BY place_time DESC LIMIT 1)",
                     "i", conv->id);
    if (tm_sql_step(store->sql, row, &local)) {
        newest = tm_sql_column_u64(row, 0);
        position = sqlite3_column_int64(row, 1);
        tm_sql_drop(row);
    }
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    /* In that second itself a message may still come, and what the backend does not know has no place in its
     * order: these are remembered one by one. So are own ones behind all that was fetched: the backend may
     * still bring them, after others of earlier seconds that were never here. */
    code =
        tm_sql_run(store->sql, err,
                   "INSERT OR IGNORE INTO buried(conv, seq, rand, sender) SELECT conv, seq, rand, sender "
                   "FROM messages WHERE conv = ?1 AND (position IS NULL OR place_time >= ?2 OR (is_self AND "
                   "position > (SELECT coalesce(max(position), 0) FROM messages WHERE conv = ?1 AND is_self "
                   "= 0)))",
                   "iu", conv->id, newest);
    if (!code) /* see tm_store_delete */
        code =
            tm_sql_run(store->sql, err,
                       "INSERT OR IGNORE INTO buried(conv, seq, rand, sender) SELECT conv, 0, rand, sender "
                       "FROM messages WHERE conv = ? AND status IN (1, 3) AND is_self",
                       "i", conv->id);
    if (!code) code = tm_sql_run(store->sql, err, "DELETE FROM messages WHERE conv = ?", "i", conv->id);
    bool is_further =
        newest > conv->cleared || (newest == conv->cleared && position > conv->cleared_position);
    if (code || !newest || !is_further) return code;
    conv->cleared = newest;
    conv->cleared_position = position;
    tm_store_forget(store);
    code = tm_sql_run(store->sql, err, "UPDATE convs SET cleared = ?, cleared_position = ? WHERE id = ?",
                      "uii", newest, position, conv->id);
    return code || newest == 0 || newest > INT64_MAX
               ? code
               : tm_store_add_stretch(store, conv, 0, (int64_t)(newest - 1), err);
}

int32_t tm_store_add_stretch(tm_store *store, const tm_conv *conv, int64_t low, int64_t high, tm_error *err)
{
    if (low > high) return 0;
    /* those that overlap or touch become one; TM_TIME_END has no neighbour above */
    int64_t after = high == TM_TIME_END ? TM_TIME_END : high + 1;
    int64_t before = low > 0 ? low - 1 : 0;
    tm_error local = {0};
    sqlite3_stmt *row =
        tm_sql_query(store->sql, &local,
                     "SELECT min(low), max(high) FROM stretches WHERE conv = ? AND low <= ? AND high >= ?",
                     "iii", conv->id, after, before);
    if (tm_sql_step(store->sql, row, &local)) {
        if (sqlite3_column_type(row, 0) != SQLITE_NULL) {
            int64_t other_low = sqlite3_column_int64(row, 0), other_high = sqlite3_column_int64(row, 1);
            if (other_low < low) low = other_low;
            if (other_high > high) high = other_high;
        }
        tm_sql_drop(row);
    }
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    int32_t code =
        tm_sql_run(store->sql, err, "DELETE FROM stretches WHERE conv = ? AND low >= ? AND high <= ?", "iii",
                   conv->id, low, high);
    return code ? code
                : tm_sql_run(store->sql, err, "INSERT INTO stretches(conv, low, high) VALUES(?, ?, ?)", "iii",
                             conv->id, low, high);
}

int32_t tm_store_end_stretch(tm_store *store, const tm_conv *conv, int64_t time, tm_error *err)
{
    int32_t code =
        tm_sql_run(store->sql, err, "DELETE FROM stretches WHERE conv = ? AND high = ? AND low >= ?", "iii",
                   conv->id, TM_TIME_END, time);
    return code ? code
                : tm_sql_run(store->sql, err, "UPDATE stretches SET high = ? WHERE conv = ? AND high = ?",
                             "iii", time - 1, conv->id, TM_TIME_END);
}

bool tm_store_is_followed(tm_store *store, const tm_conv *conv, tm_error *err)
{
    return tm_sql_int(store->sql, err, 0, "SELECT 1 FROM stretches WHERE conv = ? AND high = ?", "ii",
                      conv->id, TM_TIME_END);
}

bool tm_store_find_hole(tm_store *store, const tm_conv *conv, int64_t low, int64_t high, bool forward,
                        int64_t *hole_low, int64_t *hole_high, tm_error *err)
{
    tm_error local = {0};
    int64_t edge = forward ? low : high; /* everything walked over so far is complete */
    bool found = false;
    sqlite3_stmt *row =
        forward ? tm_sql_query(store->sql, &local,
                               "SELECT low, high FROM stretches WHERE conv = ? AND high >= ? AND low <= ? "
                               "ORDER BY low",
                               "iii", conv->id, low, high)
                : tm_sql_query(store->sql, &local,
                               "SELECT low, high FROM stretches WHERE conv = ? AND high >= ? AND low <= ? "
                               "ORDER BY low DESC",
                               "iii", conv->id, low, high);
    bool through = false;
    *hole_low = low;
    *hole_high = high;
    while (!found && !through && tm_sql_step(store->sql, row, &local)) {
        int64_t from = sqlite3_column_int64(row, 0), to = sqlite3_column_int64(row, 1);
        if (forward ? from > edge : to < edge) {
            found = true; /* the hole ends where this stretch begins */
            if (forward)
                *hole_high = from - 1;
            else
                *hole_low = to + 1;
        } else if (forward ? to >= high : from <= low) {
            through = true;
        } else {
            edge = forward ? to + 1 : from - 1;
        }
    }
    tm_sql_drop(row);
    if (local.code) {
        tm_fail(err, local.code, "%s", local.text);
        return false;
    }
    if (through) return false;
    if (forward)
        *hole_low = edge;
    else
        *hole_high = edge;
    return true;
}

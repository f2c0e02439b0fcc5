/* XMPP mirror: letters that wait for their receipts, messages that were refused, and groups. See
 * xmpp_mirror.h. */
#include "xmpp_mirror_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <string.h>

/* ---- letters ---- */

int32_t tm_mirror_put_letter(tm_mirror *mirror, const char *id, const tm_message *message, uint64_t due,
                             tm_error *err)
{
    return tm_sql_run(
        mirror->sql, err,
        "INSERT INTO letters(peer, id, seq, rand, client_time, priority, elems, sent, kept, due)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9) ON CONFLICT DO UPDATE SET"
        " due = excluded.due, sent = excluded.sent, kept = excluded.kept,"
        " priority = excluded.priority, elems = excluded.elems",
        "ttuuuitui", message->conv_id, id, message->seq, message->rand, message->client_time,
        (int64_t)message->priority, message->elems, tm_clock_seconds(), (int64_t)due);
}

int32_t tm_mirror_delay_letter(tm_mirror *mirror, const char *peer, const char *id, uint64_t due,
                               tm_error *err)
{
    return tm_sql_run(
        mirror->sql, err,
        "UPDATE letters SET attempts = attempts + 1, due = ?, sent = ? WHERE peer = ? AND id = ?", "iutt",
        (int64_t)due, tm_clock_seconds(), peer, id);
}

int32_t tm_mirror_drop_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "DELETE FROM letters WHERE peer = ? AND id = ?", "tt", peer, id);
}

int32_t tm_mirror_hold_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE letters SET due = ? WHERE peer = ? AND id = ?", "itt",
                      TM_LETTER_HELD, peer, id);
}

int32_t tm_mirror_release_letter(tm_mirror *mirror, const char *peer, const char *id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE letters SET due = 0 WHERE peer = ? AND id = ? AND due = ?",
                      "tti", peer, id, TM_LETTER_HELD);
}

int32_t tm_mirror_hasten_letters(tm_mirror *mirror, uint64_t since, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE letters SET due = 0 WHERE kept >= ? AND due <> ?", "ui",
                      since, TM_LETTER_HELD);
}

int32_t tm_mirror_due_letter(tm_mirror *mirror, uint64_t now, tm_mirror_letter *out, uint64_t *next,
                             tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    *next = 0;
    sqlite3_stmt *row = tm_sql_query(mirror->sql, &local,
                                     "SELECT due, peer, id, seq, rand, client_time, priority, elems, "
                                     "attempts, kept FROM letters WHERE due <> ? ORDER BY due, seq LIMIT 1",
                                     "i", TM_LETTER_HELD);
    if (row && tm_sql_step(mirror->sql, row, &local)) {
        uint64_t due = (uint64_t)sqlite3_column_int64(row, 0);
        *next = due ? due : 1; /* one that is due at once is no reason to look no more */
        if (due <= now) {
            tm_message *message = &out->message;
            snprintf(out->peer, sizeof out->peer, "%s", tm_sql_column_text(row, 1));
            out->id = tm_strdup(tm_sql_column_text(row, 2));
            message->conv_type = kTIMConv_C2C;
            message->conv_id = tm_strdup(out->peer);
            message->seq = tm_sql_column_u64(row, 3);
            message->rand = tm_sql_column_u64(row, 4);
            message->client_time = tm_sql_column_u64(row, 5);
            message->priority = (uint32_t)sqlite3_column_int64(row, 6);
            message->elems = tm_strdup(tm_sql_column_text(row, 7));
            out->attempts = (uint32_t)sqlite3_column_int64(row, 8);
            out->kept = tm_sql_column_u64(row, 9);
            if (!out->id || !message->conv_id || !message->elems) tm_fail_memory(&local);
        }
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_refuse(tm_mirror *mirror, const char *conv_id, const char *id, int64_t number,
                         tm_error *err)
{
    int32_t code =
        tm_sql_run(mirror->sql, err, "INSERT OR IGNORE INTO refused VALUES(?, ?)", "tt", conv_id, id);
    if (code || !number) return code;
    code =
        tm_sql_run(mirror->sql, err,
                   "UPDATE known SET number = -(SELECT stamp FROM log WHERE number = ?1) WHERE number = ?1",
                   "i", number);
    return code ? code : tm_sql_run(mirror->sql, err, "DELETE FROM log WHERE number = ?", "i", number);
}

int32_t tm_mirror_unrefuse(tm_mirror *mirror, const char *conv_id, const char *id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "DELETE FROM refused WHERE conv = ? AND id = ?", "tt", conv_id, id);
}

/* ---- groups ---- */

int32_t tm_mirror_set_group(tm_mirror *mirror, const char *group, bool member, uint64_t joined, tm_error *err)
{
    int32_t code = tm_sql_run(mirror->sql, err, "DELETE FROM changes WHERE conv = ?", "t", group);
    if (!code && member) code = tm_mirror_drop_join(mirror, group, NULL, err);
    if (code) return code;
    return tm_sql_run(
        mirror->sql, err,
        "INSERT INTO groups(name, member, joined, place, listed, heard) VALUES(?1, ?2, ?3,"
        " (SELECT coalesce(max(place), 0) + 1 FROM groups), 0, CASE WHEN ?2 THEN coalesce((SELECT max(stamp) "
        "FROM log"
        " WHERE conv = ?1 AND conv_type = 2 AND kind = 1), 0) ELSE 0 END) ON CONFLICT DO UPDATE SET"
        " place = CASE WHEN member THEN place ELSE excluded.place END,"
        " heard = CASE WHEN member AND excluded.member THEN heard ELSE excluded.heard END, member = "
        "excluded.member,"
        " joined = excluded.joined, listed = 0, born = '', since = 0, last = '', admins = '',"
        " invited = 0, invited_to = ''",
        "tiu", group, (int64_t)member, joined);
}

int32_t tm_mirror_note_born(tm_mirror *mirror, const char *group, const char *born, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE groups SET born = ? WHERE name = ? AND member AND born = ''",
                      "tt", born, group);
}

char *tm_mirror_born(tm_mirror *mirror, const char *group)
{
    char *born = NULL;
    tm_error err = {0};
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &err, "SELECT born FROM groups WHERE name = ? AND member AND born <> ''", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        born = tm_strdup(tm_sql_column_text(row, 0));
        tm_sql_drop(row);
    }
    return born;
}

int32_t tm_mirror_note_invited(tm_mirror *mirror, const char *group, uint64_t stamp, const char *born,
                               tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "UPDATE groups SET invited = ?, invited_to = ? WHERE name = ? AND member", "utt", stamp,
                      born, group);
}

int32_t tm_mirror_invited(tm_mirror *mirror, const char *group, uint64_t *stamp, char **born, tm_error *err)
{
    tm_error local = {0};
    *stamp = 0;
    *born = NULL;
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &local, "SELECT invited, invited_to FROM groups WHERE name = ? AND member AND invited",
        "t", group);
    if (row && tm_sql_step(mirror->sql, row, &local)) {
        *stamp = tm_sql_column_u64(row, 0);
        *born = tm_strdup(tm_sql_column_text(row, 1));
        tm_sql_drop(row);
        if (!*born) tm_fail_memory(&local);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_note_admins(tm_mirror *mirror, const char *group, const char *admins, tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "UPDATE groups SET admins = ?1 WHERE name = ?2 AND member AND admins <> ?1", "tt",
                      admins, group);
}

char *tm_mirror_admins(tm_mirror *mirror, const char *group)
{
    char *admins = NULL;
    tm_error err = {0};
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &err,
                     "SELECT admins FROM groups WHERE name = ? AND member AND admins <> ''", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        admins = tm_strdup(tm_sql_column_text(row, 0));
        tm_sql_drop(row);
    }
    return admins;
}

int32_t tm_mirror_put_change(tm_mirror *mirror, const char *group, const char *user, const char *affiliation,
                             tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "INSERT OR REPLACE INTO changes VALUES(?, ?, ?)", "ttt", group, user,
                      affiliation);
}

int32_t tm_mirror_drop_change(tm_mirror *mirror, const char *group, const char *user, const char *affiliation,
                              tm_error *err)
{
    return tm_sql_run(
        mirror->sql, err,
        "DELETE FROM changes WHERE conv = ?1 AND user = ?2 AND affiliation = coalesce(?3, affiliation)",
        "ttt", group, user, affiliation);
}

int32_t tm_mirror_changes(tm_mirror *mirror, const char *group,
                          void (*each)(void *argument, const char *user, const char *affiliation),
                          void *argument, tm_error *err)
{
    tm_error local = {0};
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &local,
                     "SELECT user, affiliation FROM changes WHERE conv = ? ORDER BY rowid", "t", group);
    while (row && tm_sql_step(mirror->sql, row, &local))
        each(argument, tm_sql_column_text(row, 0), tm_sql_column_text(row, 1));
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_put_join(tm_mirror *mirror, const char *group, const char *id, uint64_t since,
                           tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "INSERT OR REPLACE INTO joins VALUES(?, ?, ?)", "ttu", group, id,
                      since);
}

int32_t tm_mirror_drop_join(tm_mirror *mirror, const char *group, const char *id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "DELETE FROM joins WHERE conv = ?1 AND id = coalesce(?2, id)", "tt",
                      group, id);
}

int32_t tm_mirror_join(tm_mirror *mirror, const char *group, char **id, uint64_t *since, tm_error *err)
{
    tm_error local = {0};
    *id = NULL;
    *since = 0;
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &local, "SELECT id, since FROM joins WHERE conv = ?", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &local)) {
        *id = tm_strdup(tm_sql_column_text(row, 0));
        *since = tm_sql_column_u64(row, 1);
        tm_sql_drop(row);
        if (!*id) tm_fail_memory(&local);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_left_joins(tm_mirror *mirror, void (*each)(void *argument, const char *group),
                             void *argument, tm_error *err)
{
    tm_error local = {0};
    sqlite3_stmt *row = tm_sql_query(mirror->sql, &local,
                                     "SELECT conv FROM joins WHERE NOT EXISTS(SELECT 1 FROM groups"
                                     " WHERE name = conv AND member)",
                                     "");
    while (row && tm_sql_step(mirror->sql, row, &local))
        each(argument, tm_sql_column_text(row, 0));
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_note_since(tm_mirror *mirror, const char *group, uint64_t since, const char *last,
                             tm_error *err)
{
    int32_t code =
        tm_sql_run(mirror->sql, err, "UPDATE groups SET since = ?, last = ? WHERE name = ? AND member", "utt",
                   since, last, group);
    return code || !*last ? code : tm_mirror_pass(mirror, group, last, err);
}

uint64_t tm_mirror_since(tm_mirror *mirror, const char *group, char **last)
{
    uint64_t since = 0;
    tm_error err = {0};
    if (last) *last = NULL;
    sqlite3_stmt *row = tm_sql_query(mirror->sql, &err,
                                     "SELECT since, last FROM groups WHERE name = ? AND member", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        since = tm_sql_column_u64(row, 0);
        if (last) *last = tm_strdup(tm_sql_column_text(row, 1));
        tm_sql_drop(row);
    }
    return since;
}

uint64_t tm_mirror_heard(tm_mirror *mirror, const char *group)
{
    uint64_t heard = 0;
    tm_error err = {0};
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &err, "SELECT heard FROM groups WHERE name = ?", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        heard = tm_sql_column_u64(row, 0);
        tm_sql_drop(row);
    }
    return heard;
}

int32_t tm_mirror_forget_heard(tm_mirror *mirror, const char *group, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE groups SET heard = 0 WHERE name = ?", "t", group);
}

int32_t tm_mirror_list_group(tm_mirror *mirror, const char *group, bool member, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE groups SET listed = 1 WHERE name = ? AND member = ?", "ti",
                      group, (int64_t)member);
}

int32_t tm_mirror_unlisted(tm_mirror *mirror,
                           void (*each)(void *argument, const char *group, bool member, uint64_t joined),
                           void *argument, tm_error *err)
{
    tm_error local = {0};
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &local, "SELECT name, member, joined FROM groups WHERE NOT listed ORDER BY place", "");
    while (row && tm_sql_step(mirror->sql, row, &local))
        each(argument, tm_sql_column_text(row, 0), sqlite3_column_int(row, 1), tm_sql_column_u64(row, 2));
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_groups(tm_mirror *mirror, void (*each)(void *argument, const char *group, uint64_t joined),
                         void *argument, tm_error *err)
{
    tm_error local = {0};
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &local, "SELECT name, joined FROM groups WHERE member ORDER BY place", "");
    while (row && tm_sql_step(mirror->sql, row, &local))
        each(argument, tm_sql_column_text(row, 0), tm_sql_column_u64(row, 1));
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

bool tm_mirror_in_group(tm_mirror *mirror, const char *group, uint64_t *joined)
{
    bool member = false;
    tm_error err = {0};
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, &err, "SELECT member, joined FROM groups WHERE name = ?", "t", group);
    if (row && tm_sql_step(mirror->sql, row, &err)) {
        member = sqlite3_column_int(row, 0);
        if (joined) *joined = tm_sql_column_u64(row, 1);
        tm_sql_drop(row);
    }
    return member;
}

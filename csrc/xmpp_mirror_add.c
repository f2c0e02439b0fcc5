/* XMPP mirror: adding what the archives say, and what that means to what is there. See xmpp_mirror.h. */
#include "xmpp_mirror_internal.h"

#include "include/TIMCloudDef.h"

#include <string.h>

/* Within so many microseconds another client sends a message again, as it is; later it is one that has the same id. */
#define AGAIN 60000000
/* So many messages of a sender keep an id that comes again: each that names it is compared with all of them. */
#define MOST_TWINS 64

/* ---- numbers ---- */

static int64_t at_least(uint64_t stamp, int64_t number)
{
    return stamp < INT64_MAX && (int64_t)stamp > number ? (int64_t)stamp : number;
}

/* A number for a new row; 0 on failure. */
static int64_t make_number(tm_mirror *mirror, uint64_t stamp, tm_mirror_way way, int64_t floor, tm_error *err)
{
    tm_error local = {0};
    int64_t top = tm_mirror_top(mirror, &local), number;
    if (way != TM_MIRROR_HISTORY) {
        number = at_least(stamp, top + 1);
    } else {
        number = at_least(stamp, floor + 1);
        while (!local.code &&
               tm_sql_int(mirror->sql, &local, 0, "SELECT 1 FROM log WHERE number = ?", "i", number))
            number++;
    }
    /* of history too: what comes after is news, and must lie behind it */
    if (!local.code && number > top) tm_mirror_set_top(mirror, number, &local);
    if (!local.code) return number;
    tm_fail(err, local.code, "%s", local.text);
    return 0;
}

/* ---- what items mean ---- */

/* A message row as far as retractions and markers need it. */
typedef struct meant {
    int64_t number;
    uint64_t stamp;
    bool revoked;
    char sender[TM_MAX_USER_ID + 1];
} meant;

static int32_t read_meant(tm_mirror *mirror, sqlite3_stmt *row, meant *out, tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    if (row && tm_sql_step(mirror->sql, row, &local)) {
        out->number = sqlite3_column_int64(row, 0);
        out->stamp = tm_sql_column_u64(row, 1);
        out->revoked = sqlite3_column_int(row, 2);
        snprintf(out->sender, sizeof out->sender, "%s", tm_sql_column_text(row, 3));
        tm_sql_drop(row);
    }
    if (!row) return err->code;
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* Ids are unique for each sender only, and whoever reads one can use it too. A group's retraction of ours names the
 * author; one that does not, and whose actor has no message of that id, counts if it can mean one message only: else
 * a member could have somebody else's erased in place of his own. In a room other clients name the archive's id. */
static int32_t find_retracted(tm_mirror *mirror, const tm_item *item, int64_t before, meant *out,
                              tm_error *err)
{
    return read_meant(
        mirror,
        tm_sql_query(
            mirror->sql, err,
            "WITH named(number) AS (SELECT number FROM log WHERE conv = ?1 AND conv_type = ?2 AND id = ?3"
            "  AND kind IN (1, 6) AND kind = 1 AND (twin = 0 OR number < ?7) UNION"
            "  SELECT l.number FROM known k JOIN log l ON l.number = k.number"
            "  WHERE k.archive = ?1 AND k.archive_id = ?3 AND l.kind = 1)"
            "SELECT l.number, l.stamp, l.revoked, l.sender FROM named n JOIN log l ON l.number = n.number"
            " WHERE l.sender = ?5 OR (?5 = '' AND (l.sender = ?4 OR NOT ?6 OR"
            "  (SELECT count(*) FROM named) = 1)) ORDER BY l.sender = ?4 DESC, l.number DESC LIMIT 1",
            "tittti"
            "i",
            item->conv_id, (int64_t)item->conv_type, item->target, item->actor, item->author,
            (int64_t)item->may_revoke, before),
        out, err);
}

/* The message of an id in the item's conversation. Several senders may have used it: in C2C a retraction means the
 * actor's own first, a marker that of another. And a sender may have used it again: then it means the last one before
 * it, which has the number `before`. */
static int32_t find_meant(tm_mirror *mirror, const tm_item *item, int64_t before, meant *out, tm_error *err)
{
    bool others = item->kind == TM_ITEM_DISPLAYED;
    if (!others && item->conv_type == kTIMConv_Group) return find_retracted(mirror, item, before, out, err);
    int32_t code = read_meant(
        mirror,
        tm_sql_query(
            mirror->sql, err,
            "SELECT number, stamp, revoked, sender FROM log WHERE conv = ?1 AND conv_type = ?2 AND id = ?3"
            " AND kind IN (1, 6) AND kind = 1 AND (twin = 0 OR number < ?6)"
            " ORDER BY (sender = ?4) = ?5, number DESC LIMIT 1",
            "tittii", item->conv_id, (int64_t)item->conv_type, item->target, item->actor, (int64_t)others,
            before),
        out, err);
    if (code || out->number || item->conv_type != kTIMConv_Group) return code;
    /* in a room other clients name the archive's id */
    return read_meant(
        mirror,
        tm_sql_query(mirror->sql, err,
                     "SELECT l.number, l.stamp, l.revoked, l.sender FROM known k JOIN log l ON "
                     "l.number = k.number WHERE k.archive = ? AND k.archive_id = ? AND l.kind = 1",
                     "tt", item->conv_id, item->target),
        out, err);
}

static bool in_time(uint64_t retracted, uint64_t said, uint32_t window_s)
{
    return retracted < said || (retracted - said) / 1000000 <= window_s;
}

static int32_t mark_revoked(tm_mirror *mirror, int64_t number, tm_error *err)
{
    int32_t code = tm_sql_run(mirror->sql, err, "UPDATE log SET revoked = 1, elems = NULL WHERE number = ?",
                              "i", number);
    /* nor does it go out again */
    return code ? code
                : tm_sql_run(
                      mirror->sql, err,
                      "DELETE FROM letters WHERE (peer, id) = (SELECT conv, id FROM log WHERE number = ? AND"
                      " conv_type = ? AND is_self)",
                      "ii", number, (int64_t)kTIMConv_C2C);
}

/* Rule 28, as each receiver checks it. */
static int32_t judge_retraction(tm_mirror *mirror, const tm_item *item, uint32_t window_s, tm_mirrored *out,
                                tm_error *err)
{
    meant found;
    int32_t code = find_meant(mirror, item, out->number, &found, err);
    if (code) return code;
    out->target = found.number;
    if (!found.number) {
        /* a message that this device never had: whose it is must be plain, and that the actor may do it */
        uint64_t seq, rand, time;
        bool by_power = item->conv_type == kTIMConv_Group && item->may_revoke;
        bool may = *item->author ? by_power || strcmp(item->author, item->actor) == 0 : !by_power;
        out->valid = may && tm_item_read_id(item->target, &seq, &rand, &time);
        return 0;
    }
    bool may =
        strcmp(found.sender, item->actor) == 0 || (item->conv_type == kTIMConv_Group && item->may_revoke);
    bool timely = in_time(item->stamp, found.stamp, window_s);
    out->denied = !found.revoked && !may;
    out->late = !found.revoked && may && !timely;
    out->valid = !found.revoked && may && timely;
    return out->valid ? mark_revoked(mirror, found.number, err) : 0;
}

static int32_t judge_marker(tm_mirror *mirror, const tm_item *item, tm_mirrored *out, tm_error *err)
{
    meant found;
    int32_t code = find_meant(mirror, item, out->number, &found, err);
    if (code) return code;
    bool own = item->is_self && strcmp(item->conv_id, item->sender) == 0; /* with oneself */
    out->target = found.number;
    out->valid = found.number && (own || strcmp(found.sender, item->sender) != 0);
    return 0;
}

/* Whether its sender may use the id of a message for others too, as programs do that count from 1. */
static bool may_come_again(const tm_item *item)
{
    return !item->is_ours && !item->has_origin_id;
}

/* Whether a message was retracted before it was heard here; in a room by the archive's id, perhaps. */
static int32_t was_retracted(tm_mirror *mirror, const tm_item *item, uint32_t window_s, bool *revoked,
                             tm_error *err)
{
    tm_error local = {0};
    /* see find_retracted */
    sqlite3_stmt *row = tm_sql_query(
        mirror->sql, &local,
        "SELECT actor, powers, stamp FROM log r WHERE conv = ?1 AND target IN (?2, ?3) AND kind = 2"
        " AND conv_type = ?4 AND (sender = ?5 OR (sender = '' AND (actor = ?5 OR NOT EXISTS("
        "  SELECT 1 FROM log WHERE conv = ?1 AND conv_type = ?4 AND id = r.target AND kind IN (1, 6)"
        "  AND kind = 1 UNION ALL SELECT 1 FROM known k JOIN log l ON l.number = k.number"
        "  WHERE k.archive = ?1 AND k.archive_id = r.target AND l.kind = 1))))"
        /* of an id that comes again, only one that came before it, and had no other message to mean */
        " AND (NOT ?6 OR (stamp >= ?7 AND NOT EXISTS(SELECT 1 FROM log WHERE number = r.target_number AND "
        "sender = ?5)))",
        "tttit"
        "iu",
        item->conv_id, item->id, item->conv_type == kTIMConv_Group ? item->archive_id : item->id,
        (int64_t)item->conv_type, item->sender, (int64_t)may_come_again(item), item->stamp);
    while (row && tm_sql_step(mirror->sql, row, &local)) {
        bool may = strcmp(tm_sql_column_text(row, 0), item->sender) == 0 || sqlite3_column_int(row, 1);
        if (may && in_time(tm_sql_column_u64(row, 2), item->stamp, window_s)) *revoked = true;
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* What is told of a message that was not known tells of this one from now on, if it is that one's. */
static int32_t settle_told(tm_mirror *mirror, const tm_item *item, int64_t number, uint32_t window_s,
                           tm_error *err)
{
    if (may_come_again(item)) return 0; /* which one of that id is meant is not plain */
    return tm_sql_run(mirror->sql, err,
                      "UPDATE log SET target_number = ?1 WHERE conv = ?2 AND target IN (?3, ?4) AND kind = 2"
                      " AND told AND target_number = 0 AND conv_type = ?5"
                      " AND coalesce(nullif(sender, ''), actor) = ?6 AND (stamp - ?7) / 1000000 <= ?8",
                      "itttit"
                      "ui",
                      number, item->conv_id, item->id,
                      item->conv_type == kTIMConv_Group ? item->archive_id : item->id,
                      (int64_t)item->conv_type, item->sender, item->stamp, (int64_t)window_s);
}

/* ---- adding ---- */

/* Worker and store know all tips as said by the same sender: those that have the numbers of another member's, or of
 * others of the same, get a rand that nobody can choose. */
static int32_t set_rand(tm_mirror *mirror, const tm_item *item, uint64_t *rand, tm_error *err)
{
    tm_error local = {0};
    *rand = item->rand;
    if (item->kind != TM_ITEM_TIPS || !item->is_ours) return 0;
    while (!local.code && tm_sql_int(mirror->sql, &local, 0,
                                     "SELECT 1 FROM log WHERE conv = ? AND rand = ? AND kind = 6"
                                     " AND conv_type = ? AND seq = ?",
                                     "tuiu", item->conv_id, *rand, (int64_t)item->conv_type, item->seq))
        *rand = *rand == item->rand ? tm_item_derive_rand(item->archive_id) : *rand + 1;
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* What a message says, as a number. */
static int64_t content_of(const tm_item *item)
{
    uint64_t hash = 14695981039346656037u;
    for (const char *at = item->elems ? item->elems : ""; *at; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    return (int64_t)(hash >> 1);
}

/* The seq of another client's message: its time, or the next behind what was said before it there. Whoever reads the archive
 * again finds the same. What is news within the second in which the archive begins leaves room for history. */
static int32_t make_seq(tm_mirror *mirror, const tm_item *item, tm_mirror_way way, int64_t floor,
                        int64_t number, uint64_t *seq, tm_error *err)
{
    tm_error local = {0};
    bool shares = way == TM_MIRROR_NEWS && item->stamp == (uint64_t)floor && floor % 1000000 == 0;
    int64_t last = tm_sql_int(mirror->sql, &local, 0,
                              "SELECT seq FROM log WHERE conv = ? AND conv_type = ? AND kind = 1 AND NOT ours"
                              " AND number < ? ORDER BY number DESC LIMIT 1",
                              "tii", item->conv_id, (int64_t)item->conv_type, number);
    *seq = (uint64_t)at_least(item->stamp + (shares ? 500000 : 0), last + 1);
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

static int32_t insert(tm_mirror *mirror, const char *archive, const tm_item *item, tm_mirror_way way,
                      int64_t floor, tm_mirrored *out, tm_error *err)
{
    bool message = item->kind == TM_ITEM_MESSAGE || item->kind == TM_ITEM_TIPS;
    uint64_t seq = item->seq, rand = message ? out->rand : item->rand, client_time = item->client_time;
    if (item->kind == TM_ITEM_RETRACT && !tm_item_read_id(item->target, &seq, &rand, &client_time))
        seq = rand = client_time = 0;
    if (message && !item->is_ours && make_seq(mirror, item, way, floor, out->number, &seq, err))
        return err->code;
    out->seq = seq;
    /* what has another rand than its id says is nobody's to forget */
    bool is_ours = item->is_ours && (!message || rand == item->rand);
    /* a retraction's: whose message it means */
    bool names = item->kind == TM_ITEM_RETRACT && item->conv_type == kTIMConv_Group;
    const char *sender = names ? item->author : item->sender;
    bool is_self = names && *sender ? item->author_is_self : item->is_self && item->kind != TM_ITEM_TIPS;
    int32_t code = tm_sql_run(
        mirror->sql, err,
        "INSERT INTO log(number, archive, archive_id, kind, conv_type, conv, sender, actor, id, seq, rand, "
        "client_time,"
        " stamp, priority, is_self, ours, powers, receipt, revoked, told, elems, target, target_number, twin,"
        " content) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ittiitt"
        "ttuuuu"
        "iiiiii"
        "i"
        "ttiii",
        out->number, archive, item->archive_id, (int64_t)item->kind, (int64_t)item->conv_type, item->conv_id,
        sender, item->actor, message ? item->id : NULL, seq, rand, client_time, item->stamp,
        (int64_t)item->priority, (int64_t)is_self, (int64_t)is_ours, (int64_t)item->may_revoke,
        (int64_t)item->wants_receipt, (int64_t)out->revoked, (int64_t)out->told,
        out->revoked ? NULL : item->elems, item->target, out->target,
        message && may_come_again(item) ? out->number : 0, message ? content_of(item) : 0);
    if (code || !message || !may_come_again(item)) return code;
    return tm_sql_run(
        mirror->sql, err,
        "UPDATE log SET id = NULL, receipt = 0 WHERE number = (SELECT number FROM log WHERE conv = ?"
        " AND conv_type = ? AND id = ? AND actor = ? AND sender = ? AND twin > 0 AND kind IN (1, 6)"
        " ORDER BY twin DESC LIMIT 1 OFFSET ?)",
        "tittti", item->conv_id, (int64_t)item->conv_type, item->id, item->actor, item->sender,
        (int64_t)MOST_TWINS);
}

/* What `known` has of an item that is not kept: the stamp says when that can go. */
static int64_t not_kept(const tm_item *item)
{
    return item->stamp > 1 && item->stamp < INT64_MAX ? -(int64_t)item->stamp : 0;
}

static int32_t note_known(tm_mirror *mirror, const char *archive, const tm_item *item, int64_t number,
                          tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "INSERT INTO known VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number",
                      "tti", archive, item->archive_id, number);
}

/* The number of a message of that id, sender and actor; 0: none. */
static int64_t find_said(tm_mirror *mirror, const tm_item *item, tm_error *err)
{
    if (!may_come_again(item))
        return tm_sql_int(mirror->sql, err, 0,
                          "SELECT number FROM log WHERE conv = ? AND conv_type = ? AND id = ? AND actor = ?"
                          " AND sender = ? AND twin = 0 AND kind IN (1, 6)",
                          "tittt", item->conv_id, (int64_t)item->conv_type, item->id, item->actor,
                          item->sender);
    return tm_sql_int(
        mirror->sql, err, 0,
        "SELECT number FROM log WHERE conv = ? AND conv_type = ? AND id = ? AND actor = ?"
        " AND sender = ? AND kind IN (1, 6) AND abs(stamp - ?) <= ? AND coalesce(content = ?, 1)",
        "tittt"
        "uii",
        item->conv_id, (int64_t)item->conv_type, item->id, item->actor, item->sender, item->stamp,
        (int64_t)AGAIN, content_of(item));
}

/* The same archived message, or a message of that id, sender and actor: out->number is not 0 then. */
static int32_t find_same(tm_mirror *mirror, const char *archive, const tm_item *item, tm_mirror_way way,
                         bool *same_item, bool *wanted, tm_mirrored *out, tm_error *err)
{
    tm_error local = {0};
    int64_t number = tm_sql_int(mirror->sql, &local, INT64_MIN,
                                "SELECT number FROM known WHERE archive = ? AND archive_id = ?", "tt",
                                archive, item->archive_id);
    /* what was no news when the device began is history all the same */
    *wanted = number == -1;
    *same_item = number > 0 || (number != INT64_MIN && !*wanted && way == TM_MIRROR_NEWS);
    if (number <= 0 && (item->kind == TM_ITEM_MESSAGE || item->kind == TM_ITEM_TIPS))
        number = find_said(mirror, item, &local);
    if (!local.code && number > 0) {
        sqlite3_stmt *row = tm_sql_query(
            mirror->sql, &local, "SELECT seq, revoked, told, rand, target_number FROM log WHERE number = ?",
            "i", number);
        if (row && tm_sql_step(mirror->sql, row, &local)) {
            out->seq = tm_sql_column_u64(row, 0);
            out->revoked = sqlite3_column_int(row, 1);
            out->told = sqlite3_column_int(row, 2);
            out->rand = tm_sql_column_u64(row, 3);
            out->target = sqlite3_column_int64(row, 4);
            tm_sql_drop(row);
        }
    }
    out->number = number > 0 ? number : 0;
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_mirror_add(tm_mirror *mirror, const char *archive, const tm_item *item, tm_mirror_way way,
                      int64_t floor, uint32_t window_s, tm_mirrored *out, tm_error *err)
{
    bool same_item = false, wanted = false,
         message = item->kind == TM_ITEM_MESSAGE || item->kind == TM_ITEM_TIPS;
    memset(out, 0, sizeof *out);
    int32_t code = find_same(mirror, archive, item, way, &same_item, &wanted, out, err);
    if (code || same_item) return code;
    if (wanted) way = TM_MIRROR_NEWS;
    bool older = way == TM_MIRROR_NEWS && !wanted && item->stamp < (uint64_t)floor;
    if (older || item->kind == TM_ITEM_NOTHING) return note_known(mirror, archive, item, not_kept(item), err);
    out->unclear = item->kind == TM_ITEM_UNCLEAR && way == TM_MIRROR_NEWS;
    if (out->unclear) return tm_mirror_tell_from(mirror, item->stamp, err);
    /* history leads into no group: what is read again there may be news all the same */
    bool leads = item->kind == TM_ITEM_UNCLEAR || item->kind == TM_ITEM_INVITATION;
    if (leads && way != TM_MIRROR_NEWS) return 0;
    out->again = out->number != 0;
    if (out->number) return note_known(mirror, archive, item, out->number, err);
    if (item->kind == TM_ITEM_MESSAGE && item->is_self &&
        tm_sql_int(mirror->sql, NULL, 0, "SELECT 1 FROM refused WHERE conv = ? AND id = ?", "tt",
                   item->conv_id, item->id))
        return note_known(mirror, archive, item, not_kept(item), err);
    out->fresh = true;
    /* what others read in groups is nobody's business */
    bool marker = item->kind == TM_ITEM_DISPLAYED && (item->conv_type == kTIMConv_C2C || item->is_self);
    if (!message && !marker && item->kind != TM_ITEM_RETRACT)
        return note_known(mirror, archive, item, not_kept(item), err);
    out->number = make_number(mirror, item->stamp, way, floor, err);
    if (!out->number) return err->code;
    if (message) code = set_rand(mirror, item, &out->rand, err);
    if (item->kind == TM_ITEM_RETRACT) code = judge_retraction(mirror, item, window_s, out, err);
    if (marker) code = judge_marker(mirror, item, out, err);
    if (!code && item->kind == TM_ITEM_MESSAGE)
        code = was_retracted(mirror, item, window_s, &out->revoked, err);
    if (!code && out->revoked) code = settle_told(mirror, item, out->number, window_s, err);
    if (way == TM_MIRROR_MISSED && (code || !out->valid || !out->target)) {
        memset(out, 0, sizeof *out);
        return code;
    }
    out->told = way != TM_MIRROR_HISTORY && (message || out->valid);
    if (!code) code = insert(mirror, archive, item, way, floor, out, err);
    return code ? code : note_known(mirror, archive, item, out->number, err);
}

int32_t tm_mirror_add_membership(tm_mirror *mirror, const char *group, bool joined, uint64_t time,
                                 tm_error *err)
{
    int64_t number = make_number(mirror, 0, TM_MIRROR_NEWS, 0, err);
    if (!number) return err->code;
    return tm_sql_run(
        mirror->sql, err,
        "INSERT INTO log(number, archive, kind, conv_type, conv, sender, actor, stamp, priority, told)"
        " VALUES(?, '', ?, ?, ?, '', '', ?, ?, 1)",
        "iiitui", number, (int64_t)TM_MIRROR_MEMBERSHIP, (int64_t)kTIMConv_Group, group, time,
        (int64_t)joined);
}

/* XMPP mirror: the file, and how far it has read each archive. See xmpp_mirror.h. */
#include "xmpp_mirror_internal.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <string.h>

static const char *const migrations[] = {
    /* archive: "" is the user's own. kind: tm_item_kind, 100 a membership. target: the id that a retraction or
     * marker names; target_number: the message, once it is known. told: it is an event for the worker. */
    "CREATE TABLE log("
    "  number INTEGER PRIMARY KEY, archive TEXT NOT NULL, archive_id TEXT, kind INTEGER NOT NULL,"
    "  conv_type INTEGER NOT NULL, conv TEXT NOT NULL, sender TEXT NOT NULL, actor TEXT NOT NULL, id TEXT,"
    "  seq, rand, client_time, stamp NOT NULL, priority INTEGER, is_self INTEGER NOT NULL DEFAULT 0,"
    "  ours INTEGER NOT NULL DEFAULT 0, powers INTEGER NOT NULL DEFAULT 0, receipt INTEGER NOT NULL DEFAULT "
    "0,"
    "  revoked INTEGER NOT NULL DEFAULT 0, told INTEGER NOT NULL DEFAULT 0, elems TEXT, target TEXT,"
    "  target_number INTEGER);"
    "CREATE UNIQUE INDEX log_message ON log(conv, conv_type, id, sender) WHERE kind IN (1, 6);"
    "CREATE INDEX log_rand ON log(conv, rand) WHERE kind = 1;"
    "CREATE INDEX log_target ON log(conv, target) WHERE target NOTNULL;"
    "CREATE INDEX log_receipt ON log(number) WHERE receipt;"
    "CREATE INDEX log_content ON log(number) WHERE elems NOTNULL;"
    "CREATE INDEX log_marker ON log(conv, sender) WHERE kind = 3;"
    /* what may be forgotten: only the mirror knows the identity of other clients' messages */
    "CREATE INDEX log_passing ON log(number) WHERE kind NOT IN (1, 6) OR ours;"
    /* which archived messages are known, and the number that each stands for. Of what is not kept: 0, or minus
     * its stamp; -1: it is wanted */
    "CREATE TABLE known(archive TEXT NOT NULL, archive_id TEXT NOT NULL, number INTEGER NOT NULL,"
    "  PRIMARY KEY(archive, archive_id)) WITHOUT ROWID;"
    "CREATE INDEX known_number ON known(number);"
    "CREATE TABLE archives(name TEXT PRIMARY KEY, after TEXT NOT NULL, stamp NOT NULL,"
    "  start NOT NULL DEFAULT 0) WITHOUT ROWID;"
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE letters(peer TEXT NOT NULL, id TEXT NOT NULL, seq, rand, client_time, priority INTEGER,"
    "  elems TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 1, sent NOT NULL, due INTEGER NOT NULL,"
    "  PRIMARY KEY(peer, id)) WITHOUT ROWID;"
    "CREATE INDEX letter_due ON letters(due);"
    "CREATE TABLE refused(conv TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY(conv, id)) WITHOUT ROWID;"
    "CREATE TABLE groups(name TEXT PRIMARY KEY, member INTEGER NOT NULL, joined NOT NULL, place INTEGER NOT "
    "NULL)"
    " WITHOUT ROWID;",
    /* whether the list of groups that the server keeps says the same */
    ("ALTER TABLE groups ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;"
     "CREATE INDEX log_heard ON log(conv, conv_type, number) WHERE kind = 1 AND NOT is_self;"),
    /* what tells the group that the user is in from later ones of the same name */
    "ALTER TABLE groups ADD COLUMN born TEXT NOT NULL DEFAULT '';",
    /* a retraction's sender is from now on who wrote the message meant, "" if a group's does not say */
    "UPDATE log SET sender = '' WHERE kind = 2 AND conv_type = 2;",
    /* tips, whose sender is always the same, are known by who caused them */
    ("DROP INDEX log_message;"
     "CREATE UNIQUE INDEX log_message ON log(conv, conv_type, id, actor, sender) WHERE kind IN (1, 6);"
     "CREATE INDEX log_tips ON log(conv, rand) WHERE kind = 6;"),
    /* id: NULL if too many came of it; twin: 0, or the number where the sender may use the id again; content: tells what it said */
    ("ALTER TABLE log ADD COLUMN twin INTEGER NOT NULL DEFAULT 0;"
     "ALTER TABLE log ADD COLUMN content INTEGER;"
     "DROP INDEX log_message;"
     "CREATE UNIQUE INDEX log_message ON log(conv, conv_type, id, actor, sender, twin) WHERE kind IN (1, "
     "6);"),
    /* where the room's archive ended when the user came in: its time, and its last item */
    ("ALTER TABLE groups ADD COLUMN since NOT NULL DEFAULT 0;"
     "ALTER TABLE groups ADD COLUMN last TEXT NOT NULL DEFAULT '';"),
    /* since when a letter is there: its message's client_time is the caller's. Of older ones the last attempt is known */
    ("ALTER TABLE letters ADD COLUMN kept NOT NULL DEFAULT 0;"
     "UPDATE letters SET kept = sent;"),
    /* the newest that the user had heard when he came back, whose retractions are to be looked for; 0: none */
    "ALTER TABLE groups ADD COLUMN heard NOT NULL DEFAULT 0;",
    ("CREATE INDEX log_foreign ON log(conv, conv_type, number) WHERE kind = 1 AND NOT ours;"
     "CREATE INDEX log_retraction ON log(target_number, number) WHERE kind = 2 AND told;"),
    /* a JSON array, as the room's list was when it last could be read */
    "ALTER TABLE groups ADD COLUMN admins TEXT NOT NULL DEFAULT '';",
    /* of a group's list at the server, which that has not confirmed, in their order */
    ("CREATE TABLE changes(conv TEXT NOT NULL, user TEXT NOT NULL, affiliation TEXT NOT NULL,"
     "  PRIMARY KEY(conv, user));"),
    /* when the user was invited into a group that he was in, and what tells that from others of its name */
    ("ALTER TABLE groups ADD COLUMN invited NOT NULL DEFAULT 0;"
     "ALTER TABLE groups ADD COLUMN invited_to TEXT NOT NULL DEFAULT '';"),
    /* many are due at the same time, and go out as they were said */
    ("DROP INDEX letter_due;"
     "CREATE INDEX letter_due ON letters(due, seq);"),
    /* groups that the user came into by himself, whose archive has not shown yet that this was said: under which id, and since
     * when (microseconds) it may be there. Of a group that he is in no more: it may have to be taken back */
    ("CREATE TABLE joins(conv TEXT PRIMARY KEY, id TEXT NOT NULL, since NOT NULL) WITHOUT ROWID;"),
};

#define MIRROR_VERSION ((int)(sizeof migrations / sizeof *migrations))
#define MIRROR_KIND 0x546d4d69 /* "TmMi" */
#define BUSY_MS 5000

tm_mirror *tm_mirror_open(const char *directory, const char *user, const atomic_bool *stop, tm_error *err)
{
    tm_mirror *mirror = tm_calloc(1, sizeof *mirror);
    char *name = tm_path_escape(user), *base = name ? tm_path_join(directory, name) : NULL;
    char *path = base ? tm_format("%s.mirror", base) : NULL;
    bool damaged = false;
    if (!mirror || !path) {
        tm_fail_memory(err);
    } else {
        tm_sql_options options = {.path = path,
                                  .migrations = migrations,
                                  .kind = MIRROR_KIND,
                                  .version = MIRROR_VERSION,
                                  .busy_ms = BUSY_MS,
                                  .stop = stop,
                                  .damaged = &damaged};
        mirror->path = path;
        mirror->sql = tm_sql_open(&options, err);
        if (damaged) tm_sql_set_aside(path, "reads the archives anew", err);
    }
    tm_free(name);
    tm_free(base);
    if (mirror && mirror->sql) return mirror;
    tm_free(path);
    tm_free(mirror);
    return NULL;
}

void tm_mirror_close(tm_mirror *mirror)
{
    if (!mirror) return;
    tm_sql_close(mirror->sql);
    tm_free(mirror->path);
    tm_free(mirror);
}

bool tm_mirror_is_damaged(tm_mirror *mirror)
{
    return mirror && tm_sql_is_damaged(mirror->sql);
}

void tm_mirror_set_aside(tm_mirror *mirror)
{
    char *path = mirror->path;
    mirror->path = NULL;
    tm_mirror_close(mirror);
    /* the calls that met with it have said so */
    tm_sql_set_aside(path, NULL, NULL);
    tm_free(path);
}

int32_t tm_mirror_begin(tm_mirror *mirror, tm_error *err)
{
    return tm_sql_begin(mirror->sql, false, err);
}

int32_t tm_mirror_commit(tm_mirror *mirror, tm_error *err)
{
    return tm_sql_commit(mirror->sql, err);
}

void tm_mirror_rollback(tm_mirror *mirror)
{
    tm_sql_rollback(mirror->sql);
}

/* ---- archives ---- */

bool tm_mirror_archive(tm_mirror *mirror, const char *group, char **after, uint64_t *stamp, uint64_t *start,
                       tm_error *err)
{
    bool found = false;
    *after = NULL;
    sqlite3_stmt *row =
        tm_sql_query(mirror->sql, err, "SELECT after, stamp, start FROM archives WHERE name = ?", "t", group);
    if (row && tm_sql_step(mirror->sql, row, err)) {
        found = true;
        *after = tm_strdup(tm_sql_column_text(row, 0));
        *stamp = tm_sql_column_u64(row, 1);
        *start = tm_sql_column_u64(row, 2);
        tm_sql_drop(row);
        if (!*after) tm_fail_memory(err);
    }
    return found && *after;
}

int32_t tm_mirror_set_archive(tm_mirror *mirror, const char *group, const char *after, uint64_t stamp,
                              tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "INSERT INTO archives(name, after, stamp) VALUES(?, ?, ?) "
                      "ON CONFLICT DO UPDATE SET after = excluded.after, stamp = excluded.stamp",
                      "ttu", group, after, stamp);
}

int32_t tm_mirror_drop_archive(tm_mirror *mirror, const char *group, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "DELETE FROM archives WHERE name = ?", "t", group);
}

int32_t tm_mirror_set_start(tm_mirror *mirror, const char *group, uint64_t stamp, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "UPDATE archives SET start = ? WHERE name = ?", "ut", stamp, group);
}

int32_t tm_mirror_want(tm_mirror *mirror, const char *archive, const char *archive_id, tm_error *err)
{
    return tm_sql_run(
        mirror->sql, err,
        "INSERT INTO known VALUES(?, ?, -1) ON CONFLICT DO UPDATE SET number = -1 WHERE number <= 0", "tt",
        archive, archive_id);
}

int32_t tm_mirror_tell_from(tm_mirror *mirror, uint64_t stamp, tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "INSERT INTO meta VALUES('untold', ?) ON CONFLICT DO UPDATE SET"
                      " value = min(value, excluded.value)",
                      "u", stamp);
}

int32_t tm_mirror_is_told(tm_mirror *mirror, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "DELETE FROM meta WHERE name = 'untold'", "");
}

uint64_t tm_mirror_untold(tm_mirror *mirror, tm_error *err)
{
    return (uint64_t)tm_sql_int(mirror->sql, err, 0, "SELECT value FROM meta WHERE name = 'untold'", "");
}

int32_t tm_mirror_pass(tm_mirror *mirror, const char *archive, const char *archive_id, tm_error *err)
{
    return tm_sql_run(mirror->sql, err, "INSERT OR IGNORE INTO known VALUES(?, ?, 0)", "tt", archive,
                      archive_id);
}

bool tm_mirror_has(tm_mirror *mirror, const char *archive, const char *archive_id)
{
    return tm_sql_int(mirror->sql, NULL, 0,
                      "SELECT 1 FROM known WHERE archive = ? AND archive_id = ? AND number <> -1", "tt",
                      archive, archive_id) == 1;
}

/* ---- numbers ---- */

int64_t tm_mirror_top(tm_mirror *mirror, tm_error *err)
{
    return tm_sql_int(mirror->sql, err, 0, "SELECT value FROM meta WHERE name = 'top'", "");
}

int32_t tm_mirror_set_top(tm_mirror *mirror, int64_t number, tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "INSERT INTO meta VALUES('top', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                      "i", number);
}

int32_t tm_mirror_go_on(tm_mirror *mirror, int64_t cursor, tm_error *err)
{
    return tm_sql_run(mirror->sql, err,
                      "INSERT INTO meta VALUES('top', ?1), ('lost', ?1) ON CONFLICT DO UPDATE SET"
                      " value = max(value, excluded.value)",
                      "i", cursor);
}

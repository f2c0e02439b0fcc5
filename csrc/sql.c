/* SQL: see sql.h. */
#include "sql.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* More statements than the library has texts for one connection. */
#define STATEMENT_SLOTS 256
/* A query that runs long looks at `stop` every so many steps of SQLite's machine. */
#define STOP_CHECK_STEPS 5000
/* Who waits for another process's transaction looks so often whether it is over. */
#define LOOK_US 1000
/* For so long who can do a thing another time. */
#define TRY_MS 10

typedef struct {
    const char *text;
    sqlite3_stmt *statement;
} slot;

struct tm_sql {
    sqlite3 *db;
    const atomic_bool *stop;
    bool in_memory;
    uint32_t busy_ms;
    uint64_t busy_since;
    bool synced;  /* what PRAGMA synchronous is set to */
    bool suspect; /* something was not as it should be in the file */
    slot slots[STATEMENT_SLOTS];
};

static int32_t fail_sqlite(tm_sql *sql, int code, tm_error *err)
{
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB) sql->suspect = true;
    switch (code & 0xff) {
    case SQLITE_NOMEM: return tm_fail_memory(err);
    case SQLITE_INTERRUPT: return tm_fail(err, ERR_USER_CANCELED, "cancelled");
    case SQLITE_BUSY:
        if (sql->stop && atomic_load(sql->stop)) return tm_fail(err, ERR_USER_CANCELED, "cancelled");
        return tm_fail(err, ERR_REQUEST_TIMEOUT, "the database was locked by another process for %u ms",
                       sql->busy_ms);
    default: break;
    }
    const char *path = sqlite3_db_filename(sql->db, "main");
    return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s: %s (%d)", path && *path ? path : "database",
                   sqlite3_errmsg(sql->db), sqlite3_extended_errcode(sql->db));
}

/* Waits in short steps, so that closing is not held up by another process's transaction. */
static int wait_for_lock(void *userdata, int tries)
{
    tm_sql *sql = userdata;
    if (tries == 0) sql->busy_since = tm_clock_ms();
    if (sql->stop && atomic_load(sql->stop)) return 0;
    if (tm_clock_ms() - sql->busy_since >= sql->busy_ms) return 0;
    struct timespec pause = {0, tries < 20 ? 200 * 1000L : LOOK_US * 1000L};
    nanosleep(&pause, NULL);
    return 1;
}

static int should_stop(void *userdata)
{
    tm_sql *sql = userdata;
    /* never inside a commit: SQLite calls this only while statements run */
    return sql->stop && atomic_load(sql->stop);
}

static int32_t execute(tm_sql *sql, const char *text, tm_error *err)
{
    int code = sqlite3_exec(sql->db, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : fail_sqlite(sql, code, err);
}

static int32_t set_synced(tm_sql *sql, bool synced, tm_error *err)
{
    if (sql->synced == synced) return 0;
    int32_t code = execute(sql, synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
    if (!code) sql->synced = synced;
    return code;
}

/* SQLite does not ask the busy handler when the switch to WAL meets another connection: ask here. */
static int32_t set_wal(tm_sql *sql, tm_error *err)
{
    for (int tries = 0;; tries++) {
        int code = sqlite3_exec(sql->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if (code == SQLITE_OK) return 0;
        if ((code & 0xff) != SQLITE_BUSY || !wait_for_lock(sql, tries)) return fail_sqlite(sql, code, err);
    }
}

static int32_t read_version(tm_sql *sql, const tm_sql_options *options, int *version, tm_error *err)
{
    tm_error local = {0};
    int64_t kind = tm_sql_int(sql, &local, 0, "PRAGMA application_id", "");
    if (!local.code) *version = (int)tm_sql_int(sql, &local, 0, "PRAGMA user_version", "");
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    if (kind && kind != options->kind)
        return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s is a database of another kind", options->path);
    if (*version >= 0 && *version <= options->version) return 0;
    return tm_fail(err, ERR_DATABASE_OPERATE_FAILED,
                   "%s is of version %d, newer than version %d that this library knows", options->path,
                   *version, options->version);
}

static int32_t migrate(tm_sql *sql, const tm_sql_options *options, tm_error *err)
{
    int version;
    int32_t code = read_version(sql, options, &version, err);
    if (code || version == options->version) return code;
    /* another process may have migrated while this one waited for the lock: look again inside it */
    if ((code = tm_sql_begin(sql, true, err))) return code;
    if ((code = read_version(sql, options, &version, err))) goto undo;
    for (; version < options->version; version++) {
        if ((code = execute(sql, options->migrations[version], err))) goto undo;
        char pragma[64];
        sqlite3_snprintf(sizeof pragma, pragma, "PRAGMA user_version=%d; PRAGMA application_id=%d",
                         version + 1, (int)options->kind);
        if ((code = execute(sql, pragma, err))) goto undo;
    }
    return tm_sql_commit(sql, err);
undo:
    tm_sql_rollback(sql);
    return code;
}

static int32_t fail_open(const char *path, tm_error *err)
{
    return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "cannot open %s: %s", path, strerror(errno));
}

/* SQLite would make the file with the process's umask; its journal files follow the file's own mode.
 *
 * A database that is there is never opened here: to close any descriptor of a file takes away all POSIX locks
 * that this process holds on it, those of another client's connection too, which SQLite would not notice. So
 * a new one is made without opening it; or, where the system can't, under another name, and linked to its place. */
static int32_t make_file(const char *path, tm_error *err)
{
    if (access(path, R_OK | W_OK) == 0) return 0;
    if (errno != ENOENT) return fail_open(path, err);
    if (mknod(path, S_IFREG | 0600, 0) == 0 || errno == EEXIST) return 0;
    char *name = tm_format("%s.XXXXXX", path);
    if (!name) return tm_fail_memory(err);
    int32_t code = 0;
    int fd = mkostemp(name, O_CLOEXEC); /* 0600 */
    if (fd >= 0) close(fd);
    if (fd < 0 || (link(name, path) && errno != EEXIST)) code = fail_open(path, err);
    if (fd >= 0) unlink(name);
    tm_free(name);
    return code;
}

tm_sql *tm_sql_open(const tm_sql_options *options, tm_error *err)
{
    int version;
    if (!options->in_memory && make_file(options->path, err)) return NULL;
    tm_sql *sql = tm_calloc(1, sizeof *sql);
    if (!sql) {
        tm_fail_memory(err);
        return NULL;
    }
    sql->stop = options->stop;
    sql->in_memory = options->in_memory;
    sql->busy_ms = options->busy_ms;
    int code = sqlite3_open_v2(options->path, &sql->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                               options->in_memory ? "memdb" : NULL);
    if (code != SQLITE_OK) {
        if (sql->db && (code & 0xff) != SQLITE_NOMEM)
            tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s: %s", options->path, sqlite3_errmsg(sql->db));
        else
            tm_fail_memory(err);
        goto fail;
    }
    sqlite3_busy_handler(sql->db, wait_for_lock, sql);
    sqlite3_progress_handler(sql->db, STOP_CHECK_STEPS, should_stop, sql);
    sqlite3_extended_result_codes(sql->db, 1);
    sql->synced = true;                                       /* SQLite's default is FULL */
    if (read_version(sql, options, &version, err)) goto fail; /* before anything is changed in the file */
    if (set_wal(sql, err)) goto fail;
    /* secure_delete: what was revoked or deleted must not be left in the file's free pages. cache_size (KB): a
     * transaction that changes more than that writes pages twice; only large stores take the memory.
     * wal_autocheckpoint (pages, as many as journal_size_limit leaves): the message whose commit has to bring
     * the log into the file waits, so it is to be one in hundreds. */
    if (execute(
            sql,
            "PRAGMA recursive_triggers=ON; PRAGMA journal_size_limit=16777216; PRAGMA trusted_schema=OFF; "
            "PRAGMA secure_delete=ON; PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=4000",
            err))
        goto fail;
    if (migrate(sql, options, err)) goto fail;
    return sql;
fail:
    if (options->damaged) *options->damaged = sql->suspect;
    tm_sql_close(sql);
    return NULL;
}

void tm_sql_close(tm_sql *sql)
{
    if (!sql) return;
    for (size_t i = 0; i < STATEMENT_SLOTS; i++)
        sqlite3_finalize(sql->slots[i].statement);
    if (sql->db) {
        /* the last connection's close checkpoints: that must not be interrupted */
        sqlite3_progress_handler(sql->db, 0, NULL, NULL);
        sqlite3_close(sql->db);
    }
    tm_free(sql);
}

/* What is written into a file without a name is gone when the last process closes it. */
static int32_t check_place(tm_sql *sql, tm_error *err)
{
    int has_moved = 0;
    if (sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved) != SQLITE_OK || !has_moved)
        return 0;
    return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s: moved, deleted or replaced while it was in use",
                   sqlite3_db_filename(sql->db, "main"));
}

int32_t tm_sql_begin(tm_sql *sql, bool synced, tm_error *err)
{
    int32_t code = check_place(sql, err);
    if (!code) code = set_synced(sql, synced, err);
    return code ? code : tm_sql_run(sql, err, "BEGIN IMMEDIATE", "");
}

int32_t tm_sql_try_begin(tm_sql *sql, tm_error *err)
{
    uint32_t busy_ms = sql->busy_ms;
    if (busy_ms > TRY_MS) sql->busy_ms = TRY_MS;
    int32_t code = tm_sql_begin(sql, false, err);
    sql->busy_ms = busy_ms;
    return code;
}

bool tm_sql_is_damaged(tm_sql *sql)
{
    tm_error err = {0};
    if (!sql->suspect) return false;
    sqlite3_stmt *row = tm_sql_query(sql, &err, "PRAGMA quick_check(1)", "");
    if (!row || !tm_sql_step(sql, row, &err)) return true;
    bool is_sound = strcmp(tm_sql_column_text(row, 0), "ok") == 0;
    tm_sql_drop(row);
    return !is_sound;
}

void tm_sql_set_aside(const char *path, const char *next, tm_error *err)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    bool moved = false;
    uint64_t now = tm_clock_seconds();
    char *where;
    do {
        where = tm_format("%s.damaged-%llu", path, (unsigned long long)now++);
    } while (where && access(where, F_OK) == 0 && (tm_free(where), true));
    for (size_t i = 0; where && i < sizeof parts / sizeof *parts; i++) {
        char *from = tm_format("%s%s", path, parts[i]), *to = tm_format("%s%s", where, parts[i]);
        bool ok = from && to && rename(from, to) == 0;
        moved |= i == 0 && ok;
        tm_free(from);
        tm_free(to);
        if (!moved) break;
    }
    if (moved && err) {
        tm_error shown = *err;
        tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s; it is %s now, and the next log-in %s", shown.text,
                where, next);
    }
    tm_free(where);
}

/* After a full disk or an interrupt SQLite has undone the whole transaction by itself: nothing may look as
 * if it were still inside one. */
static int32_t fail_undone(const tm_sql *sql, tm_error *err)
{
    if (sql->stop && atomic_load(sql->stop)) return tm_fail(err, ERR_USER_CANCELED, "cancelled");
    return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "the transaction was undone by an earlier failure");
}

int32_t tm_sql_commit(tm_sql *sql, tm_error *err)
{
    if (sqlite3_get_autocommit(sql->db)) return fail_undone(sql, err);
    int32_t code = tm_sql_run(sql, err, "COMMIT", "");
    if (code) tm_sql_rollback(sql);
    return code;
}

void tm_sql_give_way(const tm_sql *sql)
{
    struct timespec pause = {0, 2 * LOOK_US * 1000L};
    if (!sql->in_memory) nanosleep(&pause, NULL);
}

void tm_sql_rollback(tm_sql *sql)
{
    if (!sqlite3_get_autocommit(sql->db)) sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
}

int32_t tm_sql_savepoint(tm_sql *sql, tm_error *err)
{
    if (sqlite3_get_autocommit(sql->db)) return fail_undone(sql, err);
    return tm_sql_run(sql, err, "SAVEPOINT s", "");
}

int32_t tm_sql_release(tm_sql *sql, tm_error *err)
{
    return tm_sql_run(sql, err, "RELEASE s", "");
}

void tm_sql_undo(tm_sql *sql)
{
    if (sqlite3_get_autocommit(sql->db)) return; /* SQLite undid the whole transaction by itself */
    tm_sql_run(sql, NULL, "ROLLBACK TO s", "");
    tm_sql_run(sql, NULL, "RELEASE s", "");
}

static sqlite3_stmt *prepared(tm_sql *sql, const char *text, tm_error *err)
{
    size_t start = ((uintptr_t)text >> 3) % STATEMENT_SLOTS;
    for (size_t i = 0; i < STATEMENT_SLOTS; i++) {
        slot *at = &sql->slots[(start + i) % STATEMENT_SLOTS];
        if (at->text == text) return at->statement;
        if (at->text) continue;
        int code = sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &at->statement, NULL);
        if (code != SQLITE_OK) {
            fail_sqlite(sql, code, err);
            return NULL;
        }
        at->text = text;
        return at->statement;
    }
    tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "too many statements");
    return NULL;
}

static int bind_u64(sqlite3_stmt *statement, int index, uint64_t value)
{
    if (value <= INT64_MAX) return sqlite3_bind_int64(statement, index, (int64_t)value);
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (56 - 8 * i));
    return sqlite3_bind_blob(statement, index, bytes, sizeof bytes, SQLITE_TRANSIENT);
}

uint64_t tm_sql_column_u64(sqlite3_stmt *statement, int column)
{
    if (sqlite3_column_type(statement, column) != SQLITE_BLOB)
        return (uint64_t)sqlite3_column_int64(statement, column);
    const unsigned char *bytes = sqlite3_column_blob(statement, column);
    if (!bytes || sqlite3_column_bytes(statement, column) != 8) return 0;
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

const char *tm_sql_column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

static sqlite3_stmt *bound(tm_sql *sql, tm_error *err, const char *text, const char *format, va_list args)
{
    sqlite3_stmt *statement = prepared(sql, text, err);
    if (!statement) return NULL;
    sqlite3_reset(statement);
    int code = SQLITE_OK, index = 1;
    for (const char *letter = format; *letter && code == SQLITE_OK; letter++, index++) {
        switch (*letter) {
        case 'i': code = sqlite3_bind_int64(statement, index, va_arg(args, int64_t)); break;
        case 'u': code = bind_u64(statement, index, va_arg(args, uint64_t)); break;
        case 't':
            code = sqlite3_bind_text(statement, index, va_arg(args, const char *), -1, SQLITE_STATIC);
            break;
        default: code = sqlite3_bind_null(statement, index); break;
        }
    }
    if (code == SQLITE_OK) return statement;
    fail_sqlite(sql, code, err);
    return NULL;
}

sqlite3_stmt *tm_sql_query(tm_sql *sql, tm_error *err, const char *text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sqlite3_stmt *statement = bound(sql, err, text, format, args);
    va_end(args);
    return statement;
}

bool tm_sql_step(tm_sql *sql, sqlite3_stmt *statement, tm_error *err)
{
    if (!statement) return false;
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) return true;
    if (code != SQLITE_DONE) fail_sqlite(sql, code, err);
    tm_sql_drop(statement);
    return false;
}

void tm_sql_drop(sqlite3_stmt *statement)
{
    if (statement) sqlite3_reset(statement);
}

int32_t tm_sql_run(tm_sql *sql, tm_error *err, const char *text, const char *format, ...)
{
    tm_error local = {0};
    va_list args;
    va_start(args, format);
    sqlite3_stmt *statement = bound(sql, &local, text, format, args);
    va_end(args);
    while (tm_sql_step(sql, statement, &local)) {
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int64_t tm_sql_int(tm_sql *sql, tm_error *err, int64_t fallback, const char *text, const char *format, ...)
{
    tm_error local = {0};
    int64_t value = fallback;
    va_list args;
    va_start(args, format);
    sqlite3_stmt *statement = bound(sql, &local, text, format, args);
    va_end(args);
    if (tm_sql_step(sql, statement, &local)) {
        if (sqlite3_column_type(statement, 0) != SQLITE_NULL) value = sqlite3_column_int64(statement, 0);
        tm_sql_drop(statement);
    }
    if (local.code) tm_fail(err, local.code, "%s", local.text);
    return value;
}

int64_t tm_sql_last_id(const tm_sql *sql)
{
    return sqlite3_last_insert_rowid(sql->db);
}

int tm_sql_changes(const tm_sql *sql)
{
    return sqlite3_changes(sql->db);
}

unsigned tm_sql_total_changes(const tm_sql *sql)
{
    return (unsigned)sqlite3_total_changes(sql->db);
}

/* SQL: one SQLite connection with cached statements, typed binding and exact unsigned integers. The store, the hub and
 * the mirror of an XMPP server have one each. A connection belongs to one thread at a time. */
#ifndef TM_SQL_H
#define TM_SQL_H

#include "error.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tm_sql tm_sql;

typedef struct tm_sql_options {
    const char *path; /* borrowed until return; the file is made (0600) if missing */
    const char *const
        *migrations;         /* scripts: number n brings user_version n to n + 1; borrowed until return */
    int32_t kind;            /* SQLite's application_id, so that none is taken for another */
    int version;             /* how many migrations there are: the version this library knows */
    uint32_t busy_ms;        /* how long to wait for another process's transaction */
    const atomic_bool *stop; /* ends waits and long queries when it becomes true; borrowed until close */
    bool in_memory;          /* `path` is a name from tm_world_database, no file */
    bool *damaged; /* may be NULL; set if opening fails because the file is damaged, or no database */
} tm_sql_options;

/* Opens in WAL mode and migrates. ERR_DATABASE_OPERATE_FAILED, also for a file of a newer version or of another kind (which
 * it leaves alone; one without a kind is from before there were any) or one that is no database. Owned by the caller. */
tm_sql *tm_sql_open(const tm_sql_options *options, tm_error *err);
void tm_sql_close(tm_sql *sql);
/* Whether the file is damaged: looked at only if something that was read since it was opened looked like it.
 * Who breaks that off, or does not let it begin, takes it for damaged. */
bool tm_sql_is_damaged(tm_sql *sql);

/* Moves a damaged file, which nobody has open, out of the way of a new one, with what SQLite keeps beside it: nothing is
 * overwritten. err: NULL, or the failure that showed the damage; its sentence then says what the file is called now, if it
 * could be moved, and what the next log-in does, `next`. */
void tm_sql_set_aside(const char *path, const char *next, tm_error *err);

/* A write transaction. `synced`: its commit waits until the disk has it; otherwise the commit survives the
 * death of the process but not a power cut (the database stays whole in both). Fails as long as another file, or none, has the
 * database's name. */
int32_t tm_sql_begin(tm_sql *sql, bool synced, tm_error *err);
/* The same, not synced, for what can be done another time: waits for others for no longer than a small transaction takes. */
int32_t tm_sql_try_begin(tm_sql *sql, tm_error *err);
int32_t tm_sql_commit(tm_sql *sql, tm_error *err);
/* Between two transactions: lets those have the database who wait for it, who look for that only once in a while. */
void tm_sql_give_way(const tm_sql *sql);
void tm_sql_rollback(tm_sql *sql);
/* One unnamed savepoint inside a transaction; undo restores it and leaves the transaction open. */
int32_t tm_sql_savepoint(tm_sql *sql, tm_error *err);
int32_t tm_sql_release(tm_sql *sql, tm_error *err);
void tm_sql_undo(tm_sql *sql);

/* A prepared statement, bound and ready to step. `text` must be a string literal: the cache goes by its
 * address. `format` has a letter for each argument: i int64_t, u uint64_t, t const char* (NULL is NULL;
 * must stay valid until the statement is stepped to its end or dropped). NULL on failure. */
sqlite3_stmt *tm_sql_query(tm_sql *sql, tm_error *err, const char *text, const char *format, ...);
/* True while there is a row. False at the end or on failure (then err->code is not 0); the statement is reset
 * then. `err` must be clear before. */
bool tm_sql_step(tm_sql *sql, sqlite3_stmt *statement, tm_error *err);
/* Resets a statement that was not stepped to its end. */
void tm_sql_drop(sqlite3_stmt *statement);
/* Runs a statement that gives no rows. */
int32_t tm_sql_run(tm_sql *sql, tm_error *err, const char *text, const char *format, ...);
/* The first column of the first row, or `fallback` where there is none or it is NULL. */
int64_t tm_sql_int(tm_sql *sql, tm_error *err, int64_t fallback, const char *text, const char *format, ...);
int64_t tm_sql_last_id(const tm_sql *sql);
int tm_sql_changes(const tm_sql *sql);
/* Rows that were changed since it was opened, whatever became of that: the difference of two tells how many between them. */
unsigned tm_sql_total_changes(const tm_sql *sql);

/* Unsigned 64-bit columns. Below 2^63 an SQL integer; above, eight bytes big-endian: SQLite sorts blobs
 * behind integers and among themselves by bytes, so ORDER BY, comparisons and MAX are those of the unsigned
 * numbers. */
uint64_t tm_sql_column_u64(sqlite3_stmt *statement, int column);
/* Text of a column; "" for NULL. Borrowed until the statement is stepped or reset. */
const char *tm_sql_column_text(sqlite3_stmt *statement, int column);

#endif

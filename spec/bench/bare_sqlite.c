/* Bare SQLite: what `make bench` holds the library's databases against: the same rows written by C with prepared
 * statements, into new databases with the schema of those that the library made, under its settings. It reads the rows
 * into memory first, from a database that nobody has open.
 *
 *   bare_sqlite import FROM.db TO.db        all messages in one transaction; prints its seconds
 *   bare_sqlite flow FROM_DIR TO_DIR        what alice sent and bob received, by two processes, in batches of the same
 *                                           sizes, each commit synced or not as the library's; prints its seconds
 *   bare_sqlite commit FROM.db TO.db COUNT  COUNT times one row and a synced commit; prints the milliseconds of each */
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* As the library batches: requests in one run, events in one fetch. */
#define SENT_TOGETHER 1000
#define RECEIVED_TOGETHER 100

static void check(bool ok, const char *what)
{
    if (ok) return;
    fprintf(stderr, "bare_sqlite: %s\n", what);
    exit(1);
}

static double now_seconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- databases ---- */

static void run(sqlite3 *db, const char *text)
{
    check(sqlite3_exec(db, text, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(db));
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *text)
{
    sqlite3_stmt *statement = NULL;
    check(sqlite3_prepare_v3(db, text, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) == SQLITE_OK,
          sqlite3_errmsg(db));
    return statement;
}

/* Runs a statement that gives no rows. */
static void run_once(sqlite3_stmt *statement)
{
    check(sqlite3_step(statement) == SQLITE_DONE, sqlite3_errmsg(sqlite3_db_handle(statement)));
    sqlite3_reset(statement);
}

static sqlite3 *open_db(const char *path)
{
    sqlite3 *db = NULL;
    check(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                          NULL) == SQLITE_OK,
          path);
    sqlite3_busy_timeout(db, 10000);
    /* as csrc/sql.c sets them */
    run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
            "PRAGMA journal_size_limit=16777216; PRAGMA trusted_schema=OFF; PRAGMA secure_delete=ON; "
            "PRAGMA cache_size=-8192; PRAGMA wal_autocheckpoint=4000");
    return db;
}

static void set_synced(sqlite3 *db, bool synced)
{
    run(db, synced ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

/* A new database with the tables, indices and triggers of `from`, and all rows of the small tables among them. */
static sqlite3 *open_like(const char *path, const char *from, const char *const *small)
{
    sqlite3 *db = open_db(path), *model = open_db(from);
    sqlite3_stmt *scripts =
        prepare(model, "SELECT sql FROM sqlite_master WHERE sql NOTNULL AND name NOT LIKE 'sqlite_%'");
    while (sqlite3_step(scripts) == SQLITE_ROW)
        run(db, (const char *)sqlite3_column_text(scripts, 0));
    sqlite3_finalize(scripts);
    sqlite3_close(model);
    char text[4096];
    snprintf(text, sizeof text, "ATTACH '%s' AS model", from);
    run(db, text);
    for (; *small; small++) {
        snprintf(text, sizeof text, "INSERT INTO main.%s SELECT * FROM model.%s", *small, *small);
        run(db, text);
    }
    run(db, "DETACH model");
    return db;
}

/* ---- rows in memory ---- */

typedef struct cell {
    int type; /* SQLITE_INTEGER, SQLITE_TEXT, SQLITE_NULL */
    int length;
    sqlite3_int64 number;
    char *text;
} cell;

typedef struct rows {
    int columns;
    size_t count;
    cell *cells;
} rows;

static rows read_rows(const char *path, const char *query)
{
    sqlite3 *db = open_db(path);
    sqlite3_stmt *row = prepare(db, query);
    rows all = {.columns = sqlite3_column_count(row)};
    size_t size = 0;
    while (sqlite3_step(row) == SQLITE_ROW) {
        if (all.count == size) {
            size = size ? size * 2 : 1024;
            all.cells = realloc(all.cells, size * (size_t)all.columns * sizeof *all.cells);
            check(all.cells, "out of memory");
        }
        cell *at = &all.cells[all.count++ * (size_t)all.columns];
        for (int i = 0; i < all.columns; i++, at++) {
            *at = (cell){.type = sqlite3_column_type(row, i), .number = sqlite3_column_int64(row, i)};
            if (at->type != SQLITE_TEXT) continue;
            at->text = strdup((const char *)sqlite3_column_text(row, i));
            at->length = sqlite3_column_bytes(row, i);
        }
    }
    sqlite3_finalize(row);
    sqlite3_close(db);
    return all;
}

static void bind_cell(sqlite3_stmt *statement, int index, const cell *from)
{
    switch (from->type) {
    case SQLITE_INTEGER: sqlite3_bind_int64(statement, index, from->number); break;
    case SQLITE_TEXT: sqlite3_bind_text(statement, index, from->text, from->length, SQLITE_STATIC); break;
    default: sqlite3_bind_null(statement, index); break;
    }
}

static const cell *row_at(const rows *all, size_t number)
{
    return &all->cells[number * (size_t)all->columns];
}

static void insert(sqlite3_stmt *statement, const rows *all, size_t number)
{
    const cell *row = row_at(all, number);
    for (int i = 0; i < all->columns; i++)
        bind_cell(statement, i + 1, &row[i]);
    run_once(statement);
}

/* ---- import ---- */

#define MESSAGE_COLUMNS                                                                                      \
    "conv, place_time, seq, sender, rand, client_time, server_time, status, priority, is_self, is_read, "    \
    "custom_int, custom_str, elems, position"
#define INSERT_MESSAGE "INSERT INTO messages(" MESSAGE_COLUMNS ") VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
#define SELECT_MESSAGES "SELECT " MESSAGE_COLUMNS " FROM messages ORDER BY id"

/* Columns of those, from 0. */
enum { PLACE_TIME = 1, SEQ, SENDER, RAND, CLIENT_TIME, SERVER_TIME, STATUS, POSITION = 14 };

static void import(const char *from, const char *to)
{
    static const char *const small[] = {"convs", NULL};
    rows messages = read_rows(from, SELECT_MESSAGES);
    sqlite3 *db = open_like(to, from, small);
    run(db, "UPDATE convs SET unread = 0"); /* its triggers count them again */
    sqlite3_stmt *statement = prepare(db, INSERT_MESSAGE);
    double began = now_seconds();
    run(db, "BEGIN IMMEDIATE");
    for (size_t i = 0; i < messages.count; i++)
        insert(statement, &messages, i);
    run(db, "COMMIT");
    printf("%.6f\n", now_seconds() - began);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* ---- flow ---- */

typedef struct flow {
    const char *from, *to;
    rows sent, events; /* alice's rows in her store, and what they are in the hub */
} flow;

static const char *join(char *buffer, size_t size, const char *directory, const char *name)
{
    snprintf(buffer, size, "%s/%s", directory, name);
    return buffer;
}

static sqlite3 *open_copy(const flow *of, const char *name, const char *target, const char *const *small)
{
    char from[1024], to[1024];
    return open_like(join(to, sizeof to, of->to, target), join(from, sizeof from, of->from, name), small);
}

static const char *const store_tables[] = {"meta", "convs", "stretches", NULL};
static const char *const hub_tables[] = {"meta", "users", "devices", "topics", NULL};

/* Sends all that alice sent; a byte goes into the pipe for each batch. */
static void send_all(const flow *of, sqlite3 *store, sqlite3 *hub, int pipe_fd)
{
    sqlite3_stmt *insert_message = prepare(store, INSERT_MESSAGE);
    sqlite3_stmt *accept = prepare(store, "UPDATE messages SET status = 2, place_time = ?1, server_time = "
                                          "?1, seq = ?2, position = ?3 WHERE id = ?4");
    sqlite3_stmt *insert_event = prepare(
        hub, "INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, elems) "
             "VALUES(?,?,?,?,?,?,?,?,?)");
    sqlite3_stmt *deliver = prepare(hub, "INSERT INTO inbox(user, event) SELECT id, ? FROM users");
    sqlite3_stmt *topic = prepare(hub, "UPDATE topics SET last_time = ?");
    set_synced(store, false);
    for (size_t first = 0, next; first < of->sent.count; first = next) {
        next = first + SENT_TOGETHER < of->sent.count ? first + SENT_TOGETHER : of->sent.count;
        run(store, "BEGIN IMMEDIATE");
        for (size_t i = first; i < next; i++) {
            const cell *row = row_at(&of->sent, i);
            for (int column = 0; column < of->sent.columns; column++)
                bind_cell(insert_message, column + 1, &row[column]);
            bind_cell(insert_message, PLACE_TIME + 1, &row[CLIENT_TIME]);
            sqlite3_bind_int64(insert_message, SERVER_TIME + 1, 0);
            sqlite3_bind_int64(insert_message, STATUS + 1, 1);
            sqlite3_bind_null(insert_message, POSITION + 1);
            run_once(insert_message);
        }
        run(store, "COMMIT");
        run(hub, "BEGIN IMMEDIATE");
        for (size_t i = first; i < next; i++) {
            insert(insert_event, &of->events, i);
            sqlite3_bind_int64(deliver, 1, sqlite3_last_insert_rowid(hub));
            run_once(deliver);
        }
        bind_cell(topic, 1, &row_at(&of->sent, next - 1)[SERVER_TIME]);
        run_once(topic);
        run(hub, "COMMIT");
        check(write(pipe_fd, "", 1) == 1, "nobody receives");
        run(store, "BEGIN IMMEDIATE");
        for (size_t i = first; i < next; i++) {
            const cell *row = row_at(&of->sent, i);
            bind_cell(accept, 1, &row[SERVER_TIME]);
            bind_cell(accept, 2, &row[SEQ]);
            bind_cell(accept, 3, &row[POSITION]);
            sqlite3_bind_int64(accept, 4, (sqlite3_int64)i + 1);
            run_once(accept);
        }
        run(store, "COMMIT");
    }
}

/* Takes what comes, as long as there are bytes in the pipe, into bob's store. */
static void receive_all(const flow *of, int pipe_fd)
{
    char path[1024], byte;
    sqlite3 *store = open_copy(of, "bob/bob.db", "bob.db", store_tables);
    sqlite3 *hub = open_db(join(path, sizeof path, of->to, "hub.db"));
    sqlite3_stmt *fetch = prepare(
        hub, "SELECT e.id, e.server_time, e.seq, e.sender, e.rand, e.client_time, e.priority, e.elems FROM "
             "inbox i "
             "JOIN events e ON e.id = i.event WHERE i.user = (SELECT id FROM users WHERE name = 'bob') AND "
             "i.event > ? ORDER BY i.event LIMIT ?");
    sqlite3_stmt *keep =
        prepare(store, "INSERT INTO messages(conv, place_time, seq, sender, rand, client_time, server_time, "
                       "status, priority, is_self, is_read, custom_int, custom_str, elems, position) "
                       "VALUES(1,?2,?3,?4,?5,?6,?2,2,?7,0,0,0,NULL,?8,?1)");
    sqlite3_stmt *cursor = prepare(store, "UPDATE meta SET value = ? WHERE name = 'cursor'");
    sqlite3_int64 last = 0;
    size_t count = 0;
    set_synced(store, false);
    check(write(STDOUT_FILENO, "", 0) == 0, "no output");
    while (count < of->sent.count) {
        check(read(pipe_fd, &byte, 1) == 1, "nobody sends any more");
        for (int got = RECEIVED_TOGETHER; got == RECEIVED_TOGETHER;) {
            run(store, "BEGIN IMMEDIATE");
            sqlite3_bind_int64(fetch, 1, last);
            sqlite3_bind_int(fetch, 2, RECEIVED_TOGETHER);
            for (got = 0; sqlite3_step(fetch) == SQLITE_ROW; got++) {
                last = sqlite3_column_int64(fetch, 0);
                for (int i = 0; i < 8; i++) {
                    if (sqlite3_column_type(fetch, i) == SQLITE_TEXT)
                        sqlite3_bind_text(keep, i + 1, (const char *)sqlite3_column_text(fetch, i), -1,
                                          SQLITE_STATIC);
                    else
                        sqlite3_bind_int64(keep, i + 1, sqlite3_column_int64(fetch, i));
                }
                run_once(keep);
            }
            sqlite3_reset(fetch);
            sqlite3_bind_int64(cursor, 1, last);
            run_once(cursor);
            run(store, "COMMIT");
            count += (size_t)got;
        }
    }
}

static void measure_flow(const char *from, const char *to)
{
    char path[1024];
    int batches[2], done[2];
    flow of = {.from = from, .to = to};
    of.sent = read_rows(join(path, sizeof path, from, "alice/alice.db"), SELECT_MESSAGES);
    of.events = read_rows(
        join(path, sizeof path, from, "hub/hub.db"),
        "SELECT kind, topic, sender, seq, rand, client_time, server_time, priority, elems FROM events "
        "WHERE kind = 1 ORDER BY id");
    check(of.sent.count == of.events.count && of.sent.count > 0, "not what one user sent to another");
    sqlite3 *store = open_copy(&of, "alice/alice.db", "alice.db", store_tables);
    sqlite3 *hub = open_copy(&of, "hub/hub.db", "hub.db", hub_tables);
    sqlite3_close(hub); /* no connection goes into another process */
    sqlite3_close(store);
    check(pipe(batches) == 0 && pipe(done) == 0, "no pipe");
    pid_t bob = fork();
    check(bob >= 0, "no process");
    if (bob == 0) {
        receive_all(&of, batches[0]);
        check(write(done[1], "", 1) == 1, "nobody waits");
        _exit(0);
    }
    store = open_db(join(path, sizeof path, to, "alice.db"));
    hub = open_db(join(path, sizeof path, to, "hub.db"));
    struct timespec pause = {0, 300 * 1000000L};
    nanosleep(&pause, NULL); /* bob opens his */
    char byte;
    double began = now_seconds();
    send_all(&of, store, hub, batches[1]);
    check(read(done[0], &byte, 1) == 1, "bob has failed");
    printf("%.6f\n", now_seconds() - began);
    waitpid(bob, NULL, 0);
}

/* ---- commit ---- */

static void measure_commits(const char *from, const char *to, int count)
{
    static const char *const none[] = {NULL};
    sqlite3 *db = open_like(to, from, none);
    sqlite3_stmt *statement = prepare(
        db, "INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, elems) "
            "VALUES(1, 1, 'alice', ?1, ?1, 1700000000, 1700000000, 1, "
            "'[{\"elem_type\":0,\"text_elem_content\":\"ping\"}]')");
    for (int i = 1; i <= count; i++) {
        double began = now_seconds();
        run(db, "BEGIN IMMEDIATE");
        sqlite3_bind_int(statement, 1, i);
        run_once(statement);
        run(db, "COMMIT");
        printf("%.6f\n", (now_seconds() - began) * 1000);
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "import") == 0)
        import(argv[2], argv[3]);
    else if (argc == 4 && strcmp(argv[1], "flow") == 0)
        measure_flow(argv[2], argv[3]);
    else if (argc == 5 && strcmp(argv[1], "commit") == 0)
        measure_commits(argv[2], argv[3], atoi(argv[4]));
    else
        check(false, "import FROM TO | flow FROM_DIR TO_DIR | commit FROM TO COUNT");
    return 0;
}

/* Hub: the embedded backend. A hub is a directory:
 *
 *   hub.db   an append-only log of events (message, revoke, read, membership) and an inbox for each user
 *   bells/   a datagram socket for each session: wake-ups (hub_bell.h)
 *   files/   media, by the SHA-256 of their content
 *
 * Sending is an insert; receiving is reading past a device's cursor. Offline delivery, several devices and
 * exactly-once follow from that. There is no server: every client's worker does the work of the hub inside its
 * own transactions. What is submitted between two flushes is done in one transaction, or in several if it changes
 * much, each operation under a savepoint of its own, and answered when all is committed and synced. */
#include "hub_internal.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const migrations[] = {
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('id', lower(hex(randomblob(16))));"
    "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE devices(id INTEGER PRIMARY KEY, user INTEGER NOT NULL, name TEXT NOT NULL,"
    "  fetched INTEGER NOT NULL, UNIQUE(user, name));"
    "CREATE TABLE sessions(id INTEGER PRIMARY KEY AUTOINCREMENT, user INTEGER NOT NULL, device INTEGER NOT "
    "NULL,"
    "  bell TEXT NOT NULL);"
    "CREATE INDEX session_user ON sessions(user);"
    /* a conversation: of two users (low <= high), or of a group */
    "CREATE TABLE topics(id INTEGER PRIMARY KEY, low INTEGER, high INTEGER, group_name TEXT,"
    "  last_time NOT NULL DEFAULT 0, last_seq NOT NULL DEFAULT 0, UNIQUE(low, high));"
    "CREATE TABLE groups(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, topic INTEGER NOT "
    "NULL,"
    "  title TEXT NOT NULL, type INTEGER NOT NULL, add_option INTEGER NOT NULL, max_members INTEGER NOT NULL,"
    "  notification TEXT NOT NULL, introduction TEXT NOT NULL, face_url TEXT NOT NULL, created NOT NULL);"
    "CREATE TABLE members(group_id INTEGER NOT NULL, user INTEGER NOT NULL, role INTEGER NOT NULL, joined "
    "NOT NULL,"
    "  name_card TEXT NOT NULL DEFAULT '', PRIMARY KEY(group_id, user)) WITHOUT ROWID;"
    "CREATE INDEX member_user ON members(user);"
    /* kind 1 message; 2 revoke (target: the message's event); 3 read (target: the position read up to);
     * 4 membership (target: 1 joined, 0 left; elems: the group) */
    "CREATE TABLE events(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, topic INTEGER NOT NULL,"
    "  sender TEXT NOT NULL, seq, rand, client_time, server_time NOT NULL, priority INTEGER,"
    "  revoked INTEGER NOT NULL DEFAULT 0, target INTEGER, elems TEXT);"
    "CREATE UNIQUE INDEX event_attempt ON events(topic, rand, client_time, sender) WHERE kind = 1;"
    "CREATE INDEX event_identity ON events(topic, seq, rand, sender) WHERE kind = 1;"
    "CREATE INDEX event_time ON events(topic, server_time) WHERE kind = 1;"
    "CREATE INDEX event_revoke ON events(topic) WHERE kind = 2;"
    "CREATE TABLE inbox(user INTEGER NOT NULL, event INTEGER NOT NULL, PRIMARY KEY(user, event)) WITHOUT "
    "ROWID;"
    "CREATE TABLE reads(topic INTEGER NOT NULL, user INTEGER NOT NULL, position INTEGER NOT NULL,"
    "  PRIMARY KEY(topic, user)) WITHOUT ROWID;",
    "CREATE INDEX topic_group ON topics(group_name) WHERE group_name NOTNULL;"
    "CREATE INDEX event_membership ON events(topic) WHERE kind = 4;",
    /* who is out of a group, and since which event; a message is revoked from now on by the number of the event that says so
     * first: so who comes back is told of what came behind that, and nothing else is looked at */
    "CREATE TABLE absent(topic INTEGER NOT NULL, user INTEGER NOT NULL, since INTEGER NOT NULL,"
    "  PRIMARY KEY(topic, user)) WITHOUT ROWID;"
    "INSERT INTO absent SELECT e.topic, i.user, max(e.id) FROM inbox i JOIN events e ON e.id = i.event"
    "  WHERE i.event IN (SELECT id FROM events WHERE kind = 4 AND target = 0) GROUP BY e.topic, i.user;"
    "UPDATE events SET revoked = r.first"
    "  FROM (SELECT target, min(id) AS first FROM events WHERE kind = 2 AND target NOTNULL GROUP BY target) r"
    "  WHERE events.id = r.target AND events.kind = 1 AND events.revoked <> 0;"
    "CREATE INDEX event_revoked ON events(topic, revoked) WHERE kind = 1 AND revoked <> 0;",
};

/* Taken in one go, so that a peer that floods does not keep the worker from everything else. */
#define MAX_DATAGRAMS 256

/* A transaction ends with the operation that brings it to so many changed rows: of messages to one user some thousands, of those
 * to a large group a few. */
#define MAX_ROWS 10000

#define HUB_VERSION ((int)(sizeof migrations / sizeof *migrations))
#define HUB_KIND 0x546d4862 /* "TmHb" */

/* ---- operations ---- */

static void submit(tm_backend *self, tm_op *op)
{
    tm_hub *hub = (tm_hub *)self;
    op->next = NULL;
    if (hub->last)
        hub->last->next = op;
    else
        hub->first = op;
    hub->last = op;
}

static bool writes(const tm_op *op)
{
    return op->kind != TM_OP_HISTORY && op->kind != TM_OP_SETTLE && op->kind != TM_OP_UPLOAD &&
           !(op->kind == TM_OP_SEND && op->message->is_online) &&
           !(op->kind == TM_OP_GROUP && (op->call == TM_CALL_GROUP_GET_JOINED_GROUP_LIST ||
                                         op->call == TM_CALL_GROUP_GET_MEMBER_INFO_LIST));
}

/* What it finds depends on the groups, as the calls before it have left them. */
static bool takes_turn(const tm_op *op)
{
    return !writes(op) && (op->kind == TM_OP_SEND || op->kind == TM_OP_GROUP ||
                           (op->kind == TM_OP_HISTORY && op->message->conv_type == kTIMConv_Group));
}

static int32_t perform(tm_hub *hub, tm_op *op, tm_error *err)
{
    switch (op->kind) {
    case TM_OP_LOGIN: return tm_hub_login(hub, op, err);
    case TM_OP_SEND:
        return op->message->is_online ? tm_hub_send_online(hub, op, err) : tm_hub_send(hub, op, err);
    case TM_OP_SETTLE: return tm_hub_settle(hub, op, err);
    case TM_OP_REVOKE: return tm_hub_revoke(hub, op, err);
    case TM_OP_READ: return tm_hub_read(hub, op, err);
    case TM_OP_HISTORY: return tm_hub_history(hub, op, err);
    case TM_OP_GROUP: return tm_hub_group(hub, op, err);
    case TM_OP_UPLOAD: break;
    }
    return tm_fail(err, ERR_SDK_COMM_FILE_NOT_FOUND, "not an operation of the log");
}

/* Hands a file to the media thread; answered by `transferred`, or at once when that fails. */
static bool start_upload(tm_hub *hub, tm_op *op)
{
    tm_media *media = hub->host.media(hub->host.worker, &op->error);
    if (!media) return false;
    uint64_t id = hub->host.transfer(hub->host.worker, op);
    if (!id) {
        tm_fail_memory(&op->error);
        return false;
    }
    int32_t code = tm_media_store(media, id, op->text, op->size, hub->files);
    if (!code) return true;
    hub->host.no_transfer(hub->host.worker, id);
    tm_fail_memory(&op->error);
    return false;
}

static void perform_under_savepoint(tm_hub *hub, tm_op *op)
{
    if (op->kind != TM_OP_SEND) hub->recent.is_known = false;
    if (tm_sql_savepoint(hub->sql, &op->error)) return;
    if (perform(hub, op, &op->error) || tm_sql_release(hub->sql, &op->error)) {
        hub->recent.is_known = false;
        tm_sql_undo(hub->sql);
        cJSON_Delete(op->result);
        op->result = NULL;
    }
}

/* Our own messages need not be fetched again: their rows are in the store. */
static int32_t skip_own_messages(tm_hub *hub, tm_error *err)
{
    int64_t end = tm_sql_int(hub->sql, err, hub->cursor, "SELECT max(event) FROM inbox WHERE user = ?", "i",
                             hub->user_id);
    if (end <= hub->cursor) return 0;
    hub->cursor = hub->noted = end;
    hub->moved = true;
    return tm_sql_run(hub->sql, err, "UPDATE devices SET fetched = max(fetched, ?) WHERE id = ?", "ii", end,
                      hub->device_id);
}

/* Other operations put events into the own inbox (GroupTips, reads) that the device has to handle; not those that have
 * failed. */
static bool only_sends(const tm_op *ops, const tm_op *end)
{
    for (; ops != end; ops = ops->next)
        if (writes(ops) && !ops->error.code && (ops->kind != TM_OP_SEND || ops->unheard)) return false;
    return true;
}

/* Performs what writes of a run from `ops` on, in one transaction. What follows that. */
static tm_op *write_some(tm_hub *hub, tm_op *ops, const tm_op *end)
{
    tm_error err = {0};
    tm_op *rest = ops;
    int32_t code = tm_sql_begin(hub->sql, true, &err);
    hub->recent.is_known = false;
    if (code) {
        /* the others would wait as long for what those had no time for */
        while (rest != end)
            rest = rest->next;
    } else {
        bool skip = tm_hub_at_end(hub);
        unsigned before = tm_sql_total_changes(hub->sql);
        for (; rest != end && tm_sql_total_changes(hub->sql) - before < MAX_ROWS; rest = rest->next)
            if (writes(rest)) perform_under_savepoint(hub, rest);
        skip = skip && only_sends(ops, rest);
        int64_t cursor = hub->cursor, noted = hub->noted;
        /* the savepoint tells whether the transaction is still there */
        if (skip && !(code = tm_sql_savepoint(hub->sql, &err)) && !(code = skip_own_messages(hub, &err)))
            code = tm_sql_release(hub->sql, &err);
        if (code)
            tm_sql_rollback(hub->sql);
        else
            code = tm_sql_commit(hub->sql, &err);
        if (code) {
            hub->cursor = cursor;
            hub->noted = noted;
        }
    }
    if (!code) return rest;
    for (tm_op *op = ops; op != rest; op = op->next) {
        if (!writes(op) || op->error.code) continue;
        tm_fail(&op->error, code, "%s", err.text);
        cJSON_Delete(op->result);
        op->result = NULL;
    }
    hub->guests.count = 0;
    return rest;
}

static bool any_writes(const tm_op *ops, const tm_op *end)
{
    for (; ops != end; ops = ops->next)
        if (writes(ops)) return true;
    return false;
}

/* That session died; its name never comes back. While another process writes its row stays, since answers are waited for: who
 * rings it next finds it dead again. */
static void forget_session(tm_hub *hub, const char *bell)
{
    tm_error err = {0};
    tm_hub_bell_remove(hub->bell, bell);
    if (tm_sql_try_begin(hub->sql, &err)) return;
    if (tm_sql_run(hub->sql, &err, "DELETE FROM sessions WHERE bell = ?", "t", bell))
        tm_sql_rollback(hub->sql);
    else
        tm_sql_commit(hub->sql, &err);
}

/* Rings those of the guests from `at` on; how many of them have died. */
static int ring_from(tm_hub *hub, size_t at)
{
    int dead = 0;
    for (; at < hub->guests.count; at++)
        if (!tm_hub_bell_ring(hub->bell, hub->guests.names[at], "", 0)) {
            forget_session(hub, hub->guests.names[at]);
            dead++;
        }
    return dead;
}

static void ring_guests(tm_hub *hub)
{
    tm_error err = {0};
    size_t rung = 0;
    int dead;
    do {
        size_t count = hub->guests.count;
        dead = ring_from(hub, rung);
        rung = count;
        if (dead && tm_hub_invite_late(hub, &err))
            tm_log_write(hub->host.log, kTIMLog_Warn, "hub: whom a session that died did not wake: %s",
                         err.text);
    } while (dead && hub->guests.count > rung);
    hub->guests.count = 0;
}

/* Performs what writes of a run, in as many transactions as that takes: others wait for one of them. */
static void write_all(tm_hub *hub, tm_op *ops, const tm_op *end)
{
    while (any_writes(ops, end)) {
        ops = write_some(hub, ops, end);
        ring_guests(hub);
        if (any_writes(ops, end)) tm_sql_give_way(hub->sql);
    }
}

/* A run ends before a write that would change what an earlier operation of it finds: an online-only message and a page
 * depend on groups alone (a page may as well show what is said later), what is asked about groups on their messages too. */
static tm_op *end_of_run(const tm_op *run)
{
    bool asks = false, depends = false;
    tm_op *end;
    for (; run; run = end) {
        asks |= takes_turn(run) && run->kind == TM_OP_GROUP;
        depends |= takes_turn(run);
        end = run->next;
        if (end && writes(end) && (asks || (depends && end->kind == TM_OP_GROUP))) return end;
    }
    return NULL;
}

/* Writes are gathered in runs, what takes its turn comes behind them, and all else last. Answers have the order of the
 * calls. */
static void flush(tm_backend *self)
{
    tm_hub *hub = (tm_hub *)self;
    tm_op *ops = hub->first, *end;
    hub->first = hub->last = NULL;
    tm_hub_check_session(hub);
    if (hub->missed) tm_hub_bell_ring(hub->bell, tm_hub_bell_name(hub->bell), "", 0); /* to look soon */
    for (tm_op *run = ops; run; run = end) {
        end = end_of_run(run);
        write_all(hub, run, end);
        for (tm_op *op = run; op != end; op = op->next)
            if (takes_turn(op)) perform(hub, op, &op->error);
    }
    while (ops) {
        tm_op *op = ops;
        ops = op->next;
        op->next = NULL;
        if (op->kind == TM_OP_UPLOAD) {
            if (start_upload(hub, op)) continue;
        } else if (!writes(op) && !takes_turn(op)) {
            perform(hub, op, &op->error);
        }
        hub->host.answer(hub->host.worker, op);
    }
    ring_guests(hub);
}

static void transferred(tm_backend *self, tm_op *op, const tm_media_report *report)
{
    (void)self;
    op->id = tm_strdup(report->hash);
    op->url = tm_format("hub:%s", report->hash);
    if (!op->id || !op->url) tm_fail_memory(&op->error);
}

static bool is_hash(const char *text)
{
    return strspn(text, "0123456789abcdef") == TM_MEDIA_HASH - 1 && text[TM_MEDIA_HASH - 1] == '\0';
}

static char *file(tm_backend *self, const char *url, const char *id, char hash[TM_MEDIA_HASH])
{
    tm_hub *hub = (tm_hub *)self;
    const char *name = strncmp(url, "hub:", 4) == 0 ? url + 4 : *url ? "" : id;
    if (!is_hash(name)) return NULL;
    snprintf(hash, TM_MEDIA_HASH, "%s", name);
    return tm_format("%s/%.2s/%s", hub->files, name, name);
}

/* ---- events ---- */

static int32_t receive(tm_backend *self, int limit, tm_event **list, char **cursor, bool *more, tm_error *err)
{
    tm_hub *hub = (tm_hub *)self;
    *cursor = NULL;
    *more = false;
    int rows;
    int32_t code = tm_hub_fetch(hub, limit, list, &rows, err);
    if (code || hub->next == hub->cursor) return code;
    *more = rows >= limit;
    *cursor = tm_hub_cursor_text(hub, hub->next, err);
    if (*cursor) return 0;
    tm_event_free_list(*list);
    *list = NULL;
    return err->code;
}

static void stored(tm_backend *self)
{
    tm_hub *hub = (tm_hub *)self;
    hub->cursor = hub->next;
    tm_hub_note_fetched(hub);
}

static int32_t moved(tm_backend *self, char **cursor, tm_error *err)
{
    tm_hub *hub = (tm_hub *)self;
    *cursor = NULL;
    if (!hub->moved) return 0;
    *cursor = tm_hub_cursor_text(hub, hub->cursor, err);
    if (!*cursor) return err->code;
    hub->moved = false;
    return 0;
}

static int fd(tm_backend *self)
{
    return tm_hub_bell_fd(((tm_hub *)self)->bell);
}

/* Nobody can wake this session: it looks by itself. */
static bool is_out_of_reach(const tm_hub *hub)
{
    return hub->unlisted || tm_hub_bell_is_deaf(hub->bell);
}

static int interval_ms(tm_backend *self)
{
    const tm_hub *hub = (const tm_hub *)self;
    bool soon = is_out_of_reach(hub) || hub->noted != hub->cursor;
    return soon ? HUB_BELL_INTERVAL_MS : hub->host.world ? -1 : HUB_IDLE_CHECK_MS;
}

static bool ready(tm_backend *self, bool drop_online)
{
    tm_hub *hub = (tm_hub *)self;
    char small[16]; /* without memory the wake-ups are still taken; online messages are lost then */
    char *large = drop_online ? NULL : tm_malloc(HUB_BELL_MAX);
    char *buffer = large ? large : small;
    size_t size = large ? HUB_BELL_MAX : sizeof small;
    long length;
    int taken;
    for (taken = 0; taken < MAX_DATAGRAMS && (length = tm_hub_bell_take(hub->bell, buffer, size)) >= 0;
         taken++) {
        tm_event *event = length > 0 && large ? tm_hub_online_event(hub, large, (size_t)length) : NULL;
        if (event) hub->host.online(hub->host.worker, event);
    }
    tm_free(large);
    tm_hub_note_fetched(hub);
    tm_hub_check_session(hub);
    bool missed = hub->missed || is_out_of_reach(hub);
    hub->missed = false;
    return taken > 0 || missed;
}

/* ---- opening and closing ---- */

static void close_hub(tm_backend *self)
{
    tm_hub *hub = (tm_hub *)self;
    while (hub->first) {
        tm_op *op = hub->first;
        hub->first = op->next;
        tm_fail(&op->error, ERR_USER_CANCELED, "cancelled: logged out");
        hub->host.answer(hub->host.worker, op);
    }
    if (hub->sql && hub->session_id) tm_hub_end_session(hub);
    tm_hub_bell_close(hub->bell);
    tm_sql_close(hub->sql);
    tm_hub_guests_clear(&hub->guests);
    tm_free(hub->files);
    tm_free(hub);
}

static int32_t read_id(tm_hub *hub, tm_error *err)
{
    sqlite3_stmt *row = tm_sql_query(hub->sql, err, "SELECT value FROM meta WHERE name = 'id'", "");
    if (tm_sql_step(hub->sql, row, err)) {
        snprintf(hub->id, sizeof hub->id, "%s", tm_sql_column_text(row, 0));
        tm_sql_drop(row);
    }
    return err->code;
}

/* In a test world: the database in memory, the files where it keeps such. */
static int32_t move_to_world(tm_hub *hub, char **path, tm_error *err)
{
    char *database = tm_world_database(hub->host.world, *path, err);
    const char *directory = tm_world_directory(hub->host.world, err);
    char *files = directory ? tm_path_join(directory, hub->files) : NULL;
    if (!database || !files) {
        tm_free(database);
        tm_free(files);
        return tm_fail_memory(err);
    }
    tm_free(*path);
    tm_free(hub->files);
    *path = database;
    hub->files = files;
    return 0;
}

tm_backend *tm_hub_open(const char *directory, const tm_backend_host *host, tm_error *err)
{
    tm_hub *hub = tm_calloc(1, sizeof *hub);
    char *path = tm_path_join(directory, "hub.db");
    if (!hub || !path || !(hub->files = tm_path_join(directory, "files"))) {
        tm_fail_memory(err);
        goto fail;
    }
    hub->host = *host;
    hub->base = (tm_backend){submit, flush, receive, stored,      moved,    transferred,
                             file,   fd,    ready,   interval_ms, close_hub};
    if (host->world ? move_to_world(hub, &path, err)
                    : tm_path_make_directory(directory, err) || tm_path_make_directory(hub->files, err))
        goto fail;
    tm_sql_options options = {.path = path,
                              .migrations = migrations,
                              .kind = HUB_KIND,
                              .version = HUB_VERSION,
                              .busy_ms = host->timeout_ms,
                              .stop = host->stop,
                              .in_memory = host->world};
    if (!(hub->sql = tm_sql_open(&options, err)) || read_id(hub, err)) goto fail;
    if (!(hub->bell = tm_hub_bell_open(directory, host, err))) goto fail;
    tm_free(path);
    return &hub->base;
fail:
    tm_free(path);
    if (hub) close_hub(&hub->base);
    return NULL;
}

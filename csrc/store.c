/* Store: the file, its lock, transactions and the conversations they change. See store.h. */
#include "store_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const char *const migrations[] = {
    /* Unsigned 64-bit columns have no type: see tm_sql_column_u64. place_time is server_time once the
     * backend accepted the message, client_time before. */
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE convs("
    "  id INTEGER PRIMARY KEY, type INTEGER NOT NULL, name TEXT NOT NULL,"
    "  listed INTEGER NOT NULL DEFAULT 0,"
    "  active_time NOT NULL DEFAULT 0,"
    "  activity INTEGER NOT NULL DEFAULT 0," /* orders what was active in the same second */
    "  unread INTEGER NOT NULL DEFAULT 0,"   /* kept by the triggers below */
    "  top_seq NOT NULL DEFAULT 0,"
    "  my_read INTEGER NOT NULL DEFAULT 0, peer_read INTEGER NOT NULL DEFAULT 0,"
    /* owed: read here, but the backend was not told */
    "  owed INTEGER NOT NULL DEFAULT 0, owed_time NOT NULL DEFAULT 0,"
    "  cleared NOT NULL DEFAULT 0,"
    "  draft TEXT, draft_time NOT NULL DEFAULT 0,"
    "  UNIQUE(type, name));"
    "CREATE INDEX conv_activity ON convs(activity);"
    "CREATE TABLE messages("
    "  id INTEGER PRIMARY KEY, conv INTEGER NOT NULL,"
    "  place_time NOT NULL, seq NOT NULL, sender TEXT NOT NULL, rand NOT NULL,"
    "  client_time NOT NULL, server_time NOT NULL,"
    "  status INTEGER NOT NULL, priority INTEGER NOT NULL, is_self INTEGER NOT NULL, is_read INTEGER NOT "
    "NULL,"
    "  custom_int INTEGER NOT NULL, custom_str TEXT, elems TEXT,"
    "  position INTEGER);"
    "CREATE UNIQUE INDEX message_identity ON messages(conv, seq, rand, sender);"
    "CREATE INDEX message_place ON messages(conv, place_time, seq, sender, rand);"
    "CREATE INDEX message_unread ON messages(conv, place_time) WHERE is_read = 0;"
    "CREATE INDEX message_unsent ON messages(conv) WHERE status IN (1, 3);"
    "CREATE INDEX message_sending ON messages(id) WHERE status = 1;"
    "CREATE INDEX message_attempt ON messages(conv, rand) WHERE is_self;"
    "CREATE TRIGGER unread_insert AFTER INSERT ON messages WHEN NEW.is_read = 0 BEGIN"
    "  UPDATE convs SET unread = unread + 1 WHERE id = NEW.conv; END;"
    "CREATE TRIGGER unread_delete AFTER DELETE ON messages WHEN OLD.is_read = 0 BEGIN"
    "  UPDATE convs SET unread = unread - 1 WHERE id = OLD.conv; END;"
    "CREATE TRIGGER unread_update AFTER UPDATE OF is_read ON messages WHEN OLD.is_read <> NEW.is_read BEGIN"
    "  UPDATE convs SET unread = unread + OLD.is_read - NEW.is_read WHERE id = NEW.conv; END;"
    /* the identities of what was deleted */
    "CREATE TABLE buried(conv INTEGER NOT NULL, seq NOT NULL, rand NOT NULL, sender TEXT NOT NULL,"
    "  PRIMARY KEY(conv, seq, rand, sender)) WITHOUT ROWID;"
    /* seconds, both included, of which the store has all that the backend has */
    "CREATE TABLE stretches(conv INTEGER NOT NULL, low INTEGER NOT NULL, high INTEGER NOT NULL,"
    "  PRIMARY KEY(conv, low)) WITHOUT ROWID;",
    /* message_unsent finds those too, and one index less changes with each message that is sent */
    "DROP INDEX message_sending;",
    "ALTER TABLE convs ADD COLUMN cleared_position INTEGER NOT NULL DEFAULT 0;",
};

#define STORE_VERSION ((int)(sizeof migrations / sizeof *migrations))
#define STORE_KIND 0x546d5374 /* "TmSt" */
/* Another process can only hold the file for a moment (a tool that looks at it): the lock keeps clients
 * out. */
#define STORE_BUSY_MS 5000

/* Unlocked by name: a child that the host forked may hold a copy of the descriptor, and with it the lock. */
static void give_lock_back(int fd)
{
    if (fd < 0) return;
    flock(fd, LOCK_UN);
    close(fd);
}

/* The lock file holds the holder's process id, for the sentence that a second one gets. */
static int take_lock(const char *path, tm_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "cannot open %s: %s", path, strerror(errno));
        return -1;
    }
    char text[32] = "";
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        ssize_t got = pread(fd, text, sizeof text - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s is in use by process %s", path, *text ? text : "?");
        close(fd);
        return -1;
    }
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)length, 0) != length) {
        tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "cannot write %s: %s", path, strerror(errno));
        give_lock_back(fd);
        return -1;
    }
    return fd;
}

static int32_t lock_in_world(tm_store *store, const char *path, tm_error *err)
{
    char *name = tm_world_database(store->world, path, err);
    if (!name) return err->code;
    if (!tm_world_lock(store->world, name)) {
        tm_free(name);
        return tm_fail(err, ERR_DATABASE_OPERATE_FAILED, "%s is in use by another client of the test", path);
    }
    store->locked = name;
    return 0;
}

/* A data directory may be a hub's too, whose database is hub.db. */
static char *file_name(const char *user)
{
    return strcmp(user, "hub") == 0 ? tm_strdup("%68ub") : tm_path_escape(user);
}

tm_store *tm_store_open(const char *directory, const char *user, const atomic_bool *stop, tm_world *world,
                        tm_error *err)
{
    tm_store *store = tm_calloc(1, sizeof *store);
    if (store) store->lock = -1;
    if (store) store->world = world;
    bool damaged = false;
    char *name = file_name(user), *base = NULL, *path = NULL, *lock = NULL;
    if (!store || !name || !(base = tm_path_join(directory, name)) || !(path = tm_format("%s.db", base)) ||
        !(lock = tm_format("%s.lock", base))) {
        tm_fail_memory(err);
        goto fail;
    }
    if (world ? lock_in_world(store, path, err) : (store->lock = take_lock(lock, err)) < 0) goto fail;
    tm_sql_options options = {.path = world ? store->locked : path,
                              .migrations = migrations,
                              .kind = STORE_KIND,
                              .version = STORE_VERSION,
                              .busy_ms = STORE_BUSY_MS,
                              .stop = stop,
                              .in_memory = world,
                              .damaged = &damaged};
    if (!(store->sql = tm_sql_open(&options, err))) {
        if (damaged && !world) tm_sql_set_aside(path, "begins with an empty store", err);
        goto fail;
    }
    if (!world) {
        store->path = path;
        path = NULL;
    }
    snprintf(store->user, sizeof store->user, "%s", user);
    goto out;
fail:
    tm_store_close(store);
    store = NULL;
out:
    tm_free(name);
    tm_free(base);
    tm_free(path);
    tm_free(lock);
    return store;
}

void tm_store_close(tm_store *store)
{
    if (!store) return;
    bool damaged = store->path && tm_sql_is_damaged(store->sql);
    tm_sql_close(store->sql);
    /* the calls that met with it have said so; the next log-in begins anew */
    if (damaged) tm_sql_set_aside(store->path, NULL, NULL);
    tm_free(store->path);
    give_lock_back(store->lock);
    if (store->locked) tm_world_unlock(store->world, store->locked);
    tm_free(store->locked);
    tm_free(store->touched);
    tm_free(store);
}

int32_t tm_store_begin(tm_store *store, bool synced, tm_error *err)
{
    store->touched_count = store->touched_mark = 0;
    tm_store_forget(store);
    return tm_sql_begin(store->sql, synced, err);
}

int32_t tm_store_commit(tm_store *store, tm_error *err)
{
    return tm_sql_commit(store->sql, err);
}

void tm_store_rollback(tm_store *store)
{
    tm_sql_rollback(store->sql);
    store->touched_count = 0;
    tm_store_forget(store);
}

int32_t tm_store_sync(tm_store *store, tm_error *err)
{
    /* a synced commit carries all before it, but only one that wrote something is synced */
    int32_t code = tm_sql_begin(store->sql, true, err);
    if (!code)
        code = tm_sql_run(
            store->sql, err,
            "INSERT INTO meta VALUES('synced', '1') ON CONFLICT DO UPDATE SET value = value + 1", "");
    if (code)
        tm_sql_rollback(store->sql);
    else
        code = tm_sql_commit(store->sql, err);
    return code;
}

int32_t tm_store_savepoint(tm_store *store, tm_error *err)
{
    store->touched_mark = store->touched_count;
    return tm_sql_savepoint(store->sql, err);
}

int32_t tm_store_release(tm_store *store, tm_error *err)
{
    return tm_sql_release(store->sql, err);
}

void tm_store_undo(tm_store *store)
{
    tm_sql_undo(store->sql);
    store->touched_count = store->touched_mark;
    tm_store_forget(store);
}

char *tm_store_get(tm_store *store, const char *name, tm_error *err)
{
    tm_error local = {0};
    char *value = NULL;
    sqlite3_stmt *row = tm_sql_query(store->sql, &local, "SELECT value FROM meta WHERE name = ?", "t", name);
    if (tm_sql_step(store->sql, row, &local)) {
        value = tm_strdup(tm_sql_column_text(row, 0));
        tm_sql_drop(row);
    } else if (!local.code) {
        value = tm_strdup("");
    }
    if (local.code)
        tm_fail(err, local.code, "%s", local.text);
    else if (!value)
        tm_fail_memory(err);
    return value;
}

int32_t tm_store_set(tm_store *store, const char *name, const char *value, tm_error *err)
{
    return tm_sql_run(
        store->sql, err,
        "INSERT INTO meta(name, value) VALUES(?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", "tt",
        name, value);
}

int32_t tm_store_forget_backend(tm_store *store, tm_error *err)
{
    tm_store_forget(store);
    int32_t code =
        tm_sql_run(store->sql, err, "UPDATE messages SET position = NULL WHERE position NOTNULL", "");
    if (!code)
        code = tm_sql_run(store->sql, err,
                          "UPDATE convs SET my_read = 0, peer_read = 0, owed = 0, owed_time = 0, "
                          "cleared_position = 0",
                          "");
    return code ? code : tm_sql_run(store->sql, err, "DELETE FROM stretches", "");
}

int32_t tm_store_touch(tm_store *store, const tm_conv *conv, tm_error *err)
{
    for (size_t i = store->touched_count; i-- > 0;)
        if (store->touched[i].conv == conv->id) return 0;
    if (store->touched_count == store->touched_size) {
        size_t size = store->touched_size ? store->touched_size * 2 : 16;
        tm_touched *grown = tm_realloc(store->touched, size * sizeof *grown);
        if (!grown) return tm_fail_memory(err);
        store->touched = grown;
        store->touched_size = size;
    }
    store->touched[store->touched_count++] = (tm_touched){conv->id, conv->listed};
    return 0;
}

int32_t tm_store_changes(tm_store *store, cJSON *changed[3], tm_error *err)
{
    tm_error local = {0};
    changed[0] = changed[1] = changed[2] = NULL;
    for (size_t i = 0; i < store->touched_count; i++) {
        const tm_touched *touched = &store->touched[i];
        int64_t listed =
            tm_sql_int(store->sql, &local, 0, "SELECT listed FROM convs WHERE id = ?", "i", touched->conv);
        if (local.code) goto fail;
        if (!listed && !touched->was_listed) continue;
        int event = !touched->was_listed ? kTIMConvEvent_Add
                    : listed             ? kTIMConvEvent_Update
                                         : kTIMConvEvent_Del;
        if (!changed[event] && !(changed[event] = cJSON_CreateArray())) goto fail;
        cJSON *info = tm_store_conv_info(store, touched->conv, &local);
        if (!info || !tm_json_append(changed[event], info)) goto fail;
    }
    return 0;
fail:
    for (int i = 0; i < 3; i++) {
        cJSON_Delete(changed[i]);
        changed[i] = NULL;
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : tm_fail_memory(err);
}

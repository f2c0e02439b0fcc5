/* Hub session: a device logs in, where it stopped in the log, and how others reach it. See hub.c. */
#include "hub_internal.h"

#include "include/TIMCloudDef.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an event says that never changes, as a number; 0: there is no such event. A failure must not look like that. */
static int32_t find_mark(const tm_hub *hub, int64_t event, uint64_t *mark, tm_error *err)
{
    tm_error local = {0};
    *mark = 0;
    sqlite3_stmt *row = tm_sql_query(hub->sql, &local,
                                     "SELECT quote(kind) || quote(topic) || quote(sender) || quote(rand) || "
                                     "quote(client_time) || quote(server_time) || quote(target) "
                                     "FROM events WHERE id = ?",
                                     "i", event);
    if (tm_sql_step(hub->sql, row, &local)) {
        *mark = tm_message_content_hash(tm_sql_column_text(row, 0), 0, "");
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* "<hub id>[-<branch>] <event> <mark>". A cursor of another hub is worth nothing here; nor is one whose event is another
 * one here, since the hub was brought back from an older copy and has gone on from that. */
char *tm_hub_cursor_text(const tm_hub *hub, int64_t cursor, tm_error *err)
{
    uint64_t mark;
    if (find_mark(hub, cursor, &mark, err)) return NULL;
    char *text =
        tm_format("%s%s %lld %llx", hub->id, hub->branch, (long long)cursor, (unsigned long long)mark);
    if (!text) tm_fail_memory(err);
    return text;
}

/* Whether a device's cursor is of this hub as it is (*known); fills in cursor and branch. */
static int32_t take_cursor(tm_hub *hub, const char *cursor, bool *known, tm_error *err)
{
    size_t id_length = strlen(hub->id), length = strcspn(cursor, " ");
    char *end;
    uint64_t mark;
    *known = false;
    if (length < id_length || length - id_length >= sizeof hub->branch ||
        strncmp(cursor, hub->id, id_length) != 0 || (length > id_length && cursor[id_length] != '-'))
        return 0;
    hub->cursor = strtoll(cursor + length, &end, 10);
    if (find_mark(hub, hub->cursor, &mark, err)) return err->code;
    *known = !*end || strtoull(end, NULL, 16) == mark;
    if (*known) {
        snprintf(hub->branch, sizeof hub->branch, "%.*s", (int)(length - id_length), cursor + id_length);
        return 0;
    }
    /* to the device this is another hub from now on: what it knows of that one's log does not hold here */
    uint64_t any = hub->host.world ? tm_world_random(hub->host.world) : tm_message_random();
    snprintf(hub->branch, sizeof hub->branch, "-%08x", (unsigned)any);
    return 0;
}

static int32_t find_device(tm_hub *hub, const char *device, const char *cursor, tm_error *err)
{
    tm_error local = {0};
    bool known;
    int32_t code = take_cursor(hub, cursor, &known, err);
    if (code) return code;
    if (!known) /* rule 24: behind the last event that any of the user's devices has fetched */
        hub->cursor = tm_sql_int(hub->sql, &local, 0,
                                 "SELECT min(max(fetched), (SELECT coalesce(max(id), 0) FROM events)) "
                                 "FROM devices WHERE user = ?",
                                 "i", hub->user_id);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    hub->noted = hub->cursor;
    code = tm_sql_run(hub->sql, err,
                      "INSERT INTO devices(user, name, fetched) VALUES(?, ?, ?) "
                      "ON CONFLICT DO UPDATE SET fetched = max(fetched, excluded.fetched)",
                      "iti", hub->user_id, device, hub->cursor);
    if (code) return code;
    hub->device_id = tm_sql_int(hub->sql, &local, 0, "SELECT id FROM devices WHERE user = ? AND name = ?",
                                "it", hub->user_id, device);
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

/* Forgets the sessions of this device that died without a word, and adds those to the guests whom these may not have woken
 * any more. One that answers is that of a copy of the data directory, which is a device too. */
static int32_t drop_dead_sessions(tm_hub *hub, tm_error *err)
{
    tm_error local = {0};
    int32_t code = 0;
    bool any = false;
    tm_hub_guests bells = {0}; /* which has names of bells alone, whatever others wrote into the table */
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local, "SELECT bell FROM sessions WHERE device = ?", "i", hub->device_id);
    while (!code && tm_sql_step(hub->sql, row, &local))
        if (!tm_hub_guests_add(&bells, tm_sql_column_text(row, 0))) code = tm_fail_memory(err);
    tm_sql_drop(row);
    if (!code && local.code) code = tm_fail(err, local.code, "%s", local.text);
    for (size_t i = 0; i < bells.count && !code; i++) {
        if (tm_hub_bell_ring(hub->bell, bells.names[i], "", 0)) continue;
        any = true;
        tm_hub_bell_remove(hub->bell, bells.names[i]);
        code = tm_sql_run(hub->sql, err, "DELETE FROM sessions WHERE bell = ?", "t", bells.names[i]);
    }
    tm_hub_guests_clear(&bells);
    if (!code)
        code = tm_sql_run(hub->sql, err, "DELETE FROM sessions WHERE device = ? AND bell = ''", "i",
                          hub->device_id);
    any |= !code && tm_sql_changes(hub->sql) > 0;
    return code || !any ? code : tm_hub_invite_late(hub, err);
}

static int32_t add_session(tm_hub *hub, tm_error *err)
{
    int32_t code = tm_sql_run(hub->sql, err, "INSERT INTO sessions(user, device, bell) VALUES(?, ?, ?)",
                              "iit", hub->user_id, hub->device_id, tm_hub_bell_name(hub->bell));
    hub->session_id = code ? 0 : tm_sql_last_id(hub->sql);
    hub->moved = true;
    return code;
}

static int32_t drop_session_of(tm_hub *hub, const char *bell, tm_error *err)
{
    /* the bell too: should the session not have been kept after all, its number may be another one's */
    return tm_sql_run(hub->sql, err, "DELETE FROM sessions WHERE id = ? AND bell = ?", "it", hub->session_id,
                      bell);
}

static int32_t set_fetched(tm_hub *hub, tm_error *err)
{
    return tm_sql_run(hub->sql, err, "UPDATE devices SET fetched = max(fetched, ?) WHERE id = ?", "ii",
                      hub->cursor, hub->device_id);
}

void tm_hub_note_fetched(tm_hub *hub)
{
    tm_error err = {0};
    /* nothing is lost if a power cut takes it back, so it is not synced */
    if (hub->noted == hub->cursor || tm_sql_try_begin(hub->sql, &err)) return;
    if (set_fetched(hub, &err))
        tm_sql_rollback(hub->sql);
    else if (!tm_sql_commit(hub->sql, &err))
        hub->noted = hub->cursor;
}

void tm_hub_end_session(tm_hub *hub)
{
    tm_error err = {0};
    if (tm_sql_begin(hub->sql, false, &err)) return;
    if ((hub->noted != hub->cursor && set_fetched(hub, &err)) ||
        drop_session_of(hub, tm_hub_bell_name(hub->bell), &err))
        tm_sql_rollback(hub->sql);
    else
        tm_sql_commit(hub->sql, &err);
}

bool tm_hub_at_end(tm_hub *hub)
{
    return hub->user_id &&
           tm_sql_int(hub->sql, NULL, 1, "SELECT EXISTS(SELECT 1 FROM inbox WHERE user = ? AND event > ?)",
                      "ii", hub->user_id, hub->cursor) == 0;
}

/* Makes sure that others can still wake this session: cleaners of directories delete sockets, a process that could not
 * reach this one may have taken it for dead, and a bell may be deaf because descriptors were short for a moment. And a
 * process may have died behind its commit, before it could wake anybody. */
void tm_hub_check_session(tm_hub *hub)
{
    tm_error err = {0};
    uint64_t now = tm_world_ms(hub->host.world);
    if (!hub->device_id || hub->host.world || now < hub->check_at) return;
    hub->check_at = now + HUB_CHECK_MS;
    char old[HUB_BELL_NAME];
    snprintf(old, sizeof old, "%s", tm_hub_bell_name(hub->bell));
    if (tm_hub_bell_is_deaf(hub->bell) || !tm_hub_bell_is_bound(hub->bell)) {
        tm_hub_bell_rebind(hub->bell, hub->host.log);
        if (!*old && tm_hub_bell_is_deaf(hub->bell)) return; /* as before */
    } else if (tm_sql_int(hub->sql, NULL, 1,
                          "SELECT EXISTS(SELECT 1 FROM sessions WHERE id = ? AND bell = ?)", "it",
                          hub->session_id, old)) {
        hub->unlisted = false;
        hub->missed |= !tm_hub_at_end(hub);
        return;
    }
    hub->missed = hub->unlisted = true;
    if (tm_sql_try_begin(hub->sql, &err))
        return; /* no call is to wait for that: it is looked after again in a moment */
    int32_t code = drop_session_of(hub, old, &err);
    if (!code) code = add_session(hub, &err);
    if (code)
        tm_sql_rollback(hub->sql);
    else
        code = tm_sql_commit(hub->sql, &err);
    if (code) hub->session_id = 0; /* looked after again in a moment */
    hub->unlisted = code != 0;
    tm_log_write(hub->host.log, kTIMLog_Warn, "hub: others could not wake this session any more: %s",
                 code ? err.text : "mended");
}

int32_t tm_hub_login(tm_hub *hub, tm_op *op, tm_error *err)
{
    if (strcmp(op->text, HUB_SYSTEM) == 0)
        return tm_fail(err, ERR_SDK_COMM_INVALID_IDENTIFIER, "user_id: \"%s\" is the hub's own", HUB_SYSTEM);
    int32_t code =
        tm_sql_run(hub->sql, err, "INSERT INTO users(name) VALUES(?) ON CONFLICT DO NOTHING", "t", op->text);
    if (code) return code;
    snprintf(hub->user, sizeof hub->user, "%s", op->text);
    tm_error local = {0};
    hub->user_id = tm_hub_user_id(hub, op->text, &local);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    if ((code = find_device(hub, op->third, op->cursor, err))) return code;
    if ((code = drop_dead_sessions(hub, err))) return code;
    return add_session(hub, err);
}

/* Hub log: what is said in conversations: sending, settling, revoking, reading; and whom it is delivered to.
 * See hub.c. */
#include "hub_group.h"

#include "include/TIMCloudDef.h"

#include <stdio.h>
#include <string.h>

int64_t tm_hub_user_id(tm_hub *hub, const char *name, tm_error *err)
{
    return tm_sql_int(hub->sql, err, 0, "SELECT id FROM users WHERE name = ?", "t", name);
}

int64_t tm_hub_new_topic(tm_hub *hub, const char *group, tm_error *err)
{
    /* Time goes on from where it was in an earlier group of that id, whatever the clock says (rule 12), and a second after
     * that: within one second seqs would mix the two (rule 42). */
    return tm_sql_run(hub->sql, err,
                      "INSERT INTO topics(group_name, last_time) VALUES(?1, "
                      "(SELECT coalesce(max(last_time) + 1, 0) FROM topics WHERE group_name = ?1))",
                      "t", group)
               ? 0
               : tm_sql_last_id(hub->sql);
}

static int32_t find_peer(tm_hub *hub, const char *name, bool make, tm_hub_target *target, tm_error *err)
{
    tm_error local = {0};
    target->peer_id = tm_hub_user_id(hub, name, &local);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    if (!target->peer_id) return tm_fail(err, ERR_SVR_MSG_INVALID_ID, "there is no user \"%s\"", name);
    int64_t low = hub->user_id < target->peer_id ? hub->user_id : target->peer_id;
    int64_t high = hub->user_id < target->peer_id ? target->peer_id : hub->user_id;
    if (make && tm_sql_run(hub->sql, err, "INSERT INTO topics(low, high) VALUES(?, ?) ON CONFLICT DO NOTHING",
                           "ii", low, high))
        return err->code;
    target->topic =
        tm_sql_int(hub->sql, &local, 0, "SELECT id FROM topics WHERE low = ? AND high = ?", "ii", low, high);
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

static int32_t find_group(tm_hub *hub, const char *name, tm_hub_target *target, tm_error *err)
{
    tm_hub_group_info group;
    int32_t code = tm_hub_group_find(hub, name, true, &group, err);
    target->group_id = group.id;
    target->topic = group.topic;
    target->role = group.role;
    tm_free(group.title);
    return code;
}

int32_t tm_hub_find_target(tm_hub *hub, int32_t conv_type, const char *conv_id, bool make,
                           tm_hub_target *target, tm_error *err)
{
    tm_error local = {0};
    memset(target, 0, sizeof *target);
    int32_t code = conv_type == kTIMConv_Group ? find_group(hub, conv_id, target, err)
                                               : find_peer(hub, conv_id, make, target, err);
    if (code || !target->topic) return code;
    sqlite3_stmt *row = tm_sql_query(hub->sql, &local, "SELECT last_time, last_seq FROM topics WHERE id = ?",
                                     "i", target->topic);
    if (tm_sql_step(hub->sql, row, &local)) {
        target->last_time = tm_sql_column_u64(row, 0);
        target->last_seq = tm_sql_column_u64(row, 1);
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_hub_invite(tm_hub *hub, sqlite3_stmt *row, tm_hub_guests *guests, tm_error *err)
{
    tm_error local = {0};
    if (!row) return err->code;
    while (tm_sql_step(hub->sql, row, &local))
        if (!tm_hub_guests_add(guests, tm_sql_column_text(row, 0))) {
            tm_sql_drop(row);
            return tm_fail_memory(err);
        }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

static int32_t invite_user(tm_hub *hub, int64_t user_id, tm_error *err)
{
    return tm_hub_invite(hub, tm_sql_query(hub->sql, err, HUB_BELLS_OF_USER, "ii", user_id, hub->session_id),
                         &hub->guests, err);
}

static int32_t invite_group(tm_hub *hub, int64_t group_id, tm_error *err)
{
    return tm_hub_invite(hub,
                         tm_sql_query(hub->sql, err, HUB_BELLS_OF_GROUP, "ii", group_id, hub->session_id),
                         &hub->guests, err);
}

int32_t tm_hub_invite_late(tm_hub *hub, tm_error *err)
{
    return tm_hub_invite(hub, tm_sql_query(hub->sql, err, HUB_BELLS_OF_LATE, "i", hub->session_id),
                         &hub->guests, err);
}

static int32_t deliver_to_user(tm_hub *hub, int64_t user_id, int64_t event, tm_error *err)
{
    int32_t code = tm_sql_run(hub->sql, err, "INSERT OR IGNORE INTO inbox(user, event) VALUES(?, ?)", "ii",
                              user_id, event);
    return code || hub->recent.is_known ? code : invite_user(hub, user_id, err);
}

static int32_t deliver_to_group(tm_hub *hub, int64_t group_id, int64_t event, tm_error *err)
{
    int32_t code =
        tm_sql_run(hub->sql, err,
                   "INSERT OR IGNORE INTO inbox(user, event) SELECT user, ? FROM members WHERE group_id = ?",
                   "ii", event, group_id);
    return code || hub->recent.is_known ? code : invite_group(hub, group_id, err);
}

/* To everyone in the conversation, the user's own devices too. */
static int32_t deliver(tm_hub *hub, const tm_hub_target *target, int64_t event, tm_error *err)
{
    if (target->group_id) return deliver_to_group(hub, target->group_id, event, err);
    int32_t code = deliver_to_user(hub, target->peer_id, event, err);
    return code || target->peer_id == hub->user_id ? code : deliver_to_user(hub, hub->user_id, event, err);
}

/* The same for what an earlier attempt left, and perhaps nobody was woken for. */
static int32_t deliver_again(tm_hub *hub, const tm_hub_target *target, tm_error *err)
{
    if (target->group_id) return invite_group(hub, target->group_id, err);
    int32_t code = invite_user(hub, target->peer_id, err);
    return code ? code : invite_user(hub, hub->user_id, err);
}

/* Rule 12: time never goes back within a conversation, whatever the clock does. */
static uint64_t next_time(const tm_hub *hub, const tm_hub_target *target)
{
    uint64_t now = tm_world_seconds(hub->host.world);
    return now > target->last_time ? now : target->last_time;
}

/* A message of that (sender, rand, client_time) that an earlier attempt left. */
static int32_t find_attempt(tm_hub *hub, int64_t topic, tm_op *op, tm_error *err)
{
    tm_error local = {0};
    const tm_message *message = op->message;
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local,
                     "SELECT id, server_time, seq FROM events WHERE topic = ? AND sender = ? AND rand = ? "
                     "AND client_time = ? AND kind = 1",
                     "ituu", topic, hub->user, message->rand, message->client_time);
    if (tm_sql_step(hub->sql, row, &local)) {
        op->found = true;
        op->position = sqlite3_column_int64(row, 0);
        op->server_time = tm_sql_column_u64(row, 1);
        op->seq = tm_sql_column_u64(row, 2);
        tm_sql_drop(row);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

static int32_t append_message(tm_hub *hub, const tm_hub_target *target, const char *sender,
                              const tm_message *message, uint64_t seq, uint64_t time, int64_t *event,
                              tm_error *err)
{
    int32_t code = tm_sql_run(
        hub->sql, err,
        "INSERT INTO events(kind, topic, sender, seq, rand, client_time, server_time, priority, elems) "
        "VALUES(1, ?, ?, ?, ?, ?, ?, ?, ?)",
        "ituuuuit", target->topic, sender, seq, message->rand, message->client_time, time,
        (int64_t)message->priority, message->elems);
    *event = tm_sql_last_id(hub->sql);
    return code ? code
                : tm_sql_run(hub->sql, err, "UPDATE topics SET last_time = ?, last_seq = ? WHERE id = ?",
                             "uui", time, target->group_id ? seq : target->last_seq, target->topic);
}

/* A transaction's messages mostly go to one conversation. Nobody else writes meanwhile, so what the last one found holds
 * for the next. */
static int32_t find_target_again(tm_hub *hub, const tm_message *message, tm_hub_target *target, tm_error *err)
{
    if (hub->recent.is_known && hub->recent.conv_type == message->conv_type &&
        strcmp(hub->recent.conv_id, message->conv_id) == 0) {
        *target = hub->recent.target;
        return 0;
    }
    hub->recent.is_known = false;
    return tm_hub_find_target(hub, message->conv_type, message->conv_id, true, target, err);
}

static void remember_target(tm_hub *hub, const tm_op *op, const tm_hub_target *target)
{
    hub->recent.is_known = true;
    hub->recent.conv_type = op->message->conv_type;
    snprintf(hub->recent.conv_id, sizeof hub->recent.conv_id, "%s", op->message->conv_id);
    hub->recent.target = *target;
    hub->recent.target.last_time = op->server_time;
    if (target->group_id) hub->recent.target.last_seq = op->seq;
}

int32_t tm_hub_send(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    int32_t code = find_target_again(hub, op->message, &target, err);
    if (!code) code = find_attempt(hub, target.topic, op, err);
    if (code) return code;
    if (op->found) return deliver_again(hub, &target, err);
    op->server_time = next_time(hub, &target);
    op->seq = target.group_id ? target.last_seq + 1 : op->message->seq;
    int64_t event = 0;
    code = append_message(hub, &target, hub->user, op->message, op->seq, op->server_time, &event, err);
    op->position = event;
    if (!code) code = deliver(hub, &target, event, err);
    if (!code) remember_target(hub, op, &target);
    return code;
}

int32_t tm_hub_settle(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    int32_t code = tm_hub_find_target(hub, op->message->conv_type, op->message->conv_id, false, &target, err);
    /* who was removed from a group meanwhile may still have sent before; a user or group that is not there
     * has no message either */
    if (code == ERR_SVR_GROUP_PERMISSION_DENY || code == ERR_SVR_MSG_INVALID_ID ||
        code == ERR_SVR_GROUP_NOT_FOUND) {
        memset(err, 0, sizeof *err);
        code = 0;
    }
    if (!code && target.topic) code = find_attempt(hub, target.topic, op, err);
    return code || !op->found ? code : deliver_again(hub, &target, err);
}

int32_t tm_hub_append_system(tm_hub *hub, int64_t topic, int64_t group_id, const cJSON *also,
                             const char *elems, uint64_t *time, tm_error *err)
{
    tm_error local = {0};
    tm_hub_target target = {.topic = topic, .group_id = group_id};
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local, "SELECT last_time, last_seq FROM topics WHERE id = ?", "i", topic);
    if (tm_sql_step(hub->sql, row, &local)) {
        target.last_time = tm_sql_column_u64(row, 0);
        target.last_seq = tm_sql_column_u64(row, 1);
        tm_sql_drop(row);
    }
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    *time = next_time(hub, &target);
    tm_message message = {.rand = tm_world_random(hub->host.world),
                          .client_time = *time,
                          .priority = kTIMMsgPriority_Normal,
                          .elems = (char *)(uintptr_t)elems};
    int64_t event;
    int32_t code =
        append_message(hub, &target, HUB_SYSTEM, &message, target.last_seq + 1, *time, &event, err);
    if (!code) code = deliver(hub, &target, event, err);
    const cJSON *user;
    cJSON_ArrayForEach(user, also)
    {
        if (code) break;
        int64_t user_id = tm_hub_user_id(hub, user->valuestring, &local);
        code = local.code ? tm_fail(err, local.code, "%s", local.text)
                          : deliver_to_user(hub, user_id, event, err);
    }
    return code;
}

int32_t tm_hub_append_membership(tm_hub *hub, int64_t topic, const char *group, int64_t user_id, bool joined,
                                 uint64_t time, tm_error *err)
{
    int32_t code = tm_sql_run(
        hub->sql, err,
        "INSERT INTO events(kind, topic, sender, server_time, target, elems) VALUES(4, ?, ?, ?, ?, ?)",
        "ituit", topic, hub->user, time, (int64_t)joined, group);
    int64_t event = tm_sql_last_id(hub->sql);
    if (!code && !joined)
        code = tm_sql_run(hub->sql, err, "INSERT OR REPLACE INTO absent(topic, user, since) VALUES(?, ?, ?)",
                          "iii", topic, user_id, event);
    return code ? code : deliver_to_user(hub, user_id, event, err);
}

int64_t tm_hub_absent_since(tm_hub *hub, int64_t topic, int64_t user_id, tm_error *err)
{
    return tm_sql_int(hub->sql, err, INT64_MAX, "SELECT since FROM absent WHERE topic = ? AND user = ?", "ii",
                      topic, user_id);
}

int64_t tm_hub_repeat_revokes(tm_hub *hub, int64_t topic, int64_t since, tm_error *err)
{
    tm_error local = {0};
    int64_t before = tm_sql_int(hub->sql, &local, 0, "SELECT max(id) FROM events", "");
    if (!local.code)
        tm_sql_run(hub->sql, &local,
                   "INSERT INTO events(kind, topic, sender, server_time, target)"
                   " SELECT 2, topic, ?3, ?4, id FROM events"
                   " WHERE topic = ?1 AND kind = 1 AND revoked <> 0 AND revoked > ?2 ORDER BY revoked",
                   "iitu", topic, since, hub->user, tm_world_seconds(hub->host.world));
    if (!local.code) return before;
    tm_fail(err, local.code, "%s", local.text);
    return -1;
}

int32_t tm_hub_end_absence(tm_hub *hub, int64_t topic, int64_t user_id, int64_t repeated, tm_error *err)
{
    int32_t code = tm_sql_run(hub->sql, err,
                              "INSERT OR IGNORE INTO inbox(user, event) SELECT a.user, r.id FROM absent a"
                              " CROSS JOIN events r ON r.topic = a.topic AND r.kind = 2 AND r.id > ?3"
                              " CROSS JOIN events m ON m.id = r.target AND m.revoked > a.since"
                              " WHERE a.topic = ?1 AND a.user = ?2",
                              "iii", topic, user_id, repeated);
    if (!code && tm_sql_changes(hub->sql)) code = invite_user(hub, user_id, err);
    return code ? code
                : tm_sql_run(hub->sql, err, "DELETE FROM absent WHERE topic = ? AND user = ?", "ii", topic,
                             user_id);
}

int32_t tm_hub_revoke(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    tm_error local = {0};
    const tm_message *message = op->message;
    bool group = message->conv_type == kTIMConv_Group;
    int32_t not_found = group ? ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND : ERR_SVR_MSG_REVOKE_NOT_FOUND;
    int32_t code = tm_hub_find_target(hub, message->conv_type, message->conv_id, false, &target, err);
    if (code) return code;
    int64_t event = 0;
    uint64_t time = 0;
    bool revoked = false, own = false;
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local,
                     "SELECT id, server_time, revoked, sender FROM events WHERE topic = ? AND seq = ? AND "
                     "rand = ? AND sender = ? AND kind = 1",
                     "iuut", target.topic, message->seq, message->rand, message->sender);
    if (tm_sql_step(hub->sql, row, &local)) {
        event = sqlite3_column_int64(row, 0);
        time = tm_sql_column_u64(row, 1);
        revoked = sqlite3_column_int64(row, 2) != 0;
        own = strcmp(tm_sql_column_text(row, 3), hub->user) == 0;
        tm_sql_drop(row);
    }
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    /* rule 28: a time that is given must be the message's */
    if (event && message->server_time && message->server_time != time) event = 0;
    if (!event) return tm_fail(err, not_found, "the message to revoke is not in the conversation");
    if (revoked) return tm_fail(err, ERR_SVR_MSG_REVOKED_ALREADY, "the message is revoked already");
    if (!own && !(group && target.role != kTIMMemberRole_Normal))
        return tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY,
                       group ? "only the sender, the owner and admins may revoke it"
                             : "only the sender may revoke it");
    uint64_t now = tm_world_seconds(hub->host.world);
    if (now > time && now - time > hub->host.revoke_window_s)
        return tm_fail(err, group ? ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT : ERR_SVR_MSG_REVOKE_TIME_LIMIT,
                       "the message is older than %u s", hub->host.revoke_window_s);
    code = tm_sql_run(hub->sql, err,
                      "INSERT INTO events(kind, topic, sender, server_time, target) VALUES(2, ?, ?, ?, ?)",
                      "itui", target.topic, hub->user, next_time(hub, &target), event);
    int64_t revoke = tm_sql_last_id(hub->sql);
    if (!code)
        code = tm_sql_run(hub->sql, err, "UPDATE events SET revoked = ?, elems = NULL WHERE id = ?", "ii",
                          revoke, event);
    return code ? code : deliver(hub, &target, revoke, err);
}

/* Where it is noted what was read. Who has left a group, or was in one that was deleted, may still read, on all devices, what
 * was said before. */
static int32_t find_read(tm_hub *hub, const tm_message *message, tm_hub_target *target, tm_error *err)
{
    tm_error local = {0};
    int32_t code = tm_hub_find_target(hub, message->conv_type, message->conv_id, false, target, err);
    if (code == ERR_SVR_GROUP_NOT_FOUND)
        target->topic = tm_sql_int(hub->sql, &local, 0, "SELECT max(id) FROM topics WHERE group_name = ?",
                                   "t", message->conv_id);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    bool is_past = code == ERR_SVR_GROUP_PERMISSION_DENY || code == ERR_SVR_GROUP_NOT_FOUND;
    if (!is_past || !target->topic) return code;
    memset(err, 0, sizeof *err);
    return 0;
}

int32_t tm_hub_read(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_target target;
    int32_t code = find_read(hub, op->message, &target, err);
    if (code || !target.topic) return code;
    code = tm_sql_run(
        hub->sql, err,
        "INSERT INTO reads(topic, user, position) VALUES(?, ?, ?) "
        "ON CONFLICT DO UPDATE SET position = excluded.position WHERE excluded.position > position",
        "iii", target.topic, hub->user_id, op->position);
    if (code || !tm_sql_changes(hub->sql)) return code; /* it was known: nobody needs to hear it again */
    code = tm_sql_run(hub->sql, err,
                      "INSERT INTO events(kind, topic, sender, server_time, target) VALUES(3, ?, ?, ?, ?)",
                      "itui", target.topic, hub->user, op->time, op->position);
    if (code) return code;
    int64_t event = tm_sql_last_id(hub->sql);
    /* what was read in a group is nobody else's business (rule 27) */
    return op->message->conv_type == kTIMConv_Group ? deliver_to_user(hub, hub->user_id, event, err)
                                                    : deliver(hub, &target, event, err);
}

/* XMPP outbox: stanzas that must get into an archive: messages, retractions, markers. See xmpp_session.h
 * and xmpp_outbox.h.
 *
 * A stanza to a user is done when a ping sent behind it was answered (errors come before that) and the user's
 * own archive shows it; one to a group when the room's archive shows it. If the connection breaks before, the
 * archives are read first, and what they do not show is sent again under the same id: receivers keep one.
 *
 * A message to a user stays in the mirror as a letter until a device of the recipient says that it has it: an
 * archive of the sender proves nothing about that of the recipient. */
#include "xmpp_outbox.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* What the archive does not show is looked for again after so long, then after a little longer, and so on. */
#define LATE_MS 100
/* A ping behind so many stanzas, and so many stanzas on their way at most. */
#define PER_PING 25
#define WINDOW 200

/* ---- the list ---- */

void tm_outbox_append(tm_xmpp *x, tm_task *task)
{
    task->next = NULL;
    if (x->last_sending)
        x->last_sending->next = task;
    else
        x->sending = task;
    x->last_sending = task;
}

/* Tells the worker's side from which number on it has to wait. */
static void note_held(tm_xmpp *x)
{
    int64_t first = 0;
    size_t left = x->held;
    for (const tm_task *task = x->sending; task && left; task = task->next) {
        if (!task->held) continue;
        left--;
        if (!first || task->held < first) first = task->held;
    }
    pthread_mutex_lock(&x->lock);
    x->held_from = first;
    pthread_mutex_unlock(&x->lock);
}

static void let_go(tm_xmpp *x, tm_task *task)
{
    if (!task->held) return;
    task->held = 0;
    x->held--;
    note_held(x);
    tm_xmpp_ring(x);
}

static void take_out(tm_xmpp *x, tm_task *task)
{
    let_go(x, task);
    tm_task *before = NULL;
    for (tm_task *at = x->sending; at; before = at, at = at->next) {
        if (at != task) continue;
        if (before)
            before->next = task->next;
        else
            x->sending = task->next;
        if (x->last_sending == task) x->last_sending = before;
        task->next = NULL;
        return;
    }
}

static bool is_group(const tm_task *task)
{
    return task->op.message->conv_type == kTIMConv_Group;
}

/* A message that the recipient's device must confirm. */
static bool is_letter(const tm_xmpp *x, const tm_task *task)
{
    const tm_message *message = task->op.message;
    return task->op.kind == TM_OP_SEND && !task->own && !is_group(task) && !message->is_online &&
           strcmp(message->conv_id, x->user) != 0;
}

static void finish(tm_xmpp *x, tm_task *task)
{
    take_out(x, task);
    tm_xmpp_answer(x, task);
}

/* Whether the archive has shown it, from this attempt or an earlier one. */
static bool is_sent(tm_xmpp *x, const tm_task *task)
{
    tm_error err = {0};
    tm_mirror_message found = {0};
    const tm_message *message = task->op.message;
    tm_mirror_find(x->mirror, message->conv_type, message->conv_id, x->user, message->seq, message->rand,
                   &found, &err);
    tm_free(found.id);
    return found.number != 0;
}

static void fail(tm_xmpp *x, tm_task *task, int32_t code, const char *text)
{
    tm_error err = {0};
    const char *peer = task->op.message->conv_id;
    bool unclear = code == ERR_REQUEST_TIMEOUT; /* the server may have it, from an earlier attempt too */
    if (is_letter(x, task) && !(unclear && (task->archived || is_sent(x, task))) &&
        !tm_mirror_begin(x->mirror, &err) &&
        ((unclear ? tm_mirror_hold_letter(x->mirror, peer, task->id, &err)
                  : tm_mirror_drop_letter(x->mirror, peer, task->id, &err)) ||
         tm_mirror_commit(x->mirror, &err)))
        tm_mirror_rollback(x->mirror);
    take_out(x, task);
    tm_xmpp_fail(x, task, code, text);
}

/* ---- what goes into it ---- */

static int32_t find_read(tm_xmpp *x, tm_task *task, tm_error *err)
{
    tm_mirror_message found = {0};
    int32_t code = tm_mirror_at(x->mirror, task->op.position, &found, err);
    task->target = found.id;
    return code;
}

int32_t tm_outbox_name_stanza(tm_xmpp *x, tm_task *task, tm_error *err)
{
    char id[TM_LINK_ID];
    const char *domain = is_group(task) ? x->rooms ? x->rooms : "" : x->address.domain;
    if (is_group(task) && !*domain)
        return tm_fail(err, ERR_SVR_GROUP_NOT_FOUND, "%s has no groups", x->address.domain);
    tm_link_make_id(id);
    bool has_identity = task->op.kind == TM_OP_SEND && (!task->done || task->own == TM_OWN_TIPS);
    if (!task->id) task->id = has_identity ? tm_item_id(task->op.message) : tm_strdup(id);
    if (!task->to) task->to = tm_jid_of(task->op.message->conv_id, domain);
    return task->id && task->to ? 0 : tm_fail_memory(err);
}

void tm_outbox_add(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    int32_t code = 0;
    /* what a group's message was read is nobody else's business (rules 27, 45) */
    if (is_group(task) && task->op.kind == TM_OP_READ) {
        tm_xmpp_answer(x, task);
        return;
    }
    bool unknown = is_group(task) && !task->done &&
                   (!x->rooms || !tm_mirror_in_group(x->mirror, task->op.message->conv_id, NULL) ||
                    tm_group_must_wait(x, task));
    /* what may be revoked, and by whom, is what was said last */
    if (unknown || (task->op.kind == TM_OP_REVOKE && task->step == 0)) {
        tm_group_start(x, task);
        return;
    }
    if (task->op.kind == TM_OP_REVOKE) {
        bool look_up = false;
        code = tm_outbox_check_revoke(x, task, &look_up, &err);
        if (look_up) {
            tm_history_look_up(x, task);
            return;
        }
    }
    if (!code && task->op.kind == TM_OP_READ) code = find_read(x, task, &err);
    if (!code) code = tm_outbox_name_stanza(x, task, &err);
    if (code) {
        tm_xmpp_fail(x, task, code, err.text);
        return;
    }
    /* there is nothing to say of what no archive has */
    if (task->op.kind == TM_OP_READ && (!task->target || !*task->target)) {
        tm_xmpp_answer(x, task);
        return;
    }
    tm_outbox_append(x, task);
}

/* ---- sending ---- */

static void write_invitation(tm_xmpp *x, tm_stanza *stanza, const tm_task *task)
{
    const char *group = task->op.message->elems;
    const tm_room *room = tm_room_find(x, group);
    char *jid = tm_jid_of(group, x->rooms ? x->rooms : "");
    tm_item_write_invitation(stanza, tm_link_ctx(x->link), task->to, task->id, jid ? jid : "",
                             room ? room->born : "");
    tm_free(jid);
}

static void write_probe(tm_xmpp *x, tm_stanza *stanza, const tm_task *task)
{
    tm_stanza_begin(stanza, tm_link_ctx(x->link), "message", task->to, "normal", task->id);
    tm_stanza_add(stanza, NULL, "probe", TM_NS_TIMMSG, NULL);
    tm_stanza_add(stanza, NULL, "store", TM_NS_HINTS, NULL); /* else it comes back from who is away too */
}

static xmpp_stanza_t *stanza_of(tm_xmpp *x, const tm_task *task)
{
    tm_stanza stanza;
    xmpp_ctx_t *ctx = tm_link_ctx(x->link);
    switch (task->op.kind) {
    case TM_OP_REVOKE:
        tm_item_write_retract(&stanza, ctx, task->to, is_group(task) ? task->op.message->sender : NULL,
                              task->id, task->target);
        break;
    case TM_OP_READ: tm_item_write_displayed(&stanza, ctx, task->to, task->id, task->target); break;
    default:
        if (task->own == TM_OWN_TIPS)
            tm_item_write_tips(&stanza, ctx, task->to, task->op.message->elems, task->id);
        else if (task->own == TM_OWN_INVITATION)
            write_invitation(x, &stanza, task);
        else if (task->own == TM_OWN_PROBE)
            write_probe(x, &stanza, task);
        else
            tm_item_write_message(&stanza, ctx, task->to, task->op.message, task->id, is_letter(x, task));
    }
    return tm_stanza_finish(&stanza);
}

/* An online-only message to a user reaches the user's own other sessions too. */
static void send_copy(tm_xmpp *x, const tm_task *task)
{
    tm_stanza stanza;
    if (is_group(task) || strcmp(task->op.message->conv_id, x->user) == 0) return;
    tm_item_write_message(&stanza, tm_link_ctx(x->link), x->self, task->op.message, task->id, false);
    tm_link_send(x->link, tm_stanza_finish(&stanza));
}

static void check_done(tm_xmpp *x, tm_task *task)
{
    bool online = task->op.kind == TM_OP_SEND && task->op.message->is_online;
    if (online) {
        if (!task->acked) return;
        task->op.server_time = tm_clock_seconds();
        task->op.seq = task->op.message->seq;
    } else if (task->own == TM_OWN_INVITATION || task->own == TM_OWN_PROBE) {
        /* it is of no use in the own archive, and no item: that nothing came back must do */
        if (!task->acked) return;
    } else if (!task->archived || (!task->acked && !is_group(task) && task->ping)) {
        return;
    }
    finish(x, task);
}

static void ping_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    uint64_t number = (uint64_t)(uintptr_t)argument;
    if (!answer) {
        if (tm_link_is_up(x->link)) tm_link_drop(x->link, "the server does not answer a ping");
        return;
    }
    x->ponged = number;
    bool look = false;
    for (tm_task *task = x->sending; task;) {
        tm_task *next = task->next;
        if (task->ping && task->ping <= number && !task->acked) {
            task->acked = true;
            let_go(x, task);
            bool online = task->op.message->is_online || task->own > TM_OWN_TIPS;
            tm_room *room = is_group(task) ? tm_room_find(x, task->op.message->conv_id) : NULL;
            /* a room's reflection rings; where none came the archive may still have it */
            if (room && !task->archived && !online) tm_archive_ring(x, room->archive, NULL);
            look |= !is_group(task) && !task->archived && !online;
            check_done(x, task);
        }
        task = next;
    }
    /* the question that was asked behind this ping is under way */
    if (look && !(x->own->busy && x->own->asked_pings >= number)) tm_archive_ring(x, x->own, NULL);
}

static void send_ping(tm_xmpp *x)
{
    tm_stanza iq;
    tm_xmpp_iq(x, &iq, "get", x->address.domain);
    tm_stanza_add(&iq, NULL, "ping", TM_NS_PING, NULL);
    tm_xmpp_ask(x, &iq, ping_answered, (void *)(uintptr_t)x->pings);
}

/* Whether the user was put out of the group since the call. */
static bool is_out(tm_xmpp *x, const tm_task *task)
{
    return is_group(task) && x->welcome && !tm_room_find(x, task->op.message->conv_id) &&
           !tm_mirror_in_group(x->mirror, task->op.message->conv_id, NULL);
}

/* Where the user is not in the room on this connection, nothing can be said there yet. */
static bool can_go(tm_xmpp *x, const tm_task *task)
{
    if (!x->welcome || !x->own || !x->own->caught_up) return false;
    if (!is_group(task)) return true;
    tm_room *room = tm_room_find(x, task->op.message->conv_id);
    return room && room->in && room->archive && (room->archive->caught_up || task->op.message->is_online);
}

/* The first letter that is not kept yet of what can go out, from a task on; *room: how much of that is looked at, what is
 * none included. */
static tm_task *letter_to_keep(tm_xmpp *x, tm_task *task, int *room)
{
    for (; task && *room > 0; task = task->next) {
        if (task->ping || !can_go(x, task)) continue;
        (*room)--;
        if (is_letter(x, task) && !task->kept) return task;
    }
    return NULL;
}

/* Before a letter goes out it is kept, and with it those that will go out right behind it: as many as there is room for. */
static int32_t keep_letters(tm_xmpp *x, tm_task *first, int room, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    uint64_t due = tm_clock_seconds() + TM_LETTER_PAUSE_S;
    int left = room;
    for (tm_task *task = letter_to_keep(x, first, &left); task && !code;
         task = letter_to_keep(x, task->next, &left)) {
        code = tm_mirror_put_letter(x->mirror, task->id, task->op.message, due, err);
        /* an attempt that was refused may have been one to a user who is there by now */
        if (!code) code = tm_mirror_unrefuse(x->mirror, task->op.message->conv_id, task->id, err);
    }
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) {
        tm_mirror_rollback(x->mirror);
        return code;
    }
    left = room;
    for (tm_task *task = letter_to_keep(x, first, &left); task; task = letter_to_keep(x, task->next, &left))
        task->kept = true;
    if (!x->letters_at || x->letters_at > due) x->letters_at = due;
    return 0;
}

static void send_waiting(tm_xmpp *x)
{
    tm_error err = {0};
    bool any = false, to_users = false;
    int on_their_way = 0, since_ping = 0;
    uint64_t now = tm_clock_ms();
    for (tm_task *task = x->sending; task;) {
        tm_task *next = task->next;
        if (task->deadline && task->deadline <= now) {
            fail(x, task, ERR_REQUEST_TIMEOUT,
                 tm_link_is_up(x->link) ? "the server's archive did not show it in time"
                                        : "the server could not be reached in time");
        } else if (task->ping && !task->acked) {
            on_their_way++;
        } else if (
            is_out(
                x,
                task)) { /* what was acknowledged and not shown went lost with the group, or will not be shown */
            fail(x, task, ERR_SVR_GROUP_PERMISSION_DENY, "the user is a member of the group no more");
        } else if (!task->ping && on_their_way < WINDOW && can_go(x, task)) {
            if (is_letter(x, task) && !task->kept && keep_letters(x, task, WINDOW - on_their_way, &err)) {
                tm_xmpp_log(x, kTIMLog_Error, "messages wait: %s", err.text);
                break;
            }
            if (!since_ping) x->pings++;
            task->ping = x->pings;
            if (task->op.message->is_online) send_copy(x, task);
            if (!tm_link_send(x->link, stanza_of(x, task))) {
                if (tm_link_is_up(x->link))
                    fail(x, task, ERR_SDK_MSG_BODY_SIZE_LIMIT, "the stanza is too large");
                break;
            }
            task->tried = any = true;
            to_users |= !is_group(task);
            on_their_way++;
            if (++since_ping == PER_PING) {
                send_ping(x);
                since_ping = 0;
            }
        }
        task = next;
    }
    if (since_ping) send_ping(x);
    /* the question goes right behind the ping: one round trip */
    if (any && to_users) tm_archive_ring(x, x->own, NULL);
}

void tm_outbox_run(tm_xmpp *x)
{
    /* letters first: they were said before */
    if (tm_outbox_send_letters(x)) {
        x->letters_ping = ++x->pings;
        send_ping(x);
    }
    send_waiting(x);
}

uint64_t tm_outbox_deadline(tm_xmpp *x)
{
    uint64_t first = 0;
    for (const tm_task *task = x->sending; task; task = task->next)
        if (task->deadline && (!first || task->deadline < first)) first = task->deadline;
    uint64_t letters_at = tm_outbox_letters_deadline(x);
    if (letters_at && (!first || letters_at < first)) first = letters_at;
    return first;
}

/* ---- what comes of it ---- */

static tm_task *find_task(tm_xmpp *x, const char *id, const char *conv_id)
{
    for (tm_task *task = x->sending; task; task = task->next)
        if (task->id && strcmp(task->id, id) == 0 && strcmp(task->op.message->conv_id, conv_id) == 0)
            return task;
    return NULL;
}

void tm_outbox_hold(tm_xmpp *x, const tm_item *item, int64_t number)
{
    tm_task *task = item->kind == TM_ITEM_MESSAGE ? find_task(x, item->id, item->conv_id) : NULL;
    if (!task || is_group(task) || !task->ping || task->acked || task->held) return;
    task->held = number;
    x->held++;
    note_held(x);
}

void tm_outbox_seen(tm_xmpp *x, const tm_item *item, const tm_mirrored *mirrored)
{
    tm_task *task = find_task(x, item->id, item->conv_id);
    /* what was refused does not count as sent because the sender's archive has it */
    if (item->kind == TM_ITEM_MESSAGE && !mirrored->number) return;
    if (!task && mirrored->fresh) x->letters_at = 1; /* its letter may have been released */
    if (!task || task->archived || task->op.message->conv_type != item->conv_type) return;
    task->archived = true;
    task->op.found = true;
    task->op.server_time = item->stamp / 1000000;
    task->op.seq = mirrored->seq;
    if (task->op.kind == TM_OP_SEND) task->op.position = mirrored->number;
    if (task->op.kind == TM_OP_REVOKE && mirrored->fresh && !mirrored->valid) {
        tm_error err = {0};
        fail(x, task, tm_outbox_explain_revoke(x, task, mirrored, &err), err.text);
        return;
    }
    check_done(x, task);
}

void tm_outbox_caught_up(tm_xmpp *x, const char *group)
{
    bool missing = false, again = false;
    int late = 0;
    tm_archive *archive = x->own;
    if (*group) {
        tm_room *room = tm_room_find(x, group);
        archive = room ? room->archive : NULL;
    }
    for (tm_task *task = x->sending; task; task = task->next) {
        bool of_this = is_group(task) ? strcmp(task->op.message->conv_id, group) == 0 : !*group;
        bool waits = of_this && task->acked && !task->archived && !task->op.message->is_online &&
                     task->own <= TM_OWN_TIPS;
        /* acknowledged, read behind that, and not there: perhaps shown out of order */
        if (waits) task->looks++;
        again |= waits && task->looks == 1;
        missing |= waits && task->looks == 2;
        if (waits && task->looks > late) late = task->looks;
    }
    if (late > 2) tm_archive_look_again(archive, late < 20 ? (uint32_t)late * LATE_MS : 20 * LATE_MS);
    if (missing)
        tm_archive_rewind(x, archive);
    else if (again)
        tm_archive_ring(x, archive, NULL);
}

/* The sender's archive has it all the same: it must not count as sent because of that. A room's archive has only what
 * the room took. */
static void refuse(tm_xmpp *x, const tm_task *task)
{
    tm_error err = {0};
    if (is_group(task)) return;
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_refuse(x->mirror, task->op.message->conv_id, task->id, task->held, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror);
}

/* The code of an error that a message brought back (rules 16, 45). */
static int32_t error_code(const tm_task *task, const char *condition)
{
    static const struct {
        const char *condition;
        int32_t in_group, to_user;
    } table[] = {
        {"item-not-found", ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_MSG_INVALID_ID},
        {"resource-constraint", ERR_SDK_NET_REQ_COUNT_LIMIT, ERR_SDK_NET_REQ_COUNT_LIMIT},
        {"policy-violation", ERR_SDK_NET_REQ_COUNT_LIMIT, ERR_SDK_NET_REQ_COUNT_LIMIT},
        {"internal-server-error", ERR_SVR_GROUP_INTERNAL_ERROR, ERR_SVR_MSG_INVALID_ID},
        {"service-unavailable", ERR_SVR_GROUP_INTERNAL_ERROR, ERR_SVR_MSG_INVALID_ID},
        {"remote-server-not-found", ERR_SVR_GROUP_INTERNAL_ERROR, ERR_SVR_MSG_INVALID_ID},
        {"remote-server-timeout", ERR_SVR_GROUP_INTERNAL_ERROR, ERR_SVR_MSG_INVALID_ID},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(condition, table[i].condition) == 0)
            return is_group(task) ? table[i].in_group : table[i].to_user;
    return is_group(task) ? ERR_SVR_GROUP_PERMISSION_DENY : ERR_SVR_MSG_INVALID_ID;
}

/* Whether an error can be about the task: it comes in the name of who was written to, and without a resource. With one it is
 * what the recipient's own client says, or what a room hands on of an occupant: they have read the id, and the message. */
static bool is_of_recipient(const tm_task *task, const char *from)
{
    return tm_jid_same_bare(from, task->to) && !*tm_jid_resource(from);
}

void tm_outbox_error(tm_xmpp *x, xmpp_stanza_t *stanza)
{
    const char *id = xmpp_stanza_get_id(stanza), *from = xmpp_stanza_get_from(stanza);
    const char *condition = tm_stanza_error(stanza);
    for (tm_task *task = x->sending; id && from && task; task = task->next) {
        if (!task->ping || strcmp(task->id, id) != 0 || !is_of_recipient(task, from)) continue;
        tm_room *room = is_group(task) ? tm_room_find(x, task->op.message->conv_id) : NULL;
        if (room && strcmp(condition, "not-acceptable") == 0) {
            /* not in the room any more, since its node died: it goes out again once that is mended */
            task->ping = 0;
            tm_room_reenter(x, room);
            return;
        }
        char text[TM_ERROR_TEXT];
        snprintf(text, sizeof text,
                 is_group(task)                                  ? "group \"%s\" did not take it: %s"
                 : strcmp(condition, "service-unavailable") == 0 ? "there is no user \"%s\" (%s)"
                                                                 : "\"%s\" did not get it: %s",
                 task->op.message->conv_id, condition);
        refuse(x, task);
        fail(x, task, error_code(task, condition), text);
        return;
    }
}

void tm_outbox_lost(tm_xmpp *x)
{
    for (tm_task *task = x->sending; task; task = task->next) {
        task->ping = 0;
        task->acked = false;
        task->looks = 0;
    }
    x->letters_ping = 0;
    if (x->mirror && x->was_welcome) tm_outbox_hasten(x);
}

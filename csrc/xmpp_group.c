/* XMPP group: task GROUP: groups left and ended; those of xmpp_group_join.c, xmpp_group_make.c and xmpp_group_list.c begin here
 * (rule 42). See xmpp_session.h and xmpp_group.h.
 *
 * A group is a persistent room; xmpp_info.c has what the API knows of it and a room does not. */
#include "xmpp_group.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"

#include <stdio.h>
#include <string.h>

/* A task that has just come waits until the archives were read. */
enum { STEP_NEW, STEP_PARKED, STEP_READING, STEP_READING_ROOM, STEP_GOING };

/* ---- what a task is about ---- */

static const char *group_of(const tm_op *op)
{
    switch (op->call) {
    case TM_CALL_GROUP_CREATE: return tm_json_get_string(op->param, kTIMCreateGroupParamGroupId, "");
    case TM_CALL_GROUP_INVITE_MEMBER:
        return tm_json_get_string(op->param, kTIMGroupInviteMemberParamGroupId, "");
    case TM_CALL_GROUP_DELETE_MEMBER:
        return tm_json_get_string(op->param, kTIMGroupDeleteMemberParamGroupId, "");
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO:
        return tm_json_get_string(op->param, kTIMGroupModifyMemberInfoParamGroupId, "");
    case TM_CALL_GROUP_GET_MEMBER_INFO_LIST:
        return tm_json_get_string(op->param, kTIMGroupGetMemberInfoListParamGroupId, "");
    default:
        if (op->kind != TM_OP_GROUP) return op->message->conv_id;
        return op->text ? op->text : "";
    }
}

/* ---- a group that the user is not in ---- */

void tm_group_explain(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    tm_error err = {0};
    if (!task) return;
    const char *group = ((tm_group_state *)task->state)->group;
    int32_t code =
        answer && !*tm_stanza_error(answer) ? ERR_SVR_GROUP_PERMISSION_DENY : tm_xmpp_error(answer, &err);
    if (code == ERR_SVR_GROUP_NOT_FOUND) tm_fail(&err, code, "there is no group \"%s\"", group);
    if (code == ERR_SVR_GROUP_PERMISSION_DENY)
        tm_fail(&err, code, "\"%s\" is not a member of group \"%s\"", x->user, group);
    tm_xmpp_fail(x, task, code, err.text);
}

/* Fails a task about a group that the user is not in: 10007, or 10010 if there is no such group. */
static void explain_group(tm_xmpp *x, tm_task *task, const char *group)
{
    if (!x->welcome || !x->rooms || !*x->rooms) {
        tm_xmpp_fail(x, task, x->welcome ? ERR_SVR_GROUP_NOT_FOUND : ERR_SDK_NET_DISCONNECT,
                     x->welcome ? "the server has no groups" : "the connection to the server is down");
        return;
    }
    if (!tm_group_new_state(x, task, group)) return;
    if (!tm_xmpp_find(x, tm_xmpp_number(task))) tm_xmpp_keep(x, task);
    tm_info_ask(x, group, tm_group_explain, tm_xmpp_number(task));
}

/* ---- its room ---- */

void tm_group_entered(tm_xmpp *x, tm_task *task, tm_room *room, bool created)
{
    if (task->op.call == TM_CALL_GROUP_JOIN) {
        tm_group_join_entered(x, task, room);
    } else {
        tm_group_make_entered(x, task, room, created);
    }
}

void tm_group_refused(tm_xmpp *x, tm_task *task, xmpp_stanza_t *error)
{
    char group[TM_MAX_GROUP_ID + 1];
    snprintf(group, sizeof group, "%s", ((tm_group_state *)task->state)->group);
    const char *why = error ? tm_stanza_error(error) : "";
    /* what was not there a moment ago: others have made it since, or nobody may */
    bool is_taken = strcmp(why, "registration-required") == 0 || strcmp(why, "not-authorized") == 0 ||
                    strcmp(why, "item-not-found") == 0 || strcmp(why, "conflict") == 0;
    if (task->op.call == TM_CALL_GROUP_CREATE && is_taken)
        tm_group_fail_taken(x, task);
    else
        tm_xmpp_fail_by_answer(x, task, error);
    tm_room *room = tm_room_find(x, group);
    if (room && !tm_mirror_in_group(x->mirror, group, NULL)) tm_room_drop(x, room);
}

/* ---- leaving and ending ---- */

void tm_group_leave(tm_xmpp *x, const char *group, tm_error *err)
{
    tm_room *room = tm_room_find(x, group);
    if (room) tm_room_leave(x, room);
    if (!tm_room_end(x, group, err)) tm_bookmark_set(x, group, false, 0);
}

/* The user stays: what the room says of him is news again. */
static void stay(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_find(x, ((tm_group_state *)task->state)->group);
    if (room) room->leaving = false;
}

static void quit_was_told(tm_xmpp *x, tm_task *tips)
{
    tm_task *task = tm_xmpp_find(x, tips->argument);
    if (!task) return;
    /* who may not speak there, or hears nothing of what the server has taken, is not kept in by that. (Its time may be
     * over before that of the task is looked at.) */
    bool is_mute = x->welcome && tips->acked;
    if (tips->op.error.code == ERR_REQUEST_TIMEOUT && !is_mute) {
        stay(x, task);
        tm_xmpp_fail(x, task, tips->op.error.code, tips->op.error.text);
        return;
    }
    tm_group_leave(x, ((tm_group_state *)task->state)->group, &task->op.error);
    tm_xmpp_answer(x, task);
}

static void quit(tm_xmpp *x, tm_task *task, tm_room *room)
{
    if (room->own == TM_STANDING_OWNER) {
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT,
                     "the owner cannot quit, only delete the group");
        return;
    }
    room->leaving = true;
    cJSON *users = cJSON_CreateArray();
    tm_json_append(users, cJSON_CreateString(x->user));
    tm_member_tell(x, room->group, TM_TIP_QUIT, users, NULL, quit_was_told, tm_xmpp_number(task));
    cJSON_Delete(users);
}

static void destroyed(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    if (!answer || *tm_stanza_error(answer)) {
        stay(x, task);
        tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    tm_error err = {0};
    const char *group = ((tm_group_state *)task->state)->group;
    tm_room_end(x, group, &err); /* it is gone, whether or not that could be kept here */
    tm_bookmark_set(x, group, false, 0);
    tm_xmpp_answer(x, task);
}

static void delete_group(tm_xmpp *x, tm_task *task, tm_room *room)
{
    if (room->own != TM_STANDING_OWNER) {
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner may delete a group");
        return;
    }
    room->leaving = true;
    tm_room_destroy(x, room->jid, destroyed, tm_xmpp_number(task));
}

/* ---- starting ---- */

static void go(tm_xmpp *x, tm_task *task)
{
    const char *group = group_of(&task->op);
    if (!x->rooms || !*x->rooms) {
        explain_group(x, task, group);
        return;
    }
    tm_room *room = *group ? tm_room_find(x, group) : NULL;
    if (task->op.call == TM_CALL_GROUP_CREATE) {
        tm_group_make(x, task);
    } else if (task->op.call == TM_CALL_GROUP_GET_JOINED_GROUP_LIST) {
        tm_group_list(x, task);
    } else if (task->op.call == TM_CALL_GROUP_JOIN) {
        tm_group_join(x, task, group);
    } else if (!room) {
        explain_group(x, task, group);
    } else if (task->op.call == TM_CALL_GROUP_QUIT) {
        if (tm_group_new_state(x, task, group)) quit(x, task, room);
    } else if (task->op.call == TM_CALL_GROUP_DELETE) {
        if (tm_group_new_state(x, task, group)) delete_group(x, task, room);
    } else {
        tm_member_start(x, task, room);
    }
}

/* Asks for a page, or the rest of those that are being read, whose end the task then waits for. */
static void read_for(tm_xmpp *x, tm_task *task, tm_archive *archive)
{
    task->page = archive ? archive->asked + 1 : 0;
    tm_archive_ring(x, archive, NULL);
}

/* Whether it was read to the end since. */
static bool is_read(const tm_task *task, const tm_archive *archive)
{
    return archive && archive->caught_up && archive->read >= task->page;
}

/* Whether the group changes by a call that was made before: what follows it finds what it has done. */
static bool waits_for_another(tm_xmpp *x, const tm_task *task)
{
    const char *group = group_of(&task->op);
    bool lists = task->op.kind == TM_OP_GROUP && task->op.call == TM_CALL_GROUP_GET_JOINED_GROUP_LIST;
    if (task->op.kind != TM_OP_GROUP && task->op.message->conv_type != kTIMConv_Group) return false;
    for (const tm_task *other = x->working; other; other = other->next) {
        if (other->op.kind != TM_OP_GROUP || other->number >= task->number) continue;
        if (lists || strcmp(group_of(&other->op), group) == 0) return true;
    }
    return false;
}

/* What was said before the call counts: an invitation, that somebody joined, the newest message. */
static bool is_up_to_date(tm_xmpp *x, tm_task *task)
{
    const char *group = group_of(&task->op);
    bool needs_room = task->op.kind != TM_OP_SEND;
    bool of_user = task->op.kind != TM_OP_GROUP && task->op.message->conv_type != kTIMConv_Group;
    if (!x->welcome || waits_for_another(x, task)) return false;
    if (!of_user && !x->rooms) return false; /* where the groups are is asked again */
    if (task->step == STEP_PARKED) {
        task->step = STEP_READING;
        read_for(x, task, x->own);
    }
    if (task->step == STEP_READING && !is_read(task, x->own)) return false;
    tm_room *room =
        !of_user && *group && tm_mirror_in_group(x->mirror, group, NULL) ? tm_room_find(x, group) : NULL;
    if (!room || !needs_room) return true;
    if (!room->in) return false;
    if (task->step == STEP_READING) {
        task->step = STEP_READING_ROOM;
        read_for(x, task, room->archive);
    }
    return is_read(task, room->archive);
}

/* The archives were read: now for the task itself. */
static void start(tm_xmpp *x, tm_task *task)
{
    const tm_message *message = task->op.message;
    bool foreign = message && message->conv_type == kTIMConv_Group &&
                   !tm_mirror_in_group(x->mirror, message->conv_id, NULL);
    if (task->op.kind == TM_OP_GROUP)
        go(x, task);
    else if (task->op.kind == TM_OP_SETTLE)
        tm_settle_start(x, tm_xmpp_release(x, task));
    else if (foreign)
        explain_group(x, task, message->conv_id);
    else if (task->op.kind == TM_OP_HISTORY)
        tm_history_start(x, tm_xmpp_release(x, task));
    else
        tm_outbox_add(x, tm_xmpp_release(x, task));
}

static bool is_parked(const tm_task *task)
{
    return task->step >= STEP_PARKED && task->step <= STEP_READING_ROOM;
}

bool tm_group_must_wait(const tm_xmpp *x, const tm_task *task)
{
    for (const tm_task *other = x->working; other; other = other->next)
        if (other->op.kind == TM_OP_SEND && is_parked(other) && other->number < task->number &&
            strcmp(other->op.message->conv_id, task->op.message->conv_id) == 0)
            return true;
    return false;
}

void tm_group_run(tm_xmpp *x)
{
    uint64_t now = tm_clock_ms();
    for (tm_task *task = x->working; task;) {
        if (!task->again_at || task->again_at > now) {
            task = task->next;
            continue;
        }
        task->again_at = 0;
        tm_group_make_again(x, task);
        task = x->working; /* others may be gone */
    }
    for (tm_task *task = x->working; task;) {
        if (!is_parked(task) || !is_up_to_date(x, task)) {
            task = task->next;
            continue;
        }
        task->step = STEP_GOING;
        start(x, task);
        task = x->working; /* others may be gone */
    }
}

/* Whether the group itself is what a quit waits for: it cannot be read, or shows nothing that is said there. */
static bool group_is_mute(tm_xmpp *x, const tm_task *task)
{
    if (!x->welcome) return false;
    return task->step == STEP_READING_ROOM || (task->step == STEP_READING && is_read(task, x->own)) ||
           (task->step == STEP_GOING && tm_outbox_has_said(x, tm_xmpp_number(task)));
}

void tm_group_failed(tm_xmpp *x, const tm_task *task)
{
    const char *group = task->state; /* every such state begins with it */
    tm_room *room = task->op.call == TM_CALL_GROUP_CREATE && group ? tm_room_find(x, group) : NULL;
    if (!room || room->maker != task->number || !tm_link_is_up(x->link)) return;
    tm_room_destroy(x, room->jid, tm_room_ended, NULL);
    tm_room_drop(x, room);
}

bool tm_group_expired(tm_xmpp *x, tm_task *task)
{
    char group[TM_MAX_GROUP_ID + 1];
    if (task->op.call == TM_CALL_GROUP_CREATE && task->op.result && !task->op.error.code) {
        tm_xmpp_answer(x, task); /* it is made; what could not be said is who is in it */
        return true;
    }
    if (task->op.call == TM_CALL_GROUP_JOIN) tm_group_join_expired(x, task);
    tm_room *room = tm_room_find(x, group_of(&task->op));
    if (!room || (task->op.call != TM_CALL_GROUP_QUIT && task->op.call != TM_CALL_GROUP_DELETE)) return false;
    if (task->op.call == TM_CALL_GROUP_QUIT && room->own != TM_STANDING_OWNER && group_is_mute(x, task)) {
        snprintf(group, sizeof group, "%s", room->group);
        tm_group_leave(x, group, &task->op.error);
        tm_xmpp_answer(x, task);
        return true;
    }
    room->leaving = false; /* the user stays: what the room says of him is news again */
    return false;
}

/* How long a connection may be down before nobody waits for it any more. */
#define SHORTLY_MS 10000

void tm_group_start(tm_xmpp *x, tm_task *task)
{
    tm_xmpp_keep(x, task);
    if (!x->welcome && (!x->down_since || tm_clock_ms() - x->down_since > SHORTLY_MS))
        tm_xmpp_fail(x, task, ERR_SDK_NET_DISCONNECT, "the connection to the server is down");
    else
        task->step = STEP_PARKED; /* tm_group_run goes on with it */
}

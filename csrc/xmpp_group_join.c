/* XMPP group, joined: task GROUP of group_join. See xmpp_session.h and xmpp_group.h.
 *
 * Who joins says so in the room, or nobody knows of it. The mirror keeps what he owes from the moment on in which he counts as a
 * member here, until the room's archive shows it. If it is not shown when the call has failed he is out at once; with the next
 * connection he looks whether the room has heard it all the same, and takes it back. */
#include "xmpp_group.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"
#include "xmpp_item.h"

#include <stdio.h>
#include <string.h>

/* Items of a room's last page: some may have the time of the last one, and all are from before. */
#define LAST_PAGE 100

/* The user's id alone, as GroupTips have it. Owned by the caller; NULL: memory. */
static cJSON *user_alone(const tm_xmpp *x)
{
    cJSON *users = cJSON_CreateArray();
    if (users && tm_json_append(users, cJSON_CreateString(x->user))) return users;
    cJSON_Delete(users);
    return NULL;
}

static void get_out(tm_xmpp *x, tm_room *room)
{
    tm_room_leave(x, room);
    tm_room_drop(x, room);
}

/* ---- joining ---- */

static void looked_at(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    char text[TM_ERROR_TEXT];
    if (!task) return;
    const char *group = ((tm_group_state *)task->state)->group;
    if (!answer || *tm_stanza_error(answer)) {
        tm_group_explain(x, argument, answer);
        return;
    }
    cJSON *info = tm_info_read(answer);
    bool private = tm_json_get_int(info, "type", kTIMGroup_Public) == kTIMGroup_Private;
    int64_t add = tm_json_get_int(info, "add", kTIMGroupAddOpt_Any);
    bool is_own = strcmp(tm_json_get_string(info, "owner", ""), x->user) == 0;
    cJSON_Delete(info);
    bool closed = private || add != kTIMGroupAddOpt_Any || tm_info_has(answer, "muc_membersonly");
    /* its owner may be out of it: making it broke off, or his list of groups was lost. The room knows him */
    if (closed && !is_own) {
        snprintf(text, sizeof text,
                 private ? "a private group is joined by invitation"
                 : add == kTIMGroupAddOpt_Forbid
                     ? "group \"%s\" does not let anybody join"
                     : "group \"%s\" wants to approve who joins: ask a member to invite you",
                 group);
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_PERMISSION_DENY, text);
        return;
    }
    tm_room *room = tm_room_make(x, group);
    if (!room) {
        tm_xmpp_fail_memory(x, task);
        return;
    }
    room->task = task->number;
    room->entering = false; /* whatever it was asked before */
    tm_room_enter(x, room);
}

/* It was said, or cannot be: the user's other devices may know of it. */
static void was_said(tm_xmpp *x, tm_task *tips)
{
    uint64_t joined;
    const char *group = tips->op.message->conv_id;
    if (tips->op.error.code != ERR_REQUEST_TIMEOUT && tm_mirror_in_group(x->mirror, group, &joined))
        tm_bookmark_set(x, group, true, joined);
}

static void join_was_told(tm_xmpp *x, tm_task *tips)
{
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, tips->argument);
    was_said(x, tips);
    if (!task) return;
    if (tips->op.error.code != ERR_REQUEST_TIMEOUT) {
        tm_xmpp_answer(x, task); /* what was done is done, whether or not it could be said */
        return;
    }
    /* its time was over before that of the task was looked at */
    tm_group_leave(x, ((tm_group_state *)task->state)->group, &err);
    tm_xmpp_fail(x, task, tips->op.error.code, tips->op.error.text);
}

static void joined(tm_xmpp *x, tm_task *task)
{
    tm_group_state *of = task->state;
    const char *group = of->group;
    cJSON *users = user_alone(x);
    char *id = tm_outbox_tips_id(x, group);
    tm_room *room = users && id ? tm_room_make(x, group) : NULL;
    if (room) snprintf(room->owes, sizeof room->owes, "%s", id);
    if (!room) tm_fail_memory(&task->op.error);
    if (!room || tm_room_begin(x, group, tm_clock_seconds(), 0, &task->op.error)) {
        room = tm_room_find(x, group);
        if (room) get_out(x, room);
        tm_xmpp_answer(x, task);
    } else {
        of->has_come = true;
        tm_member_tell(x, group, TM_TIP_JOINED, users, id, join_was_told, tm_xmpp_number(task));
    }
    cJSON_Delete(users);
    tm_free(id);
}

/* Where the room's archive ends is where the user comes in, whatever the time is on this machine. */
static void end_came(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, argument);
    tm_room *room = x->first_room;
    while (room && room->joining != (uint64_t)(uintptr_t)argument)
        room = room->next;
    if (room) room->joining = 0;
    /* he is in the room no more, and perhaps logging out. The room is forgotten with the connection */
    if (!tm_link_is_up(x->link)) {
        if (task) tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    /* its time was over; but a later one of the same may be on its way in */
    if (!task && room && !room->task && !tm_mirror_in_group(x->mirror, room->group, NULL)) get_out(x, room);
    if (!task) return;
    /* without a page the user is in all the same */
    if (room && page && !tm_archive_begin_at(x, room->group, page, &err)) {
        bool fits = page->last && strlen(page->last) < sizeof room->last;
        room->since = page->last_stamp ? page->last_stamp : 1;
        strcpy(room->last, fits ? page->last : "");
    }
    joined(x, task);
}

void tm_group_join_entered(tm_xmpp *x, tm_task *task, tm_room *room)
{
    /* who is in is seen from inside only */
    if (room->max && tm_member_count(room, NULL, false) > room->max) {
        get_out(x, room);
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "the group is full");
    } else {
        tm_page_query end = {.group = room->group, .is_end = true, .max = LAST_PAGE};
        room->joining = task->number;
        tm_page_ask(x, &end, end_came, tm_xmpp_number(task));
    }
}

void tm_group_join_expired(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    const tm_group_state *of = task->state;
    /* who hears that it failed is not in, whether or not the room has heard of him */
    if (of && of->has_come) tm_group_leave(x, of->group, &err);
}

void tm_group_join(tm_xmpp *x, tm_task *task, const char *group)
{
    char text[TM_ERROR_TEXT];
    if (tm_mirror_in_group(x->mirror, group, NULL)) {
        snprintf(text, sizeof text, "\"%s\" is a member of group \"%s\"", x->user, group);
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_ALLREADY_MEMBER, text);
    } else if (tm_group_new_state(x, task, group)) {
        tm_info_ask(x, group, looked_at, tm_xmpp_number(task));
    }
}

/* ---- what was not said, or must be taken back ---- */

void tm_group_recall_join(tm_xmpp *x, tm_room *room)
{
    tm_error err = {0};
    uint64_t since;
    char *id;
    if (tm_mirror_join(x->mirror, room->group, &id, &since, &err))
        tm_xmpp_log(x, kTIMLog_Warn, "whether joining \"%s\" was said was not read: %s", room->group,
                    err.text);
    /* what goes out waits for the archive to be read, and does not go if that shows it */
    cJSON *users = id && !tm_outbox_has_tips(x, room->group, id) ? user_alone(x) : NULL;
    if (users) tm_member_tell(x, room->group, TM_TIP_JOINED, users, id, was_said, NULL);
    cJSON_Delete(users);
    tm_free(id);
}

/* The room, if it was entered for this alone still; NULL: the user is in it, or on his way. */
static tm_room *entered_to_look(tm_xmpp *x, const char *group)
{
    tm_room *room = tm_room_find(x, group);
    bool wanted = room && (room->task || room->joining || room->maker);
    return wanted || tm_mirror_in_group(x->mirror, group, NULL) ? NULL : room;
}

/* The server has handed on what was said before this question. */
static void was_taken_back(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    char *group = argument;
    tm_room *room = entered_to_look(x, group);
    if (room && answer) tm_room_forget_join(x, group);
    if (room && answer) get_out(x, room);
    tm_free(group); /* without an answer the next connection looks again */
}

static void take_back(tm_xmpp *x, tm_room *room)
{
    tm_stanza stanza, iq;
    cJSON *users = user_alone(x);
    char *group = tm_strdup(room->group), *id = tm_outbox_tips_id(x, room->group);
    char *text = users ? tm_member_tip(x, room->group, TM_TIP_QUIT, users) : NULL;
    if (group && id && text) {
        tm_item_write_tips(&stanza, tm_link_ctx(x->link), room->jid, text, id);
        tm_link_send(x->link, tm_stanza_finish(&stanza));
        tm_xmpp_iq(x, &iq, "get", x->address.domain);
        tm_stanza_add(&iq, NULL, "ping", TM_NS_PING, NULL);
        tm_xmpp_ask(x, &iq, was_taken_back, group);
        group = NULL;
    } else {
        get_out(x, room); /* the next connection looks again */
    }
    cJSON_Delete(users);
    tm_free(group);
    tm_free(id);
    tm_free(text);
}

static void looked(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer);

/* Looks through the room's archive for what the user has said there of his coming. `after`: an archive's id; NULL: the
 * beginning. False: there is nothing to be looked for. */
static bool look(tm_xmpp *x, tm_room *room, const char *after)
{
    tm_error err = {0};
    uint64_t since;
    char *id, *group;
    tm_mirror_join(x->mirror, room->group, &id, &since, &err);
    bool any = id != NULL;
    tm_free(id);
    if (!any || !(group = tm_strdup(room->group))) return false;
    tm_page_query query = {.group = group,
                           .start = since > TM_MIRROR_MARGIN ? since - TM_MIRROR_MARGIN : 1,
                           .after = after,
                           .max = LAST_PAGE};
    tm_page_ask(x, &query, looked, group);
    return true;
}

static void looked(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    (void)answer;
    tm_error err = {0};
    uint64_t since;
    char *group = argument, *id = NULL;
    tm_room *room = tm_link_is_up(x->link) ? entered_to_look(x, group) : NULL;
    if (room) tm_mirror_join(x->mirror, group, &id, &since, &err);
    for (size_t i = 0; id && page && i < page->count; i++) {
        const tm_item *item = &page->items[i];
        if (item->kind != TM_ITEM_TIPS) continue;
        if (item->is_self && item->is_ours && strcmp(item->id, id) == 0)
            room->said = true;
        else if (tm_member_turn(x, item) < 0)
            room->said = false; /* it was taken back, or he was removed */
    }
    bool over = page && (page->complete || !page->last);
    if (room && over && room->said) {
        take_back(x, room);
    } else if (room && (!page || over || !look(x, room, page->last))) {
        if (over) tm_room_forget_join(x, group);
        get_out(x, room);
    }
    tm_free(id);
    tm_free(group);
}

bool tm_group_take_back(tm_xmpp *x, tm_room *room)
{
    room->said = false;
    return look(x, room, NULL);
}

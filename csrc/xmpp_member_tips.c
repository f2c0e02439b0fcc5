/* XMPP member, told of: what is said in a group of coming and going (GroupTips), what is believed of that, and what the
 * owner's and admins' sessions make of it in the room's lists. See xmpp_session.h and xmpp_member.h. */
#include "xmpp_member.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"

#include <stdio.h>
#include <string.h>

/* What anybody may say in a group makes its owner's client work. So it believes of one tip as many names as a call can
 * give, of one plain member as many in an hour, makes a few changes at a time, and remembers no more than that many. */
#define NAMES_PER_TIP 500
#define NAMES_PER_HOUR 500
#define CHANGES_AT_A_TIME 4
#define MAX_NOTES 4000
/* A change that the room does not make is tried again when the room is entered, and after this. */
#define CHANGES_PAUSE_MS 10000

/* ---- saying it ---- */

int tm_member_count(const tm_room *room, const cJSON *users, bool gone)
{
    const cJSON *user, *note;
    cJSON *seen = cJSON_CreateObject();
    for (const tm_occupant *of = room ? room->occupants : NULL; of; of = of->next)
        if (of->standing != TM_STANDING_NONE || of->nick)
            tm_member_set_standing(seen, of->user, TM_STANDING_MEMBER);
    const cJSON *notes = room ? room->notes : NULL;
    cJSON_ArrayForEach(note, notes)
    {
        bool in = note->valueint == TM_NOTE_CAME || note->valueint == TM_NOTE_BROUGHT;
        tm_member_set_standing(seen, note->string, in ? TM_STANDING_MEMBER : TM_STANDING_NONE);
    }
    cJSON_ArrayForEach(user, users)
    {
        tm_member_set_standing(seen, user->valuestring, gone ? TM_STANDING_NONE : TM_STANDING_MEMBER);
    }
    int count = cJSON_GetArraySize(seen);
    cJSON_Delete(seen);
    return count;
}

char *tm_member_tip(tm_xmpp *x, const char *group, int tip, const cJSON *users)
{
    const tm_room *room = tm_room_find(x, group);
    return tm_tips_text(&(tm_tips){.kind = tip,
                                   .actor = x->user,
                                   .group = group,
                                   .title = room && room->title ? room->title : group,
                                   .users = users,
                                   .time = tm_clock_seconds(),
                                   .members = tm_member_count(room, users, tip != TM_TIP_JOINED)});
}

void tm_member_tell(tm_xmpp *x, const char *group, int tip, const cJSON *users, const char *id,
                    void (*done)(tm_xmpp *x, tm_task *tips), void *argument)
{
    char *text = tm_member_tip(x, group, tip, users);
    if (text) tm_outbox_tips(x, group, id, text, done, argument);
    tm_free(text);
}

static void note(tm_room *room, const char *user, int what)
{
    if (!room->notes) room->notes = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(room->notes, user);
    if (room->notes) cJSON_AddNumberToObject(room->notes, user, what);
    /* who was long said to have come is in the list by now */
    if (cJSON_GetArraySize(room->notes) > MAX_NOTES) cJSON_DeleteItemFromArray(room->notes, 0);
}

void tm_member_changed(tm_room *room, const char *user, bool listed)
{
    const cJSON *noted = cJSON_GetObjectItemCaseSensitive(room->notes, user);
    bool in = noted && (noted->valueint == TM_NOTE_CAME || noted->valueint == TM_NOTE_BROUGHT);
    if (noted && in != listed) cJSON_DeleteItemFromObjectCaseSensitive(room->notes, user);
}

bool tm_member_has_quit(const tm_room *room, const char *user)
{
    const cJSON *noted = cJSON_GetObjectItemCaseSensitive(room->notes, user);
    return noted && noted->valueint == TM_NOTE_WENT;
}

void tm_member_forget_notes(tm_room *room)
{
    cJSON_Delete(room->notes);
    cJSON_Delete(room->changes);
    cJSON_Delete(room->askers);
    room->notes = room->changes = room->askers = NULL;
}

int tm_member_turn(tm_xmpp *x, const tm_item *item)
{
    int turn = 0;
    const tm_room *room = tm_room_find(x, item->conv_id);
    cJSON *elems = tm_json_parse_own(item->elems, strlen(item->elems), NULL);
    const cJSON *elem = elems ? elems->child : NULL, *user;
    const cJSON *users = tm_json_get(elem, kTIMGroupTipsElemUserArray);
    int64_t tip = tm_json_get_int(elem, kTIMGroupTipsElemTipType, 0);
    cJSON_ArrayForEach(user, users)
    {
        if (!room || !cJSON_IsString(user) || strcmp(user->valuestring, x->user) != 0) continue;
        if (tip == TM_TIP_JOINED) turn = 1;
        if (tip == TM_TIP_QUIT) turn = -1;
        if (tip == TM_TIP_REMOVED && tm_rooms_may_revoke(x, item)) turn = -1;
    }
    cJSON_Delete(elems);
    return turn;
}

/* ---- putting the list in order ---- */

/* A change on its way. */
typedef struct change {
    char group[TM_MAX_GROUP_ID + 1], user[TM_MAX_USER_ID + 1], affiliation[8];
} change;

static int32_t put_in_order(tm_xmpp *x, tm_room *room, const char *user, const char *affiliation,
                            tm_error *err)
{
    if (!room->changes) room->changes = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(room->changes, user);
    if (cJSON_GetArraySize(room->changes) >= MAX_NOTES) return 0;
    cJSON_AddStringToObject(room->changes, user, affiliation);
    return tm_mirror_put_change(x->mirror, room->group, user, affiliation, err);
}

/* Who has powers has put it in order himself, or it is so. */
static int32_t leave_as_is(tm_xmpp *x, tm_room *room, const char *user, tm_error *err)
{
    cJSON_DeleteItemFromObjectCaseSensitive(room->changes, user);
    return tm_mirror_drop_change(x->mirror, room->group, user, NULL, err);
}

void tm_member_drop_change(tm_xmpp *x, const char *group, const char *user, const char *made)
{
    tm_error err = {0};
    tm_room *room = tm_room_find(x, group);
    if (room) cJSON_DeleteItemFromObjectCaseSensitive(room->changes, user);
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_drop_change(x->mirror, group, user, made, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) tm_mirror_rollback(x->mirror); /* it is made again when the room is entered next */
}

/* What was said of him in an earlier session is not said again. */
static void recall(void *argument, const char *user, const char *affiliation)
{
    tm_room *room = argument;
    if (!room->changes) room->changes = cJSON_CreateObject();
    if (!cJSON_GetObjectItemCaseSensitive(room->changes, user))
        cJSON_AddStringToObject(room->changes, user, affiliation);
    bool comes = strcmp(affiliation, "none") != 0;
    if (!cJSON_GetObjectItemCaseSensitive(room->notes, user))
        note(room, user, comes ? TM_NOTE_CAME : TM_NOTE_WENT);
}

void tm_member_recall(tm_xmpp *x, tm_room *room)
{
    tm_error err = {0};
    room->changes_at = 0;
    if (tm_mirror_changes(x->mirror, room->group, recall, room, &err))
        tm_xmpp_log(x, kTIMLog_Warn, "changes of the list of \"%s\" were not read: %s", room->group,
                    err.text);
}

/* Not answered, or by a server that could not do it just now: Prosody does not call its own failures passing ones. */
static bool is_to_be_made_again(xmpp_stanza_t *answer)
{
    const char *why = tm_stanza_error(answer);
    const char *type = tm_stanza_attribute(tm_stanza_child(answer, "error", NULL), "type");
    return !answer || (*why && (strcmp(type, "wait") == 0 || strcmp(why, "internal-server-error") == 0));
}

static void is_in_order(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    change *of = argument;
    tm_room *room = tm_room_find(x, of->group);
    bool newer = room && cJSON_GetObjectItemCaseSensitive(room->changes, of->user);
    if (room && room->changing) room->changing--;
    if (is_to_be_made_again(answer)) {
        if (room) room->changes_at = tm_clock_ms() + CHANGES_PAUSE_MS;
    } else if (!newer) {
        tm_member_drop_change(x, of->group, of->user, of->affiliation);
    }
    tm_free(of);
}

/* One that was changed by hand since needs no change, nor does he lose what he is there. */
static bool is_done(const tm_room *room, const cJSON *waiting)
{
    return strcmp(waiting->valuestring, "member") == 0 &&
           tm_room_standing(room, waiting->string) >= TM_STANDING_ADMIN;
}

/* What is said further on may undo it. */
static bool all_is_read(const tm_archive *archive)
{
    return archive && archive->caught_up && !archive->rewind && !archive->walk;
}

uint64_t tm_member_deadline(const tm_room *room)
{
    return all_is_read(room->archive) && !room->changing ? room->changes_at : 0;
}

void tm_member_run(tm_xmpp *x, tm_room *room)
{
    if (!all_is_read(room->archive)) return;
    uint64_t again_at = tm_member_deadline(room);
    if (again_at && again_at <= tm_clock_ms()) tm_member_recall(x, room);
    while (room->changes && room->changes->child && room->changing < CHANGES_AT_A_TIME && !room->changes_at &&
           tm_link_is_up(x->link)) {
        change *of = tm_calloc(1, sizeof *of);
        if (!of) return;
        cJSON *waiting = cJSON_DetachItemViaPointer(room->changes, room->changes->child);
        snprintf(of->group, sizeof of->group, "%s", room->group);
        snprintf(of->user, sizeof of->user, "%s", waiting->string);
        snprintf(of->affiliation, sizeof of->affiliation, "%s", waiting->valuestring);
        if (is_done(room, waiting)) {
            tm_member_drop_change(x, of->group, of->user, of->affiliation);
            tm_free(of);
        } else {
            room->changing++;
            tm_member_set_affiliation(x, of->group, of->user, of->affiliation, is_in_order, of);
        }
        cJSON_Delete(waiting);
    }
}

/* Whether one more is believed whom a plain member says he has brought in. */
static bool may_bring(tm_room *room, const tm_item *item)
{
    uint64_t hour = item->stamp / 1000000 / 3600;
    if (hour != room->asked_in) {
        cJSON_Delete(room->askers);
        room->askers = NULL;
        room->asked_in = hour;
    }
    if (!room->askers) room->askers = cJSON_CreateObject();
    cJSON *count = cJSON_GetObjectItemCaseSensitive(room->askers, item->actor);
    if (!count) count = cJSON_AddNumberToObject(room->askers, item->actor, 0);
    if (!count || count->valueint >= NAMES_PER_HOUR) return false;
    cJSON_SetNumberValue(count, count->valueint + 1);
    return true;
}

/* What was said of one user who came or went. *count: of members, as far as they are known. */
static int32_t take_tip(tm_xmpp *x, tm_room *room, const tm_item *item, int64_t tip, const char *user,
                        int *count, tm_error *err)
{
    bool himself = strcmp(user, item->actor) == 0, strong = tm_rooms_may_revoke(x, item);
    bool powerful = room->own >= TM_STANDING_ADMIN && strcmp(user, x->user) != 0;
    tm_standing standing = tm_room_standing(room, user);
    bool is_new = standing == TM_STANDING_NONE;
    bool is_full = room->max && is_new && *count >= room->max;
    int32_t code = 0;
    if (tip == TM_TIP_JOINED && himself) {
        note(room, user, TM_NOTE_CAME);
        if (powerful && !is_full)
            code = is_new ? put_in_order(x, room, user, "member", err) : leave_as_is(x, room, user, err);
        *count += is_new;
    } else if (tip == TM_TIP_QUIT && himself) {
        note(room, user, TM_NOTE_WENT);
        if (powerful && standing < TM_STANDING_OWNER) code = put_in_order(x, room, user, "none", err);
    } else if (tip == TM_TIP_JOINED && (strong || (!is_full && may_bring(room, item)))) {
        /* an open room makes nobody a member whom a plain member invites. Who has powers has done it himself, before
         * he said so: he may have undone it since */
        note(room, user, TM_NOTE_BROUGHT);
        if (strong)
            code = leave_as_is(x, room, user, err);
        else if (powerful && is_new && !item->is_self)
            code = put_in_order(x, room, user, "member", err);
        *count += is_new;
    } else if (tip == TM_TIP_REMOVED && strong) {
        note(room, user, TM_NOTE_REMOVED);
        code = leave_as_is(x, room, user, err);
    }
    return code;
}

int32_t tm_member_tips(tm_xmpp *x, const tm_item *item, tm_error *err)
{
    tm_room *room = tm_room_find(x, item->conv_id);
    cJSON *elems = tm_json_parse_own(item->elems, strlen(item->elems), NULL);
    const cJSON *elem = elems ? elems->child : NULL, *user;
    const cJSON *users = tm_json_get(elem, kTIMGroupTipsElemUserArray);
    int64_t tip = tm_json_get_int(elem, kTIMGroupTipsElemTipType, 0);
    int left = NAMES_PER_TIP, count = room && room->max ? tm_member_count(room, NULL, false) : 0;
    int32_t code = 0;
    cJSON_ArrayForEach(user, users)
    {
        if (!room || !cJSON_IsString(user) || !tm_valid_user(user->valuestring) || !left-- || code) break;
        code = take_tip(x, room, item, tip, user->valuestring, &count, err);
    }
    cJSON_Delete(elems);
    return code;
}

/* XMPP member, told of: what is said in a group of coming and going (GroupTips), what is believed of that, and what the
 * owner's and admins' sessions make of it in the room's lists. See xmpp_session.h and xmpp_member.h. */
#include "xmpp_member.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"

#include <string.h>

/* What anybody may say in a group makes its owner's client work. So it believes of one tip as many names as a call can
 * give, of one plain member as many in an hour, makes a few changes at a time, and remembers no more than that many. */
#define NAMES_PER_TIP 500
#define NAMES_PER_HOUR 500
#define CHANGES_AT_A_TIME 4
#define MAX_NOTES 4000

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

void tm_member_tell(tm_xmpp *x, const char *group, int tip, const cJSON *users,
                    void (*done)(tm_xmpp *x, tm_task *tips), void *argument)
{
    const tm_room *room = tm_room_find(x, group);
    char *text = tm_tips_text(&(tm_tips){.kind = tip,
                                         .actor = x->user,
                                         .group = group,
                                         .title = room && room->title ? room->title : group,
                                         .users = users,
                                         .time = tm_clock_seconds(),
                                         .members = tm_member_count(room, users, tip != TM_TIP_JOINED)});
    if (text) tm_outbox_tips(x, group, text, done, argument);
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

static void put_in_order(tm_room *room, const char *user, const char *affiliation)
{
    if (!room->changes) room->changes = cJSON_CreateObject();
    cJSON_DeleteItemFromObjectCaseSensitive(room->changes, user);
    if (room->changes && cJSON_GetArraySize(room->changes) < MAX_NOTES)
        cJSON_AddStringToObject(room->changes, user, affiliation);
}

/* Who has powers has put it in order himself. */
static void leave_as_is(tm_room *room, const char *user)
{
    cJSON_DeleteItemFromObjectCaseSensitive(room->changes, user);
}

static void is_in_order(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_room *room = tm_room_find(owner, argument);
    (void)answer; /* the room has said what may be done; nobody waits for it */
    if (room && room->changing) room->changing--;
    tm_free(argument);
}

/* Whether the list has it already: who is to be a member may be more than that by now. */
static bool is_made(const tm_room *room, const cJSON *change)
{
    return strcmp(change->valuestring, "member") == 0 &&
           tm_room_standing(room, change->string) >= TM_STANDING_ADMIN;
}

void tm_member_run(tm_xmpp *x, tm_room *room)
{
    /* what is said further on may undo it */
    if (!room->archive || !room->archive->caught_up || room->archive->walk) return;
    while (room->changes && room->changes->child && room->changing < CHANGES_AT_A_TIME &&
           tm_link_is_up(x->link)) {
        char *group = tm_strdup(room->group);
        if (!group) return;
        cJSON *change = cJSON_DetachItemViaPointer(room->changes, room->changes->child);
        if (is_made(room, change)) {
            tm_free(group);
        } else {
            room->changing++;
            tm_member_set_affiliation(x, room->group, change->string, change->valuestring, is_in_order,
                                      group);
        }
        cJSON_Delete(change);
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
static void take_tip(tm_xmpp *x, tm_room *room, const tm_item *item, int64_t tip, const char *user,
                     int *count)
{
    bool himself = strcmp(user, item->actor) == 0, strong = tm_rooms_may_revoke(x, item);
    bool powerful = room->own >= TM_STANDING_ADMIN && strcmp(user, x->user) != 0;
    tm_standing standing = tm_room_standing(room, user);
    bool is_new = standing == TM_STANDING_NONE;
    bool is_full = room->max && is_new && *count >= room->max;
    if (tip == TM_TIP_JOINED && himself) {
        note(room, user, TM_NOTE_CAME);
        if (powerful && is_new && !is_full) put_in_order(room, user, "member");
        *count += is_new;
    } else if (tip == TM_TIP_QUIT && himself) {
        note(room, user, TM_NOTE_WENT);
        if (powerful && standing < TM_STANDING_OWNER) put_in_order(room, user, "none");
    } else if (tip == TM_TIP_JOINED && (strong || (!is_full && may_bring(room, item)))) {
        /* an open room makes nobody a member whom a plain member invites. Who has powers has done it himself, before
         * he said so: he may have undone it since */
        note(room, user, TM_NOTE_BROUGHT);
        if (strong)
            leave_as_is(room, user);
        else if (powerful && is_new && !item->is_self)
            put_in_order(room, user, "member");
        *count += is_new;
    } else if (tip == TM_TIP_REMOVED && strong) {
        note(room, user, TM_NOTE_REMOVED);
        leave_as_is(room, user);
    }
}

void tm_member_tips(tm_xmpp *x, const tm_item *item)
{
    tm_room *room = tm_room_find(x, item->conv_id);
    cJSON *elems = tm_json_parse_own(item->elems, strlen(item->elems), NULL);
    const cJSON *elem = elems ? elems->child : NULL, *user;
    const cJSON *users = tm_json_get(elem, kTIMGroupTipsElemUserArray);
    int64_t tip = tm_json_get_int(elem, kTIMGroupTipsElemTipType, 0);
    int left = NAMES_PER_TIP, count = room && room->max ? tm_member_count(room, NULL, false) : 0;
    cJSON_ArrayForEach(user, users)
    {
        if (!room || !cJSON_IsString(user) || !tm_valid_user(user->valuestring) || !left--) break;
        take_tip(x, room, item, tip, user->valuestring, &count);
    }
    cJSON_Delete(elems);
}

/* XMPP room, entered: the user comes into the rooms of his groups, and stays in them whatever becomes of the connection or
 * of the room. See xmpp_session.h and xmpp_room.h. */
#include "xmpp_room.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_PAUSE_MS 60000
/* A room that says nothing for so long is asked whether the user is in it still: it may have gone down with its
 * node, and come up again empty on another one. */
#define SILENCE_MS 60000
/* Entering that nobody answers is tried again: the room may have ended. At first after a short while, so that who
 * waits to say something there need not wait for long. */
#define FIRST_ENTER_MS 2000
#define LONGEST_ENTER_MS 30000
/* So often a room may say nothing of the group that it was. */
#define MUTE 3

/* ---- coming into a group ---- */

static void keep_admins(tm_xmpp *x, const tm_room *room, const cJSON *admins)
{
    tm_error err = {0};
    char *text = admins ? tm_json_print(admins) : NULL;
    if (text ? tm_mirror_note_admins(x->mirror, room->group, text, &err) : tm_fail_memory(&err))
        tm_xmpp_log(x, kTIMLog_Warn, "the admins of \"%s\" were not noted: %s", room->group, err.text);
    tm_free(text);
}

/* Those who were admins when the list could be read, but for those of whom the room has said since what they are. */
static void recall_admins(tm_xmpp *x, tm_room *room)
{
    char *kept = tm_mirror_admins(x->mirror, room->group);
    cJSON *admins = kept ? tm_json_parse_own(kept, strlen(kept), NULL) : NULL;
    bool any_gone = false;
    for (cJSON *admin = admins ? admins->child : NULL, *next; admin; admin = next) {
        next = admin->next;
        bool is_id = cJSON_IsString(admin);
        if (is_id && !tm_room_knows(room, admin->valuestring)) {
            tm_room_note(room, admin->valuestring, TM_STANDING_ADMIN);
        } else if (!is_id || tm_room_standing(room, admin->valuestring) < TM_STANDING_ADMIN) {
            cJSON_Delete(cJSON_DetachItemViaPointer(admins, admin));
            any_gone = true;
        }
    }
    if (any_gone) keep_admins(x, room, admins);
    cJSON_Delete(admins);
    tm_free(kept);
}

/* ejabberd shows a list to those only who are in one of them. Whom an absent owner or admin has removed meanwhile must know
 * that they could, or he stays in an open group: by what the room says of itself, and by the list as it was. */
static void list_refused(tm_xmpp *x, tm_room *room, tm_standing of)
{
    if (of == TM_STANDING_ADMIN) recall_admins(x, room);
    if (of == TM_STANDING_OWNER && *room->owner && !tm_room_knows(room, room->owner))
        tm_room_note(room, room->owner, TM_STANDING_OWNER);
}

/* A list of those of one standing, which the room was asked for. */
static void list_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_standing of = (tm_standing)(uintptr_t)argument;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_MUC_ADMIN);
    const char *from = answer ? xmpp_stanza_get_from(answer) : NULL;
    tm_room *room = from ? tm_room_of_jid(x, from) : NULL;
    if (room && strcmp(tm_stanza_error(answer), "forbidden") == 0) list_refused(x, room, of);
    if (!room || !query) return;
    cJSON *users = cJSON_CreateArray();
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(query); at; at = xmpp_stanza_get_next(at)) {
        char user[TM_MAX_USER_ID + 1];
        if (!tm_jid_id(tm_stanza_attribute(at, "jid"), x->address.domain, TM_MAX_USER_ID, user)) continue;
        tm_room_note(room, user, tm_standing_read(tm_stanza_attribute(at, "affiliation")));
        if (!tm_json_append(users, cJSON_CreateString(user))) {
            cJSON_Delete(users);
            users = NULL;
        }
    }
    if (of == TM_STANDING_ADMIN) keep_admins(x, room, users);
    cJSON_Delete(users);
}

void tm_room_ask_powers(tm_xmpp *x, tm_room *room)
{
    static const char *const lists[] = {"owner", "admin"};
    room->powers_changed = false;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tm_stanza iq;
        tm_xmpp_iq(x, &iq, "get", room->jid);
        xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_ADMIN, NULL);
        tm_stanza_set(&iq, tm_stanza_add(&iq, query, "item", NULL, NULL), "affiliation", lists[i]);
        tm_xmpp_ask(x, &iq, list_answered, (void *)(uintptr_t)tm_standing_read(lists[i]));
    }
}

/* The mirror has it that the user is in. */
static void enter_as_member(tm_xmpp *x, const char *group, uint64_t start)
{
    tm_error err = {0};
    tm_xmpp_ring(x);
    tm_room *room = tm_room_make(x, group);
    if (!room) return; /* it is entered with the next connection */
    room->start = start;
    if (!room->in) {
        tm_room_enter(x, room);
    } else if (!room->archive) { /* it was entered to be made: now it counts */
        if (!(room->archive = tm_archive_open(x, group, start, &err))) {
            tm_link_drop(x->link, err.text);
            return;
        }
        tm_room_ask_powers(x, room); /* before what those did who have them: the room answers in order */
        tm_archive_rewind(x, room->archive);
        tm_history_look_back(x, group);
    }
}

int32_t tm_room_begin(tm_xmpp *x, const char *group, uint64_t joined, uint64_t start, tm_error *err)
{
    int32_t code = tm_room_store_membership(x, group, true, joined, err);
    if (!code) enter_as_member(x, group, start);
    return code;
}

/* The user is in the group that he was invited into at `stamp` (microseconds); `born` "": it is not known which of that id. What was
 * said before is not for him. */
static int32_t note_back(tm_xmpp *x, const char *group, uint64_t stamp, const char *born, tm_error *err)
{
    int32_t code = tm_mirror_set_group(x->mirror, group, true, stamp / 1000000, err);
    if (!code && *born) code = tm_mirror_note_born(x->mirror, group, born, err);
    if (!code) code = tm_mirror_note_since(x->mirror, group, stamp, "", err);
    return code ? code : tm_mirror_add_membership(x->mirror, group, true, stamp / 1000000, err);
}

int32_t tm_rooms_note_out(tm_xmpp *x, const char *group, uint64_t out_at, tm_error *err)
{
    uint64_t invited;
    char *born;
    const tm_room *room = tm_room_find(x, group);
    int32_t code = tm_mirror_invited(x->mirror, group, &invited, &born, err);
    bool into_old = !out_at && invited && *born && room && strcmp(born, room->born) != 0;
    if (!code && !out_at) {
        code = tm_room_note_membership(x, group, false, 0, err);
    } else if (!code) {
        code = tm_mirror_set_group(x->mirror, group, false, 0, err);
        if (!code) code = tm_mirror_drop_archive(x->mirror, group, err);
    }
    /* the invitation back was read first: it is in another archive */
    if (!code && invited && invited >= out_at && !into_old) code = note_back(x, group, invited, born, err);
    tm_free(born);
    return code;
}

static int32_t store_out(tm_xmpp *x, const char *group, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    if (!code) code = tm_rooms_note_out(x, group, 0, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
    return code;
}

void tm_room_put_out(tm_xmpp *x, tm_room *room, uint64_t out_at)
{
    tm_error err = {0};
    uint64_t joined = 0;
    char group[TM_MAX_GROUP_ID + 1];
    snprintf(group, sizeof group, "%s", room->group);
    if (!out_at && store_out(x, group, &err)) {
        tm_link_drop(x->link, err.text); /* found out again with the next connection */
        return;
    }
    tm_room_leave(x, room);
    tm_room_drop(x, room);
    tm_xmpp_ring(x);
    bool is_back = tm_mirror_in_group(x->mirror, group, &joined);
    /* whether the invitation still holds shows when the room is entered: that ends it again if it does not */
    if (is_back) enter_as_member(x, group, tm_mirror_since(x->mirror, group, NULL));
    tm_bookmark_set(x, group, is_back, joined);
}

int32_t tm_rooms_keep_invitation(tm_xmpp *x, tm_item *item, tm_error *err)
{
    tm_room *room = tm_room_find(x, item->conv_id);
    const char *born = item->target ? item->target : "";
    if (tm_mirror_in_group(x->mirror, item->conv_id, NULL))
        return tm_mirror_note_invited(x->mirror, item->conv_id, item->stamp, born, err);
    if (room && room->may_create) return 0;
    item->leads_in = true;
    int32_t code = tm_room_note_membership(x, item->conv_id, true, item->stamp / 1000000, err);
    if (!code && *born) code = tm_mirror_note_born(x->mirror, item->conv_id, born, err);
    return code;
}

void tm_rooms_invited(tm_xmpp *x, const tm_item *item)
{
    if (!item->leads_in) return;
    enter_as_member(x, item->conv_id, item->stamp);
    /* whether it still holds shows when the room is entered: that ends it again if it does not */
    tm_bookmark_set(x, item->conv_id, true, item->stamp / 1000000);
}

/* ---- entering its room ---- */

/* `first`, doubled with each failure so far. */
static uint32_t grown(const tm_room *room, uint32_t first, uint32_t longest)
{
    uint32_t pause = first;
    for (int i = 0; i < room->failures && pause < longest; i++)
        pause *= 2;
    return pause < longest ? pause : longest;
}

void tm_room_try_again(tm_room *room)
{
    uint32_t pause = grown(room, TM_ROOM_PAUSE_MS, LONGEST_PAUSE_MS);
    room->failures++;
    room->entering = room->in = false;
    room->entered_at = 0;
    room->retry_at = tm_clock_ms() + pause;
}

tm_task *tm_room_waiting_task(tm_xmpp *x, tm_room *room)
{
    tm_task *task = room->task ? tm_xmpp_find(x, (void *)(uintptr_t)room->task) : NULL;
    room->task = 0;
    return task;
}

/* Whether it is a new group that has the id of one which the user was in. */
typedef enum sameness { GROUP_SAME, GROUP_ANOTHER, GROUP_UNCLEAR } sameness;
static sameness compare_group(tm_xmpp *x, tm_room *room, xmpp_stanza_t *answer)
{
    tm_error err = {0};
    cJSON *info = tm_info_read(answer);
    tm_info_note(room, info);
    cJSON_Delete(info);
    char *known = tm_mirror_born(x->mirror, room->group);
    bool another = known && strcmp(known, room->born) != 0;
    tm_free(known);
    if (another) {
        /* said by a room that is being made one: it is asked again. Not for ever: its owner may have rewritten what it says */
        if (!*room->born && room->failures >= MUTE) return GROUP_SAME;
        /* the user may be in that one too: the list says so */
        return *room->born && x->bookmarked ? GROUP_ANOTHER : GROUP_UNCLEAR;
    }
    if (*room->born && tm_mirror_note_born(x->mirror, room->group, room->born, &err))
        tm_link_drop(x->link, err.text);
    return GROUP_SAME;
}

static void existence_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    char *group = argument;
    tm_room *room = tm_room_find(x, group);
    const char *why = tm_stanza_error(answer);
    bool gone = strcmp(why, "item-not-found") == 0 || strcmp(why, "gone") == 0 ||
                strcmp(why, "forbidden") == 0 || strcmp(why, "registration-required") == 0;
    if (room) room->entering = false;
    if (!room || !tm_link_is_up(x->link)) {
        /* asked again with the next connection */
    } else if (!answer || (*why && !gone)) {
        tm_room_try_again(room);
    } else if (gone) {
        tm_task *task = tm_room_waiting_task(x, room);
        if (task) tm_group_refused(x, task, answer);
        if ((room = tm_room_find(x, group))) tm_room_found_out(x, room);
    } else {
        sameness what = compare_group(x, room, answer);
        if (what == GROUP_ANOTHER)
            tm_room_put_out(x, room, 0);
        else if (what == GROUP_UNCLEAR)
            tm_room_try_again(room);
        else
            tm_room_send_presence(x, room, false);
    }
    tm_free(group);
}

void tm_room_enter(tm_xmpp *x, tm_room *room)
{
    room->retry_at = 0;
    if (room->entering || !x->welcome) return;
    if (room->may_create) {
        tm_room_send_presence(x, room, false);
        return;
    }
    /* who enters a room that is not there makes it */
    char *group = tm_strdup(room->group);
    if (!group) return;
    room->entering = true;
    room->entered_at = 0; /* the question has a time-out of its own */
    tm_info_ask(x, group, existence_answered, group);
}

void tm_room_reenter(tm_xmpp *x, tm_room *room)
{
    if (room->entering) return;
    room->in = false;
    tm_room_forget_occupants(room);
    tm_archive_lost(room->archive);
    tm_room_enter(x, room);
}

void tm_room_retry(tm_room *room)
{
    if (room->entering) return;
    tm_room_forget_occupants(room);
    tm_archive_lost(room->archive);
    tm_room_try_again(room);
}

/* ---- all rooms ---- */

static void enter_group(void *argument, const char *group, uint64_t joined)
{
    (void)joined;
    tm_room *room = tm_room_make(argument, group);
    if (room) room->retry_at = 1; /* entered by tm_rooms_run: the mirror is being read here */
}

static void enter_left(void *argument, const char *group)
{
    enter_group(argument, group, 0);
}

void tm_rooms_enter(tm_xmpp *x)
{
    tm_error err = {0};
    if (!x->rooms || !*x->rooms) return;
    /* what was only to be entered or made when the connection broke is forgotten */
    for (tm_room *room = x->first_room, *next; room; room = next) {
        next = room->next;
        if (tm_mirror_in_group(x->mirror, room->group, NULL)) continue;
        tm_task *maker = room->maker ? tm_xmpp_find(x, (void *)(uintptr_t)room->maker) : NULL;
        if (maker) {
            tm_xmpp_fail(x, maker, ERR_SDK_NET_DISCONNECT, "the connection broke while the group was made");
            continue; /* the room went with it */
        }
        /* half made, it would be nobody's */
        if (room->maker) tm_room_destroy(x, room->jid, tm_room_ended, NULL);
        tm_room_drop(x, room);
    }
    tm_mirror_groups(x->mirror, enter_group, x, &err);
    tm_mirror_left_joins(x->mirror, enter_left, x, &err);
    tm_bookmarks_read(x);
}

bool tm_rooms_are_settled(const tm_xmpp *x)
{
    if (!x->rooms || !*x->rooms) return true;
    if (!x->bookmarked) return false;
    for (const tm_room *room = x->first_room; room; room = room->next) {
        bool waits_to_retry = room->retry_at > 1 && room->failures > 1;
        bool is_known = room->in && room->archive && room->archive->known;
        if (!is_known && !waits_to_retry) return false;
    }
    return true;
}

bool tm_rooms_are_read(const tm_xmpp *x)
{
    if (!x->rooms || !*x->rooms) return true;
    if (!x->bookmarked) return false;
    for (const tm_room *room = x->first_room; room; room = room->next) {
        bool is_read = room->in && room->archive && room->archive->caught_up;
        if (!is_read && room->retry_at <= 1) return false;
    }
    return true;
}

void tm_rooms_lost(tm_xmpp *x)
{
    x->bookmarked = false;
    for (tm_room *room = x->first_room; room; room = room->next) {
        room->in = room->entering = room->present = room->asking = false;
        room->may_create = false;
        room->retry_at = 0;
        room->failures = 0;
        tm_room_forget_occupants(room);
        tm_archive_lost(room->archive);
    }
}

/* ---- staying in ---- */

void tm_room_heard(tm_room *room)
{
    room->heard_at = tm_clock_ms();
}

/* XEP-0410: a ping to oneself, which the room passes on. Whatever else it answers, it knows the user. */
static void self_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    char *group = argument;
    tm_room *room = tm_room_find(x, group);
    const char *why = tm_stanza_error(answer);
    if (room) {
        room->asking = false;
        tm_room_heard(room);
        bool out = !answer || strcmp(why, "not-acceptable") == 0 || strcmp(why, "item-not-found") == 0 ||
                   strncmp(why, "remote-server-", 14) == 0;
        if (!out) room->failures = 0;
        if (room->in && out && tm_link_is_up(x->link)) tm_room_reenter(x, room);
    }
    tm_free(group);
}

static void ask_self(tm_xmpp *x, tm_room *room)
{
    tm_stanza iq;
    char *group = tm_strdup(room->group), *to = group ? tm_format("%s/%s", room->jid, room->nick) : NULL;
    if (!to) {
        tm_free(group);
        tm_room_heard(room);
        return;
    }
    room->asking = true;
    tm_xmpp_iq(x, &iq, "get", to);
    tm_free(to);
    tm_stanza_add(&iq, NULL, "ping", TM_NS_PING, NULL);
    tm_xmpp_ask(x, &iq, self_answered, group);
}

/* When its answer is waited for no more: the room, or its node, may have died with the question. 0: none is. */
static uint64_t given_up(const tm_room *room)
{
    bool waits = room->entering && room->entered_at;
    uint64_t last = room->heard_at > room->entered_at ? room->heard_at : room->entered_at;
    return waits ? last + grown(room, FIRST_ENTER_MS, LONGEST_ENTER_MS) : 0;
}

void tm_rooms_run(tm_xmpp *x)
{
    uint64_t now = tm_clock_ms();
    for (tm_room *room = x->first_room; room; room = room->next) {
        uint64_t given_up_at = given_up(room);
        if (given_up_at && given_up_at <= now) tm_room_try_again(room);
        if (room->retry_at && room->retry_at <= now) tm_room_enter(x, room);
        if (room->in && !room->asking && room->heard_at + SILENCE_MS <= now) ask_self(x, room);
        if (room->in && room->powers_changed) tm_room_ask_powers(x, room);
        if (room->in) tm_member_run(x, room);
    }
}

uint64_t tm_rooms_deadline(tm_xmpp *x)
{
    uint64_t first = 0;
    if (!x->welcome) return 0;
    for (const tm_room *room = x->first_room; room; room = room->next) {
        uint64_t ask_at = room->in && !room->asking ? room->heard_at + SILENCE_MS : 0;
        if (room->retry_at && (!first || room->retry_at < first)) first = room->retry_at;
        if (ask_at && (!first || ask_at < first)) first = ask_at;
        uint64_t given_up_at = given_up(room);
        if (given_up_at && (!first || given_up_at < first)) first = given_up_at;
        uint64_t change_at = room->in ? tm_member_deadline(room) : 0;
        if (change_at && (!first || change_at < first)) first = change_at;
    }
    return first;
}

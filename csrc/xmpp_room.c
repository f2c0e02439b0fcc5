/* XMPP room: the rooms of the user's groups: entering them, and who is in them. See xmpp_session.h.
 *
 * A nick says nothing of who somebody is: users are known by the JID that the room itself puts into their
 * presence (rooms here are not anonymous), and by its lists of members. */
#include "xmpp_archive.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE_MS 1000
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

static uint64_t microseconds(uint64_t seconds)
{
    return seconds < UINT64_MAX / 1000000 ? seconds * 1000000 : 0;
}

/* ---- rooms ---- */

tm_room *tm_room_find(tm_xmpp *x, const char *group)
{
    for (tm_room *room = x->first_room; room; room = room->next)
        if (strcmp(room->group, group) == 0) return room;
    return NULL;
}

tm_room *tm_room_of_jid(tm_xmpp *x, const char *jid)
{
    for (tm_room *room = x->first_room; room; room = room->next)
        if (tm_jid_same_bare(room->jid, jid)) return room;
    return NULL;
}

tm_room *tm_room_make(tm_xmpp *x, const char *group)
{
    tm_room *room = tm_room_find(x, group);
    if (room) return room;
    room = tm_calloc(1, sizeof *room);
    if (!room) return NULL;
    snprintf(room->group, sizeof room->group, "%s", group);
    room->jid = tm_jid_of(group, x->rooms ? x->rooms : "");
    room->nick = tm_strdup(x->localpart);
    if (!room->jid || !room->nick) {
        tm_free(room->jid);
        tm_free(room->nick);
        tm_free(room);
        return NULL;
    }
    room->next = x->first_room;
    x->first_room = room;
    return room;
}

static void heard(tm_room *room)
{
    room->heard_at = tm_clock_ms();
}

static void forget_occupants(tm_room *room)
{
    while (room->occupants) {
        tm_occupant *of = room->occupants;
        room->occupants = of->next;
        tm_free(of->nick);
        tm_free(of);
    }
}

static void free_room(tm_room *room)
{
    forget_occupants(room);
    tm_member_forget_notes(room);
    tm_archive_close(room->archive);
    tm_free(room->jid);
    tm_free(room->nick);
    tm_free(room->title);
    tm_free(room);
}

void tm_room_drop(tm_xmpp *x, tm_room *room)
{
    for (tm_room **at = &x->first_room; *at; at = &(*at)->next)
        if (*at == room) {
            *at = room->next;
            free_room(room);
            return;
        }
}

void tm_rooms_free(tm_xmpp *x)
{
    while (x->first_room) {
        tm_room *room = x->first_room;
        x->first_room = room->next;
        if (room->archive) room->archive->busy = false; /* no page comes any more */
        free_room(room);
    }
}

/* ---- who is what ---- */

tm_standing tm_standing_read(const char *affiliation)
{
    if (strcmp(affiliation, "owner") == 0) return TM_STANDING_OWNER;
    if (strcmp(affiliation, "admin") == 0) return TM_STANDING_ADMIN;
    return strcmp(affiliation, "member") == 0 ? TM_STANDING_MEMBER : TM_STANDING_NONE;
}

tm_standing tm_room_standing(const tm_room *room, const char *user)
{
    for (const tm_occupant *of = room->occupants; of; of = of->next)
        if (strcmp(of->user, user) == 0) return of->standing;
    return TM_STANDING_NONE;
}

static tm_occupant *add_occupant(tm_room *room, const char *user)
{
    tm_occupant *of = tm_calloc(1, sizeof *of);
    if (!of) return NULL;
    snprintf(of->user, sizeof of->user, "%s", user);
    of->next = room->occupants;
    room->occupants = of;
    return of;
}

void tm_room_note(tm_room *room, const char *user, tm_standing standing)
{
    bool found = false;
    for (tm_occupant *of = room->occupants; of; of = of->next)
        if (strcmp(of->user, user) == 0) {
            of->standing = standing;
            found = true;
        }
    tm_occupant *of = found ? NULL : add_occupant(room, user);
    if (of) of->standing = standing;
}

static tm_occupant *find_nick(tm_room *room, const char *nick)
{
    for (tm_occupant *of = room->occupants; of; of = of->next)
        if (of->nick && strcmp(of->nick, nick) == 0) return of;
    return NULL;
}

/* Who comes under a nick: an entry that names him already, if nobody else is behind it. NULL: memory. */
static tm_occupant *take_in(tm_room *room, const char *user, const char *nick)
{
    tm_occupant *of = room->occupants;
    while (of && (of->nick || strcmp(of->user, user) != 0))
        of = of->next;
    if (!of) of = add_occupant(room, user);
    if (of) of->nick = tm_strdup(nick);
    return of && of->nick ? of : NULL;
}

/* The nick has gone. One entry of a user is kept if he is a member: what he may do is known by it. */
static void let_out(tm_room *room, tm_occupant *of, tm_standing standing)
{
    bool is_needed = standing != TM_STANDING_NONE;
    for (const tm_occupant *other = room->occupants; other && is_needed; other = other->next)
        is_needed = other == of || strcmp(other->user, of->user) != 0;
    tm_free(of->nick);
    of->nick = NULL;
    of->standing = standing;
    for (tm_occupant **at = &room->occupants; *at && !is_needed; at = &(*at)->next)
        if (*at == of) {
            *at = of->next;
            tm_free(of);
            return;
        }
}

bool tm_rooms_may_revoke(tm_xmpp *x, const tm_item *item)
{
    tm_room *room = tm_room_find(x, item->conv_id);
    return item->may_revoke || (room && tm_room_standing(room, item->actor) >= TM_STANDING_ADMIN);
}

bool tm_group_may_revoke(tm_xmpp *x, const char *group)
{
    tm_room *room = tm_room_find(x, group);
    return room && room->own >= TM_STANDING_ADMIN;
}

/* A list of those of one standing, which the room was asked for. */
static void list_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    (void)argument;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_MUC_ADMIN);
    const char *from = answer ? xmpp_stanza_get_from(answer) : NULL;
    tm_room *room = from ? tm_room_of_jid(x, from) : NULL;
    for (xmpp_stanza_t *at = room && query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        char user[TM_MAX_USER_ID + 1];
        if (tm_jid_id(tm_stanza_attribute(at, "jid"), x->address.domain, TM_MAX_USER_ID, user))
            tm_room_note(room, user, tm_standing_read(tm_stanza_attribute(at, "affiliation")));
    }
}

static void ask_powers(tm_xmpp *x, tm_room *room)
{
    static const char *const lists[] = {"owner", "admin"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        tm_stanza iq;
        tm_xmpp_iq(x, &iq, "get", room->jid);
        xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_ADMIN, NULL);
        tm_stanza_set(&iq, tm_stanza_add(&iq, query, "item", NULL, NULL), "affiliation", lists[i]);
        tm_xmpp_ask(x, &iq, list_answered, NULL);
    }
}

/* ---- coming and going of the user ---- */

/* Within a transaction. */
static int32_t note_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err)
{
    int32_t code = tm_mirror_set_group(x->mirror, group, member, joined, err);
    if (!code && !member) code = tm_mirror_drop_archive(x->mirror, group, err);
    tm_room *room = member && !code ? tm_room_find(x, group) : NULL;
    uint64_t time = joined ? joined : tm_clock_seconds();
    if (room && *room->born) code = tm_mirror_note_born(x->mirror, group, room->born, err);
    if (room && room->since && !code) {
        code = tm_mirror_note_since(x->mirror, group, room->since, room->last, err);
        time = room->since / 1000000; /* not by a clock of this machine, or of the user's other one */
        room->since = 0;
    }
    return code ? code : tm_mirror_add_membership(x->mirror, group, member, time, err);
}

static int32_t store_membership(tm_xmpp *x, const char *group, bool member, uint64_t joined, tm_error *err)
{
    int32_t code = tm_mirror_begin(x->mirror, err);
    if (!code) code = note_membership(x, group, member, joined, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code) tm_mirror_rollback(x->mirror);
    return code;
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
        room->archive = tm_archive_open(x, group, start, &err);
        if (room->archive)
            tm_archive_rewind(x, room->archive);
        else
            tm_link_drop(x->link, err.text);
    }
}

int32_t tm_room_begin(tm_xmpp *x, const char *group, uint64_t joined, uint64_t start, tm_error *err)
{
    int32_t code = store_membership(x, group, true, joined, err);
    if (!code) enter_as_member(x, group, start);
    return code;
}

int32_t tm_room_end(tm_xmpp *x, const char *group, tm_error *err)
{
    tm_room *room = tm_room_find(x, group);
    if (room) tm_room_drop(x, room);
    if (!tm_mirror_in_group(x->mirror, group, NULL)) return 0;
    int32_t code = store_membership(x, group, false, 0, err);
    if (code)
        tm_link_drop(x->link, err->text);
    else
        tm_xmpp_ring(x);
    return code;
}

/* `first`, doubled with each failure so far. */
static uint32_t grown(const tm_room *room, uint32_t first, uint32_t longest)
{
    uint32_t pause = first;
    for (int i = 0; i < room->failures && pause < longest; i++)
        pause *= 2;
    return pause < longest ? pause : longest;
}

static void try_again(tm_room *room)
{
    uint32_t pause = grown(room, FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    room->failures++;
    room->entering = room->in = false;
    room->entered_at = 0;
    room->retry_at = tm_clock_ms() + pause;
}

/* The task that waits to be let into the room, if there is one. */
static tm_task *waiting_task(tm_xmpp *x, tm_room *room)
{
    tm_task *task = room->task ? tm_xmpp_find(x, (void *)(uintptr_t)room->task) : NULL;
    room->task = 0;
    return task;
}

static void send_presence(tm_xmpp *x, tm_room *room, bool leave)
{
    tm_stanza presence;
    char *to = tm_format("%s/%s", room->jid, room->nick);
    if (!to) {
        room->retry_at = leave ? 0 : tm_clock_ms() + FIRST_PAUSE_MS;
        return;
    }
    tm_stanza_begin(&presence, tm_link_ctx(x->link), "presence", to, leave ? "unavailable" : NULL, NULL);
    if (!leave) {
        xmpp_stanza_t *muc = tm_stanza_add(&presence, NULL, "x", TM_NS_MUC, NULL);
        tm_stanza_set(&presence, tm_stanza_add(&presence, muc, "history", NULL, NULL), "maxstanzas", "0");
    }
    room->entering = room->present = !leave;
    room->entered_at = tm_clock_ms();
    tm_link_send(x->link, tm_stanza_finish(&presence));
    tm_free(to);
}

void tm_room_leave(tm_xmpp *x, tm_room *room)
{
    if (room->present && tm_link_is_up(x->link)) send_presence(x, room, true);
}

void tm_room_destroy(tm_xmpp *x, const char *jid, tm_link_answer answer, void *argument)
{
    tm_stanza iq;
    tm_xmpp_iq(x, &iq, "set", jid);
    xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    tm_stanza_add(&iq, query, "destroy", NULL, NULL);
    tm_xmpp_ask(x, &iq, answer, argument);
}

/* It turned out that the user is in a group no more. */
void tm_room_found_out(tm_xmpp *x, tm_room *room)
{
    tm_error err = {0};
    char group[TM_MAX_GROUP_ID + 1];
    snprintf(group, sizeof group, "%s", room->group);
    bool member = tm_mirror_in_group(x->mirror, group, NULL);
    tm_room_leave(x, room);
    tm_room_end(x, group, &err);
    if (member) tm_bookmark_set(x, group, false, 0);
}

/* What the user was invited into at `stamp` (microseconds); `born` "": it is not known which group of that id. */
static void follow_invitation(tm_xmpp *x, const char *group, uint64_t stamp, const char *born)
{
    tm_error err = {0};
    if (tm_room_begin(x, group, stamp / 1000000, stamp, &err) ||
        (*born && tm_mirror_note_born(x->mirror, group, born, &err)))
        tm_link_drop(x->link, err.text);
    /* whether it still holds shows when the room is entered: that ends it again if it does not */
    tm_bookmark_set(x, group, true, stamp / 1000000);
}

void tm_room_put_out(tm_xmpp *x, tm_room *room, uint64_t out_at)
{
    char group[TM_MAX_GROUP_ID + 1], born[TM_LINK_ID];
    uint64_t invited = room->invited;
    snprintf(group, sizeof group, "%s", room->group);
    snprintf(born, sizeof born, "%s", room->invited_to);
    tm_room_found_out(x, room);
    /* the invitation back was read first: it is in another archive */
    if (invited && invited >= out_at) follow_invitation(x, group, invited, born);
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
        try_again(room);
    } else if (gone) {
        tm_task *task = waiting_task(x, room);
        if (task) tm_group_refused(x, task, answer);
        if ((room = tm_room_find(x, group))) tm_room_found_out(x, room);
    } else {
        sameness what = compare_group(x, room, answer);
        if (what == GROUP_ANOTHER && *room->invited_to && strcmp(room->invited_to, room->born) != 0)
            room->invited = 0; /* into the old one */
        if (what == GROUP_ANOTHER)
            tm_room_put_out(x, room, 0);
        else if (what == GROUP_UNCLEAR)
            try_again(room);
        else
            send_presence(x, room, false);
    }
    tm_free(group);
}

void tm_room_enter(tm_xmpp *x, tm_room *room)
{
    room->retry_at = 0;
    if (room->entering || !x->welcome) return;
    if (room->may_create) {
        send_presence(x, room, false);
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
    forget_occupants(room);
    tm_archive_lost(room->archive);
    tm_room_enter(x, room);
}

void tm_room_retry(tm_room *room)
{
    if (room->entering) return;
    forget_occupants(room);
    tm_archive_lost(room->archive);
    try_again(room);
}

void tm_room_ended(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)argument;
    if (answer && *tm_stanza_error(answer))
        tm_xmpp_log(owner, kTIMLog_Warn, "a room that is no group was not ended: %s",
                    tm_stanza_error(answer));
}

static void enter_group(void *argument, const char *group, uint64_t joined)
{
    (void)joined;
    tm_room *room = tm_room_make(argument, group);
    if (room) room->retry_at = 1; /* entered by tm_rooms_run: the mirror is being read here */
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

void tm_rooms_lost(tm_xmpp *x)
{
    x->bookmarked = false;
    for (tm_room *room = x->first_room; room; room = room->next) {
        room->in = room->entering = room->present = room->asking = false;
        room->may_create = false;
        room->retry_at = 0;
        room->failures = 0;
        forget_occupants(room);
        tm_archive_lost(room->archive);
    }
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
        heard(room);
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
        heard(room);
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
        if (given_up_at && given_up_at <= now) try_again(room);
        if (room->retry_at && room->retry_at <= now) tm_room_enter(x, room);
        if (room->in && !room->asking && room->heard_at + SILENCE_MS <= now) ask_self(x, room);
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
    }
    return first;
}

/* ---- presence ---- */

static bool has_status(xmpp_stanza_t *muc, const char *code)
{
    for (xmpp_stanza_t *at = muc ? xmpp_stanza_get_children(muc) : NULL; at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at);
        if (name && strcmp(name, "status") == 0 && strcmp(tm_stanza_attribute(at, "code"), code) == 0)
            return true;
    }
    return false;
}

static void entered(tm_xmpp *x, tm_room *room, bool created)
{
    tm_error err = {0};
    bool wanted = room->may_create;
    tm_task *task = waiting_task(x, room);
    room->entering = false;
    room->in = room->present = true;
    room->may_create = false;
    room->retry_at = 0;
    /* somebody deleted it between the question and the answer, or nobody waits for it any more */
    if (created && !(wanted && task)) {
        tm_room_destroy(x, room->jid, tm_room_ended, NULL);
        room->in = room->present = false; /* it ends: there is nothing to leave */
        if (task) tm_xmpp_fail(x, task, ERR_SVR_GROUP_NOT_FOUND, "the group was deleted just now");
        tm_room_found_out(x, room);
        return;
    }
    if (task) {
        tm_group_entered(x, task, room, created);
        return;
    }
    uint64_t joined = 0;
    if (!tm_mirror_in_group(x->mirror, room->group, &joined)) { /* whoever wanted it does so no more */
        tm_room_leave(x, room);
        tm_room_drop(x, room);
        return;
    }
    uint64_t since = tm_mirror_since(x->mirror, room->group, NULL);
    if (!room->start && !(x->is_new && x->login)) room->start = since ? since : microseconds(joined);
    if (!room->archive) room->archive = tm_archive_open(x, room->group, room->start, &err);
    tm_archive_rewind(x, room->archive);
    ask_powers(x, room);
}

/* The user was put out, or the room is no more. */
static void put_out(tm_xmpp *x, tm_room *room, xmpp_stanza_t *muc)
{
    room->present = false;
    if (room->leaving) return;
    bool ended = has_status(muc, "301") || has_status(muc, "321") || has_status(muc, "322") ||
                 tm_stanza_child(muc, "destroy", NULL);
    if (ended)
        tm_room_found_out(x, room);
    else
        try_again(room); /* kicked, or the service shuts down */
}

static void refused(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    const char *why = tm_stanza_error(stanza);
    room->entering = room->present = false;
    if (strcmp(why, "conflict") == 0) { /* somebody else has this nick */
        char id[TM_LINK_ID];
        tm_link_make_id(id);
        char *nick = tm_format("%s %.6s", x->localpart, id);
        if (nick) {
            tm_free(room->nick);
            room->nick = nick;
        }
        send_presence(x, room, false);
        return;
    }
    tm_task *task = waiting_task(x, room);
    if (task) {
        tm_group_refused(x, task, stanza);
        return;
    }
    if (strcmp(why, "registration-required") == 0 || strcmp(why, "forbidden") == 0 ||
        strcmp(why, "item-not-found") == 0 || strcmp(why, "not-allowed") == 0 || strcmp(why, "gone") == 0)
        tm_room_found_out(x, room);
    else
        try_again(room);
}

/* What a presence says of a user's place in the list. Who has joined an open room is no member of it yet: that he is
 * none is news only if he was one. */
static void note_listed(tm_room *room, const char *user, tm_standing standing)
{
    bool was_member = tm_room_standing(room, user) != TM_STANDING_NONE;
    if (was_member && standing == TM_STANDING_NONE) tm_member_changed(room, user, false);
    tm_room_note(room, user, standing);
}

/* How many elements there are in an element; -1: one of another name than those too. */
static int count_only(xmpp_stanza_t *in, const char *name, const char *other)
{
    int count = 0;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(in); at; at = xmpp_stanza_get_next(at)) {
        const char *own = xmpp_stanza_get_name(at);
        if (own && strcmp(own, name) != 0 && strcmp(own, other) != 0) return -1;
        count += own != NULL;
    }
    return count;
}

void tm_rooms_notice(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    char user[TM_MAX_USER_ID + 1];
    xmpp_stanza_t *muc = tm_stanza_child(stanza, "x", TM_NS_MUC_USER),
                  *item = tm_stanza_child(muc, "item", NULL);
    const char *affiliation = tm_stanza_attribute(item, "affiliation");
    /* rooms hand on invitations and what is said to them, with whatever else a user has put in: there is more in those */
    if (!*affiliation || count_only(stanza, "x", "x") != 1 || count_only(muc, "item", "status") < 1 ||
        !tm_jid_id(tm_stanza_attribute(item, "jid"), x->address.domain, TM_MAX_USER_ID, user))
        return;
    tm_standing standing = tm_standing_read(affiliation);
    if (standing > TM_STANDING_MEMBER) return; /* of powers, presences and the room's lists say more surely */
    tm_member_changed(room, user, standing != TM_STANDING_NONE);
    tm_room_note(room, user, standing);
}

void tm_rooms_presence(tm_xmpp *x, xmpp_stanza_t *stanza)
{
    const char *from = xmpp_stanza_get_from(stanza), *type = xmpp_stanza_get_type(stanza);
    tm_room *room = from ? tm_room_of_jid(x, from) : NULL;
    if (!room) return;
    heard(room);
    const char *nick = tm_jid_resource(from);
    if (type && strcmp(type, "error") == 0) {
        /* under another nick it is no word of the room */
        if (room->entering && (!*nick || strcmp(nick, room->nick) == 0)) refused(x, room, stanza);
        return;
    }
    xmpp_stanza_t *muc = tm_stanza_child(stanza, "x", TM_NS_MUC_USER),
                  *item = tm_stanza_child(muc, "item", NULL);
    if (!*nick || !item) return;
    bool gone = type && strcmp(type, "unavailable") == 0;
    /* not every room marks the last one as the user's own */
    bool self = has_status(muc, "110") || (gone && strcmp(nick, room->nick) == 0);
    char user[TM_MAX_USER_ID + 1];
    tm_occupant *of = find_nick(room, nick);
    tm_standing standing = tm_standing_read(tm_stanza_attribute(item, "affiliation"));
    if (!gone && tm_jid_id(tm_stanza_attribute(item, "jid"), x->address.domain, TM_MAX_USER_ID, user)) {
        if (!of) of = take_in(room, user, nick);
        if (of) snprintf(of->user, sizeof of->user, "%s", user);
        note_listed(room, user, standing);
    } else if (gone && of) {
        bool put_out = has_status(muc, "301") || has_status(muc, "321") || has_status(muc, "322");
        if (put_out) tm_member_changed(room, of->user, false);
        note_listed(room, of->user, standing);
        let_out(room, of, standing);
    }
    if (!self) return;
    if (!gone) room->own = standing;
    if (gone)
        put_out(x, room, muc);
    else if (room->entering || !room->in) /* it may come late */
        entered(x, room, has_status(muc, "201"));
}

/* ---- messages ---- */

void tm_rooms_message(tm_xmpp *x, tm_room *room, xmpp_stanza_t *stanza)
{
    const char *from = xmpp_stanza_get_from(stanza), *archive_id = "";
    heard(room);
    if (tm_stanza_child(stanza, "no-store", TM_NS_HINTS)) {
        const tm_occupant *of = find_nick(room, tm_jid_resource(from));
        if (of && strcmp(of->user, x->user) != 0)
            tm_online_take(x, stanza, kTIMConv_Group, room->group, of->user);
        return;
    }
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(stanza); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (name && ns && strcmp(name, "stanza-id") == 0 && strcmp(ns, TM_NS_SID) == 0 &&
            strcmp(tm_stanza_attribute(at, "by"), room->jid) == 0)
            archive_id = tm_stanza_attribute(at, "id");
    }
    tm_archive_ring(x, room->archive, archive_id);
}

int32_t tm_rooms_keep_invitation(tm_xmpp *x, tm_item *item, tm_error *err)
{
    tm_room *room = tm_room_find(x, item->conv_id);
    const char *born = item->target ? item->target : "";
    if (!x->welcome || tm_mirror_in_group(x->mirror, item->conv_id, NULL) || (room && room->may_create))
        return 0;
    item->leads_in = true;
    int32_t code = note_membership(x, item->conv_id, true, item->stamp / 1000000, err);
    if (!code && *born) code = tm_mirror_note_born(x->mirror, item->conv_id, born, err);
    return code;
}

void tm_rooms_invited(tm_xmpp *x, const tm_item *item)
{
    if (!x->welcome) return;
    tm_room *room = tm_room_find(x, item->conv_id);
    if (item->leads_in) {
        enter_as_member(x, item->conv_id, item->stamp);
        /* whether it still holds shows when the room is entered: that ends it again if it does not */
        tm_bookmark_set(x, item->conv_id, true, item->stamp / 1000000);
    } else if (room && tm_mirror_in_group(x->mirror, item->conv_id, NULL)) {
        room->invited = item->stamp;
        snprintf(room->invited_to, sizeof room->invited_to, "%s", item->target ? item->target : "");
    }
}

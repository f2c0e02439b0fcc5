/* XMPP member: who is in a group: coming, going, roles (rule 42). See xmpp_session.h.
 *
 * A room lists its owner, admins and members. Only the owner and admins can change that list, not even a user his own
 * place in it: who joins or quits says so in the room (GroupTips), and the sessions of the owner and admins put the
 * list in order. Until then everybody reads the list together with what was said. */
#include "xmpp_session.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* What anybody may say in a group makes its owner's client work. So it believes of one tip as many names as a call can
 * give, of one plain member as many in an hour, makes a few changes at a time, and remembers no more than that many. */
#define NAMES_PER_TIP 500
#define NAMES_PER_HOUR 500
#define CHANGES_AT_A_TIME 4
#define MAX_NOTES 4000

/* What was said last of a user. */
enum { NOTE_CAME = 1, NOTE_WENT, NOTE_BROUGHT, NOTE_REMOVED };

/* What a task about members keeps between its steps. */
typedef struct member_state {
    char group[TM_MAX_GROUP_ID + 1];
    cJSON *members; /* object: user -> tm_standing, in the order of the room's lists; owned */
    int lists;      /* lists that are to come */
    bool partial;   /* the room does not show all of them to everybody */
    void (*listed)(tm_xmpp *x, tm_task *task);
    cJSON *names, *roles, *results,
        *changed; /* whom the call is about, how it went, whom it changed; owned */
    int at;
    tm_member_added added;
    void *before; /* the state and its drop of the task before; given back at the end */
    void (*drop_before)(tm_task *task);
} member_state;

static void drop_state(tm_task *task)
{
    member_state *of = task->state;
    if (!of) return;
    task->state = of->before;
    if (of->before && of->drop_before) of->drop_before(task);
    cJSON_Delete(of->members);
    cJSON_Delete(of->names);
    cJSON_Delete(of->roles);
    cJSON_Delete(of->results);
    cJSON_Delete(of->changed);
    tm_free(of);
    task->state = NULL;
}

static void *number_of(const tm_task *task)
{
    return (void *)(uintptr_t)task->number;
}

static void fail_memory(tm_xmpp *x, tm_task *task)
{
    tm_xmpp_fail(x, task, ERR_OUT_OF_MEMORY, "out of memory");
}

static member_state *make_state(tm_xmpp *x, tm_task *task, const char *group)
{
    member_state *of = tm_calloc(1, sizeof *of);
    if (!of) {
        fail_memory(x, task);
        return NULL;
    }
    snprintf(of->group, sizeof of->group, "%s", group);
    of->before = task->state;
    of->drop_before = task->drop;
    task->state = of;
    task->drop = drop_state;
    of->members = cJSON_CreateObject();
    of->results = cJSON_CreateArray();
    of->changed = cJSON_CreateArray();
    if (of->members && of->results && of->changed) return of;
    fail_memory(x, task);
    return NULL;
}

/* ---- the room's lists ---- */

static tm_standing standing_in(const cJSON *members, const char *user)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(members, user);
    return found ? (tm_standing)found->valueint : TM_STANDING_NONE;
}

static void set_standing(cJSON *members, const char *user, tm_standing standing)
{
    cJSON_DeleteItemFromObjectCaseSensitive(members, user);
    if (standing != TM_STANDING_NONE) cJSON_AddNumberToObject(members, user, (double)standing);
}

/* What was said of coming and going, and is not in the lists yet. */
static void apply_notes(const tm_room *room, cJSON *members, bool partial)
{
    const cJSON *note;
    cJSON_ArrayForEach(note, room->notes)
    {
        tm_standing listed = standing_in(members, note->string);
        bool came = note->valueint == NOTE_CAME || note->valueint == NOTE_BROUGHT;
        bool went = note->valueint == NOTE_WENT || (partial && note->valueint == NOTE_REMOVED);
        if (came && listed == TM_STANDING_NONE)
            set_standing(members, note->string, TM_STANDING_MEMBER);
        else if (went && listed < TM_STANDING_OWNER)
            set_standing(members, note->string, TM_STANDING_NONE);
    }
}

/* Where a room keeps lists from plain members, who is there shows some of it. */
static void add_occupants(const tm_room *room, cJSON *members)
{
    for (const tm_occupant *of = room->occupants; of; of = of->next)
        if (of->standing != TM_STANDING_NONE) set_standing(members, of->user, of->standing);
}

static void list_came(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    member_state *of = task->state;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_MUC_ADMIN);
    if (!answer || (!query && strcmp(tm_stanza_error(answer), "forbidden") != 0)) {
        tm_xmpp_error(x, answer, &err);
        tm_xmpp_fail(x, task, err.code, err.text);
        return;
    }
    of->partial |= !query;
    for (xmpp_stanza_t *at = query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        char user[TM_MAX_USER_ID + 1];
        if (tm_jid_id(tm_stanza_attribute(at, "jid"), x->address.domain, TM_MAX_USER_ID, user))
            set_standing(of->members, user, tm_standing_read(tm_stanza_attribute(at, "affiliation")));
    }
    if (--of->lists) return;
    tm_room *room = tm_room_find(x, of->group);
    if (room && of->partial) add_occupants(room, of->members);
    if (room) apply_notes(room, of->members, of->partial);
    of->listed(x, task);
}

static void ask_lists(tm_xmpp *x, tm_task *task, void (*listed)(tm_xmpp *x, tm_task *task))
{
    static const char *const lists[] = {"owner", "admin", "member"};
    member_state *of = task->state;
    char *jid = tm_jid_of(of->group, x->rooms);
    void *number = number_of(task);
    of->listed = listed;
    of->lists = 3;
    for (int i = 0; i < 3; i++) {
        tm_stanza iq;
        tm_xmpp_iq(x, &iq, "get", jid ? jid : "");
        xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_ADMIN, NULL);
        tm_stanza_set(&iq, tm_stanza_add(&iq, query, "item", NULL, NULL), "affiliation", lists[i]);
        tm_xmpp_ask(x, &iq, list_came, number); /* may end the task */
    }
    tm_free(jid);
}

/* Puts a user into a list of the room, or out of all ("none"). */
static void set_affiliation(tm_xmpp *x, const char *group, const char *user, const char *affiliation,
                            tm_link_answer answer, void *argument)
{
    tm_stanza iq;
    char *jid = tm_jid_of(group, x->rooms), *who = tm_jid_of(user, x->address.domain);
    tm_xmpp_iq(x, &iq, "set", jid ? jid : "");
    xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_ADMIN, NULL);
    xmpp_stanza_t *item = tm_stanza_add(&iq, query, "item", NULL, NULL);
    tm_stanza_set(&iq, item, "affiliation", affiliation);
    tm_stanza_set(&iq, item, "jid", who ? who : "");
    tm_free(jid);
    tm_free(who);
    tm_xmpp_ask(x, &iq, answer, argument);
}

static void nothing(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)owner;
    (void)argument;
    (void)answer;
}

/* ---- saying it ---- */

int tm_member_count(const tm_room *room, const cJSON *users, bool gone)
{
    const cJSON *user, *note;
    cJSON *seen = cJSON_CreateObject();
    for (const tm_occupant *of = room ? room->occupants : NULL; of; of = of->next)
        if (of->standing != TM_STANDING_NONE || of->nick) set_standing(seen, of->user, TM_STANDING_MEMBER);
    const cJSON *notes = room ? room->notes : NULL;
    cJSON_ArrayForEach(note, notes)
    {
        bool in = note->valueint == NOTE_CAME || note->valueint == NOTE_BROUGHT;
        set_standing(seen, note->string, in ? TM_STANDING_MEMBER : TM_STANDING_NONE);
    }
    cJSON_ArrayForEach(user, users)
    {
        set_standing(seen, user->valuestring, gone ? TM_STANDING_NONE : TM_STANDING_MEMBER);
    }
    int count = cJSON_GetArraySize(seen);
    cJSON_Delete(seen);
    return count;
}

void tm_member_tell(tm_xmpp *x, const char *group, int tip, const cJSON *users,
                    void (*done)(tm_xmpp *x, tm_task *tips), void *argument)
{
    const tm_room *room = tm_room_find(x, group);
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    char *text = NULL;
    bool ok =
        elems && tm_json_add_int(elem, kTIMElemType, kTIMElem_GroupTips) &&
        tm_json_add_int(elem, kTIMGroupTipsElemTipType, tip) &&
        tm_json_add_string(elem, kTIMGroupTipsElemOpUser, x->user) &&
        tm_json_add_string(elem, kTIMGroupTipsElemGroupId, group) &&
        tm_json_add_string(elem, kTIMGroupTipsElemGroupName, room && room->title ? room->title : group) &&
        tm_json_add_uint(elem, kTIMGroupTipsElemTime, tm_clock_seconds()) &&
        tm_json_add_item(elem, kTIMGroupTipsElemUserArray, cJSON_Duplicate(users, true)) &&
        tm_json_add_int(elem, kTIMGroupTipsElemMemberNum,
                        tm_member_count(room, users, tip != TM_TIP_JOINED)) &&
        tm_json_add_item(elem, kTIMGroupTipsElemGroupChangeInfoArray, cJSON_CreateArray()) &&
        tm_json_add_item(elem, kTIMGroupTipsElemMemberChangeInfoArray, cJSON_CreateArray());
    if (ok) {
        ok = tm_json_append(elems, elem);
        elem = NULL;
    }
    if (ok) text = tm_json_print(elems);
    cJSON_Delete(elem);
    cJSON_Delete(elems);
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
    bool in = noted && (noted->valueint == NOTE_CAME || noted->valueint == NOTE_BROUGHT);
    if (noted && in != listed) cJSON_DeleteItemFromObjectCaseSensitive(room->notes, user);
}

void tm_member_forget_notes(tm_room *room)
{
    cJSON_Delete(room->notes);
    cJSON_Delete(room->changes);
    cJSON_Delete(room->askers);
    room->notes = room->changes = room->askers = NULL;
}

/* The archive may say what the actor was then, the room what he is now. */
static bool has_powers(const tm_room *room, const tm_item *item)
{
    return item->may_revoke || tm_room_standing(room, item->actor) >= TM_STANDING_ADMIN;
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
        if (tip == TM_TIP_REMOVED && has_powers(room, item)) turn = -1;
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

static void is_in_order(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_room *room = tm_room_find(owner, argument);
    (void)answer; /* the room has said what may be done; nobody waits for it */
    if (room && room->changing) room->changing--;
    tm_free(argument);
}

void tm_member_run(tm_xmpp *x, tm_room *room)
{
    while (room->changes && room->changes->child && room->changing < CHANGES_AT_A_TIME &&
           tm_link_is_up(x->link)) {
        char *group = tm_strdup(room->group);
        if (!group) return;
        cJSON *change = cJSON_DetachItemViaPointer(room->changes, room->changes->child);
        room->changing++;
        set_affiliation(x, room->group, change->string, change->valuestring, is_in_order, group);
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
    bool himself = strcmp(user, item->actor) == 0, strong = has_powers(room, item);
    bool powerful = room->own >= TM_STANDING_ADMIN && strcmp(user, x->user) != 0;
    bool is_new = tm_room_standing(room, user) == TM_STANDING_NONE;
    bool is_full = room->max && is_new && *count >= room->max;
    if (tip == TM_TIP_JOINED && himself) {
        note(room, user, NOTE_CAME);
        if (powerful && is_new && !is_full) put_in_order(room, user, "member");
        *count += is_new;
    } else if (tip == TM_TIP_QUIT && himself) {
        note(room, user, NOTE_WENT);
        if (powerful && tm_room_standing(room, user) < TM_STANDING_OWNER) put_in_order(room, user, "none");
        tm_room_note(room, user, TM_STANDING_NONE);
    } else if (tip == TM_TIP_JOINED && (strong || (!is_full && may_bring(room, item)))) {
        /* an open room makes nobody a member whom a plain member invites. Who has powers has done it himself, before
         * he said so: he may have undone it since */
        note(room, user, NOTE_BROUGHT);
        if (powerful && is_new && !item->is_self && !strong) put_in_order(room, user, "member");
        *count += is_new;
    } else if (tip == TM_TIP_REMOVED && strong) {
        note(room, user, NOTE_REMOVED);
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

/* ---- adding ---- */

static void add_next(tm_xmpp *x, tm_task *task);

static void add_result(tm_xmpp *x, tm_task *task, int result)
{
    member_state *of = task->state;
    if (!tm_json_append(of->results, cJSON_CreateNumber(result))) {
        fail_memory(x, task);
        return;
    }
    of->at++;
    tm_xmpp_progress(x, task);
    add_next(x, task);
}

static const char *name_at(const member_state *of)
{
    return cJSON_GetArrayItem(of->names, of->at)->valuestring;
}

/* The invitation reached the user's archive, or there is no such user. */
static void invited(tm_xmpp *x, tm_task *invitation)
{
    tm_task *task = tm_xmpp_find(x, invitation->argument);
    if (!task) return;
    member_state *of = task->state;
    if (invitation->op.error.code) {
        set_affiliation(x, of->group, name_at(of), "none", nothing, NULL);
        add_result(x, task, kTIMGroupMember_HandledErr);
        return;
    }
    tm_room *room = tm_room_find(x, of->group);
    if (room) tm_room_note(room, name_at(of), TM_STANDING_MEMBER);
    set_standing(of->members, name_at(of), TM_STANDING_MEMBER);
    add_result(x, task, kTIMGroupMember_HandledSuc);
}

static void admitted(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    member_state *of = task->state;
    if (!answer || *tm_stanza_error(answer))
        add_result(x, task, kTIMGroupMember_HandledErr);
    else
        tm_outbox_invite(x, name_at(of), of->group, invited, argument);
}

static void room_invited(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    member_state *of = task->state;
    bool ok = answer && !*tm_stanza_error(answer);
    if (ok) set_standing(of->members, name_at(of), TM_STANDING_MEMBER);
    add_result(x, task, ok ? kTIMGroupMember_HandledSuc : kTIMGroupMember_HandledErr);
}

/* A member without powers asks the room to invite, which makes a member of whom it invites; the question behind that
 * is answered after it. */
static void probed(tm_xmpp *x, tm_task *probe)
{
    tm_stanza message, iq;
    tm_task *task = tm_xmpp_find(x, probe->argument);
    if (!task) return;
    if (probe->op.error.code) {
        add_result(x, task, kTIMGroupMember_HandledErr);
        return;
    }
    member_state *of = task->state;
    char *room = tm_jid_of(of->group, x->rooms), *who = tm_jid_of(name_at(of), x->address.domain);
    tm_stanza_begin(&message, tm_link_ctx(x->link), "message", room, NULL, NULL);
    xmpp_stanza_t *muc = tm_stanza_add(&message, NULL, "x", TM_NS_MUC_USER, NULL);
    tm_stanza_set(&message, tm_stanza_add(&message, muc, "invite", NULL, NULL), "to", who ? who : "");
    tm_link_send(x->link, tm_stanza_finish(&message));
    tm_xmpp_iq(x, &iq, "get", room ? room : "");
    tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_INFO, NULL);
    tm_free(room);
    tm_free(who);
    tm_xmpp_ask(x, &iq, room_invited, probe->argument);
}

static void add_next(tm_xmpp *x, tm_task *task)
{
    member_state *of = task->state;
    const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
    if (!name) {
        tm_member_added added = of->added;
        cJSON *results = of->results;
        of->results = NULL;
        /* the task goes on with what it was before */
        void *before = of->before;
        void (*drop_before)(tm_task *) = of->drop_before;
        of->before = NULL;
        drop_state(task);
        task->state = before;
        task->drop = drop_before;
        added(x, task, results);
        return;
    }
    tm_room *room = tm_room_find(x, of->group);
    if (standing_in(of->members, name->valuestring) != TM_STANDING_NONE) {
        add_result(x, task, kTIMGroupMember_Included);
        return;
    }
    if (room && room->max && cJSON_GetArraySize(of->members) >= room->max) {
        add_result(x, task, kTIMGroupMember_HandledErr);
        return;
    }
    const cJSON *role = cJSON_GetArrayItem(of->roles, of->at);
    bool admin = role && role->valueint == kTIMMemberRole_Admin;
    if (room && room->own >= TM_STANDING_ADMIN)
        set_affiliation(x, of->group, name->valuestring, admin ? "admin" : "member", admitted,
                        number_of(task));
    else
        tm_outbox_probe(x, name->valuestring, probed, number_of(task)); /* a room invites nobodies too */
}

void tm_member_add(tm_xmpp *x, tm_task *task, const cJSON *names, const cJSON *roles, tm_member_added done)
{
    const char *group = task->state; /* every such state begins with the group's id */
    member_state *of = make_state(x, task, group);
    if (!of) return;
    of->names = cJSON_Duplicate(names, true);
    of->roles = cJSON_Duplicate(roles, true);
    of->added = done;
    if (!of->names)
        fail_memory(x, task);
    else if (!of->names->child)
        add_next(x, task);
    else
        ask_lists(x, task, add_next);
}

/* ---- inviting ---- */

static bool append_result(cJSON *results, const char *name_key, const char *name, const char *result_key,
                          int result)
{
    cJSON *entry = cJSON_CreateObject();
    return tm_json_append(results, entry) && tm_json_add_string(entry, name_key, name) &&
           tm_json_add_int(entry, result_key, result);
}

static void invite_done(tm_xmpp *x, tm_task *task, cJSON *results)
{
    const cJSON *names = tm_json_get(task->op.param, kTIMGroupInviteMemberParamIdentifierArray),
                *name = names->child;
    cJSON *added = cJSON_CreateArray(), *result;
    task->op.result = cJSON_CreateArray();
    bool ok = added && task->op.result;
    cJSON_ArrayForEach(result, results)
    {
        ok = ok && append_result(task->op.result, kTIMGroupInviteMemberResultIdentifier, name->valuestring,
                                 kTIMGroupInviteMemberResultResult, result->valueint);
        if (ok && result->valueint == kTIMGroupMember_HandledSuc)
            ok = tm_json_append(added, cJSON_CreateString(name->valuestring));
        name = name->next;
    }
    cJSON_Delete(results);
    if (!ok)
        fail_memory(x, task);
    else if (added->child)
        tm_member_tell(x, (const char *)task->state, TM_TIP_JOINED, added, tm_group_told, number_of(task));
    else
        tm_xmpp_answer(x, task);
    cJSON_Delete(added);
}

/* ---- removing ---- */

static void remove_next(tm_xmpp *x, tm_task *task);

/* An open room keeps whoever is in it: each of the user's devices is shown out. True if there are any; the last
 * answer is for `answer`. */
static bool show_out(tm_xmpp *x, const tm_room *room, const char *user, tm_link_answer answer, void *argument)
{
    int left = 0;
    for (const tm_occupant *of = room->occupants; of; of = of->next)
        left += of->nick && strcmp(of->user, user) == 0;
    bool any = left > 0;
    for (const tm_occupant *of = room->occupants; of && left; of = of->next) {
        if (!of->nick || strcmp(of->user, user) != 0) continue;
        tm_stanza iq;
        left--;
        tm_xmpp_iq(x, &iq, "set", room->jid);
        xmpp_stanza_t *query = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_ADMIN, NULL);
        xmpp_stanza_t *item = tm_stanza_add(&iq, query, "item", NULL, NULL);
        tm_stanza_set(&iq, item, "nick", of->nick);
        tm_stanza_set(&iq, item, "role", "none");
        tm_xmpp_ask(x, &iq, left ? nothing : answer, argument);
    }
    return any;
}

static void shown_out(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_task *task = tm_xmpp_find(owner, argument);
    (void)answer; /* whoever went by himself need not be shown out */
    if (task) remove_next(owner, task);
}

static void removed(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    member_state *of = task->state;
    bool ok = answer && !*tm_stanza_error(answer);
    tm_room *room = tm_room_find(x, of->group);
    const char *user = name_at(of);
    if (ok && room) tm_room_note(room, user, TM_STANDING_NONE);
    if (!append_result(task->op.result, kTIMGroupDeleteMemberResultIdentifier, user,
                       kTIMGroupDeleteMemberResultResult,
                       ok ? kTIMGroupMember_HandledSuc : kTIMGroupMember_HandledErr)) {
        fail_memory(x, task);
        return;
    }
    of->at++;
    tm_xmpp_progress(x, task);
    if (!ok || !room || !show_out(x, room, user, shown_out, argument)) remove_next(x, task);
}

/* It is said first, so that the one it is about can still read it. */
static void removal_was_told(tm_xmpp *x, tm_task *tips)
{
    tm_task *task = tm_xmpp_find(x, tips->argument);
    if (!task) return;
    member_state *of = task->state;
    tm_room *room = tm_room_find(x, of->group);
    if (room) cJSON_DeleteItemFromObjectCaseSensitive(room->changes, name_at(of)); /* this one counts */
    set_affiliation(x, of->group, name_at(of), "none", removed, tips->argument);
}

static void remove_next(tm_xmpp *x, tm_task *task)
{
    member_state *of = task->state;
    const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
    tm_room *room = tm_room_find(x, of->group);
    if (!name) {
        tm_xmpp_answer(x, task);
        return;
    }
    tm_standing standing = standing_in(of->members, name->valuestring);
    if (room && standing != TM_STANDING_NONE && standing < room->own) {
        cJSON *users = cJSON_CreateArray();
        tm_json_append(users, cJSON_CreateString(name->valuestring));
        set_standing(of->members, name->valuestring, TM_STANDING_NONE);
        tm_member_tell(x, of->group, TM_TIP_REMOVED, users, removal_was_told, number_of(task));
        cJSON_Delete(users);
        return;
    }
    if (!append_result(task->op.result, kTIMGroupDeleteMemberResultIdentifier, name->valuestring,
                       kTIMGroupDeleteMemberResultResult, kTIMGroupMember_HandledErr)) {
        fail_memory(x, task);
        return;
    }
    of->at++;
    remove_next(x, task);
}

/* ---- roles ---- */

static void modified(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    if (answer && !*tm_stanza_error(answer)) {
        tm_xmpp_answer(x, task);
        return;
    }
    tm_xmpp_error(x, answer, &err);
    tm_xmpp_fail(x, task, err.code, err.text);
}

static void modify(tm_xmpp *x, tm_task *task)
{
    member_state *of = task->state;
    tm_room *room = tm_room_find(x, of->group);
    const cJSON *param = task->op.param;
    const char *name = tm_json_get_string(param, kTIMGroupModifyMemberInfoParamIdentifier, "");
    uint64_t flags = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamModifyFlag, 0);
    uint64_t role = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamMemberRole, kTIMMemberRole_Normal);
    tm_standing present = standing_in(of->members, name);
    tm_error err = {0};
    if (present == TM_STANDING_NONE || !room)
        tm_fail(&err, ERR_SVR_GROUP_INVALID_PARAMETERS, "\"%s\" is not a member of group \"%s\"", name,
                of->group);
    else if (flags != kTIMGroupMemberModifyFlag_MemberRole)
        tm_fail(&err, ERR_SVR_GROUP_INVALID_PARAMETERS,
                "%s: only the role (2) can be modified on an XMPP server",
                kTIMGroupModifyMemberInfoParamModifyFlag);
    else if (room->own != TM_STANDING_OWNER)
        tm_fail(&err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner may set roles");
    else if (present == TM_STANDING_OWNER || role == kTIMMemberRole_SuperAdmin)
        tm_fail(&err, ERR_SVR_GROUP_INVALID_PARAMETERS, "a group has one owner, its creator");
    if (err.code) {
        tm_xmpp_fail(x, task, err.code, err.text);
        return;
    }
    tm_room_note(room, name, role == kTIMMemberRole_Admin ? TM_STANDING_ADMIN : TM_STANDING_MEMBER);
    set_affiliation(x, of->group, name, role == kTIMMemberRole_Admin ? "admin" : "member", modified,
                    number_of(task));
}

/* ---- the list ---- */

static int role_of(tm_standing standing)
{
    return standing == TM_STANDING_OWNER   ? kTIMMemberRole_SuperAdmin
           : standing == TM_STANDING_ADMIN ? kTIMMemberRole_Admin
                                           : kTIMMemberRole_Normal;
}

static bool is_asked_for(const cJSON *names, const char *name)
{
    const cJSON *asked;
    if (!names) return true;
    cJSON_ArrayForEach(asked, names)
    {
        if (strcmp(asked->valuestring, name) == 0) return true;
    }
    return false;
}

static void list_members(tm_xmpp *x, tm_task *task)
{
    member_state *of = task->state;
    const cJSON *member, *names = tm_json_get(task->op.param, kTIMGroupGetMemberInfoListParamIdentifierArray);
    cJSON *list = cJSON_CreateArray();
    task->op.result = cJSON_CreateObject();
    bool ok = tm_json_add_item(task->op.result, kTIMGroupGetMemberInfoListResultInfoArray, list) &&
              tm_json_add_int(task->op.result, kTIMGroupGetMemberInfoListResultNexSeq, 0);
    cJSON_ArrayForEach(member, of->members)
    {
        if (!is_asked_for(names, member->string)) continue;
        cJSON *info = ok ? cJSON_CreateObject() : NULL;
        ok = tm_json_append(list, info) &&
             tm_json_add_string(info, kTIMGroupMemberInfoIdentifier, member->string) &&
             tm_json_add_uint(info, kTIMGroupMemberInfoJoinTime, 0) &&
             tm_json_add_int(info, kTIMGroupMemberInfoMemberRole, role_of((tm_standing)member->valueint)) &&
             tm_json_add_int(info, kTIMGroupMemberInfoMsgFlag, 0) &&
             tm_json_add_int(info, kTIMGroupMemberInfoMsgSeq, 0) &&
             tm_json_add_int(info, kTIMGroupMemberInfoShutupTime, 0) &&
             tm_json_add_string(info, kTIMGroupMemberInfoNameCard, "") &&
             tm_json_add_item(info, kTIMGroupMemberInfoCustomInfo, cJSON_CreateObject());
    }
    if (ok)
        tm_xmpp_answer(x, task);
    else
        fail_memory(x, task);
}

/* ---- starting ---- */

void tm_member_start(tm_xmpp *x, tm_task *task, tm_room *room)
{
    if (task->op.call == TM_CALL_GROUP_DELETE_MEMBER && room->own < TM_STANDING_ADMIN) {
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner and admins may remove members");
        return;
    }
    member_state *of = make_state(x, task, room->group);
    if (!of) return;
    switch (task->op.call) {
    case TM_CALL_GROUP_INVITE_MEMBER:
        tm_member_add(x, task, tm_json_get(task->op.param, kTIMGroupInviteMemberParamIdentifierArray), NULL,
                      invite_done);
        break;
    case TM_CALL_GROUP_DELETE_MEMBER:
        of->names =
            cJSON_Duplicate(tm_json_get(task->op.param, kTIMGroupDeleteMemberParamIdentifierArray), true);
        task->op.result = cJSON_CreateArray();
        if (of->names && task->op.result)
            ask_lists(x, task, remove_next);
        else
            fail_memory(x, task);
        break;
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO: ask_lists(x, task, modify); break;
    default: ask_lists(x, task, list_members); break;
    }
}

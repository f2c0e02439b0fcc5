/* XMPP member, listed: what a task about members keeps, and the room's lists: asked for, read together with what was said
 * of coming and going, and changed. See xmpp_member.h. */
#include "xmpp_member.h"

#include "include/TIMCloudDef.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* ---- a task's state ---- */

static void drop_state(tm_task *task)
{
    tm_member_state *of = task->state;
    if (!of) return;
    task->state = of->before;
    if (of->before && of->drop_before) of->drop_before(task);
    cJSON_Delete(of->members);
    cJSON_Delete(of->names);
    cJSON_Delete(of->roles);
    cJSON_Delete(of->results);
    tm_free(of);
    task->state = NULL;
}

tm_member_state *tm_member_new_state(tm_xmpp *x, tm_task *task, const char *group)
{
    tm_member_state *of = tm_calloc(1, sizeof *of);
    if (!of) {
        tm_xmpp_fail_memory(x, task);
        return NULL;
    }
    snprintf(of->group, sizeof of->group, "%s", group);
    of->before = task->state;
    of->drop_before = task->drop;
    task->state = of;
    task->drop = drop_state;
    of->members = cJSON_CreateObject();
    of->results = cJSON_CreateArray();
    if (of->members && of->results) return of;
    tm_xmpp_fail_memory(x, task);
    return NULL;
}

void tm_member_end_state(tm_task *task)
{
    tm_member_state *of = task->state;
    void *before = of->before;
    void (*drop_before)(tm_task *) = of->drop_before;
    of->before = NULL;
    drop_state(task);
    task->state = before;
    task->drop = drop_before;
}

const char *tm_member_name(const tm_member_state *of)
{
    return cJSON_GetArrayItem(of->names, of->at)->valuestring;
}

/* ---- the room's lists ---- */

tm_standing tm_member_standing_in(const cJSON *members, const char *user)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(members, user);
    return found ? (tm_standing)found->valueint : TM_STANDING_NONE;
}

void tm_member_set_standing(cJSON *members, const char *user, tm_standing standing)
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
        tm_standing listed = tm_member_standing_in(members, note->string);
        bool came = note->valueint == TM_NOTE_CAME || note->valueint == TM_NOTE_BROUGHT;
        bool went = note->valueint == TM_NOTE_WENT || (partial && note->valueint == TM_NOTE_REMOVED);
        if (came && listed == TM_STANDING_NONE)
            tm_member_set_standing(members, note->string, TM_STANDING_MEMBER);
        else if (went && listed < TM_STANDING_OWNER)
            tm_member_set_standing(members, note->string, TM_STANDING_NONE);
    }
}

/* Where a room keeps lists from plain members, who is there shows some of it. */
static void add_occupants(const tm_room *room, cJSON *members)
{
    for (const tm_occupant *of = room->occupants; of; of = of->next)
        if (of->standing != TM_STANDING_NONE) tm_member_set_standing(members, of->user, of->standing);
}

static void list_came(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_member_state *of = task->state;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_MUC_ADMIN);
    if (!answer || (!query && strcmp(tm_stanza_error(answer), "forbidden") != 0)) {
        tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    of->partial |= !query;
    for (xmpp_stanza_t *at = query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        char user[TM_MAX_USER_ID + 1];
        if (tm_jid_id(tm_stanza_attribute(at, "jid"), x->address.domain, TM_MAX_USER_ID, user))
            tm_member_set_standing(of->members, user,
                                   tm_standing_read(tm_stanza_attribute(at, "affiliation")));
    }
    if (--of->lists) return;
    tm_room *room = tm_room_find(x, of->group);
    if (room && of->partial) add_occupants(room, of->members);
    if (room) apply_notes(room, of->members, of->partial);
    of->listed(x, task);
}

void tm_member_ask_lists(tm_xmpp *x, tm_task *task, void (*listed)(tm_xmpp *x, tm_task *task))
{
    static const char *const lists[] = {"owner", "admin", "member"};
    tm_member_state *of = task->state;
    char *jid = tm_jid_of(of->group, x->rooms);
    void *number = tm_xmpp_number(task);
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

void tm_member_set_affiliation(tm_xmpp *x, const char *group, const char *user, const char *affiliation,
                               tm_question_answer answer, void *argument)
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

void tm_member_nothing(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)owner;
    (void)argument;
    (void)answer;
}

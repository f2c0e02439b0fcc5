/* XMPP member, added: one after the other is put into the room's list and sent an invitation; a member without powers asks
 * the room to do it. See xmpp_session.h and xmpp_member.h. */
#include "xmpp_member.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_jid.h"

#include <string.h>

static void add_next(tm_xmpp *x, tm_task *task);

static void add_result(tm_xmpp *x, tm_task *task, int result)
{
    tm_member_state *of = task->state;
    if (!tm_json_append(of->results, cJSON_CreateNumber(result))) {
        tm_xmpp_fail_memory(x, task);
        return;
    }
    of->at++;
    tm_xmpp_progress(x, task);
    add_next(x, task);
}

/* The invitation reached the user's archive, or there is no such user. */
static void invited(tm_xmpp *x, tm_task *invitation)
{
    tm_task *task = tm_xmpp_find(x, invitation->argument);
    if (!task) return;
    tm_member_state *of = task->state;
    if (invitation->op.error.code) {
        tm_member_set_affiliation(x, of->group, tm_member_name(of), "none", tm_member_nothing, NULL);
        add_result(x, task, kTIMGroupMember_HandledErr);
        return;
    }
    tm_room *room = tm_room_find(x, of->group);
    if (room) tm_room_note(room, tm_member_name(of), TM_STANDING_MEMBER);
    tm_member_set_standing(of->members, tm_member_name(of), TM_STANDING_MEMBER);
    add_result(x, task, kTIMGroupMember_HandledSuc);
}

static void admitted(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_member_state *of = task->state;
    if (!answer || *tm_stanza_error(answer))
        add_result(x, task, kTIMGroupMember_HandledErr);
    else
        tm_outbox_invite(x, tm_member_name(of), of->group, invited, argument);
}

static void room_invited(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_member_state *of = task->state;
    bool ok = answer && !*tm_stanza_error(answer);
    if (ok) tm_member_set_standing(of->members, tm_member_name(of), TM_STANDING_MEMBER);
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
    tm_member_state *of = task->state;
    char *room = tm_jid_of(of->group, x->rooms), *who = tm_jid_of(tm_member_name(of), x->address.domain);
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
    tm_member_state *of = task->state;
    const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
    if (!name) {
        tm_member_added added = of->added;
        cJSON *results = of->results;
        of->results = NULL;
        tm_member_end_state(task);
        added(x, task, results);
        return;
    }
    tm_room *room = tm_room_find(x, of->group);
    if (tm_member_standing_in(of->members, name->valuestring) != TM_STANDING_NONE) {
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
        tm_member_set_affiliation(x, of->group, name->valuestring, admin ? "admin" : "member", admitted,
                                  tm_xmpp_number(task));
    else /* a room invites nobodies too */
        tm_outbox_probe(x, name->valuestring, probed, tm_xmpp_number(task));
}

void tm_member_add(tm_xmpp *x, tm_task *task, const cJSON *names, const cJSON *roles, tm_member_added done)
{
    const char *group = task->state; /* every such state begins with the group's id */
    tm_member_state *of = tm_member_new_state(x, task, group);
    if (!of) return;
    of->names = cJSON_Duplicate(names, true);
    of->roles = cJSON_Duplicate(roles, true);
    of->added = done;
    if (!of->names)
        tm_xmpp_fail_memory(x, task);
    else if (!of->names->child)
        add_next(x, task);
    else
        tm_member_ask_lists(x, task, add_next);
}

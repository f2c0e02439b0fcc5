/* XMPP group, made: its id is looked for, its room entered, configured, and its first members are added (rule 42). See
 * xmpp_group.h. */
#include "xmpp_group.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* An id whose room says nothing of a group is looked for again so often, with that pause. */
#define LOOKS 10
#define LOOK_AGAIN_MS 200

static void unmade(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    (void)answer;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_room *room = tm_room_find(x, ((tm_group_state *)task->state)->group);
    /* while the connection is down it is kept, to be ended with the next one */
    if (room && tm_link_is_up(x->link)) tm_room_drop(x, room);
    tm_xmpp_answer(x, task); /* with the error that was set before */
}

/* The task failed when the room was there: the group is not made at all. */
static void unmake(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_find(x, ((tm_group_state *)task->state)->group);
    if (room) room->leaving = true;
    tm_room_destroy(x, room ? room->jid : "", unmade, tm_xmpp_number(task));
}

static void made(tm_xmpp *x, tm_task *task, cJSON *results)
{
    tm_group_state *of = task->state;
    tm_error *err = &task->op.error;
    const cJSON *result, *name = of->names->child;
    cJSON *added = cJSON_CreateArray();
    bool has_memory = added != NULL;
    if (!tm_link_is_up(x->link)) tm_fail(err, ERR_SDK_NET_DISCONNECT, "the connection to the server is down");
    cJSON_ArrayForEach(result, results)
    {
        /* a first member who is no user */
        if (result->valueint == kTIMGroupMember_HandledErr && !err->code)
            tm_fail(err, ERR_SVR_MSG_INVALID_ID, "there is no user \"%s\"", name->valuestring);
        has_memory = has_memory && tm_json_append(added, cJSON_CreateString(name->valuestring));
        name = name->next;
    }
    cJSON_Delete(results);
    uint64_t now = tm_clock_seconds();
    task->op.result = cJSON_CreateObject();
    has_memory = has_memory && tm_json_add_string(task->op.result, kTIMCreateGroupResultGroupId, of->group);
    if (!has_memory && !err->code) tm_fail_memory(err);
    tm_room *room = tm_room_find(x, of->group);
    if (room) {
        room->since = 1; /* nothing was said before */
        *room->last = '\0';
    }
    if (err->code || tm_room_begin(x, of->group, now, 1, err)) {
        unmake(x, task);
        cJSON_Delete(added);
        return;
    }
    room = tm_room_find(x, of->group);
    if (room) room->maker = 0;
    tm_bookmark_set(x, of->group, true, now);
    if (added->child)
        tm_member_tell(x, of->group, TM_TIP_JOINED, added, NULL, tm_xmpp_answer_first, tm_xmpp_number(task));
    else
        tm_xmpp_answer(x, task);
    cJSON_Delete(added);
}

static void configured(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    if (!answer || *tm_stanza_error(answer)) {
        tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    tm_group_state *of = task->state;
    tm_room *room = tm_room_find(x, of->group);
    if (room) tm_info_note(room, of->info);
    tm_member_add(x, task, of->names, of->roles, made);
}

static bool offers(xmpp_stanza_t *form, const char *var)
{
    for (xmpp_stanza_t *at = form ? xmpp_stanza_get_children(form) : NULL; at; at = xmpp_stanza_get_next(at))
        if (strcmp(tm_stanza_attribute(at, "var"), var) == 0) return true;
    return false;
}

/* Fills what the server's form has: servers differ in what they call some of it. */
static void fill_form(tm_stanza *iq, xmpp_stanza_t *to, xmpp_stanza_t *form, const cJSON *param,
                      const char *text)
{
    int64_t type = tm_json_get_int(param, kTIMCreateGroupParamGroupType, kTIMGroup_Public);
    int64_t add = tm_json_get_int(param, kTIMCreateGroupParamAddOption, kTIMGroupAddOpt_Any);
    bool closed = type == kTIMGroup_Private || add != kTIMGroupAddOpt_Any;
    const struct {
        const char *var, *value;
    } fields[] = {{"muc#roomconfig_roomname", tm_json_get_string(param, kTIMCreateGroupParamGroupName, "")},
                  {"muc#roomconfig_roomdesc", text},
                  {"muc#roomconfig_persistentroom", "1"},
                  {"muc#roomconfig_publicroom", "0"},
                  {"muc#roomconfig_membersonly", closed ? "1" : "0"},
                  {"muc#roomconfig_whois", "anyone"},
                  {"muc#roomconfig_moderatedroom", "0"},
                  {"members_by_default", "1"},
                  {"muc#roomconfig_allowinvites", "1"},
                  {"{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites", "1"},
                  {"muc#roomconfig_enablearchiving", "1"},
                  {"mam", "1"},
                  {"muc#roomconfig_historylength", "0"}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (offers(form, fields[i].var)) tm_stanza_field(iq, to, fields[i].var, fields[i].value);
}

static void form_came(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_stanza iq;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_MUC_OWNER);
    xmpp_stanza_t *form = tm_stanza_child(query, "x", TM_NS_FORM);
    tm_group_state *of = task->state;
    if (form && !of->info) of->info = tm_info_make(task->op.param, x->user);
    char *text = form ? tm_info_describe(of->info, task->op.param) : NULL;
    if (!text) {
        tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    tm_xmpp_iq(x, &iq, "set", xmpp_stanza_get_from(answer));
    xmpp_stanza_t *own = tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    xmpp_stanza_t *filled = tm_stanza_add(&iq, own, "x", TM_NS_FORM, NULL);
    tm_stanza_set(&iq, filled, "type", "submit");
    tm_stanza_field(&iq, filled, "FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig");
    fill_form(&iq, filled, form, task->op.param, text);
    tm_free(text);
    tm_xmpp_ask(x, &iq, configured, argument);
}

void tm_group_fail_taken(tm_xmpp *x, tm_task *task)
{
    char text[TM_ERROR_TEXT];
    snprintf(text, sizeof text, "there is a group \"%s\" already", ((tm_group_state *)task->state)->group);
    tm_xmpp_fail(x, task, ERR_SVR_GROUP_GROUPID_IN_USED, text);
}

/* Who enters a room that ends that very moment makes it anew, and then ends it: that is no group. Nor is a room that
 * is being made one yet. */
static bool is_group(xmpp_stanza_t *answer)
{
    cJSON *info = tm_info_read(answer);
    bool found = info != NULL;
    cJSON_Delete(info);
    return found;
}

/* The id is looked for again after a while. False: that was done often enough. */
static bool look_later(tm_task *task)
{
    tm_group_state *of = task->state;
    if (of->at >= LOOKS) return false;
    of->at++;
    task->again_at = tm_clock_ms() + LOOK_AGAIN_MS;
    return true;
}

static void enter_to_make(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_make(x, ((tm_group_state *)task->state)->group);
    if (!room) {
        tm_xmpp_fail_memory(x, task);
        return;
    }
    room->may_create = true;
    room->task = task->number;
    tm_room_enter(x, room);
}

/* Only its owner is shown what can be set of a room. */
static void owner_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_group_state *of = task->state;
    of->is_own = tm_stanza_child(tm_stanza_child(answer, "query", TM_NS_MUC_OWNER), "x", TM_NS_FORM) != NULL;
    if (of->is_own)
        enter_to_make(x, task);
    else
        tm_group_fail_taken(x, task);
}

/* A room that is no group and does not become one may be what is left of an attempt to make one. */
static void ask_owner(tm_xmpp *x, tm_task *task)
{
    tm_stanza iq;
    char *jid = tm_jid_of(((tm_group_state *)task->state)->group, x->rooms);
    tm_xmpp_iq(x, &iq, "get", jid ? jid : "");
    tm_free(jid);
    tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    tm_xmpp_ask(x, &iq, owner_answered, tm_xmpp_number(task));
}

static void name_looked_up(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    const char *error = answer ? tm_stanza_error(answer) : "";
    if (answer && !*error && !is_group(answer)) {
        if (!look_later(task)) ask_owner(x, task);
        return;
    }
    if (strcmp(error, "item-not-found") != 0) {
        /* a room that is not for everybody's eyes is there */
        bool is_taken =
            answer && (!*error || strcmp(error, "forbidden") == 0 || strcmp(error, "not-allowed") == 0 ||
                       strcmp(error, "registration-required") == 0);
        if (is_taken)
            tm_group_fail_taken(x, task);
        else
            tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    enter_to_make(x, task);
}

static bool read_members(const cJSON *param, tm_group_state *of, const char *creator)
{
    const cJSON *member, *name;
    of->names = cJSON_CreateArray();
    of->roles = cJSON_CreateArray();
    bool ok = of->names && of->roles;
    cJSON_ArrayForEach(member, tm_json_get(param, kTIMCreateGroupParamGroupMemberArray))
    {
        const char *user = tm_json_get_string(member, kTIMGroupMemberInfoIdentifier, "");
        bool known = strcmp(user, creator) == 0;
        cJSON_ArrayForEach(name, of->names)
        {
            known |= strcmp(name->valuestring, user) == 0;
        }
        if (known) continue;
        int64_t role =
            (int64_t)tm_json_get_uint(member, kTIMGroupMemberInfoMemberRole, kTIMMemberRole_Normal);
        ok = ok && tm_json_append(of->names, cJSON_CreateString(user)) &&
             tm_json_append(of->roles, cJSON_CreateNumber((double)role));
    }
    return ok;
}

void tm_group_make(tm_xmpp *x, tm_task *task)
{
    char made_up[TM_MAX_GROUP_ID + 1];
    const cJSON *param = task->op.param, *role;
    const char *wanted = tm_json_get_string(param, kTIMCreateGroupParamGroupId, "");
    if (!*wanted) {
        snprintf(made_up, sizeof made_up, "@TGS#%08llx%08llx", (unsigned long long)tm_message_random(),
                 (unsigned long long)tm_message_random());
        wanted = made_up;
    }
    tm_group_state *of = tm_group_new_state(x, task, wanted);
    if (!of) return;
    if (!read_members(param, of, x->user)) {
        tm_xmpp_fail_memory(x, task);
        return;
    }
    int64_t max = tm_json_get_int(param, kTIMCreateGroupParamMaxMemberCount, 0);
    if (max && cJSON_GetArraySize(of->names) + 1 > max) {
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "more than the group's members");
        return;
    }
    cJSON_ArrayForEach(role, of->roles)
    {
        if (role->valueint != kTIMMemberRole_SuperAdmin) continue;
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_INVALID_PARAMETERS, "the owner of a new group is its creator");
        return;
    }
    tm_info_ask(x, of->group, name_looked_up, tm_xmpp_number(task));
}

void tm_group_make_again(tm_xmpp *x, tm_task *task)
{
    tm_info_ask(x, ((tm_group_state *)task->state)->group, name_looked_up, tm_xmpp_number(task));
}

void tm_group_make_entered(tm_xmpp *x, tm_task *task, tm_room *room, bool created)
{
    tm_stanza iq;
    if (!created && !(((tm_group_state *)task->state)->is_own && room->own == TM_STANDING_OWNER)) {
        bool known = tm_mirror_in_group(x->mirror, room->group, NULL);
        if (!known) tm_room_leave(x, room);
        if (!known) tm_room_drop(x, room);
        if (known || !look_later(task)) tm_group_fail_taken(x, task);
        return;
    }
    room->maker = task->number;
    tm_xmpp_iq(x, &iq, "get", room->jid);
    tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    tm_xmpp_ask(x, &iq, form_came, tm_xmpp_number(task));
}

/* XMPP group: task GROUP: groups made, joined, left, ended and listed (rule 42). See xmpp_session.h.
 *
 * A group is a persistent room; xmpp_info.c has what the API knows of it and a room does not. */
#include "xmpp_session.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* An id whose room says nothing of a group is looked for again so often, with that pause. */
#define LOOKS 10
#define LOOK_AGAIN_MS 200

/* So many rooms are asked at a time what they are. */
#define LISTED_AT_A_TIME 16

/* A task that has just come waits until the archives were read. */
enum { STEP_NEW, STEP_PARKED, STEP_READING, STEP_READING_ROOM, STEP_GOING };

/* What a GROUP task keeps between its steps. */
typedef struct group_state {
    char group[TM_MAX_GROUP_ID + 1];
    cJSON *names; /* create: the first members; list: the groups; owned */
    cJSON *roles; /* create: theirs; owned */
    cJSON *info;  /* create: what the room will say of itself; owned */
    int at;       /* list: the next one; create: how often the id was looked for */
    bool is_own;  /* create: the room is there, the user's, and no group: it becomes one */
    int asked;    /* list: how many were asked and have not answered */
} group_state;

static void drop_state(tm_task *task)
{
    group_state *of = task->state;
    if (!of) return;
    cJSON_Delete(of->names);
    cJSON_Delete(of->roles);
    cJSON_Delete(of->info);
    tm_free(of);
    task->state = NULL;
}

static void *number_of(const tm_task *task)
{
    return (void *)(uintptr_t)task->number;
}

static void fail_by_answer(tm_xmpp *x, tm_task *task, xmpp_stanza_t *answer)
{
    tm_error err = {0};
    tm_xmpp_error(x, answer, &err);
    tm_xmpp_fail(x, task, err.code, err.text);
}

static void fail_memory(tm_xmpp *x, tm_task *task)
{
    tm_xmpp_fail(x, task, ERR_OUT_OF_MEMORY, "out of memory");
}

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

static void explain(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    char text[TM_ERROR_TEXT];
    if (!task) return;
    const char *group = ((group_state *)task->state)->group;
    const char *why = tm_stanza_error(answer);
    bool unknown = strcmp(why, "item-not-found") == 0 || strcmp(why, "gone") == 0;
    if (!answer) {
        tm_xmpp_fail(x, task, ERR_SDK_NET_DISCONNECT, "the server has not answered");
        return;
    }
    if (unknown)
        snprintf(text, sizeof text, "there is no group \"%s\"", group);
    else
        snprintf(text, sizeof text, "\"%s\" is not a member of group \"%s\"", x->user, group);
    tm_xmpp_fail(x, task, unknown ? ERR_SVR_GROUP_NOT_FOUND : ERR_SVR_GROUP_PERMISSION_DENY, text);
}

static group_state *make_state(tm_xmpp *x, tm_task *task, const char *group)
{
    if (task->drop) task->drop(task);
    group_state *of = tm_calloc(1, sizeof *of);
    task->state = of;
    task->drop = drop_state;
    if (of)
        snprintf(of->group, sizeof of->group, "%s", group);
    else
        fail_memory(x, task);
    return of;
}

void tm_group_explain(tm_xmpp *x, tm_task *task, const char *group)
{
    if (!x->welcome || !x->rooms || !*x->rooms) {
        tm_xmpp_fail(x, task, x->welcome ? ERR_SVR_GROUP_NOT_FOUND : ERR_SDK_NET_DISCONNECT,
                     x->welcome ? "the server has no groups" : "the connection to the server is down");
        return;
    }
    if (!make_state(x, task, group)) return;
    if (!tm_xmpp_find(x, number_of(task))) tm_xmpp_keep(x, task);
    tm_info_ask(x, group, explain, number_of(task));
}

/* ---- making a group ---- */

void tm_group_told(tm_xmpp *x, tm_task *tips)
{
    tm_task *task = tm_xmpp_find(x, tips->argument);
    /* what was done is done, whether or not it could be said */
    if (task) tm_xmpp_answer(x, task);
}

static void unmade(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    (void)answer;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    tm_room *room = tm_room_find(x, ((group_state *)task->state)->group);
    /* while the connection is down it is kept, to be ended with the next one */
    if (room && tm_link_is_up(x->link)) tm_room_drop(x, room);
    tm_xmpp_answer(x, task); /* with the error that was set before */
}

/* The task failed when the room was there: the group is not made at all. */
static void unmake(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_find(x, ((group_state *)task->state)->group);
    if (room) room->leaving = true;
    tm_room_destroy(x, room ? room->jid : "", unmade, number_of(task));
}

static void made(tm_xmpp *x, tm_task *task, cJSON *results)
{
    group_state *of = task->state;
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
    if (!has_memory && !err->code) tm_fail(err, ERR_OUT_OF_MEMORY, "out of memory");
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
        tm_member_tell(x, of->group, TM_TIP_JOINED, added, tm_group_told, number_of(task));
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
        fail_by_answer(x, task, answer);
        return;
    }
    group_state *of = task->state;
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
    group_state *of = task->state;
    if (form && !of->info) of->info = tm_info_make(task->op.param, x->user);
    char *text = form ? tm_info_describe(of->info, task->op.param) : NULL;
    if (!text) {
        fail_by_answer(x, task, answer);
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

static void fail_taken(tm_xmpp *x, tm_task *task)
{
    char text[TM_ERROR_TEXT];
    snprintf(text, sizeof text, "there is a group \"%s\" already", ((group_state *)task->state)->group);
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
    group_state *of = task->state;
    if (of->at >= LOOKS) return false;
    of->at++;
    task->again_at = tm_clock_ms() + LOOK_AGAIN_MS;
    return true;
}

static void enter_to_make(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_make(x, ((group_state *)task->state)->group);
    if (!room) {
        fail_memory(x, task);
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
    group_state *of = task->state;
    of->is_own = tm_stanza_child(tm_stanza_child(answer, "query", TM_NS_MUC_OWNER), "x", TM_NS_FORM) != NULL;
    if (of->is_own)
        enter_to_make(x, task);
    else
        fail_taken(x, task);
}

/* A room that is no group and does not become one may be what is left of an attempt to make one. */
static void ask_owner(tm_xmpp *x, tm_task *task)
{
    tm_stanza iq;
    char *jid = tm_jid_of(((group_state *)task->state)->group, x->rooms);
    tm_xmpp_iq(x, &iq, "get", jid ? jid : "");
    tm_free(jid);
    tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
    tm_xmpp_ask(x, &iq, owner_answered, number_of(task));
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
            fail_taken(x, task);
        else
            fail_by_answer(x, task, answer);
        return;
    }
    enter_to_make(x, task);
}

static bool read_members(const cJSON *param, group_state *of, const char *creator)
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

static void create(tm_xmpp *x, tm_task *task)
{
    char made_up[TM_MAX_GROUP_ID + 1];
    const cJSON *param = task->op.param, *role;
    const char *wanted = tm_json_get_string(param, kTIMCreateGroupParamGroupId, "");
    if (!*wanted) {
        snprintf(made_up, sizeof made_up, "@TGS#%08llx%08llx", (unsigned long long)tm_message_random(),
                 (unsigned long long)tm_message_random());
        wanted = made_up;
    }
    group_state *of = make_state(x, task, wanted);
    if (!of) return;
    if (!read_members(param, of, x->user)) {
        fail_memory(x, task);
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
    tm_info_ask(x, of->group, name_looked_up, number_of(task));
}

/* ---- joining ---- */

static void looked_at(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    char text[TM_ERROR_TEXT];
    if (!task) return;
    const char *group = ((group_state *)task->state)->group;
    if (!answer || *tm_stanza_error(answer)) {
        explain(x, argument, answer);
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
        fail_memory(x, task);
        return;
    }
    room->task = task->number;
    room->entering = false; /* whatever it was asked before */
    tm_room_enter(x, room);
}

static void joined(tm_xmpp *x, tm_task *task)
{
    const char *group = ((group_state *)task->state)->group;
    uint64_t now = tm_clock_seconds();
    cJSON *users = cJSON_CreateArray();
    bool has_memory = tm_json_append(users, cJSON_CreateString(x->user));
    if (!has_memory) tm_fail(&task->op.error, ERR_OUT_OF_MEMORY, "out of memory");
    if (!has_memory || tm_room_begin(x, group, now, 0, &task->op.error)) {
        tm_room *room = tm_room_find(x, group);
        if (room) tm_room_leave(x, room);
        if (room) tm_room_drop(x, room);
        tm_xmpp_answer(x, task);
    } else {
        tm_bookmark_set(x, group, true, now);
        tm_member_tell(x, group, TM_TIP_JOINED, users, tm_group_told, number_of(task));
    }
    cJSON_Delete(users);
}

/* Items of a room's last page: some may have the time of the last one, and all are from before. */
#define LAST_PAGE 100

/* Where the room's archive ends is where the user comes in, whatever the time is on this machine. */
static void end_came(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    tm_error err = {0};
    (void)answer; /* without one the user is in all the same */
    tm_task *task = tm_xmpp_find(x, argument);
    tm_room *room = x->first_room;
    while (room && room->joining != (uint64_t)(uintptr_t)argument)
        room = room->next;
    if (room) room->joining = 0;
    if (!task && room && !tm_mirror_in_group(x->mirror, room->group, NULL)) { /* its time was over */
        tm_room_leave(x, room);
        tm_room_drop(x, room);
    }
    if (!task) return;
    if (room && page && !tm_archive_begin_at(x, room->group, page, &err)) {
        bool fits = page->last && strlen(page->last) < sizeof room->last;
        room->since = page->last_stamp ? page->last_stamp : 1;
        strcpy(room->last, fits ? page->last : "");
    }
    joined(x, task);
}

void tm_group_entered(tm_xmpp *x, tm_task *task, tm_room *room, bool created)
{
    tm_stanza iq;
    if (task->op.call == TM_CALL_GROUP_JOIN) {
        /* who is in is seen from inside only */
        if (room->max && tm_member_count(room, NULL, false) > room->max) {
            tm_room_leave(x, room);
            tm_room_drop(x, room);
            tm_xmpp_fail(x, task, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "the group is full");
        } else {
            tm_page_query end = {.group = room->group, .before = "", .max = LAST_PAGE};
            room->joining = task->number;
            tm_page_ask(x, &end, end_came, number_of(task));
        }
    } else if (!created && !(((group_state *)task->state)->is_own && room->own == TM_STANDING_OWNER)) {
        bool known = tm_mirror_in_group(x->mirror, room->group, NULL);
        if (!known) tm_room_leave(x, room);
        if (!known) tm_room_drop(x, room);
        if (known || !look_later(task)) fail_taken(x, task);
    } else {
        room->maker = task->number;
        tm_xmpp_iq(x, &iq, "get", room->jid);
        tm_stanza_add(&iq, NULL, "query", TM_NS_MUC_OWNER, NULL);
        tm_xmpp_ask(x, &iq, form_came, number_of(task));
    }
}

void tm_group_refused(tm_xmpp *x, tm_task *task, xmpp_stanza_t *error)
{
    char group[TM_MAX_GROUP_ID + 1];
    snprintf(group, sizeof group, "%s", ((group_state *)task->state)->group);
    const char *why = error ? tm_stanza_error(error) : "";
    /* what was not there a moment ago: others have made it since, or nobody may */
    bool is_taken = strcmp(why, "registration-required") == 0 || strcmp(why, "not-authorized") == 0 ||
                    strcmp(why, "item-not-found") == 0 || strcmp(why, "conflict") == 0;
    if (task->op.call == TM_CALL_GROUP_CREATE && is_taken)
        fail_taken(x, task);
    else
        fail_by_answer(x, task, error);
    tm_room *room = tm_room_find(x, group);
    if (room && !tm_mirror_in_group(x->mirror, group, NULL)) tm_room_drop(x, room);
}

/* ---- leaving and ending ---- */

static void leave(tm_xmpp *x, const char *group, tm_error *err)
{
    tm_room *room = tm_room_find(x, group);
    if (room) tm_room_leave(x, room);
    if (!tm_room_end(x, group, err)) tm_bookmark_set(x, group, false, 0);
}

/* The user stays: what the room says of him is news again. */
static void stay(tm_xmpp *x, tm_task *task)
{
    tm_room *room = tm_room_find(x, ((group_state *)task->state)->group);
    if (room) room->leaving = false;
}

static void quit_was_told(tm_xmpp *x, tm_task *tips)
{
    tm_task *task = tm_xmpp_find(x, tips->argument);
    if (!task) return;
    /* not by who may not speak there: that keeps nobody in */
    if (tips->op.error.code == ERR_REQUEST_TIMEOUT) {
        stay(x, task);
        tm_xmpp_fail(x, task, tips->op.error.code, tips->op.error.text);
        return;
    }
    leave(x, ((group_state *)task->state)->group, &task->op.error);
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
    tm_member_tell(x, room->group, TM_TIP_QUIT, users, quit_was_told, number_of(task));
    cJSON_Delete(users);
}

static void destroyed(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    if (!answer || *tm_stanza_error(answer)) {
        stay(x, task);
        fail_by_answer(x, task, answer);
        return;
    }
    tm_error err = {0};
    const char *group = ((group_state *)task->state)->group;
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
    tm_room_destroy(x, room->jid, destroyed, number_of(task));
}

/* ---- the list ---- */

/* A room that is asked what it is: its place in the list. */
typedef struct list_question {
    void *task; /* its number */
    int at;
} list_question;

static void list_more(tm_xmpp *x, void *number);

static cJSON *list_entry(const char *group, xmpp_stanza_t *answer)
{
    cJSON *info = tm_info_read(answer), *entry = cJSON_CreateObject();
    bool ok =
        tm_json_add_string(entry, kTIMGroupBaseInfoGroupId, group) &&
        tm_json_add_string(entry, kTIMGroupBaseInfoGroupName, tm_info_name(info, group)) &&
        tm_json_add_int(entry, kTIMGroupBaseInfoGroupType, tm_json_get_int(info, "type", kTIMGroup_Public)) &&
        tm_json_add_string(entry, kTIMGroupBaseInfoFaceUrl, tm_json_get_string(info, "face", "")) &&
        tm_json_add_uint(entry, kTIMGroupBaseInfoLastestSeq, 0);
    cJSON_Delete(info);
    if (ok) return entry;
    cJSON_Delete(entry);
    return NULL;
}

static void info_came(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    list_question *asked = argument;
    void *number = asked->task;
    int at = asked->at;
    tm_free(asked);
    tm_task *task = tm_xmpp_find(x, number);
    if (!task) return;
    group_state *of = task->state;
    cJSON *entry = list_entry(cJSON_GetArrayItem(of->names, at)->valuestring, answer);
    of->asked--;
    if (entry && cJSON_ReplaceItemInArray(task->op.result, at, entry)) {
        list_more(x, number);
    } else {
        cJSON_Delete(entry);
        fail_memory(x, task);
    }
}

/* Asks as many as may be asked at a time. What cannot be asked is answered at once, and may end the task. */
static void list_more(tm_xmpp *x, void *number)
{
    tm_task *task;
    while ((task = tm_xmpp_find(x, number))) {
        group_state *of = task->state;
        const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
        if (!name && !of->asked) tm_xmpp_answer(x, task);
        if (!name || of->asked >= LISTED_AT_A_TIME) return;
        list_question *question = tm_calloc(1, sizeof *question);
        if (!question || !tm_json_append(task->op.result, cJSON_CreateNull())) {
            tm_free(question);
            fail_memory(x, task);
            return;
        }
        question->task = number;
        question->at = of->at++;
        of->asked++;
        tm_info_ask(x, name->valuestring, info_came, question);
    }
}

static void add_name(void *argument, const char *group, uint64_t since)
{
    (void)since;
    tm_json_append(argument, cJSON_CreateString(group));
}

static void list_groups(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    group_state *of = make_state(x, task, "");
    if (!of) return;
    of->names = cJSON_CreateArray();
    task->op.result = cJSON_CreateArray();
    if (!of->names || !task->op.result || tm_mirror_groups(x->mirror, add_name, of->names, &err))
        tm_xmpp_fail(x, task, err.code ? err.code : ERR_OUT_OF_MEMORY, err.code ? err.text : "out of memory");
    else
        list_more(x, number_of(task));
}

/* ---- starting ---- */

static void join(tm_xmpp *x, tm_task *task, const char *group)
{
    char text[TM_ERROR_TEXT];
    if (tm_mirror_in_group(x->mirror, group, NULL)) {
        snprintf(text, sizeof text, "\"%s\" is a member of group \"%s\"", x->user, group);
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_ALLREADY_MEMBER, text);
    } else if (make_state(x, task, group)) {
        tm_info_ask(x, group, looked_at, number_of(task));
    }
}

static void go(tm_xmpp *x, tm_task *task)
{
    const char *group = group_of(&task->op);
    if (!x->rooms || !*x->rooms) {
        tm_group_explain(x, task, group);
        return;
    }
    tm_room *room = *group ? tm_room_find(x, group) : NULL;
    if (task->op.call == TM_CALL_GROUP_CREATE) {
        create(x, task);
    } else if (task->op.call == TM_CALL_GROUP_GET_JOINED_GROUP_LIST) {
        list_groups(x, task);
    } else if (task->op.call == TM_CALL_GROUP_JOIN) {
        join(x, task, group);
    } else if (!room) {
        tm_group_explain(x, task, group);
    } else if (task->op.call == TM_CALL_GROUP_QUIT) {
        if (make_state(x, task, group)) quit(x, task, room);
    } else if (task->op.call == TM_CALL_GROUP_DELETE) {
        if (make_state(x, task, group)) delete_group(x, task, room);
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
        tm_group_explain(x, task, message->conv_id);
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
        tm_info_ask(x, ((group_state *)task->state)->group, name_looked_up, number_of(task));
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
           (task->step == STEP_GOING && tm_outbox_has_said(x, number_of(task)));
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
    tm_room *room = tm_room_find(x, group_of(&task->op));
    if (!room || (task->op.call != TM_CALL_GROUP_QUIT && task->op.call != TM_CALL_GROUP_DELETE)) return false;
    if (task->op.call == TM_CALL_GROUP_QUIT && room->own != TM_STANDING_OWNER && group_is_mute(x, task)) {
        snprintf(group, sizeof group, "%s", room->group);
        leave(x, group, &task->op.error);
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

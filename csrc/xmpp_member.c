/* XMPP member: the calls about who is in a group: inviting, removing, roles, the list (rule 42). See xmpp_session.h and
 * xmpp_member.h. */
#include "xmpp_member.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

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
        tm_xmpp_fail_memory(x, task);
    else if (added->child)
        tm_member_tell(x, (const char *)task->state, TM_TIP_JOINED, added, NULL, tm_xmpp_answer_first,
                       tm_xmpp_number(task));
    else
        tm_xmpp_answer(x, task);
    cJSON_Delete(added);
}

/* ---- removing ---- */

static void remove_next(tm_xmpp *x, tm_task *task);

/* An open room keeps whoever is in it: each of the user's devices is shown out. True if there are any; the last
 * answer is for `answer`. */
static bool show_out(tm_xmpp *x, const tm_room *room, const char *user, tm_question_answer answer,
                     void *argument)
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
        tm_xmpp_ask(x, &iq, left ? tm_member_nothing : answer, argument);
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
    tm_member_state *of = task->state;
    bool ok = answer && !*tm_stanza_error(answer);
    tm_room *room = tm_room_find(x, of->group);
    const char *user = tm_member_name(of);
    if (ok && room) tm_room_note(room, user, TM_STANDING_NONE);
    if (!append_result(task->op.result, kTIMGroupDeleteMemberResultIdentifier, user,
                       kTIMGroupDeleteMemberResultResult,
                       ok ? kTIMGroupMember_HandledSuc : kTIMGroupMember_HandledErr)) {
        tm_xmpp_fail_memory(x, task);
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
    tm_member_state *of = task->state;
    tm_member_drop_change(x, of->group, tm_member_name(of), NULL); /* this one counts */
    tm_member_set_affiliation(x, of->group, tm_member_name(of), "none", removed, tips->argument);
}

static void remove_next(tm_xmpp *x, tm_task *task)
{
    tm_member_state *of = task->state;
    const cJSON *name = cJSON_GetArrayItem(of->names, of->at);
    tm_room *room = tm_room_find(x, of->group);
    if (!name) {
        tm_xmpp_answer(x, task);
        return;
    }
    tm_standing standing = tm_member_standing_in(of->members, name->valuestring);
    if (room && standing != TM_STANDING_NONE && standing < room->own) {
        cJSON *users = cJSON_CreateArray();
        tm_json_append(users, cJSON_CreateString(name->valuestring));
        tm_member_set_standing(of->members, name->valuestring, TM_STANDING_NONE);
        tm_member_tell(x, of->group, TM_TIP_REMOVED, users, NULL, removal_was_told, tm_xmpp_number(task));
        cJSON_Delete(users);
        return;
    }
    if (!append_result(task->op.result, kTIMGroupDeleteMemberResultIdentifier, name->valuestring,
                       kTIMGroupDeleteMemberResultResult, kTIMGroupMember_HandledErr)) {
        tm_xmpp_fail_memory(x, task);
        return;
    }
    of->at++;
    remove_next(x, task);
}

/* ---- roles ---- */

static void modified(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    if (answer && !*tm_stanza_error(answer)) {
        tm_xmpp_answer(x, task);
        return;
    }
    tm_xmpp_fail_by_answer(x, task, answer);
}

static void modify(tm_xmpp *x, tm_task *task)
{
    tm_member_state *of = task->state;
    tm_room *room = tm_room_find(x, of->group);
    const cJSON *param = task->op.param;
    const char *name = tm_json_get_string(param, kTIMGroupModifyMemberInfoParamIdentifier, "");
    uint64_t flags = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamModifyFlag, 0);
    uint64_t role = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamMemberRole, kTIMMemberRole_Normal);
    tm_standing present = tm_member_standing_in(of->members, name);
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
    tm_member_set_affiliation(x, of->group, name, role == kTIMMemberRole_Admin ? "admin" : "member", modified,
                              tm_xmpp_number(task));
}

/* ---- the list ---- */

static int role_of(tm_standing standing)
{
    return standing == TM_STANDING_OWNER   ? kTIMMemberRole_SuperAdmin
           : standing == TM_STANDING_ADMIN ? kTIMMemberRole_Admin
                                           : kTIMMemberRole_Normal;
}

static void list_members(tm_xmpp *x, tm_task *task)
{
    tm_member_state *of = task->state;
    const cJSON *member, *names = tm_json_get(task->op.param, kTIMGroupGetMemberInfoListParamIdentifierArray);
    cJSON *list = cJSON_CreateArray();
    task->op.result = cJSON_CreateObject();
    bool ok = tm_json_add_item(task->op.result, kTIMGroupGetMemberInfoListResultInfoArray, list) &&
              tm_json_add_int(task->op.result, kTIMGroupGetMemberInfoListResultNexSeq, 0);
    cJSON_ArrayForEach(member, of->members)
    {
        if (!tm_is_asked_for(names, member->string)) continue;
        ok = ok && tm_add_member_info(list, member->string, 0, role_of((tm_standing)member->valueint), "");
    }
    if (ok)
        tm_xmpp_answer(x, task);
    else
        tm_xmpp_fail_memory(x, task);
}

/* ---- starting ---- */

void tm_member_start(tm_xmpp *x, tm_task *task, tm_room *room)
{
    if (task->op.call == TM_CALL_GROUP_DELETE_MEMBER && room->own < TM_STANDING_ADMIN) {
        tm_xmpp_fail(x, task, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner and admins may remove members");
        return;
    }
    tm_member_state *of = tm_member_new_state(x, task, room->group);
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
            tm_member_ask_lists(x, task, remove_next);
        else
            tm_xmpp_fail_memory(x, task);
        break;
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO: tm_member_ask_lists(x, task, modify); break;
    default: tm_member_ask_lists(x, task, list_members); break;
    }
}

/* Hub group: groups, their members and roles (rule 42). See hub.c. */
#include "hub_internal.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

/* Kinds of GroupTips. */
enum { TIP_JOINED = 1, TIP_QUIT = 2, TIP_REMOVED = 3 };

typedef struct group {
    int64_t id, topic;
    char name[49];
    char *title; /* owned */
    int32_t type, add_option;
    int64_t max_members;
    int32_t role; /* the user's; -1: not a member */
} group;

/* Finds a group. `as_member`: who is none gets 10007. out->title must be freed in every case. */
static int32_t find_group(tm_hub *hub, const char *name, bool as_member, group *out, tm_error *err)
{
    tm_error local = {0};
    memset(out, 0, sizeof *out);
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local,
                     "SELECT g.id, g.topic, g.title, g.type, g.add_option, g.max_members, m.role "
                     "FROM groups g LEFT JOIN members m ON m.group_id = g.id AND m.user = ? "
                     "WHERE g.name = ?",
                     "it", hub->user_id, name);
    if (tm_sql_step(hub->sql, row, &local)) {
        out->id = sqlite3_column_int64(row, 0);
        out->topic = sqlite3_column_int64(row, 1);
        out->title = tm_strdup(tm_sql_column_text(row, 2));
        out->type = sqlite3_column_int(row, 3);
        out->add_option = sqlite3_column_int(row, 4);
        out->max_members = sqlite3_column_int64(row, 5);
        out->role = sqlite3_column_type(row, 6) == SQLITE_NULL ? -1 : sqlite3_column_int(row, 6);
        tm_sql_drop(row);
        snprintf(out->name, sizeof out->name, "%s", name);
        if (!out->title) tm_fail_memory(&local);
    }
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    if (!out->id) return tm_fail(err, ERR_SVR_GROUP_NOT_FOUND, "there is no group \"%s\"", name);
    if (as_member && out->role < 0)
        return tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "\"%s\" is not a member of group \"%s\"",
                       hub->user, name);
    return 0;
}

/* The user's TIMGroupMemberRole in the group, -1 for none, -2 on failure. */
static int32_t role_of(tm_hub *hub, const group *in, int64_t user_id, tm_error *err)
{
    tm_error local = {0};
    int64_t role =
        tm_sql_int(hub->sql, &local, -1, "SELECT role FROM members WHERE group_id = ? AND user = ?", "ii",
                   in->id, user_id);
    if (!local.code) return (int32_t)role;
    tm_fail(err, local.code, "%s", local.text);
    return -2;
}

static int64_t member_count(tm_hub *hub, const group *in)
{
    return tm_sql_int(hub->sql, NULL, 0, "SELECT count(*) FROM members WHERE group_id = ?", "i", in->id);
}

static int32_t add_member(tm_hub *hub, const group *to, int64_t user_id, int32_t role, tm_error *err)
{
    return tm_sql_run(hub->sql, err, "INSERT INTO members(group_id, user, role, joined) VALUES(?, ?, ?, ?)",
                      "iiiu", to->id, user_id, (int64_t)role, hub_now());
}

/* The GroupTips message about `users` (an array of ids). `also`: a user who is no member any more but must
 * hear of it. */
static int32_t tell_group(tm_hub *hub, const group *in, int tip, const cJSON *users, int64_t also,
                          uint64_t *time, tm_error *err)
{
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    char *text = NULL;
    bool ok = elems && tm_json_add_int(elem, kTIMElemType, kTIMElem_GroupTips) &&
              tm_json_add_int(elem, kTIMGroupTipsElemTipType, tip) &&
              tm_json_add_string(elem, kTIMGroupTipsElemOpUser, hub->user) &&
              tm_json_add_string(elem, kTIMGroupTipsElemGroupId, in->name) &&
              tm_json_add_string(elem, kTIMGroupTipsElemGroupName, in->title) &&
              tm_json_add_uint(elem, kTIMGroupTipsElemTime, hub_now()) &&
              tm_json_add_item(elem, kTIMGroupTipsElemUserArray, cJSON_Duplicate(users, true)) &&
              tm_json_add_int(elem, kTIMGroupTipsElemMemberNum, member_count(hub, in)) &&
              tm_json_add_item(elem, kTIMGroupTipsElemGroupChangeInfoArray, cJSON_CreateArray()) &&
              tm_json_add_item(elem, kTIMGroupTipsElemMemberChangeInfoArray, cJSON_CreateArray());
    if (ok) {
        ok = tm_json_append(elems, elem);
        elem = NULL;
    }
    if (ok) text = tm_json_print(elems);
    int32_t code =
        text ? hub_append_system(hub, in->topic, in->id, also, text, time, err) : tm_fail_memory(err);
    cJSON_Delete(elem);
    cJSON_Delete(elems);
    tm_free(text);
    return code;
}

static int32_t tell_group_of_one(tm_hub *hub, const group *in, int tip, const char *user, uint64_t *time,
                                 tm_error *err)
{
    cJSON *users = cJSON_CreateArray();
    int32_t code = tm_json_append(users, users ? cJSON_CreateString(user) : NULL)
                       ? tell_group(hub, in, tip, users, 0, time, err)
                       : tm_fail_memory(err);
    cJSON_Delete(users);
    return code;
}

/* ---- creating and ending ---- */

static int32_t add_first_members(tm_hub *hub, const group *in, const cJSON *members, tm_error *err)
{
    const cJSON *member;
    cJSON *names = cJSON_CreateArray();
    int32_t code = names ? 0 : tm_fail_memory(err);
    cJSON_ArrayForEach(member, members)
    {
        if (code) break;
        const char *name = tm_json_get_string(member, kTIMGroupMemberInfoIdentifier, "");
        int32_t role =
            (int32_t)tm_json_get_uint(member, kTIMGroupMemberInfoMemberRole, kTIMMemberRole_Normal);
        tm_error local = {0};
        int64_t user_id = hub_user_id(hub, name, &local);
        if (local.code)
            code = tm_fail(err, local.code, "%s", local.text);
        else if (!user_id)
            code = tm_fail(err, ERR_SVR_MSG_INVALID_ID, "there is no user \"%s\"", name);
        else if (role_of(hub, in, user_id, err) != -1)
            continue; /* the creator, or named twice */
        else if (role == kTIMMemberRole_SuperAdmin)
            code = tm_fail(err, ERR_SVR_GROUP_INVALID_PARAMETERS, "the owner of a new group is its creator");
        else if (in->max_members && member_count(hub, in) >= in->max_members)
            code = tm_fail(err, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "more than the group's %lld members",
                           (long long)in->max_members);
        else if (!(code = add_member(hub, in, user_id, role, err)) &&
                 !(code = hub_append_membership(hub, in->topic, in->name, user_id, true, 0, err)) &&
                 !tm_json_append(names, cJSON_CreateString(name)))
            code = tm_fail_memory(err);
    }
    uint64_t time;
    if (!code && names->child) code = tell_group(hub, in, TIP_JOINED, names, 0, &time, err);
    cJSON_Delete(names);
    return code;
}

static int32_t create(tm_hub *hub, tm_op *op, tm_error *err)
{
    group made = {0};
    const cJSON *param = op->param;
    const char *wanted = tm_json_get_string(param, kTIMCreateGroupParamGroupId, "");
    if (*wanted)
        snprintf(made.name, sizeof made.name, "%s", wanted);
    else
        snprintf(made.name, sizeof made.name, "@TGS#%08llx%08llx", (unsigned long long)tm_message_random(),
                 (unsigned long long)tm_message_random());
    tm_error local = {0};
    if (tm_sql_int(hub->sql, &local, 0, "SELECT 1 FROM groups WHERE name = ?", "t", made.name))
        return tm_fail(err, ERR_SVR_GROUP_GROUPID_IN_USED, "there is a group \"%s\" already", made.name);
    made.max_members = tm_json_get_int(param, kTIMCreateGroupParamMaxMemberCount, 0);
    made.title = tm_strdup(tm_json_get_string(param, kTIMCreateGroupParamGroupName, ""));
    int32_t code = local.code   ? tm_fail(err, local.code, "%s", local.text)
                   : made.title ? 0
                                : tm_fail_memory(err);
    if (!code && !(made.topic = hub_new_topic(hub, made.name, err))) code = err->code;
    if (!code)
        code =
            tm_sql_run(hub->sql, err,
                       "INSERT INTO groups(name, topic, title, type, add_option, max_members, notification, "
                       "introduction, face_url, created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       "titiiitttu", made.name, made.topic, made.title,
                       tm_json_get_int(param, kTIMCreateGroupParamGroupType, kTIMGroup_Public),
                       tm_json_get_int(param, kTIMCreateGroupParamAddOption, kTIMGroupAddOpt_Any),
                       made.max_members, tm_json_get_string(param, kTIMCreateGroupParamNotification, ""),
                       tm_json_get_string(param, kTIMCreateGroupParamIntroduction, ""),
                       tm_json_get_string(param, kTIMCreateGroupParamFaceUrl, ""), hub_now());
    made.id = tm_sql_last_id(hub->sql);
    if (!code) code = add_member(hub, &made, hub->user_id, kTIMMemberRole_SuperAdmin, err);
    if (!code) code = hub_append_membership(hub, made.topic, made.name, hub->user_id, true, 0, err);
    if (!code)
        code = add_first_members(hub, &made, tm_json_get(param, kTIMCreateGroupParamGroupMemberArray), err);
    if (!code) {
        op->result = cJSON_CreateObject();
        if (!tm_json_add_string(op->result, kTIMCreateGroupResultGroupId, made.name))
            code = tm_fail_memory(err);
    }
    tm_free(made.title);
    return code;
}

static int32_t end_membership(tm_hub *hub, const group *in, int64_t user_id, uint64_t time, tm_error *err)
{
    int32_t code = tm_sql_run(hub->sql, err, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii",
                              in->id, user_id);
    return code ? code : hub_append_membership(hub, in->topic, in->name, user_id, false, time, err);
}

static int32_t delete_group(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    tm_error local = {0};
    int32_t code = find_group(hub, op->text, true, &in, err);
    if (!code && in.role != kTIMMemberRole_SuperAdmin)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner may delete a group");
    /* one member at a time, so that nothing reads a table while it changes */
    int64_t user_id;
    while (!code && (user_id = tm_sql_int(hub->sql, &local, 0,
                                          "SELECT user FROM members WHERE group_id = ? LIMIT 1", "i", in.id)))
        code = end_membership(hub, &in, user_id, hub_now(), err);
    if (!code && local.code) code = tm_fail(err, local.code, "%s", local.text);
    if (!code) code = tm_sql_run(hub->sql, err, "DELETE FROM groups WHERE id = ?", "i", in.id);
    tm_free(in.title);
    return code;
}

/* ---- coming and going ---- */

static int32_t join(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    uint64_t time;
    int32_t code = find_group(hub, op->text, false, &in, err);
    if (code) goto out;
    if (in.role >= 0)
        code = tm_fail(err, ERR_SVR_GROUP_ALLREADY_MEMBER, "\"%s\" is a member of group \"%s\"", hub->user,
                       in.name);
    else if (in.type == kTIMGroup_Private)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "a private group is joined by invitation");
    else if (in.add_option == kTIMGroupAddOpt_Forbid)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "group \"%s\" does not let anybody join", in.name);
    else if (in.add_option == kTIMGroupAddOpt_Auth)
        code =
            tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY,
                    "group \"%s\" wants to approve who joins, which a hub cannot: ask a member to invite you",
                    in.name);
    else if (in.max_members && member_count(hub, &in) >= in.max_members)
        code = tm_fail(err, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "group \"%s\" is full", in.name);
    if (!code) code = add_member(hub, &in, hub->user_id, kTIMMemberRole_Normal, err);
    if (!code) code = tell_group_of_one(hub, &in, TIP_JOINED, hub->user, &time, err);
    if (!code) code = hub_append_membership(hub, in.topic, in.name, hub->user_id, true, time, err);
out:
    tm_free(in.title);
    return code;
}

static int32_t quit(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    uint64_t time;
    int32_t code = find_group(hub, op->text, true, &in, err);
    if (!code && in.role == kTIMMemberRole_SuperAdmin)
        code =
            tm_fail(err, ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT, "the owner cannot quit, only delete the group");
    if (!code)
        code = tm_sql_run(hub->sql, err, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii", in.id,
                          hub->user_id);
    if (!code) code = tell_group_of_one(hub, &in, TIP_QUIT, hub->user, &time, err);
    if (!code) code = hub_append_membership(hub, in.topic, in.name, hub->user_id, false, time, err);
    tm_free(in.title);
    return code;
}

static bool add_result(cJSON *results, const char *name_key, const char *name, const char *result_key,
                       int32_t result)
{
    cJSON *entry = cJSON_CreateObject();
    return tm_json_append(results, entry) && tm_json_add_string(entry, name_key, name) &&
           tm_json_add_int(entry, result_key, result);
}

/* Invites one user: a HandleGroupMemberResult, -1 on failure. */
static int32_t invite_one(tm_hub *hub, const group *in, const char *name, int64_t *user_id, tm_error *err)
{
    tm_error local = {0};
    *user_id = hub_user_id(hub, name, &local);
    int32_t role = *user_id ? role_of(hub, in, *user_id, &local) : -1;
    if (local.code) {
        tm_fail(err, local.code, "%s", local.text);
        return -1;
    }
    if (!*user_id) return kTIMGroupMember_HandledErr;
    if (role >= 0) return kTIMGroupMember_Included;
    if (in->max_members && member_count(hub, in) >= in->max_members) return kTIMGroupMember_HandledErr;
    return add_member(hub, in, *user_id, kTIMMemberRole_Normal, err) ? -1 : kTIMGroupMember_HandledSuc;
}

static int32_t invite(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    uint64_t time = 0;
    const cJSON *name;
    cJSON *invited = cJSON_CreateArray();
    int32_t code =
        find_group(hub, tm_json_get_string(op->param, kTIMGroupInviteMemberParamGroupId, ""), true, &in, err);
    op->result = cJSON_CreateArray();
    if (!code && (!invited || !op->result)) code = tm_fail_memory(err);
    cJSON_ArrayForEach(name, tm_json_get(op->param, kTIMGroupInviteMemberParamIdentifierArray))
    {
        if (code) break;
        int64_t user_id;
        int32_t result = invite_one(hub, &in, name->valuestring, &user_id, err);
        if (result < 0)
            code = err->code;
        else if (!add_result(op->result, kTIMGroupInviteMemberResultIdentifier, name->valuestring,
                             kTIMGroupInviteMemberResultResult, result) ||
                 (result == kTIMGroupMember_HandledSuc &&
                  !tm_json_append(invited, cJSON_CreateString(name->valuestring))))
            code = tm_fail_memory(err);
    }
    if (!code && invited->child) code = tell_group(hub, &in, TIP_JOINED, invited, 0, &time, err);
    cJSON_ArrayForEach(name, invited)
    {
        if (code) break;
        int64_t user_id = hub_user_id(hub, name->valuestring, err);
        code = hub_append_membership(hub, in.topic, in.name, user_id, true, time, err);
    }
    cJSON_Delete(invited);
    tm_free(in.title);
    return code;
}

static int32_t remove_members(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    const cJSON *name;
    int32_t code =
        find_group(hub, tm_json_get_string(op->param, kTIMGroupDeleteMemberParamGroupId, ""), true, &in, err);
    if (!code && in.role == kTIMMemberRole_Normal)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner and admins may remove members");
    op->result = cJSON_CreateArray();
    if (!code && !op->result) code = tm_fail_memory(err);
    cJSON_ArrayForEach(name, tm_json_get(op->param, kTIMGroupDeleteMemberParamIdentifierArray))
    {
        if (code) break;
        tm_error local = {0};
        uint64_t time;
        int64_t user_id = hub_user_id(hub, name->valuestring, &local);
        int32_t role = user_id ? role_of(hub, &in, user_id, &local) : -1;
        /* only those below one's own rank: an admin cannot remove another, nobody the owner */
        bool may = role >= 0 && role < in.role;
        if (!local.code && may) {
            cJSON *gone = cJSON_CreateArray();
            if (!tm_json_append(gone, gone ? cJSON_CreateString(name->valuestring) : NULL))
                tm_fail_memory(&local);
            if (!local.code)
                tm_sql_run(hub->sql, &local, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii",
                           in.id, user_id);
            if (!local.code) tell_group(hub, &in, TIP_REMOVED, gone, user_id, &time, &local);
            if (!local.code) hub_append_membership(hub, in.topic, in.name, user_id, false, time, &local);
            cJSON_Delete(gone);
        }
        if (local.code)
            code = tm_fail(err, local.code, "%s", local.text);
        else if (!add_result(op->result, kTIMGroupDeleteMemberResultIdentifier, name->valuestring,
                             kTIMGroupDeleteMemberResultResult,
                             may ? kTIMGroupMember_HandledSuc : kTIMGroupMember_HandledErr))
            code = tm_fail_memory(err);
    }
    tm_free(in.title);
    return code;
}

/* ---- members ---- */

static int32_t modify_member(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    const cJSON *param = op->param;
    const char *name = tm_json_get_string(param, kTIMGroupModifyMemberInfoParamIdentifier, "");
    const unsigned known = kTIMGroupMemberModifyFlag_MemberRole | kTIMGroupMemberModifyFlag_NameCard;
    uint64_t flags = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamModifyFlag, 0);
    int32_t role =
        (int32_t)tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamMemberRole, kTIMMemberRole_Normal);
    int32_t code =
        find_group(hub, tm_json_get_string(param, kTIMGroupModifyMemberInfoParamGroupId, ""), true, &in, err);
    if (code) goto out;
    tm_error local = {0};
    int64_t user_id = hub_user_id(hub, name, &local);
    int32_t present = user_id ? role_of(hub, &in, user_id, &local) : -1;
    if (local.code)
        code = tm_fail(err, local.code, "%s", local.text);
    else if (present < 0)
        code = tm_fail(err, ERR_SVR_GROUP_INVALID_PARAMETERS, "\"%s\" is not a member of group \"%s\"", name,
                       in.name);
    else if (flags == 0 || (flags & ~(uint64_t)known))
        code = tm_fail(err, ERR_SVR_GROUP_INVALID_PARAMETERS,
                       "%s: only role (2) and name card (8) can be modified",
                       kTIMGroupModifyMemberInfoParamModifyFlag);
    if (!code && (flags & kTIMGroupMemberModifyFlag_MemberRole)) {
        if (in.role != kTIMMemberRole_SuperAdmin)
            code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner may set roles");
        else if (present == kTIMMemberRole_SuperAdmin || role == kTIMMemberRole_SuperAdmin)
            code = tm_fail(err, ERR_SVR_GROUP_INVALID_PARAMETERS, "a group has one owner, its creator");
        else
            code = tm_sql_run(hub->sql, err, "UPDATE members SET role = ? WHERE group_id = ? AND user = ?",
                              "iii", (int64_t)role, in.id, user_id);
    }
    if (!code && (flags & kTIMGroupMemberModifyFlag_NameCard)) {
        if (user_id != hub->user_id && in.role <= present)
            code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY,
                           "only one's own name card, or those of lower rank");
        else
            code = tm_sql_run(
                hub->sql, err, "UPDATE members SET name_card = ? WHERE group_id = ? AND user = ?", "tii",
                tm_json_get_string(param, kTIMGroupModifyMemberInfoParamNameCard, ""), in.id, user_id);
    }
out:
    tm_free(in.title);
    return code;
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

static bool add_member_info(cJSON *list, sqlite3_stmt *row)
{
    cJSON *info = cJSON_CreateObject();
    return tm_json_append(list, info) &&
           tm_json_add_string(info, kTIMGroupMemberInfoIdentifier, tm_sql_column_text(row, 0)) &&
           tm_json_add_uint(info, kTIMGroupMemberInfoJoinTime, tm_sql_column_u64(row, 1)) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMemberRole, sqlite3_column_int64(row, 2)) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMsgFlag, 0) &&
           tm_json_add_int(info, kTIMGroupMemberInfoMsgSeq, 0) &&
           tm_json_add_int(info, kTIMGroupMemberInfoShutupTime, 0) &&
           tm_json_add_string(info, kTIMGroupMemberInfoNameCard, tm_sql_column_text(row, 3)) &&
           tm_json_add_item(info, kTIMGroupMemberInfoCustomInfo, cJSON_CreateObject());
}

static int32_t list_members(tm_hub *hub, tm_op *op, tm_error *err)
{
    group in;
    tm_error local = {0};
    const cJSON *names = tm_json_get(op->param, kTIMGroupGetMemberInfoListParamIdentifierArray);
    int32_t code = find_group(hub, tm_json_get_string(op->param, kTIMGroupGetMemberInfoListParamGroupId, ""),
                              true, &in, err);
    tm_free(in.title);
    if (code) return code;
    op->result = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray();
    if (!tm_json_add_int(op->result, kTIMGroupGetMemberInfoListResultNexSeq, 0) ||
        !tm_json_add_item(op->result, kTIMGroupGetMemberInfoListResultInfoArray, list))
        return tm_fail_memory(err);
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local,
                     "SELECT u.name, m.joined, m.role, m.name_card FROM members m JOIN users u ON "
                     "u.id = m.user WHERE m.group_id = ? ORDER BY m.joined, u.id",
                     "i", in.id);
    while (tm_sql_step(hub->sql, row, &local))
        if (is_asked_for(names, tm_sql_column_text(row, 0)) && !add_member_info(list, row)) {
            tm_sql_drop(row);
            return tm_fail_memory(err);
        }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

static bool add_group_info(cJSON *list, sqlite3_stmt *row)
{
    cJSON *info = cJSON_CreateObject();
    return tm_json_append(list, info) &&
           tm_json_add_string(info, kTIMGroupBaseInfoGroupId, tm_sql_column_text(row, 0)) &&
           tm_json_add_string(info, kTIMGroupBaseInfoGroupName, tm_sql_column_text(row, 1)) &&
           tm_json_add_int(info, kTIMGroupBaseInfoGroupType, sqlite3_column_int64(row, 2)) &&
           tm_json_add_string(info, kTIMGroupBaseInfoFaceUrl, tm_sql_column_text(row, 3)) &&
           tm_json_add_uint(info, kTIMGroupBaseInfoLastestSeq, tm_sql_column_u64(row, 4));
}

static int32_t list_groups(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_error local = {0};
    op->result = cJSON_CreateArray();
    if (!op->result) return tm_fail_memory(err);
    sqlite3_stmt *row = tm_sql_query(hub->sql, &local,
                                     "SELECT g.name, g.title, g.type, g.face_url, t.last_seq FROM members m "
                                     "JOIN groups g ON g.id = m.group_id JOIN topics t ON t.id = g.topic "
                                     "WHERE m.user = ? ORDER BY g.id",
                                     "i", hub->user_id);
    while (tm_sql_step(hub->sql, row, &local))
        if (!add_group_info(op->result, row)) {
            tm_sql_drop(row);
            return tm_fail_memory(err);
        }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t hub_group(tm_hub *hub, tm_op *op, tm_error *err)
{
    switch (op->call) {
    case TM_CALL_GROUP_CREATE: return create(hub, op, err);
    case TM_CALL_GROUP_DELETE: return delete_group(hub, op, err);
    case TM_CALL_GROUP_JOIN: return join(hub, op, err);
    case TM_CALL_GROUP_QUIT: return quit(hub, op, err);
    case TM_CALL_GROUP_INVITE_MEMBER: return invite(hub, op, err);
    case TM_CALL_GROUP_DELETE_MEMBER: return remove_members(hub, op, err);
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO: return modify_member(hub, op, err);
    case TM_CALL_GROUP_GET_MEMBER_INFO_LIST: return list_members(hub, op, err);
    case TM_CALL_GROUP_GET_JOINED_GROUP_LIST: return list_groups(hub, op, err);
    default: return tm_fail(err, ERR_SVR_GROUP_INTERNAL_ERROR, "not a group call");
    }
}

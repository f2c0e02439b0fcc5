/* Hub member: who is in a group: coming, going, roles (rule 42). See hub.c. */
#include "hub_group.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

int32_t tm_hub_member_role(tm_hub *hub, const tm_hub_group_info *in, int64_t user_id, tm_error *err)
{
    tm_error local = {0};
    int64_t role =
        tm_sql_int(hub->sql, &local, -1, "SELECT role FROM members WHERE group_id = ? AND user = ?", "ii",
                   in->id, user_id);
    if (!local.code) return (int32_t)role;
    tm_fail(err, local.code, "%s", local.text);
    return -2;
}

/* INT64_MAX on failure. */
static int64_t member_count(tm_hub *hub, const tm_hub_group_info *in, tm_error *err)
{
    return tm_sql_int(hub->sql, err, INT64_MAX, "SELECT count(*) FROM members WHERE group_id = ?", "i",
                      in->id);
}

bool tm_hub_member_full(tm_hub *hub, const tm_hub_group_info *in, tm_error *err)
{
    return in->max_members && member_count(hub, in, err) >= in->max_members;
}

int32_t tm_hub_member_add(tm_hub *hub, const tm_hub_group_info *to, int64_t user_id, int32_t role,
                          tm_error *err)
{
    return tm_sql_run(hub->sql, err, "INSERT INTO members(group_id, user, role, joined) VALUES(?, ?, ?, ?)",
                      "iiiu", to->id, user_id, (int64_t)role, tm_world_seconds(hub->host.world));
}

/* Users have come: their devices hear of that, and of what was revoked since they went, if they were here before. */
static int32_t begin_memberships(tm_hub *hub, const tm_hub_group_info *in, const cJSON *users, uint64_t time,
                                 tm_error *err)
{
    const cJSON *user;
    tm_error local = {0};
    int64_t first = INT64_MAX;
    cJSON_ArrayForEach(user, users)
    {
        int64_t user_id = tm_hub_user_id(hub, user->valuestring, &local);
        if (!local.code) tm_hub_append_membership(hub, in->topic, in->name, user_id, true, time, &local);
        int64_t since = local.code ? 0 : tm_hub_absent_since(hub, in->topic, user_id, &local);
        if (local.code) return tm_fail(err, local.code, "%s", local.text);
        if (since < first) first = since;
    }
    if (first == INT64_MAX) return 0;
    int64_t repeated = tm_hub_repeat_revokes(hub, in->topic, first, &local);
    cJSON_ArrayForEach(user, users)
    {
        int64_t user_id = local.code ? 0 : tm_hub_user_id(hub, user->valuestring, &local);
        if (!local.code) tm_hub_end_absence(hub, in->topic, user_id, repeated, &local);
    }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

int32_t tm_hub_member_end(tm_hub *hub, const tm_hub_group_info *in, int64_t user_id, uint64_t time,
                          tm_error *err)
{
    int32_t code = tm_sql_run(hub->sql, err, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii",
                              in->id, user_id);
    return code ? code : tm_hub_append_membership(hub, in->topic, in->name, user_id, false, time, err);
}

int32_t tm_hub_member_tell(tm_hub *hub, const tm_hub_group_info *in, int tip, const cJSON *users,
                           const cJSON *also, uint64_t *time, tm_error *err)
{
    tm_error local = {0};
    int64_t count = member_count(hub, in, &local);
    if (local.code) return tm_fail(err, local.code, "%s", local.text);
    char *text = tm_tips_text(&(tm_tips){.kind = tip,
                                         .actor = hub->user,
                                         .group = in->name,
                                         .title = in->title,
                                         .users = users,
                                         .time = tm_world_seconds(hub->host.world),
                                         .members = count});
    int32_t code =
        text ? tm_hub_append_system(hub, in->topic, in->id, also, text, time, err) : tm_fail_memory(err);
    tm_free(text);
    return code;
}

/* The user as an array of one. Owned by the caller; NULL: memory is short. */
static cJSON *only_user(const tm_hub *hub)
{
    cJSON *users = cJSON_CreateArray();
    if (tm_json_append(users, users ? cJSON_CreateString(hub->user) : NULL)) return users;
    cJSON_Delete(users);
    return NULL;
}

/* ---- coming and going ---- */

int32_t tm_hub_member_join(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    tm_error local = {0};
    uint64_t time;
    cJSON *users = only_user(hub);
    int32_t code = tm_hub_group_find(hub, op->text, false, &in, err);
    if (!code && !users) code = tm_fail_memory(err);
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
    else if (tm_hub_member_full(hub, &in, &local))
        code = local.code ? tm_fail(err, local.code, "%s", local.text)
                          : tm_fail(err, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "group \"%s\" is full", in.name);
    if (!code) code = tm_hub_member_add(hub, &in, hub->user_id, kTIMMemberRole_Normal, err);
    if (!code) code = tm_hub_member_tell(hub, &in, TM_TIP_JOINED, users, NULL, &time, err);
    if (!code) code = begin_memberships(hub, &in, users, time, err);
out:
    cJSON_Delete(users);
    tm_free(in.title);
    return code;
}

int32_t tm_hub_member_quit(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    uint64_t time;
    cJSON *users = only_user(hub);
    int32_t code = tm_hub_group_find(hub, op->text, true, &in, err);
    if (!code && !users) code = tm_fail_memory(err);
    if (!code && in.role == kTIMMemberRole_SuperAdmin)
        code =
            tm_fail(err, ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT, "the owner cannot quit, only delete the group");
    if (!code)
        code = tm_sql_run(hub->sql, err, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii", in.id,
                          hub->user_id);
    if (!code) code = tm_hub_member_tell(hub, &in, TM_TIP_QUIT, users, NULL, &time, err);
    if (!code) code = tm_hub_append_membership(hub, in.topic, in.name, hub->user_id, false, time, err);
    cJSON_Delete(users);
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
static int32_t invite_one(tm_hub *hub, const tm_hub_group_info *in, const char *name, int64_t *user_id,
                          tm_error *err)
{
    tm_error local = {0};
    *user_id = tm_hub_user_id(hub, name, &local);
    int32_t role = *user_id ? tm_hub_member_role(hub, in, *user_id, &local) : -1;
    bool full = role == -1 && tm_hub_member_full(hub, in, &local);
    if (local.code) {
        tm_fail(err, local.code, "%s", local.text);
        return -1;
    }
    if (!*user_id) return kTIMGroupMember_HandledErr;
    if (role >= 0) return kTIMGroupMember_Included;
    if (full) return kTIMGroupMember_HandledErr;
    return tm_hub_member_add(hub, in, *user_id, kTIMMemberRole_Normal, err) ? -1 : kTIMGroupMember_HandledSuc;
}

int32_t tm_hub_member_invite(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    uint64_t time = 0;
    const cJSON *name;
    cJSON *invited = cJSON_CreateArray();
    int32_t code = tm_hub_group_find(
        hub, tm_json_get_string(op->param, kTIMGroupInviteMemberParamGroupId, ""), true, &in, err);
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
    if (!code && invited->child)
        code = tm_hub_member_tell(hub, &in, TM_TIP_JOINED, invited, NULL, &time, err);
    if (!code) code = begin_memberships(hub, &in, invited, time, err);
    cJSON_Delete(invited);
    tm_free(in.title);
    return code;
}

/* Removes one user, whose devices hear of it later: a HandleGroupMemberResult, -1 on failure. */
static int32_t remove_one(tm_hub *hub, const tm_hub_group_info *in, const char *name, tm_error *err)
{
    tm_error local = {0};
    int64_t user_id = tm_hub_user_id(hub, name, &local);
    int32_t role = user_id ? tm_hub_member_role(hub, in, user_id, &local) : -1;
    /* only those below one's own rank: an admin cannot remove another, nobody the owner */
    bool may = role >= 0 && role < in->role;
    if (!local.code && may)
        tm_sql_run(hub->sql, &local, "DELETE FROM members WHERE group_id = ? AND user = ?", "ii", in->id,
                   user_id);
    if (!local.code) return may ? kTIMGroupMember_HandledSuc : kTIMGroupMember_HandledErr;
    tm_fail(err, local.code, "%s", local.text);
    return -1;
}

/* One message tells all members and those who are out now, however many that are: one for each of them would be as many
 * deliveries as there are members, times those removed, and nobody else writes meanwhile. */
static int32_t tell_of_removal(tm_hub *hub, const tm_hub_group_info *in, const cJSON *gone, tm_error *err)
{
    uint64_t time;
    const cJSON *name;
    int32_t code = tm_hub_member_tell(hub, in, TM_TIP_REMOVED, gone, gone, &time, err);
    cJSON_ArrayForEach(name, gone)
    {
        if (code) break;
        tm_error local = {0};
        int64_t user_id = tm_hub_user_id(hub, name->valuestring, &local);
        code = local.code ? tm_fail(err, local.code, "%s", local.text)
                          : tm_hub_append_membership(hub, in->topic, in->name, user_id, false, time, err);
    }
    return code;
}

int32_t tm_hub_member_remove(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    const cJSON *name;
    cJSON *gone = cJSON_CreateArray();
    int32_t code = tm_hub_group_find(
        hub, tm_json_get_string(op->param, kTIMGroupDeleteMemberParamGroupId, ""), true, &in, err);
    if (!code && in.role == kTIMMemberRole_Normal)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner and admins may remove members");
    op->result = cJSON_CreateArray();
    if (!code && (!gone || !op->result)) code = tm_fail_memory(err);
    cJSON_ArrayForEach(name, tm_json_get(op->param, kTIMGroupDeleteMemberParamIdentifierArray))
    {
        if (code) break;
        int32_t result = remove_one(hub, &in, name->valuestring, err);
        if (result < 0)
            code = err->code;
        else if (!add_result(op->result, kTIMGroupDeleteMemberResultIdentifier, name->valuestring,
                             kTIMGroupDeleteMemberResultResult, result) ||
                 (result == kTIMGroupMember_HandledSuc &&
                  !tm_json_append(gone, cJSON_CreateString(name->valuestring))))
            code = tm_fail_memory(err);
    }
    if (!code && gone->child) code = tell_of_removal(hub, &in, gone, err);
    cJSON_Delete(gone);
    tm_free(in.title);
    return code;
}

/* ---- members ---- */

int32_t tm_hub_member_modify(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    const cJSON *param = op->param;
    const char *name = tm_json_get_string(param, kTIMGroupModifyMemberInfoParamIdentifier, "");
    const unsigned known = kTIMGroupMemberModifyFlag_MemberRole | kTIMGroupMemberModifyFlag_NameCard;
    uint64_t flags = tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamModifyFlag, 0);
    int32_t role =
        (int32_t)tm_json_get_uint(param, kTIMGroupModifyMemberInfoParamMemberRole, kTIMMemberRole_Normal);
    int32_t code = tm_hub_group_find(
        hub, tm_json_get_string(param, kTIMGroupModifyMemberInfoParamGroupId, ""), true, &in, err);
    if (code) goto out;
    tm_error local = {0};
    int64_t user_id = tm_hub_user_id(hub, name, &local);
    int32_t present = user_id ? tm_hub_member_role(hub, &in, user_id, &local) : -1;
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

static bool add_member_info(cJSON *list, sqlite3_stmt *row)
{
    if (!tm_valid_user(tm_sql_column_text(row, 0))) return true; /* no library made it */
    char *name_card = tm_hub_text(row, 3);
    bool ok =
        name_card &&
        tm_add_member_info(list, tm_sql_column_text(row, 0), tm_sql_column_u64(row, 1),
                           tm_hub_enum(row, 2, kTIMMemberRole_SuperAdmin, kTIMMemberRole_Normal), name_card);
    tm_free(name_card);
    return ok;
}

int32_t tm_hub_member_list(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    tm_error local = {0};
    const cJSON *names = tm_json_get(op->param, kTIMGroupGetMemberInfoListParamIdentifierArray);
    int32_t code = tm_hub_group_find(
        hub, tm_json_get_string(op->param, kTIMGroupGetMemberInfoListParamGroupId, ""), true, &in, err);
    tm_free(in.title);
    if (code) return code;
    op->result = cJSON_CreateObject();
    cJSON *list = NULL;
    if (!tm_json_add_int(op->result, kTIMGroupGetMemberInfoListResultNexSeq, 0) ||
        !tm_json_add_item(op->result, kTIMGroupGetMemberInfoListResultInfoArray, list = cJSON_CreateArray()))
        return tm_fail_memory(err);
    sqlite3_stmt *row =
        tm_sql_query(hub->sql, &local,
                     "SELECT u.name, m.joined, m.role, m.name_card FROM members m JOIN users u ON "
                     "u.id = m.user WHERE m.group_id = ? ORDER BY m.joined, u.id",
                     "i", in.id);
    while (tm_sql_step(hub->sql, row, &local))
        if (tm_is_asked_for(names, tm_sql_column_text(row, 0)) && !add_member_info(list, row)) {
            tm_sql_drop(row);
            return tm_fail_memory(err);
        }
    return local.code ? tm_fail(err, local.code, "%s", local.text) : 0;
}

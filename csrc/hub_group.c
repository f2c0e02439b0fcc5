/* Hub group: groups: found, created, deleted, listed (rule 42). See hub.c. */
#include "hub_group.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

char *tm_hub_text(sqlite3_stmt *row, int column)
{
    const char *text = tm_sql_column_text(row, column);
    return tm_utf8_repair(text, (size_t)sqlite3_column_bytes(row, column));
}

static bool add_text(cJSON *object, const char *key, sqlite3_stmt *row, int column)
{
    char *text = tm_hub_text(row, column);
    bool ok = text && tm_json_add_string(object, key, text);
    tm_free(text);
    return ok;
}

int32_t tm_hub_enum(sqlite3_stmt *row, int column, int32_t most, int32_t otherwise)
{
    int64_t value = sqlite3_column_int64(row, column);
    return value >= 0 && value <= most ? (int32_t)value : otherwise;
}

int32_t tm_hub_group_find(tm_hub *hub, const char *name, bool as_member, tm_hub_group_info *out,
                          tm_error *err)
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
        out->title = tm_hub_text(row, 2);
        out->type = sqlite3_column_int(row, 3);
        out->add_option = sqlite3_column_int(row, 4);
        out->max_members = sqlite3_column_int64(row, 5);
        out->role = sqlite3_column_type(row, 6) == SQLITE_NULL
                        ? -1
                        : tm_hub_enum(row, 6, kTIMMemberRole_SuperAdmin, kTIMMemberRole_Normal);
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

/* ---- creating and ending ---- */

static int32_t add_first_members(tm_hub *hub, const tm_hub_group_info *in, const cJSON *members,
                                 tm_error *err)
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
        int64_t user_id = tm_hub_user_id(hub, name, &local);
        int32_t present = user_id ? tm_hub_member_role(hub, in, user_id, &local) : -1;
        bool full = present == -1 && tm_hub_member_full(hub, in, &local);
        if (local.code)
            code = tm_fail(err, local.code, "%s", local.text);
        else if (!user_id)
            code = tm_fail(err, ERR_SVR_MSG_INVALID_ID, "there is no user \"%s\"", name);
        else if (present != -1)
            continue; /* the creator, or named twice */
        else if (role == kTIMMemberRole_SuperAdmin)
            code = tm_fail(err, ERR_SVR_GROUP_INVALID_PARAMETERS, "the owner of a new group is its creator");
        else if (full)
            code = tm_fail(err, ERR_SVR_GROUP_FULL_MEMBER_COUNT, "more than the group's %lld members",
                           (long long)in->max_members);
        else if (!(code = tm_hub_member_add(hub, in, user_id, role, err)) &&
                 !(code = tm_hub_append_membership(hub, in->topic, in->name, user_id, true, 0, err)) &&
                 !tm_json_append(names, cJSON_CreateString(name)))
            code = tm_fail_memory(err);
    }
    uint64_t time;
    if (!code && names->child) code = tm_hub_member_tell(hub, in, TM_TIP_JOINED, names, NULL, &time, err);
    cJSON_Delete(names);
    return code;
}

static int32_t create(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info made = {0};
    const cJSON *param = op->param;
    const char *wanted = tm_json_get_string(param, kTIMCreateGroupParamGroupId, "");
    if (*wanted)
        snprintf(made.name, sizeof made.name, "%s", wanted);
    else
        snprintf(made.name, sizeof made.name, "@TGS#%08llx%08llx",
                 (unsigned long long)tm_world_random(hub->host.world),
                 (unsigned long long)tm_world_random(hub->host.world));
    tm_error local = {0};
    if (tm_sql_int(hub->sql, &local, 0, "SELECT 1 FROM groups WHERE name = ?", "t", made.name))
        return tm_fail(err, ERR_SVR_GROUP_GROUPID_IN_USED, "there is a group \"%s\" already", made.name);
    made.max_members = tm_json_get_int(param, kTIMCreateGroupParamMaxMemberCount, 0);
    made.title = tm_strdup(tm_json_get_string(param, kTIMCreateGroupParamGroupName, ""));
    int32_t code = local.code   ? tm_fail(err, local.code, "%s", local.text)
                   : made.title ? 0
                                : tm_fail_memory(err);
    if (!code && !(made.topic = tm_hub_new_topic(hub, made.name, err))) code = err->code;
    if (!code)
        code = tm_sql_run(
            hub->sql, err,
            "INSERT INTO groups(name, topic, title, type, add_option, max_members, notification, "
            "introduction, face_url, created) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "titiiitttu", made.name, made.topic, made.title,
            tm_json_get_int(param, kTIMCreateGroupParamGroupType, kTIMGroup_Public),
            tm_json_get_int(param, kTIMCreateGroupParamAddOption, kTIMGroupAddOpt_Any), made.max_members,
            tm_json_get_string(param, kTIMCreateGroupParamNotification, ""),
            tm_json_get_string(param, kTIMCreateGroupParamIntroduction, ""),
            tm_json_get_string(param, kTIMCreateGroupParamFaceUrl, ""), tm_world_seconds(hub->host.world));
    made.id = tm_sql_last_id(hub->sql);
    if (!code) code = tm_hub_member_add(hub, &made, hub->user_id, kTIMMemberRole_SuperAdmin, err);
    if (!code) code = tm_hub_append_membership(hub, made.topic, made.name, hub->user_id, true, 0, err);
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

/* The last message of a group: that it was deleted. *time: the message's. */
static int32_t tell_of_end(tm_hub *hub, const tm_hub_group_info *in, uint64_t *time, tm_error *err)
{
    cJSON *elems = cJSON_CreateArray(), *elem = cJSON_CreateObject();
    bool ok = tm_json_append(elems, elem) && tm_json_add_int(elem, kTIMElemType, kTIMElem_GroupReport) &&
              tm_json_add_int(elem, kTIMGroupReportElemReportType, HUB_REPORT_DELETED) &&
              tm_json_add_string(elem, kTIMGroupReportElemGroupId, in->name) &&
              tm_json_add_string(elem, kTIMGroupReportElemOpUser, hub->user);
    char *text = ok ? tm_json_print(elems) : NULL;
    int32_t code =
        text ? tm_hub_append_system(hub, in->topic, in->id, NULL, text, time, err) : tm_fail_memory(err);
    cJSON_Delete(elems);
    tm_free(text);
    return code;
}

static int32_t delete_group(tm_hub *hub, tm_op *op, tm_error *err)
{
    tm_hub_group_info in;
    tm_error local = {0};
    uint64_t time;
    int32_t code = tm_hub_group_find(hub, op->text, true, &in, err);
    if (!code && in.role != kTIMMemberRole_SuperAdmin)
        code = tm_fail(err, ERR_SVR_GROUP_PERMISSION_DENY, "only the owner may delete a group");
    /* members know all that was said, those too who come back later, when there may be a group of the same id */
    if (!code) code = tell_of_end(hub, &in, &time, err);
    /* one member at a time, so that nothing reads a table while it changes */
    int64_t user_id;
    while (!code && (user_id = tm_sql_int(hub->sql, &local, 0,
                                          "SELECT user FROM members WHERE group_id = ? LIMIT 1", "i", in.id)))
        code = tm_hub_member_end(hub, &in, user_id, time, err);
    if (!code && local.code) code = tm_fail(err, local.code, "%s", local.text);
    /* nobody comes back to it */
    if (!code) code = tm_sql_run(hub->sql, err, "DELETE FROM absent WHERE topic = ?", "i", in.topic);
    if (!code) code = tm_sql_run(hub->sql, err, "DELETE FROM groups WHERE id = ?", "i", in.id);
    tm_free(in.title);
    return code;
}

static bool add_group_info(cJSON *list, sqlite3_stmt *row)
{
    if (!tm_valid_group(tm_sql_column_text(row, 0))) return true; /* no library made it */
    cJSON *info = cJSON_CreateObject();
    return tm_json_append(list, info) &&
           tm_json_add_string(info, kTIMGroupBaseInfoGroupId, tm_sql_column_text(row, 0)) &&
           add_text(info, kTIMGroupBaseInfoGroupName, row, 1) &&
           tm_json_add_int(info, kTIMGroupBaseInfoGroupType,
                           tm_hub_enum(row, 2, kTIMGroup_AVChatRoom, kTIMGroup_Public)) &&
           add_text(info, kTIMGroupBaseInfoFaceUrl, row, 3) &&
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

int32_t tm_hub_group(tm_hub *hub, tm_op *op, tm_error *err)
{
    switch (op->call) {
    case TM_CALL_GROUP_CREATE: return create(hub, op, err);
    case TM_CALL_GROUP_DELETE: return delete_group(hub, op, err);
    case TM_CALL_GROUP_JOIN: return tm_hub_member_join(hub, op, err);
    case TM_CALL_GROUP_QUIT: return tm_hub_member_quit(hub, op, err);
    case TM_CALL_GROUP_INVITE_MEMBER: return tm_hub_member_invite(hub, op, err);
    case TM_CALL_GROUP_DELETE_MEMBER: return tm_hub_member_remove(hub, op, err);
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO: return tm_hub_member_modify(hub, op, err);
    case TM_CALL_GROUP_GET_MEMBER_INFO_LIST: return tm_hub_member_list(hub, op, err);
    case TM_CALL_GROUP_GET_JOINED_GROUP_LIST: return list_groups(hub, op, err);
    default: return tm_fail(err, ERR_SVR_GROUP_INTERNAL_ERROR, "not a group call");
    }
}

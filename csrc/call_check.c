/* Call check: what is wrong with a call's arguments, found on the caller's thread (rule 1). See
 * call_check.h. */
#include "call_check.h"

#include "ids.h"
#include "include/TIMCloudDef.h"
#include "json.h"

#include <stdio.h>
#include <string.h>

#define MAX_LOCATORS 1000
#define MAX_BATCH 500
#define MAX_PAGE 1000

int32_t tm_check_conv_type(int64_t conv_type, tm_error *err)
{
    if (conv_type == kTIMConv_C2C || conv_type == kTIMConv_Group) return 0;
    return tm_fail(err, TIM_ERR_CONV, "conv_type: %lld is neither C2C (1) nor Group (2)",
                   (long long)conv_type);
}

static int32_t check_conv(const tm_args *args, tm_error *err)
{
    int32_t code = tm_check_conv_type(args->conv_type, err);
    if (code) return code;
    if (!args->conv_id) return tm_fail(err, TIM_ERR_PARAM, "conv_id: null");
    if (!tm_valid_conv(args->conv_type, args->conv_id))
        return tm_fail(err, TIM_ERR_CONV, "conv_id: expected 1 to %d characters from space to ~",
                       args->conv_type == kTIMConv_C2C ? TM_MAX_USER_ID : TM_MAX_GROUP_ID);
    return 0;
}

static int32_t check_group_id(const char *name, const char *id, tm_error *err)
{
    if (!id || !*id) return tm_fail(err, TIM_ERR_PARAM, "%s: empty", name);
    if (!tm_valid_group(id))
        return tm_fail(err, TIM_ERR_GROUP, "%s: expected 1 to %d characters from space to ~", name,
                       TM_MAX_GROUP_ID);
    return 0;
}

static int32_t check_user_id(const char *path, int index, const char *id, tm_error *err)
{
    if (tm_valid_user(id)) return 0;
    return tm_fail(err, TIM_ERR_CONV, "%s[%d]: expected 1 to %d characters from space to ~", path, index,
                   TM_MAX_USER_ID);
}

static int32_t check_each_user_id(int base, const cJSON *json, const char *key, tm_error *err)
{
    const cJSON *id;
    int index = base;
    cJSON_ArrayForEach(id, tm_json_get(json, key))
    {
        int32_t code = check_user_id(key, index++, id->valuestring, err);
        if (code) return code;
    }
    return 0;
}

/* An array of user ids: at least one, at most `max`. */
static int32_t check_user_ids(int base, const cJSON *json, const char *key, int max, tm_error *err)
{
    int count = cJSON_GetArraySize(tm_json_get(json, key));
    if (count == 0) return tm_fail(err, TIM_ERR_JSON, "%s: empty", key);
    if (count > max)
        return tm_fail(err, TIM_ERR_PARAM, "%s: %d entries, at most %d are allowed", key, count, max);
    return check_each_user_id(base, json, key, err);
}

/* A message that is to be kept: what its state and its sender may be. */
static int32_t check_kept(const char *path, uint64_t status, const char *sender, tm_error *err)
{
    if (status == kTIMMsg_Deleted)
        return tm_fail(err, TIM_ERR_JSON, "%s%s: a message cannot be kept in state %u", path, kTIMMsgStatus,
                       (unsigned)status);
    if (sender && *sender && !tm_valid_user(sender))
        return tm_fail(err, TIM_ERR_CONV, "%s%s: expected 1 to %d characters from space to ~", path,
                       kTIMMsgSender, TM_MAX_USER_ID);
    return 0;
}

static int32_t check_kept_tree(const char *path, const cJSON *message, tm_error *err)
{
    return check_kept(path, tm_json_get_uint(message, kTIMMsgStatus, 0),
                      tm_json_get_string(message, kTIMMsgSender, ""), err);
}

static int32_t check_import(int base, const tm_args *args, tm_error *err)
{
    char path[32];
    int32_t code = 0;
    int index = base;
    const cJSON *tree = args->json ? args->json->child : NULL;
    for (; tree && !code; tree = tree->next) {
        snprintf(path, sizeof path, "[%d].", index++);
        code = check_kept_tree(path, tree, err);
    }
    for (size_t i = 0; args->messages && i < args->messages->count && !code; i++) {
        const tm_message *message = &args->messages->list[i].message;
        snprintf(path, sizeof path, "[%d].", index++);
        code = check_kept(path, message->status, message->sender, err);
    }
    return code;
}

/* The keys of a message that name it: something of it must be there. */
static int32_t check_names(const cJSON *json, tm_error *err)
{
    if (tm_json_get(json, kTIMMsgSeq) && tm_json_get(json, kTIMMsgRand)) return 0;
    return tm_fail(err, TIM_ERR_JSON, "%s: missing",
                   tm_json_get(json, kTIMMsgSeq) ? kTIMMsgRand : kTIMMsgSeq);
}

/* What is known of `last_msg` is enough to find its place, or it is empty. */
static int32_t check_page(const cJSON *json, tm_error *err)
{
    uint64_t count = tm_json_get_uint(json, kTIMMsgGetMsgListParamCount, 20);
    const cJSON *last = tm_json_get(json, kTIMMsgGetMsgListParamLastMsg);
    if (count < 1 || count > MAX_PAGE)
        return tm_fail(err, TIM_ERR_PARAM, "%s: out of range (1 to %d)", kTIMMsgGetMsgListParamCount,
                       MAX_PAGE);
    if (tm_json_is_empty(last) || tm_json_get(last, kTIMMsgServerTime) ||
        tm_json_get(last, kTIMMsgClientTime))
        return 0;
    int32_t code = check_names(last, err);
    if (!code) return 0;
    tm_error_prefix(err, ".");
    tm_error_prefix(err, kTIMMsgGetMsgListParamLastMsg);
    return code;
}

/* Who misspells a key must not lose a conversation. */
static int32_t check_delete(const cJSON *json, tm_error *err)
{
    const cJSON *message = tm_json_get(json, kTIMMsgDeleteParamMsg);
    if (!tm_json_is_empty(message)) return check_names(message, err);
    if (message || tm_json_is_empty(json) || tm_json_get(json, kTIMMsgDeleteParamIsRamble)) return 0;
    return tm_fail(err, TIM_ERR_JSON, "neither %s nor %s: only an empty object stands for all messages",
                   kTIMMsgDeleteParamMsg, kTIMMsgDeleteParamIsRamble);
}

static int32_t check_group_members(int base, const cJSON *json, tm_error *err)
{
    const cJSON *member;
    int index = base;
    const char *id = tm_json_get_string(json, kTIMCreateGroupParamGroupId, "");
    if (*id && !tm_valid_group(id)) return check_group_id(kTIMCreateGroupParamGroupId, id, err);
    const cJSON *members = tm_json_get(json, kTIMCreateGroupParamGroupMemberArray);
    const char *name = tm_json_get_string(json, kTIMCreateGroupParamGroupName, "");
    if (strlen(name) > TM_MAX_GROUP_NAME)
        return tm_fail(err, TIM_ERR_PARAM, "%s: more than %d bytes", kTIMCreateGroupParamGroupName,
                       TM_MAX_GROUP_NAME);
    if (cJSON_GetArraySize(members) > MAX_BATCH)
        return tm_fail(err, TIM_ERR_PARAM, "%s: more than %d entries", kTIMCreateGroupParamGroupMemberArray,
                       MAX_BATCH);
    if (!*name) return tm_fail(err, TIM_ERR_JSON, "%s: empty", kTIMCreateGroupParamGroupName);
    cJSON_ArrayForEach(member, tm_json_get(json, kTIMCreateGroupParamGroupMemberArray))
    {
        int32_t code = check_user_id(kTIMCreateGroupParamGroupMemberArray, index++,
                                     tm_json_get_string(member, kTIMGroupMemberInfoIdentifier, ""), err);
        if (code) return code;
    }
    return 0;
}

/* What the schema cannot say, call by call. */
static int32_t check_meaning(int base, tm_call_kind kind, const tm_args *args, tm_error *err)
{
    const cJSON *json = args->json;
    int32_t code;
    switch (kind) {
    case TM_CALL_REVOKE: return check_names(json, err);
    case TM_CALL_REPORT_READED:
        /* {} is the same as none: all of the conversation */
        return tm_json_is_empty(json) || tm_json_get(json, kTIMMsgServerTime) ? 0 : check_names(json, err);
    case TM_CALL_FIND_BY_MSG_LOCATOR_LIST:
        if (!json->child) return tm_fail(err, TIM_ERR_JSON, "no locator");
        if (cJSON_GetArraySize(json) > MAX_LOCATORS)
            return tm_fail(err, TIM_ERR_PARAM, "more than %d locators", MAX_LOCATORS);
        return 0;
    case TM_CALL_IMPORT_MSG_LIST: return check_import(base, args, err);
    case TM_CALL_SAVE_MSG: return check_kept_tree("", json, err);
    case TM_CALL_GET_MSG_LIST: return check_page(json, err);
    case TM_CALL_DELETE: return check_delete(json, err);
    case TM_CALL_DOWNLOAD_ELEM_TO_PATH:
        if (!*tm_json_get_string(json, kTIMMsgDownloadElemParamUrl, "") &&
            !*tm_json_get_string(json, kTIMMsgDownloadElemParamId, ""))
            return tm_fail(err, TIM_ERR_JSON, "%s: missing", kTIMMsgDownloadElemParamUrl);
        return 0;
    case TM_CALL_BATCH_SEND:
        return check_user_ids(base, json, kTIMMsgBatchSendParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_CREATE: return check_group_members(base, json, err);
    case TM_CALL_GROUP_DELETE:
    case TM_CALL_GROUP_JOIN:
    case TM_CALL_GROUP_QUIT: return check_group_id("group_id", args->first_text, err);
    case TM_CALL_GROUP_INVITE_MEMBER:
        code = check_group_id(kTIMGroupInviteMemberParamGroupId,
                              tm_json_get_string(json, kTIMGroupInviteMemberParamGroupId, ""), err);
        return code ? code
                    : check_user_ids(base, json, kTIMGroupInviteMemberParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_DELETE_MEMBER:
        code = check_group_id(kTIMGroupDeleteMemberParamGroupId,
                              tm_json_get_string(json, kTIMGroupDeleteMemberParamGroupId, ""), err);
        return code ? code
                    : check_user_ids(base, json, kTIMGroupDeleteMemberParamIdentifierArray, MAX_BATCH, err);
    case TM_CALL_GROUP_GET_MEMBER_INFO_LIST:
        code = check_group_id(kTIMGroupGetMemberInfoListParamGroupId,
                              tm_json_get_string(json, kTIMGroupGetMemberInfoListParamGroupId, ""), err);
        return code ? code
                    : check_each_user_id(base, json, kTIMGroupGetMemberInfoListParamIdentifierArray, err);
    case TM_CALL_GROUP_MODIFY_MEMBER_INFO:
        code = check_group_id(kTIMGroupModifyMemberInfoParamGroupId,
                              tm_json_get_string(json, kTIMGroupModifyMemberInfoParamGroupId, ""), err);
        if (code) return code;
        if (tm_valid_user(tm_json_get_string(json, kTIMGroupModifyMemberInfoParamIdentifier, ""))) return 0;
        return tm_fail(err, TIM_ERR_CONV, "%s: expected 1 to %d characters from space to ~",
                       kTIMGroupModifyMemberInfoParamIdentifier, TM_MAX_USER_ID);
    default: return 0;
    }
}

static int32_t check_text(const char *name, const char *text, bool optional, tm_error *err)
{
    if (!name || optional) {
        if (text && !tm_utf8_valid(text, strlen(text), NULL))
            return tm_fail(err, TIM_ERR_JSON, "%s: not UTF-8", name ? name : "text");
        return 0;
    }
    if (!text || !*text) return tm_fail(err, TIM_ERR_PARAM, "%s: %s", name, text ? "empty" : "null");
    if (!tm_utf8_valid(text, strlen(text), NULL)) return tm_fail(err, TIM_ERR_JSON, "%s: not UTF-8", name);
    return 0;
}

int32_t tm_check_args(tm_call_kind kind, const tm_args *args, int base, tm_error *err)
{
    const tm_call_type *type = tm_call_type_of(kind);
    int32_t code = type->has_conv ? check_conv(args, err) : 0;
    if (!code) code = check_text(type->first_text, args->first_text, false, err);
    if (!code) code = check_text(type->second_text, args->second_text, type->second_text_optional, err);
    if (code) return code;
    if (type->json && !args->json && !args->messages && !type->json_optional)
        return tm_fail(err, TIM_ERR_PARAM, "the JSON argument is null or empty");
    if (type->json && args->json)
        code = tm_schema_check(type->json, type->json_is_array, type->mode, args->json, base, err);
    return code ? code : check_meaning(base, kind, args, err);
}

/* Cloud calls: every function of the TIM C API that returns an int, but TIMInit and TIMUninit, in one shape,
 * with arguments that it takes. */
#ifndef CLOUD_CALLS_H
#define CLOUD_CALLS_H

#include "timmsg.h"

#include <stdbool.h>
#include <stddef.h>

#define PARAMETERS                                                                                           \
    const char *id, enum TIMConvType type, const char *json, TIMCommCallback cb, const void *user_data
#define UNUSED (void)id, (void)type, (void)json, (void)cb, (void)user_data

#define CONV_JSON(function)                                                                                  \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        return function(id, type, json, cb, user_data);                                                      \
    }
#define CONV_ONLY(function)                                                                                  \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        UNUSED;                                                                                              \
        return function(id, type, cb, user_data);                                                            \
    }
#define JSON_ONLY(function)                                                                                  \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        UNUSED;                                                                                              \
        return function(json, cb, user_data);                                                                \
    }
#define TEXT_ONLY(function)                                                                                  \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        UNUSED;                                                                                              \
        return function(id, cb, user_data);                                                                  \
    }
#define TEXT_TEXT(function)                                                                                  \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        UNUSED;                                                                                              \
        return function(id, NULL, cb, user_data);                                                            \
    }
#define NOTHING(function)                                                                                    \
    static int function##_(PARAMETERS)                                                                       \
    {                                                                                                        \
        UNUSED;                                                                                              \
        return function(cb, user_data);                                                                      \
    }

CONV_JSON(TIMMsgSendNewMsg)
CONV_JSON(TIMMsgReportReaded)
CONV_JSON(TIMMsgRevoke)
CONV_JSON(TIMMsgFindByMsgLocatorList)
CONV_JSON(TIMMsgImportMsgList)
CONV_JSON(TIMMsgSaveMsg)
CONV_JSON(TIMMsgGetMsgList)
CONV_JSON(TIMMsgDelete)
JSON_ONLY(TIMMsgBatchSend)
JSON_ONLY(TIMSetConfig)
TEXT_TEXT(TIMLogin)
NOTHING(TIMLogout)
CONV_ONLY(TIMConvCreate)
CONV_ONLY(TIMConvDelete)
NOTHING(TIMConvGetConvList)
JSON_ONLY(TIMGroupCreate)
TEXT_ONLY(TIMGroupDelete)
TEXT_TEXT(TIMGroupJoin)
TEXT_ONLY(TIMGroupQuit)
JSON_ONLY(TIMGroupInviteMember)
NOTHING(TIMGroupGetJoinedGroupList)
JSON_ONLY(TIMGroupGetMemberInfoList)
JSON_ONLY(TIMGroupDeleteMember)
JSON_ONLY(TIMGroupModifyMemberInfo)

static int TIMMsgDownloadElemToPath_(PARAMETERS)
{
    UNUSED;
    return TIMMsgDownloadElemToPath(json, id, cb, user_data);
}

static int TIMConvSetDraft_(PARAMETERS)
{
    UNUSED;
    return TIMConvSetDraft(id, type, json);
}

static int TIMConvCancelDraft_(PARAMETERS)
{
    UNUSED;
    return TIMConvCancelDraft(id, type);
}

#define MESSAGE "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"x\"}]}"
#define LOCATOR                                                                                              \
    "{\"message_locator_seq\":1,\"message_locator_rand\":1,\"message_locator_is_self\":true,"                \
    "\"message_locator_is_revoked\":false}"

typedef struct entry {
    const char *name;
    int (*call)(PARAMETERS);
    const char *id;    /* a good one; NULL: takes none */
    bool conv;         /* `id` and `type` are a conversation; else `id` is a text */
    const char *json;  /* a good one; NULL: takes none */
    const char *wrong; /* JSON of a wrong kind */
    bool json_optional, without_login, without_cb;
} entry;

#define E(function) .name = #function, .call = function##_
static const entry entries[] = {
    {E(TIMMsgSendNewMsg), "anna", true, MESSAGE, "[]"},
    {E(TIMMsgReportReaded), "anna", true, "{}", "[]", .json_optional = true},
    {E(TIMMsgRevoke), "anna", true,
     "{\"message_seq\":1,\"message_rand\":1,\"message_sender\":\"anna\",\"message_is_from_self\":true}",
     "[]"},
    {E(TIMMsgFindByMsgLocatorList), "anna", true, "[" LOCATOR "]", "{}"},
    {E(TIMMsgImportMsgList), "anna", true, "[" MESSAGE "]", "{}"},
    {E(TIMMsgSaveMsg), "anna", true, MESSAGE, "[]"},
    {E(TIMMsgGetMsgList), "anna", true, "{}", "[]"},
    {E(TIMMsgDelete), "anna", true, "{}", "[]"},
    {E(TIMMsgDownloadElemToPath), "file", false,
     "{\"msg_download_elem_param_type\":1,\"msg_download_elem_param_url\":\"http://127.0.0.1:1/none\"}",
     "[]"},
    {E(TIMMsgBatchSend), NULL, false,
     "{\"msg_batch_send_param_identifier_array\":[\"anna\"],\"msg_batch_send_param_msg\":" MESSAGE "}", "{}"},
    {E(TIMSetConfig), NULL, false, "{}", "[]", .json_optional = true, .without_login = true},
    {E(TIMLogin), "anna", .without_login = true},
    {E(TIMConvCreate), "anna", true},
    {E(TIMConvDelete), "anna", true},
    {E(TIMConvGetConvList)},
    {E(TIMConvSetDraft), "anna", true, "{\"draft_msg\":" MESSAGE "}", "[]", .without_cb = true},
    {E(TIMConvCancelDraft), "anna", true, .without_cb = true},
    {E(TIMGroupCreate), NULL, false, "{\"create_group_param_group_name\":\"name\"}", "{}"},
    {E(TIMGroupDelete), "nogroup"},
    {E(TIMGroupJoin), "nogroup"},
    {E(TIMGroupQuit), "nogroup"},
    {E(TIMGroupInviteMember), NULL, false,
     "{\"group_invite_member_param_group_id\":\"nogroup\","
     "\"group_invite_member_param_identifier_array\":[\"anna\"]}",
     "[]"},
    {E(TIMGroupGetJoinedGroupList)},
    {E(TIMGroupGetMemberInfoList), NULL, false,
     "{\"group_get_members_info_list_param_group_id\":\"nogroup\"}", "{}"},
    {E(TIMGroupDeleteMember), NULL, false,
     "{\"group_delete_member_param_group_id\":\"nogroup\","
     "\"group_delete_member_param_identifier_array\":[\"anna\"]}",
     "[]"},
    {E(TIMGroupModifyMemberInfo), NULL, false,
     "{\"group_modify_member_info_group_id\":\"nogroup\",\"group_modify_member_info_identifier\":\"anna\","
     "\"group_modify_member_info_modify_flag\":8,\"group_modify_member_info_name_card\":\"x\"}",
     "[]"},
    {E(TIMLogout)}, /* the last, for what it does */
};
#define ENTRIES (sizeof entries / sizeof *entries)

static int good_call(const entry *e, TIMCommCallback cb, const void *user_data)
{
    return e->call(e->id, kTIMConv_C2C, e->json, cb, user_data);
}

#endif

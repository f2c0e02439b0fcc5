/* ABI test: a plain C99 program against the public headers: each function has the prototype that programs
 * were written for and is there to link with, each constant has its value, and the shared library exports
 * these functions and no other name.
 *
 * Usage: abi_test LIBRARY      (LIBRARY: build/libtimmsg.so) */
#define _POSIX_C_SOURCE 200809L
#include "timmsg.h"

#include <stdio.h>
#include <string.h>

/* X(result, name, parameters) */
#define FUNCTIONS(X)                                                                                         \
    X(int, TIMMsgSendNewMsg,                                                                                 \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param, TIMCommCallback cb,      \
       const void *user_data))                                                                               \
    X(int, TIMMsgReportReaded,                                                                               \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param, TIMCommCallback cb,      \
       const void *user_data))                                                                               \
    X(int, TIMMsgRevoke,                                                                                     \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param, TIMCommCallback cb,      \
       const void *user_data))                                                                               \
    X(int, TIMMsgFindByMsgLocatorList,                                                                       \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_Locator_array,                  \
       TIMCommCallback cb, const void *user_data))                                                           \
    X(int, TIMMsgImportMsgList,                                                                              \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_array, TIMCommCallback cb,      \
       const void *user_data))                                                                               \
    X(int, TIMMsgSaveMsg,                                                                                    \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param, TIMCommCallback cb,      \
       const void *user_data))                                                                               \
    X(int, TIMMsgGetMsgList,                                                                                 \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_get_msg_param, TIMCommCallback cb,  \
       const void *user_data))                                                                               \
    X(int, TIMMsgDelete,                                                                                     \
      (const char *conv_id, enum TIMConvType conv_type, const char *json_msgdel_param, TIMCommCallback cb,   \
       const void *user_data))                                                                               \
    X(int, TIMMsgDownloadElemToPath,                                                                         \
      (const char *json_download_elem_param, const char *path, TIMCommCallback cb, const void *user_data))   \
    X(int, TIMMsgBatchSend, (const char *json_batch_send_param, TIMCommCallback cb, const void *user_data))  \
    X(int, TIMInit, (uint64_t sdk_app_id, const char *json_sdk_config))                                      \
    X(int, TIMUninit, (void))                                                                                \
    X(const char *, TIMGetSDKVersion, (void))                                                                \
    X(int, TIMSetConfig, (const char *json_config, TIMCommCallback cb, const void *user_data))               \
    X(int, TIMLogin, (const char *user_id, const char *user_sig, TIMCommCallback cb, const void *user_data)) \
    X(int, TIMLogout, (TIMCommCallback cb, const void *user_data))                                           \
    X(void, TIMAddRecvNewMsgCallback, (TIMRecvNewMsgCallback cb, const void *user_data))                     \
    X(void, TIMRemoveRecvNewMsgCallback, (TIMRecvNewMsgCallback cb))                                         \
    X(void, TIMSetMsgReadedReceiptCallback, (TIMMsgReadedReceiptCallback cb, const void *user_data))         \
    X(void, TIMSetMsgRevokeCallback, (TIMMsgRevokeCallback cb, const void *user_data))                       \
    X(void, TIMSetMsgElemUploadProgressCallback,                                                             \
      (TIMMsgElemUploadProgressCallback cb, const void *user_data))                                          \
    X(void, TIMSetConvEventCallback, (TIMConvEventCallback cb, const void *user_data))                       \
    X(void, TIMSetNetworkStatusListenerCallback,                                                             \
      (TIMNetworkStatusListenerCallback cb, const void *user_data))                                          \
    X(void, TIMSetKickedOfflineCallback, (TIMKickedOfflineCallback cb, const void *user_data))               \
    X(void, TIMSetLogCallback, (TIMLogCallback cb, const void *user_data))                                   \
    X(int, TIMConvCreate,                                                                                    \
      (const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb, const void *user_data))          \
    X(int, TIMConvDelete,                                                                                    \
      (const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb, const void *user_data))          \
    X(int, TIMConvGetConvList, (TIMCommCallback cb, const void *user_data))                                  \
    X(int, TIMConvSetDraft, (const char *conv_id, enum TIMConvType conv_type, const char *json_draft_param)) \
    X(int, TIMConvCancelDraft, (const char *conv_id, enum TIMConvType conv_type))                            \
    X(int, TIMGroupCreate, (const char *json_group_create_param, TIMCommCallback cb, const void *user_data)) \
    X(int, TIMGroupDelete, (const char *group_id, TIMCommCallback cb, const void *user_data))                \
    X(int, TIMGroupQuit, (const char *group_id, TIMCommCallback cb, const void *user_data))                  \
    X(int, TIMGroupJoin,                                                                                     \
      (const char *group_id, const char *hello_msg, TIMCommCallback cb, const void *user_data))              \
    X(int, TIMGroupInviteMember,                                                                             \
      (const char *json_group_invite_param, TIMCommCallback cb, const void *user_data))                      \
    X(int, TIMGroupGetJoinedGroupList, (TIMCommCallback cb, const void *user_data))                          \
    X(int, TIMGroupGetMemberInfoList,                                                                        \
      (const char *json_group_getmeminfos_param, TIMCommCallback cb, const void *user_data))                 \
    X(int, TIMGroupDeleteMember,                                                                             \
      (const char *json_group_delete_param, TIMCommCallback cb, const void *user_data))                      \
    X(int, TIMGroupModifyMemberInfo,                                                                         \
      (const char *json_group_modifymeminfo_param, TIMCommCallback cb, const void *user_data))               \
    X(void, TIMSetGroupTipsEventCallback, (TIMGroupTipsEventCallback cb, const void *user_data))             \
    X(const char *, timmsg_last_error, (void))

/* The assignment is the check: another prototype does not compile. */
#define REFERENCE(result, name, parameters) static result(*const use_##name) parameters = name;
FUNCTIONS(REFERENCE)

#define NAME(result, name, parameters) #name,
static const char *const names[] = {FUNCTIONS(NAME)};
#define NAMES (sizeof names / sizeof *names)

typedef struct constant {
    const char *name;
    long is, should_be;
} constant;

#define VALUE(name, value)                                                                                   \
    {                                                                                                        \
#name, name, value                                                                                   \
    }
static const constant constants[] = {
    VALUE(ERR_SUCC, 0),
    VALUE(ERR_NO_SUCC_RESULT, 6003),
    VALUE(ERR_INVALID_CONVERSATION, 6004),
    VALUE(ERR_FILE_TRANS_UPLOAD_FAILED, 6008),
    VALUE(ERR_FILE_TRANS_DOWNLOAD_FAILED, 6009),
    VALUE(ERR_HTTP_REQ_FAILED, 6010),
    VALUE(ERR_REQUEST_TIMEOUT, 6012),
    VALUE(ERR_SDK_NOT_INITIALIZED, 6013),
    VALUE(ERR_SDK_NOT_LOGGED_IN, 6014),
    VALUE(ERR_IN_PROGESS, 6015),
    VALUE(ERR_INVALID_MSG_ELEM, 6016),
    VALUE(ERR_INVALID_PARAMETERS, 6017),
    VALUE(ERR_INIT_CORE_FAIL, 6018),
    VALUE(ERR_DATABASE_OPERATE_FAILED, 6019),
    VALUE(ERR_IO_OPERATION_FAILED, 6022),
    VALUE(ERR_OUT_OF_MEMORY, 6028),
    VALUE(ERR_LOGIN_KICKED_OFF_BY_OTHER, 6208),
    VALUE(ERR_USER_CANCELED, 6222),
    VALUE(ERR_SDK_COMM_INVALID_IDENTIFIER, 7003),
    VALUE(ERR_SDK_COMM_FILE_NOT_FOUND, 7004),
    VALUE(ERR_SDK_COMM_FILE_TOO_LARGE, 7005),
    VALUE(ERR_SDK_COMM_FILE_SIZE_EMPTY, 7006),
    VALUE(ERR_SDK_COMM_FILE_OPEN_FAILED, 7007),
    VALUE(ERR_SDK_MSG_BODY_SIZE_LIMIT, 8001),
    VALUE(ERR_SDK_GROUP_INVALID_ID, 8501),
    VALUE(ERR_SDK_NET_REQ_COUNT_LIMIT, 9507),
    VALUE(ERR_SDK_NET_DISCONNECT, 9508),
    VALUE(ERR_SDK_NET_CONN_TIMEOUT, 9510),
    VALUE(ERR_SDK_NET_WAIT_ACK_TIMEOUT, 9520),
    VALUE(ERR_SVR_GROUP_INTERNAL_ERROR, 10002),
    VALUE(ERR_SVR_GROUP_INVALID_PARAMETERS, 10004),
    VALUE(ERR_SVR_GROUP_PERMISSION_DENY, 10007),
    VALUE(ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT, 10009),
    VALUE(ERR_SVR_GROUP_NOT_FOUND, 10010),
    VALUE(ERR_SVR_GROUP_ALLREADY_MEMBER, 10013),
    VALUE(ERR_SVR_GROUP_FULL_MEMBER_COUNT, 10014),
    VALUE(ERR_SVR_GROUP_INVALID_GROUPID, 10015),
    VALUE(ERR_SVR_GROUP_GROUPID_IN_USED, 10021),
    VALUE(ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND, 10030),
    VALUE(ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT, 10031),
    VALUE(ERR_SVR_GROUP_REVOKE_MSG_DENY, 10032),
    VALUE(ERR_SVR_MSG_INVALID_ID, 20003),
    VALUE(ERR_SVR_MSG_REVOKE_TIME_LIMIT, 20016),
    VALUE(ERR_SVR_MSG_REVOKE_NOT_FOUND, 20022),
    VALUE(ERR_SVR_MSG_REVOKED_ALREADY, 20023),
    VALUE(ERR_SVR_ACCOUNT_USERSIG_EXPIRED, 70001),
    VALUE(ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, 70003),
    VALUE(ERR_SVR_ACCOUNT_NOT_FOUND, 70107),
    VALUE(TIM_SUCC, 0),
    VALUE(TIM_ERR_SDKUNINIT, -1),
    VALUE(TIM_ERR_NOTLOGIN, -2),
    VALUE(TIM_ERR_JSON, -3),
    VALUE(TIM_ERR_PARAM, -4),
    VALUE(TIM_ERR_CONV, -5),
    VALUE(TIM_ERR_GROUP, -6),
    VALUE(kTIMLog_Off, 0),
    VALUE(kTIMLog_Verbose, 1),
    VALUE(kTIMLog_Debug, 2),
    VALUE(kTIMLog_Info, 3),
    VALUE(kTIMLog_Warn, 4),
    VALUE(kTIMLog_Error, 5),
    VALUE(kTIMLog_Assert, 6),
    VALUE(kTIMConnected, 0),
    VALUE(kTIMDisconnected, 1),
    VALUE(kTIMConnecting, 2),
    VALUE(kTIMConnectFailed, 3),
    VALUE(kTIMConvEvent_Add, 0),
    VALUE(kTIMConvEvent_Del, 1),
    VALUE(kTIMConvEvent_Update, 2),
    VALUE(kTIMConv_Invalid, 0),
    VALUE(kTIMConv_C2C, 1),
    VALUE(kTIMConv_Group, 2),
    VALUE(kTIMConv_System, 3),
    VALUE(kTIMMsg_Sending, 1),
    VALUE(kTIMMsg_SendSucc, 2),
    VALUE(kTIMMsg_SendFail, 3),
    VALUE(kTIMMsg_Deleted, 4),
    VALUE(kTIMMsg_LocalImported, 5),
    VALUE(kTIMMsg_Revoked, 6),
    VALUE(kTIMMsgPriority_High, 0),
    VALUE(kTIMMsgPriority_Normal, 1),
    VALUE(kTIMMsgPriority_Low, 2),
    VALUE(kTIMMsgPriority_Lowest, 3),
    VALUE(kTIMElem_Text, 0),
    VALUE(kTIMElem_Image, 1),
    VALUE(kTIMElem_Sound, 2),
    VALUE(kTIMElem_Custom, 3),
    VALUE(kTIMElem_File, 4),
    VALUE(kTIMElem_GroupTips, 5),
    VALUE(kTIMElem_Face, 6),
    VALUE(kTIMElem_Location, 7),
    VALUE(kTIMElem_GroupReport, 8),
    VALUE(kTIMElem_Video, 9),
    VALUE(kTIMImageLevel_Orig, 0),
    VALUE(kTIMImageLevel_Compression, 1),
    VALUE(kTIMImageLevel_HD, 2),
    VALUE(kTIMDownload_VideoThumb, 0),
    VALUE(kTIMDownload_File, 1),
    VALUE(kTIMDownload_Video, 2),
    VALUE(kTIMDownload_Sound, 3),
    VALUE(kTIMGroup_Public, 0),
    VALUE(kTIMGroup_Private, 1),
    VALUE(kTIMGroup_ChatRoom, 2),
    VALUE(kTIMGroup_BChatRoom, 3),
    VALUE(kTIMGroup_AVChatRoom, 4),
    VALUE(kTIMGroupAddOpt_Forbid, 0),
    VALUE(kTIMGroupAddOpt_Auth, 1),
    VALUE(kTIMGroupAddOpt_Any, 2),
    VALUE(kTIMMemberRole_Normal, 0),
    VALUE(kTIMMemberRole_Admin, 1),
    VALUE(kTIMMemberRole_SuperAdmin, 2),
    VALUE(kTIMGroupMemberModifyFlag_None, 0),
    VALUE(kTIMGroupMemberModifyFlag_MsgFlag, 1),
    VALUE(kTIMGroupMemberModifyFlag_MemberRole, 2),
    VALUE(kTIMGroupMemberModifyFlag_ShutupTime, 4),
    VALUE(kTIMGroupMemberModifyFlag_NameCard, 8),
    VALUE(kTIMGroupMemberModifyFlag_Custom, 16),
    VALUE(kTIMGroupMember_HandledErr, 0),
    VALUE(kTIMGroupMember_HandledSuc, 1),
    VALUE(kTIMGroupMember_Included, 2),
    VALUE(kTIMGroupMember_Invited, 3),
};

static int count_null_functions(void)
{
    int nulls = 0;
#define COUNT(result, name, parameters) nulls += use_##name == 0;
    FUNCTIONS(COUNT)
    return nulls;
}

static int check_constants(void)
{
    int wrong = 0;
    size_t i;
    for (i = 0; i < sizeof constants / sizeof *constants; i++) {
        const constant *c = &constants[i];
        if (c->is == c->should_be) continue;
        printf("%s is %ld, should be %ld\n", c->name, c->is, c->should_be);
        wrong++;
    }
    return wrong;
}

static int check_export(const char *name, int *seen)
{
    size_t i;
    for (i = 0; i < NAMES; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        seen[i]++;
        return 0;
    }
    printf("exported, but not part of the API: %s\n", name);
    return 1;
}

static int check_exports(const char *library)
{
    char command[1024], line[512], name[256], kind;
    int wrong = 0, seen[NAMES] = {0};
    size_t i;
    FILE *nm;
    if (snprintf(command, sizeof command, "nm -D --defined-only '%s'", library) >= (int)sizeof command)
        return 1;
    nm = popen(command, "r");
    if (!nm) return 1;
    while (fgets(line, sizeof line, nm))
        if (sscanf(line, "%*s %c %255s", &kind, name) == 2) wrong += check_export(name, seen);
    if (pclose(nm) != 0) return 1;
    for (i = 0; i < NAMES; i++) {
        if (seen[i] == 1) continue;
        printf("not exported: %s\n", names[i]);
        wrong++;
    }
    return wrong;
}

static int check_calls(void)
{
    int wrong = strncmp(TIMGetSDKVersion(), "timmsg ", 7) != 0;
    wrong += *timmsg_last_error() != '\0';
    wrong += TIMUninit() != TIM_ERR_SDKUNINIT;
    wrong += *timmsg_last_error() == '\0';
    return wrong;
}

/* One line a check, as spec/c/run counts them. */
static int report(const char *what, size_t number, int wrong)
{
    printf("%s %s: %lu, %d wrong\n", wrong ? "FAIL" : "ok", what, (unsigned long)number, wrong);
    return wrong != 0;
}

int main(int count, char **arguments)
{
    int failed;
    if (count != 2) {
        fprintf(stderr, "usage: abi_test LIBRARY\n");
        return 2;
    }
    failed = report("functions", NAMES, count_null_functions());
    failed += report("constants", sizeof constants / sizeof *constants, check_constants());
    failed += report("exports", NAMES, check_exports(arguments[1]));
    failed += report("calls", 4, check_calls());
    return failed != 0;
}

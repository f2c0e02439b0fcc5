/* Cloud: the TIM C API (include/TIMCloud.h), function by function, over the one default client
 * (cloud_state.h). What a call needs and how it is checked is in the call table (call.h). */
#include "cloud_state.h"
#include "include/timmsg.h"
#include "version.h"

/* ---- The library ---- */

int TIMInit(uint64_t sdk_app_id, const char *json_sdk_config)
{
    (void)sdk_app_id; /* for the vendor's servers, which know programs by it */
    return tm_cloud_init(json_sdk_config);
}

int TIMUninit(void)
{
    return tm_cloud_uninit();
}

int TIMSetConfig(const char *json_config, TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_set_config(json_config, cb, user_data);
}

const char *timmsg_last_error(void)
{
    return tm_cloud_last_error();
}

const char *TIMGetSDKVersion(void)
{
    return "timmsg " TM_VERSION;
}

int TIMLogin(const char *user_id, const char *user_sig, TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){.kind = TM_CALL_LOGIN,
                                          .first_text = user_id,
                                          .second_text = user_sig,
                                          .cb = cb,
                                          .user_data = user_data});
}

int TIMLogout(TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){.kind = TM_CALL_LOGOUT, .cb = cb, .user_data = user_data});
}

/* ---- Events ---- */

void TIMAddRecvNewMsgCallback(TIMRecvNewMsgCallback cb, const void *user_data)
{
    if (cb) tm_cloud_add_recv(cb, user_data);
}

void TIMRemoveRecvNewMsgCallback(TIMRecvNewMsgCallback cb)
{
    tm_cloud_remove_recv(cb);
}

void TIMSetMsgReadedReceiptCallback(TIMMsgReadedReceiptCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_READED_RECEIPT, (tm_any_callback)cb, user_data);
}

void TIMSetMsgRevokeCallback(TIMMsgRevokeCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_REVOKE, (tm_any_callback)cb, user_data);
}

void TIMSetMsgElemUploadProgressCallback(TIMMsgElemUploadProgressCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_UPLOAD_PROGRESS, (tm_any_callback)cb, user_data);
}

void TIMSetGroupTipsEventCallback(TIMGroupTipsEventCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_GROUP_TIPS, (tm_any_callback)cb, user_data);
}

void TIMSetConvEventCallback(TIMConvEventCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_CONV_EVENT, (tm_any_callback)cb, user_data);
}

void TIMSetNetworkStatusListenerCallback(TIMNetworkStatusListenerCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_NETWORK_STATUS, (tm_any_callback)cb, user_data);
}

void TIMSetKickedOfflineCallback(TIMKickedOfflineCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_KICKED_OFFLINE, (tm_any_callback)cb, user_data);
}

void TIMSetLogCallback(TIMLogCallback cb, const void *user_data)
{
    tm_cloud_set_handler(TM_LETTER_LOG, (tm_any_callback)cb, user_data);
}

/* ---- Messages ---- */

/* For the functions of a conversation and one JSON text. */
static int conv_call(tm_call_kind kind, const char *conv_id, enum TIMConvType conv_type, const char *json,
                     TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){.kind = kind,
                                          .conv_id = conv_id,
                                          .conv_type = conv_type,
                                          .json = json,
                                          .cb = cb,
                                          .user_data = user_data});
}

/* For those of one JSON text alone. */
static int json_call(tm_call_kind kind, const char *json, TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){.kind = kind, .json = json, .cb = cb, .user_data = user_data});
}

int TIMMsgSendNewMsg(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                     TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_SEND_NEW_MSG, conv_id, conv_type, json_msg_param, cb, user_data);
}

int TIMMsgReportReaded(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                       TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_REPORT_READED, conv_id, conv_type, json_msg_param, cb, user_data);
}

int TIMMsgRevoke(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                 TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_REVOKE, conv_id, conv_type, json_msg_param, cb, user_data);
}

int TIMMsgFindByMsgLocatorList(const char *conv_id, enum TIMConvType conv_type,
                               const char *json_msg_Locator_array, TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_FIND_BY_MSG_LOCATOR_LIST, conv_id, conv_type, json_msg_Locator_array, cb,
                     user_data);
}

int TIMMsgImportMsgList(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_array,
                        TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_IMPORT_MSG_LIST, conv_id, conv_type, json_msg_array, cb, user_data);
}

int TIMMsgSaveMsg(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                  TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_SAVE_MSG, conv_id, conv_type, json_msg_param, cb, user_data);
}

int TIMMsgGetMsgList(const char *conv_id, enum TIMConvType conv_type, const char *json_get_msg_param,
                     TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_GET_MSG_LIST, conv_id, conv_type, json_get_msg_param, cb, user_data);
}

int TIMMsgDelete(const char *conv_id, enum TIMConvType conv_type, const char *json_msgdel_param,
                 TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_DELETE, conv_id, conv_type, json_msgdel_param, cb, user_data);
}

int TIMMsgDownloadElemToPath(const char *json_download_elem_param, const char *path, TIMCommCallback cb,
                             const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){.kind = TM_CALL_DOWNLOAD_ELEM_TO_PATH,
                                          .json = json_download_elem_param,
                                          .first_text = path,
                                          .cb = cb,
                                          .user_data = user_data});
}

int TIMMsgBatchSend(const char *json_batch_send_param, TIMCommCallback cb, const void *user_data)
{
    return json_call(TM_CALL_BATCH_SEND, json_batch_send_param, cb, user_data);
}

/* ---- Conversations ---- */

int TIMConvCreate(const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_CONV_CREATE, conv_id, conv_type, NULL, cb, user_data);
}

int TIMConvDelete(const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb, const void *user_data)
{
    return conv_call(TM_CALL_CONV_DELETE, conv_id, conv_type, NULL, cb, user_data);
}

int TIMConvGetConvList(TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(
        &(tm_cloud_args){.kind = TM_CALL_CONV_GET_CONV_LIST, .cb = cb, .user_data = user_data});
}

int TIMConvSetDraft(const char *conv_id, enum TIMConvType conv_type, const char *json_draft_param)
{
    return conv_call(TM_CALL_CONV_SET_DRAFT, conv_id, conv_type, json_draft_param, NULL, NULL);
}

int TIMConvCancelDraft(const char *conv_id, enum TIMConvType conv_type)
{
    return conv_call(TM_CALL_CONV_CANCEL_DRAFT, conv_id, conv_type, NULL, NULL, NULL);
}

/* ---- Groups ---- */

/* For the functions of a group and perhaps a text more. */
static int group_call(tm_call_kind kind, const char *group_id, const char *text, TIMCommCallback cb,
                      const void *user_data)
{
    return tm_cloud_call(&(tm_cloud_args){
        .kind = kind, .first_text = group_id, .second_text = text, .cb = cb, .user_data = user_data});
}

int TIMGroupCreate(const char *json_group_create_param, TIMCommCallback cb, const void *user_data)
{
    return json_call(TM_CALL_GROUP_CREATE, json_group_create_param, cb, user_data);
}

int TIMGroupDelete(const char *group_id, TIMCommCallback cb, const void *user_data)
{
    return group_call(TM_CALL_GROUP_DELETE, group_id, NULL, cb, user_data);
}

int TIMGroupJoin(const char *group_id, const char *hello_msg, TIMCommCallback cb, const void *user_data)
{
    return group_call(TM_CALL_GROUP_JOIN, group_id, hello_msg, cb, user_data);
}

int TIMGroupQuit(const char *group_id, TIMCommCallback cb, const void *user_data)
{
    return group_call(TM_CALL_GROUP_QUIT, group_id, NULL, cb, user_data);
}

int TIMGroupInviteMember(const char *json_group_invite_param, TIMCommCallback cb, const void *user_data)
{
    return json_call(TM_CALL_GROUP_INVITE_MEMBER, json_group_invite_param, cb, user_data);
}

int TIMGroupGetJoinedGroupList(TIMCommCallback cb, const void *user_data)
{
    return tm_cloud_call(
        &(tm_cloud_args){.kind = TM_CALL_GROUP_GET_JOINED_GROUP_LIST, .cb = cb, .user_data = user_data});
}

int TIMGroupGetMemberInfoList(const char *json_group_getmeminfos_param, TIMCommCallback cb,
                              const void *user_data)
{
    return json_call(TM_CALL_GROUP_GET_MEMBER_INFO_LIST, json_group_getmeminfos_param, cb, user_data);
}

int TIMGroupDeleteMember(const char *json_group_delete_param, TIMCommCallback cb, const void *user_data)
{
    return json_call(TM_CALL_GROUP_DELETE_MEMBER, json_group_delete_param, cb, user_data);
}

int TIMGroupModifyMemberInfo(const char *json_group_modifymeminfo_param, TIMCommCallback cb,
                             const void *user_data)
{
    return json_call(TM_CALL_GROUP_MODIFY_MEMBER_INFO, json_group_modifymeminfo_param, cb, user_data);
}

/* Schema tables: the data behind schema.h. Each key and each named value of the API stands here once.
 *
 * Keys stand in the order of the alphabet where a struct is long, as most programs print them and as the
 * look-up in schema.c likes best; elem_type and what is needed come first in elements.
 *
 * Types: bytes, pixels and counts are TM_UINT32; times and sequence numbers are TM_UINT64, as everywhere in
 * the API; TM_INT32 is for what may be negative. */
#include "schema.h"

#include "include/TIMCloudDef.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- Enums ---- */

/* clang-format off */
#define V(constant) {#constant, constant}
/* clang-format on */
#define ENUM(variable, name)                                                                                 \
    static const tm_enum variable = {name, variable##_values, COUNT(variable##_values)}

static const tm_named_value result_values[] = {
    V(TIM_SUCC),      V(TIM_ERR_SDKUNINIT), V(TIM_ERR_NOTLOGIN), V(TIM_ERR_JSON),
    V(TIM_ERR_PARAM), V(TIM_ERR_CONV),      V(TIM_ERR_GROUP),
};
ENUM(result, "TIMResult");

static const tm_named_value err_code_values[] = {
    V(ERR_SUCC),
    V(ERR_NO_SUCC_RESULT),
    V(ERR_INVALID_CONVERSATION),
    V(ERR_FILE_TRANS_UPLOAD_FAILED),
    V(ERR_FILE_TRANS_DOWNLOAD_FAILED),
    V(ERR_HTTP_REQ_FAILED),
    V(ERR_REQUEST_TIMEOUT),
    V(ERR_SDK_NOT_INITIALIZED),
    V(ERR_SDK_NOT_LOGGED_IN),
    V(ERR_IN_PROGESS),
    V(ERR_INVALID_MSG_ELEM),
    V(ERR_INVALID_PARAMETERS),
    V(ERR_INIT_CORE_FAIL),
    V(ERR_DATABASE_OPERATE_FAILED),
    V(ERR_IO_OPERATION_FAILED),
    V(ERR_OUT_OF_MEMORY),
    V(ERR_LOGIN_KICKED_OFF_BY_OTHER),
    V(ERR_USER_CANCELED),
    V(ERR_SDK_COMM_INVALID_IDENTIFIER),
    V(ERR_SDK_COMM_FILE_NOT_FOUND),
    V(ERR_SDK_COMM_FILE_TOO_LARGE),
    V(ERR_SDK_COMM_FILE_SIZE_EMPTY),
    V(ERR_SDK_COMM_FILE_OPEN_FAILED),
    V(ERR_SDK_MSG_BODY_SIZE_LIMIT),
    V(ERR_SDK_GROUP_INVALID_ID),
    V(ERR_SDK_NET_REQ_COUNT_LIMIT),
    V(ERR_SDK_NET_DISCONNECT),
    V(ERR_SDK_NET_CONN_TIMEOUT),
    V(ERR_SDK_NET_WAIT_ACK_TIMEOUT),
    V(ERR_SVR_GROUP_INTERNAL_ERROR),
    V(ERR_SVR_GROUP_INVALID_PARAMETERS),
    V(ERR_SVR_GROUP_PERMISSION_DENY),
    V(ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT),
    V(ERR_SVR_GROUP_NOT_FOUND),
    V(ERR_SVR_GROUP_ALLREADY_MEMBER),
    V(ERR_SVR_GROUP_FULL_MEMBER_COUNT),
    V(ERR_SVR_GROUP_INVALID_GROUPID),
    V(ERR_SVR_GROUP_GROUPID_IN_USED),
    V(ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND),
    V(ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT),
    V(ERR_SVR_GROUP_REVOKE_MSG_DENY),
    V(ERR_SVR_MSG_INVALID_ID),
    V(ERR_SVR_MSG_REVOKE_TIME_LIMIT),
    V(ERR_SVR_MSG_REVOKE_NOT_FOUND),
    V(ERR_SVR_MSG_REVOKED_ALREADY),
    V(ERR_SVR_ACCOUNT_USERSIG_EXPIRED),
    V(ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED),
    V(ERR_SVR_ACCOUNT_NOT_FOUND),
};
ENUM(err_code, "TIMErrCode");

static const tm_named_value log_level_values[] = {
    V(kTIMLog_Off),  V(kTIMLog_Verbose), V(kTIMLog_Debug),  V(kTIMLog_Info),
    V(kTIMLog_Warn), V(kTIMLog_Error),   V(kTIMLog_Assert),
};
ENUM(log_level, "TIMLogLevel");

static const tm_named_value network_status_values[] = {
    V(kTIMConnected),
    V(kTIMDisconnected),
    V(kTIMConnecting),
    V(kTIMConnectFailed),
};
ENUM(network_status, "TIMNetworkStatus");

static const tm_named_value conv_event_values[] = {
    V(kTIMConvEvent_Add),
    V(kTIMConvEvent_Del),
    V(kTIMConvEvent_Update),
};
ENUM(conv_event, "TIMConvEvent");

static const tm_named_value conv_type_values[] = {
    V(kTIMConv_Invalid),
    V(kTIMConv_C2C),
    V(kTIMConv_Group),
    V(kTIMConv_System),
};
ENUM(conv_type, "TIMConvType");

static const tm_named_value msg_status_values[] = {
    V(kTIMMsg_Sending), V(kTIMMsg_SendSucc),      V(kTIMMsg_SendFail),
    V(kTIMMsg_Deleted), V(kTIMMsg_LocalImported), V(kTIMMsg_Revoked),
};
ENUM(msg_status, "TIMMsgStatus");

static const tm_named_value msg_priority_values[] = {
    V(kTIMMsgPriority_High),
    V(kTIMMsgPriority_Normal),
    V(kTIMMsgPriority_Low),
    V(kTIMMsgPriority_Lowest),
};
ENUM(msg_priority, "TIMMsgPriority");

static const tm_named_value elem_type_values[] = {
    V(kTIMElem_Text),        V(kTIMElem_Image),     V(kTIMElem_Sound), V(kTIMElem_Custom),
    V(kTIMElem_File),        V(kTIMElem_GroupTips), V(kTIMElem_Face),  V(kTIMElem_Location),
    V(kTIMElem_GroupReport), V(kTIMElem_Video),
};
ENUM(elem_type, "TIMElemType");

static const tm_named_value image_level_values[] = {
    V(kTIMImageLevel_Orig),
    V(kTIMImageLevel_Compression),
    V(kTIMImageLevel_HD),
};
ENUM(image_level, "TIMImageLevel");

static const tm_named_value download_type_values[] = {
    V(kTIMDownload_VideoThumb),
    V(kTIMDownload_File),
    V(kTIMDownload_Video),
    V(kTIMDownload_Sound),
};
ENUM(download_type, "TIMDownloadType");

static const tm_named_value group_type_values[] = {
    V(kTIMGroup_Public),    V(kTIMGroup_Private),    V(kTIMGroup_ChatRoom),
    V(kTIMGroup_BChatRoom), V(kTIMGroup_AVChatRoom),
};
ENUM(group_type, "TIMGroupType");

static const tm_named_value group_add_option_values[] = {
    V(kTIMGroupAddOpt_Forbid),
    V(kTIMGroupAddOpt_Auth),
    V(kTIMGroupAddOpt_Any),
};
ENUM(group_add_option, "TIMGroupAddOption");

static const tm_named_value member_role_values[] = {
    V(kTIMMemberRole_Normal),
    V(kTIMMemberRole_Admin),
    V(kTIMMemberRole_SuperAdmin),
};
ENUM(member_role, "TIMGroupMemberRole");

static const tm_named_value modify_flag_values[] = {
    V(kTIMGroupMemberModifyFlag_None),       V(kTIMGroupMemberModifyFlag_MsgFlag),
    V(kTIMGroupMemberModifyFlag_MemberRole), V(kTIMGroupMemberModifyFlag_ShutupTime),
    V(kTIMGroupMemberModifyFlag_NameCard),   V(kTIMGroupMemberModifyFlag_Custom),
};
ENUM(modify_flag, "TIMGroupMemberModifyInfoFlag");

static const tm_named_value member_result_values[] = {
    V(kTIMGroupMember_HandledErr),
    V(kTIMGroupMember_HandledSuc),
    V(kTIMGroupMember_Included),
    V(kTIMGroupMember_Invited),
};
ENUM(member_result, "HandleGroupMemberResult");

static const tm_enum *const enums[] = {
    &result,           &err_code,     &log_level,   &network_status, &conv_event,    &conv_type,
    &msg_status,       &msg_priority, &elem_type,   &image_level,    &download_type, &group_type,
    &group_add_option, &member_role,  &modify_flag, &member_result,
};

/* ---- Structs ---- */

/* clang-format off */
#define F(key, type, flags)        {#key, key, type, flags, NULL, NULL}
#define F_ENUM(key, values, flags) {#key, key, TM_ENUM, flags, NULL, &values}
#define F_OBJECT(key, of, flags)   {#key, key, TM_OBJECT, flags, &of, NULL}
#define F_ARRAY(key, of, flags)    {#key, key, TM_ARRAY, flags, &of, NULL}
#define F_STRINGS(key, flags)      {#key, key, TM_ARRAY, flags, NULL, NULL}
/* clang-format on */
#define STRUCT(variable, name)                                                                               \
    const tm_struct variable = {name, variable##_fields, COUNT(variable##_fields), false}
/* One that the API leaves empty. */
#define STRUCT_EMPTY(variable, name) const tm_struct variable = {name, NULL, 0, false}

/* Elements. What a sender's file paths and task ids say is true on this device only. */

static const tm_field tm_schema_elem_base_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
};
const tm_struct tm_schema_elem_base = {"Elem", tm_schema_elem_base_fields, 1, true};

static const tm_field text_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMTextElemContent, TM_STRING, TM_REQUIRED),
};
static STRUCT(text_elem, "TextElem");

static const tm_field face_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMFaceElemIndex, TM_INT32, TM_REQUIRED),
    F(kTIMFaceElemBuf, TM_STRING, 0),
};
static STRUCT(face_elem, "FaceElem");

static const tm_field location_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMLocationElemDesc, TM_STRING, 0),
    F(kTIMLocationElemlatitude, TM_DOUBLE, TM_REQUIRED),
    F(kTIMLocationElemLongitude, TM_DOUBLE, TM_REQUIRED),
};
static STRUCT(location_elem, "LocationElem");

static const tm_field custom_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED), F(kTIMCustomElemData, TM_STRING, 0),
    F(kTIMCustomElemDesc, TM_STRING, 0),          F(kTIMCustomElemExt, TM_STRING, 0),
    F(kTIMCustomElemSound, TM_STRING, 0),
};
static STRUCT(custom_elem, "CustomElem");

static const tm_field image_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMImageElemFormat, TM_INT32, 0),
    F(kTIMImageElemLargeId, TM_STRING, TM_READ_ONLY),
    F(kTIMImageElemLargePicHeight, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemLargePicSize, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemLargePicWidth, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemLargeUrl, TM_STRING, TM_READ_ONLY),
    F_ENUM(kTIMImageElemLevel, image_level, 0),
    F(kTIMImageElemOrigId, TM_STRING, TM_READ_ONLY),
    F(kTIMImageElemOrigPath, TM_STRING, TM_TO_SEND | TM_LOCAL),
    F(kTIMImageElemOrigPicHeight, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemOrigPicSize, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemOrigPicWidth, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemOrigUrl, TM_STRING, TM_READ_ONLY),
    F(kTIMImageElemTaskId, TM_UINT32, TM_READ_ONLY | TM_LOCAL),
    F(kTIMImageElemThumbId, TM_STRING, TM_READ_ONLY),
    F(kTIMImageElemThumbPicHeight, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemThumbPicSize, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemThumbPicWidth, TM_UINT32, TM_READ_ONLY),
    F(kTIMImageElemThumbUrl, TM_STRING, TM_READ_ONLY),
};
static STRUCT(image_elem, "ImageElem");

static const tm_field sound_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMSoundElemBusinessId, TM_UINT32, TM_READ_ONLY),
    F(kTIMSoundElemDownloadFlag, TM_UINT32, TM_READ_ONLY),
    F(kTIMSoundElemFileId, TM_STRING, TM_READ_ONLY),
    F(kTIMSoundElemFilePath, TM_STRING, TM_TO_SEND | TM_LOCAL),
    F(kTIMSoundElemFileSize, TM_UINT32, 0),
    F(kTIMSoundElemFileTime, TM_UINT32, 0),
    F(kTIMSoundElemTaskId, TM_UINT32, TM_READ_ONLY | TM_LOCAL),
    F(kTIMSoundElemUrl, TM_STRING, TM_READ_ONLY),
};
static STRUCT(sound_elem, "SoundElem");

static const tm_field file_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMFileElemBusinessId, TM_UINT32, TM_READ_ONLY),
    F(kTIMFileElemDownloadFlag, TM_UINT32, TM_READ_ONLY),
    F(kTIMFileElemFileId, TM_STRING, TM_READ_ONLY),
    F(kTIMFileElemFileName, TM_STRING, 0),
    F(kTIMFileElemFilePath, TM_STRING, TM_TO_SEND | TM_LOCAL),
    F(kTIMFileElemFileSize, TM_UINT32, 0),
    F(kTIMFileElemTaskId, TM_UINT32, TM_READ_ONLY | TM_LOCAL),
    F(kTIMFileElemUrl, TM_STRING, TM_READ_ONLY),
};
static STRUCT(file_elem, "FileElem");

static const tm_field video_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMVideoElemBusinessId, TM_UINT32, TM_READ_ONLY),
    F(kTIMVideoElemImageDownloadFlag, TM_UINT32, TM_READ_ONLY),
    F(kTIMVideoElemImageHeight, TM_UINT32, 0),
    F(kTIMVideoElemImageId, TM_STRING, TM_READ_ONLY),
    F(kTIMVideoElemImagePath, TM_STRING, TM_TO_SEND | TM_LOCAL),
    F(kTIMVideoElemImageSize, TM_UINT32, 0),
    F(kTIMVideoElemImageType, TM_STRING, 0),
    F(kTIMVideoElemImageUrl, TM_STRING, TM_READ_ONLY),
    F(kTIMVideoElemImageWidth, TM_UINT32, 0),
    F(kTIMVideoElemTaskId, TM_UINT32, TM_READ_ONLY | TM_LOCAL),
    F(kTIMVideoElemVideoDownloadFlag, TM_UINT32, TM_READ_ONLY),
    F(kTIMVideoElemVideoDuration, TM_UINT32, 0),
    F(kTIMVideoElemVideoId, TM_STRING, TM_READ_ONLY),
    F(kTIMVideoElemVideoPath, TM_STRING, TM_TO_SEND | TM_LOCAL),
    F(kTIMVideoElemVideoSize, TM_UINT32, 0),
    F(kTIMVideoElemVideoType, TM_STRING, TM_TO_SEND),
    F(kTIMVideoElemVideoUrl, TM_STRING, TM_READ_ONLY),
};
static STRUCT(video_elem, "VideoElem");

static STRUCT_EMPTY(group_change_info, "GroupTipGroupChangeInfo");
static STRUCT_EMPTY(member_change_info, "GroupTipMemberChangeInfo");

static const tm_field tm_schema_group_tips_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F_ARRAY(kTIMGroupTipsElemGroupChangeInfoArray, group_change_info, TM_READ_ONLY),
    F(kTIMGroupTipsElemGroupId, TM_STRING, TM_READ_ONLY),
    F(kTIMGroupTipsElemGroupName, TM_STRING, TM_READ_ONLY),
    F_ARRAY(kTIMGroupTipsElemMemberChangeInfoArray, member_change_info, TM_READ_ONLY),
    F(kTIMGroupTipsElemMemberNum, TM_UINT32, TM_READ_ONLY),
    F(kTIMGroupTipsElemOpUser, TM_STRING, TM_READ_ONLY),
    F(kTIMGroupTipsElemTime, TM_UINT64, TM_READ_ONLY),
    F(kTIMGroupTipsElemTipType, TM_UINT32, TM_READ_ONLY),
    F_STRINGS(kTIMGroupTipsElemUserArray, TM_READ_ONLY),
};
STRUCT(tm_schema_group_tips_elem, "GroupTipsElem");

static const tm_field group_report_elem_fields[] = {
    F_ENUM(kTIMElemType, elem_type, TM_REQUIRED),
    F(kTIMGroupReportElemGroupId, TM_STRING, TM_READ_ONLY),
    F(kTIMGroupReportElemOpUser, TM_STRING, TM_READ_ONLY),
    F(kTIMGroupReportElemReportType, TM_UINT32, TM_READ_ONLY),
};
static STRUCT(group_report_elem, "GroupReportElem");

const tm_struct *tm_schema_elem(int32_t type)
{
    switch (type) {
    case kTIMElem_Text: return &text_elem;
    case kTIMElem_Image: return &image_elem;
    case kTIMElem_Sound: return &sound_elem;
    case kTIMElem_Custom: return &custom_elem;
    case kTIMElem_File: return &file_elem;
    case kTIMElem_GroupTips: return &tm_schema_group_tips_elem;
    case kTIMElem_Face: return &face_elem;
    case kTIMElem_Location: return &location_elem;
    case kTIMElem_GroupReport: return &group_report_elem;
    case kTIMElem_Video: return &video_elem;
    default: return NULL;
    }
}

/* Messages. */

static const tm_field tm_schema_message_fields[] = {
    [TM_MSG_CLIENT_TIME] = F(kTIMMsgClientTime, TM_UINT64, 0),
    [TM_MSG_CONV_ID] = F(kTIMMsgConvId, TM_STRING, 0),
    [TM_MSG_CONV_TYPE] = F_ENUM(kTIMMsgConvType, conv_type, 0),
    [TM_MSG_CUSTOM_INT] = F(kTIMMsgCustomInt, TM_UINT32, TM_LOCAL),
    [TM_MSG_CUSTOM_STR] = F(kTIMMsgCustomStr, TM_STRING, TM_LOCAL),
    [TM_MSG_ELEM_ARRAY] = F_ARRAY(kTIMMsgElemArray, tm_schema_elem_base, TM_TO_SEND),
    [TM_MSG_IS_FROM_SELF] = F(kTIMMsgIsFormSelf, TM_BOOL, 0),
    [TM_MSG_IS_ONLINE_MSG] = F(kTIMMsgIsOnlineMsg, TM_BOOL, 0),
    [TM_MSG_IS_PEER_READ] = F(kTIMMsgIsPeerRead, TM_BOOL, TM_READ_ONLY),
    [TM_MSG_IS_READ] = F(kTIMMsgIsRead, TM_BOOL, 0),
    [TM_MSG_PRIORITY] = F_ENUM(kTIMMsgPriority, msg_priority, 0),
    [TM_MSG_RAND] = F(kTIMMsgRand, TM_UINT64, TM_READ_ONLY),
    [TM_MSG_SENDER] = F(kTIMMsgSender, TM_STRING, 0),
    [TM_MSG_SEQ] = F(kTIMMsgSeq, TM_UINT64, TM_READ_ONLY),
    [TM_MSG_SERVER_TIME] = F(kTIMMsgServerTime, TM_UINT64, 0),
    [TM_MSG_STATUS] = F_ENUM(kTIMMsgStatus, msg_status, 0),
    [TM_MSG_UNIQUE_ID] = F(kTIMMsgUniqueId, TM_UINT64, TM_READ_ONLY),
};
STRUCT(tm_schema_message, "Message");

static const tm_field tm_schema_locator_fields[] = {
    F(kTIMMsgLocatorConvId, TM_STRING, 0),  F_ENUM(kTIMMsgLocatorConvType, conv_type, 0),
    F(kTIMMsgLocatorIsRevoked, TM_BOOL, 0), F(kTIMMsgLocatorIsSelf, TM_BOOL, 0),
    F(kTIMMsgLocatorRand, TM_UINT64, 0),    F(kTIMMsgLocatorSeq, TM_UINT64, 0),
    F(kTIMMsgLocatorTime, TM_UINT64, 0),    F(kTIMMsgLocatorUniqueId, TM_UINT64, 0),
};
STRUCT(tm_schema_locator, "MsgLocator");

static const tm_field tm_schema_get_msg_list_fields[] = {
    F(kTIMMsgGetMsgListParamCount, TM_UINT32, 0),
    F(kTIMMsgGetMsgListParamIsForward, TM_BOOL, 0),
    F(kTIMMsgGetMsgListParamIsRamble, TM_BOOL, 0),
    F_OBJECT(kTIMMsgGetMsgListParamLastMsg, tm_schema_message, TM_AS_NAME),
};
STRUCT(tm_schema_get_msg_list, "MsgGetMsgListParam");

static const tm_field tm_schema_delete_fields[] = {
    F(kTIMMsgDeleteParamIsRamble, TM_BOOL, 0),
    F_OBJECT(kTIMMsgDeleteParamMsg, tm_schema_message, TM_AS_NAME),
};
STRUCT(tm_schema_delete, "MsgDeleteParam");

static const tm_field tm_schema_download_fields[] = {
    F(kTIMMsgDownloadElemParamBusinessId, TM_UINT32, 0),
    F(kTIMMsgDownloadElemParamFlag, TM_UINT32, 0),
    F(kTIMMsgDownloadElemParamId, TM_STRING, 0),
    F_ENUM(kTIMMsgDownloadElemParamType, download_type, 0),
    F(kTIMMsgDownloadElemParamUrl, TM_STRING, 0),
};
STRUCT(tm_schema_download, "DownloadElemParam");

static const tm_field tm_schema_download_result_fields[] = {
    F(kTIMMsgDownloadElemResultCurrentSize, TM_UINT64, 0),
    F(kTIMMsgDownloadElemResultTotalSize, TM_UINT64, 0),
};
STRUCT(tm_schema_download_result, "MsgDownloadElemResult");

static const tm_field tm_schema_batch_send_fields[] = {
    F_STRINGS(kTIMMsgBatchSendParamIdentifierArray, TM_REQUIRED),
    F_OBJECT(kTIMMsgBatchSendParamMsg, tm_schema_message, TM_REQUIRED | TM_AS_SEND),
};
STRUCT(tm_schema_batch_send, "MsgBatchSendParam");

static const tm_field tm_schema_batch_send_result_fields[] = {
    F(kTIMMsgBatchSendResultCode, TM_INT32, 0),
    F(kTIMMsgBatchSendResultDesc, TM_STRING, 0),
    F(kTIMMsgBatchSendResultIdentifier, TM_STRING, 0),
    F_OBJECT(kTIMMsgBatchSendResultMsg, tm_schema_message, 0),
};
STRUCT(tm_schema_batch_send_result, "MsgBatchSendResult");

static const tm_field tm_schema_receipt_fields[] = {
    F(kTIMMsgReceiptConvId, TM_STRING, 0),
    F_ENUM(kTIMMsgReceiptConvType, conv_type, 0),
    F(kTIMMsgReceiptTimeStamp, TM_UINT64, 0),
};
STRUCT(tm_schema_receipt, "MessageReceipt");

/* Conversations. */

static const tm_field tm_schema_draft_fields[] = {
    F(kTIMDraftEditTime, TM_UINT64, 0),
    F_OBJECT(kTIMDraftMsg, tm_schema_message, TM_AS_NAME),
    F(kTIMDraftUserDefine, TM_STRING, 0),
};
STRUCT(tm_schema_draft, "Draft");

static const tm_field tm_schema_conv_info_fields[] = {
    F(kTIMConvActiveTime, TM_UINT64, 0), F_OBJECT(kTIMConvDraft, tm_schema_draft, 0),
    F(kTIMConvId, TM_STRING, 0),         F(kTIMConvIsHasDraft, TM_BOOL, 0),
    F(kTIMConvIsHasLastMsg, TM_BOOL, 0), F_OBJECT(kTIMConvLastMsg, tm_schema_message, 0),
    F(kTIMConvOwner, TM_STRING, 0),      F_ENUM(kTIMConvType, conv_type, 0),
    F(kTIMConvUnReadNum, TM_UINT64, 0),
};
STRUCT(tm_schema_conv_info, "ConvInfo");

/* Configuration. */

static const tm_field tm_schema_sdk_config_fields[] = {
    F(kTIMSdkConfigConfigFilePath, TM_STRING, 0), F(kTIMSdkConfigLogFilePath, TM_STRING, 0),
    F(kTIMSdkConfigServer, TM_STRING, 0),         F(kTIMSdkConfigRequestTimeoutMs, TM_UINT32, 0),
    F(kTIMSdkConfigRevokeWindowS, TM_UINT32, 0),
};
STRUCT(tm_schema_sdk_config, "SdkConfig");

static const tm_field user_config_fields[] = {
    F(kTIMUserConfigIsReadReceipt, TM_BOOL, 0),
};
static STRUCT(user_config, "UserConfig");

static const tm_field http_proxy_info_fields[] = {
    F(kTIMHttpProxyInfoIp, TM_STRING, 0),
    F(kTIMHttpProxyInfoPort, TM_UINT32, 0),
};
static STRUCT(http_proxy_info, "HttpProxyInfo");

static const tm_field socks5_proxy_info_fields[] = {
    F(kTIMSocks5ProxyInfoIp, TM_STRING, 0),
    F(kTIMSocks5ProxyInfoPort, TM_UINT32, 0),
    F(kTIMSocks5ProxyInfoUserName, TM_STRING, 0),
    F(kTIMSocks5ProxyInfoPassword, TM_STRING, 0),
};
static STRUCT(socks5_proxy_info, "Socks5ProxyInfo");

static const tm_field tm_schema_set_config_fields[] = {
    F_ENUM(kTIMSetConfigLogLevel, log_level, 0),
    F_ENUM(kTIMSetConfigCackBackLogLevel, log_level, 0),
    F(kTIMSetConfigIsLogOutputConsole, TM_BOOL, 0),
    F_OBJECT(kTIMSetConfigUserConfig, user_config, 0),
    F_OBJECT(kTIMSetConfigHttpProxyInfo, http_proxy_info, 0),
    F_OBJECT(kTIMSetConfigSocks5ProxyInfo, socks5_proxy_info, 0),
};
STRUCT(tm_schema_set_config, "SetConfig");

/* Groups. */

static STRUCT_EMPTY(member_custom_info, "GroupMemberInfoCustomInfo");

static const tm_field group_member_info_fields[] = {
    F_OBJECT(kTIMGroupMemberInfoCustomInfo, member_custom_info, TM_READ_ONLY),
    F(kTIMGroupMemberInfoIdentifier, TM_STRING, TM_REQUIRED),
    F(kTIMGroupMemberInfoJoinTime, TM_UINT64, TM_READ_ONLY),
    F_ENUM(kTIMGroupMemberInfoMemberRole, member_role, 0),
    F(kTIMGroupMemberInfoMsgFlag, TM_UINT32, TM_READ_ONLY),
    F(kTIMGroupMemberInfoMsgSeq, TM_UINT64, TM_READ_ONLY),
    F(kTIMGroupMemberInfoNameCard, TM_STRING, TM_READ_ONLY),
    F(kTIMGroupMemberInfoShutupTime, TM_UINT64, TM_READ_ONLY),
};
static STRUCT(group_member_info, "GroupMemberInfo");

static const tm_field tm_schema_group_create_fields[] = {
    F(kTIMCreateGroupParamGroupName, TM_STRING, TM_REQUIRED),
    F(kTIMCreateGroupParamGroupId, TM_STRING, 0),
    F_ENUM(kTIMCreateGroupParamGroupType, group_type, 0),
    F_ARRAY(kTIMCreateGroupParamGroupMemberArray, group_member_info, 0),
    F(kTIMCreateGroupParamNotification, TM_STRING, 0),
    F(kTIMCreateGroupParamIntroduction, TM_STRING, 0),
    F(kTIMCreateGroupParamFaceUrl, TM_STRING, 0),
    F_ENUM(kTIMCreateGroupParamAddOption, group_add_option, 0),
    F(kTIMCreateGroupParamMaxMemberCount, TM_UINT32, 0),
};
STRUCT(tm_schema_group_create, "CreateGroupParam");

static const tm_field tm_schema_group_create_result_fields[] = {
    F(kTIMCreateGroupResultGroupId, TM_STRING, 0),
};
STRUCT(tm_schema_group_create_result, "CreateGroupResult");

static const tm_field tm_schema_group_invite_fields[] = {
    F(kTIMGroupInviteMemberParamGroupId, TM_STRING, TM_REQUIRED),
    F_STRINGS(kTIMGroupInviteMemberParamIdentifierArray, TM_REQUIRED),
    F(kTIMGroupInviteMemberParamUserData, TM_STRING, 0),
};
STRUCT(tm_schema_group_invite, "GroupInviteMemberParam");

static const tm_field tm_schema_group_invite_result_fields[] = {
    F(kTIMGroupInviteMemberResultIdentifier, TM_STRING, 0),
    F_ENUM(kTIMGroupInviteMemberResultResult, member_result, 0),
};
STRUCT(tm_schema_group_invite_result, "GroupInviteMemberResult");

static const tm_field tm_schema_group_get_members_fields[] = {
    F(kTIMGroupGetMemberInfoListParamGroupId, TM_STRING, TM_REQUIRED),
    F_STRINGS(kTIMGroupGetMemberInfoListParamIdentifierArray, 0),
    F(kTIMGroupGetMemberInfoListParamNextSeq, TM_UINT64, 0),
};
STRUCT(tm_schema_group_get_members, "GroupGetMemberInfoListParam");

static const tm_field tm_schema_group_get_members_result_fields[] = {
    F_ARRAY(kTIMGroupGetMemberInfoListResultInfoArray, group_member_info, 0),
    F(kTIMGroupGetMemberInfoListResultNexSeq, TM_UINT64, 0),
};
STRUCT(tm_schema_group_get_members_result, "GroupGetMemberInfoListResult");

static const tm_field tm_schema_group_delete_member_fields[] = {
    F(kTIMGroupDeleteMemberParamGroupId, TM_STRING, TM_REQUIRED),
    F_STRINGS(kTIMGroupDeleteMemberParamIdentifierArray, TM_REQUIRED),
    F(kTIMGroupDeleteMemberParamUserData, TM_STRING, 0),
};
STRUCT(tm_schema_group_delete_member, "GroupDeleteMemberParam");

static const tm_field tm_schema_group_delete_member_result_fields[] = {
    F(kTIMGroupDeleteMemberResultIdentifier, TM_STRING, 0),
    F_ENUM(kTIMGroupDeleteMemberResultResult, member_result, 0),
};
STRUCT(tm_schema_group_delete_member_result, "GroupDeleteMemberResult");

/* The flag is an or of several TIMGroupMemberModifyInfoFlag, hence no TM_ENUM. */
static const tm_field tm_schema_group_modify_member_fields[] = {
    F(kTIMGroupModifyMemberInfoParamGroupId, TM_STRING, TM_REQUIRED),
    F(kTIMGroupModifyMemberInfoParamIdentifier, TM_STRING, TM_REQUIRED),
    F(kTIMGroupModifyMemberInfoParamModifyFlag, TM_UINT32, TM_REQUIRED),
    F_ENUM(kTIMGroupModifyMemberInfoParamMemberRole, member_role, 0),
    F(kTIMGroupModifyMemberInfoParamNameCard, TM_STRING, 0),
};
STRUCT(tm_schema_group_modify_member, "GroupModifyMemberInfoParam");

static STRUCT_EMPTY(group_self_info, "GroupSelfInfo");

static const tm_field tm_schema_group_base_info_fields[] = {
    F(kTIMGroupBaseInfoFaceUrl, TM_STRING, 0),    F(kTIMGroupBaseInfoGroupId, TM_STRING, 0),
    F(kTIMGroupBaseInfoGroupName, TM_STRING, 0),  F_ENUM(kTIMGroupBaseInfoGroupType, group_type, 0),
    F(kTIMGroupBaseInfoInfoSeq, TM_UINT64, 0),    F(kTIMGroupBaseInfoIsShutupAll, TM_BOOL, 0),
    F(kTIMGroupBaseInfoLastestSeq, TM_UINT64, 0), F(kTIMGroupBaseInfoMsgFlag, TM_UINT32, 0),
    F(kTIMGroupBaseInfoReadedSeq, TM_UINT64, 0),  F_OBJECT(kTIMGroupBaseInfoSelfInfo, group_self_info, 0),
};
STRUCT(tm_schema_group_base_info, "GroupBaseInfo");

static const tm_struct *const structs[] = {
    &tm_schema_message,
    &tm_schema_elem_base,
    &text_elem,
    &image_elem,
    &sound_elem,
    &custom_elem,
    &file_elem,
    &tm_schema_group_tips_elem,
    &face_elem,
    &location_elem,
    &group_report_elem,
    &video_elem,
    &group_change_info,
    &member_change_info,
    &tm_schema_locator,
    &tm_schema_get_msg_list,
    &tm_schema_delete,
    &tm_schema_download,
    &tm_schema_download_result,
    &tm_schema_batch_send,
    &tm_schema_batch_send_result,
    &tm_schema_receipt,
    &tm_schema_draft,
    &tm_schema_conv_info,
    &tm_schema_sdk_config,
    &tm_schema_set_config,
    &user_config,
    &http_proxy_info,
    &socks5_proxy_info,
    &tm_schema_group_create,
    &tm_schema_group_create_result,
    &tm_schema_group_invite,
    &tm_schema_group_invite_result,
    &group_member_info,
    &member_custom_info,
    &tm_schema_group_get_members,
    &tm_schema_group_get_members_result,
    &tm_schema_group_delete_member,
    &tm_schema_group_delete_member_result,
    &tm_schema_group_modify_member,
    &tm_schema_group_base_info,
    &group_self_info,
};

const tm_struct *const *tm_schema_structs(size_t *count)
{
    *count = COUNT(structs);
    return structs;
}

const tm_enum *const *tm_schema_enums(size_t *count)
{
    *count = COUNT(enums);
    return enums;
}

/*
 * TIMCloudDef.h: the enums, the error codes and the JSON keys of the TIM C API.
 *
 * Names and values are fixed: programs written against the TIM C API compile against this file unchanged.
 * Spelling mistakes in names and keys (Readed, remble, FormSelf, PROGESS, memeber) are part of the API.
 * For C99 and later, and C++98 and later.
 */
#ifndef TIM_CLOUD_DEF_H
#define TIM_CLOUD_DEF_H

#include <stdint.h>

/* ---- Codes ------------------------------------------------------------------------------------------ */

/* What a call returns at once. The completion callback runs if and only if it is TIM_SUCC. */
enum TIMResult {
    TIM_SUCC = 0,           /* the call was taken */
    TIM_ERR_SDKUNINIT = -1, /* TIMInit has not been called */
    TIM_ERR_NOTLOGIN = -2,  /* nobody is logged in */
    TIM_ERR_JSON = -3,      /* not one JSON value, a required key missing, a wrong type, a duplicate key */
    TIM_ERR_PARAM = -4,     /* a needed pointer null or empty, a bad enum, a number out of range */
    TIM_ERR_CONV = -5,      /* a bad conversation id or type, or user id */
    TIM_ERR_GROUP = -6      /* a bad group id */
};

/* The code of a completion. Those of the API that do not happen here are never brought. */
enum TIMErrCode {
    ERR_SUCC = 0, /* success */

    /* Found on this machine */
    ERR_NO_SUCC_RESULT = 6003,              /* a batch in which nothing succeeded */
    ERR_INVALID_CONVERSATION = 6004,        /* no such conversation */
    ERR_FILE_TRANS_UPLOAD_FAILED = 6008,    /* a file could not be uploaded */
    ERR_FILE_TRANS_DOWNLOAD_FAILED = 6009,  /* a file is not there to download, or no longer */
    ERR_HTTP_REQ_FAILED = 6010,             /* an HTTP request failed */
    ERR_REQUEST_TIMEOUT = 6012,             /* no answer in time */
    ERR_SDK_NOT_INITIALIZED = 6013,         /* the library is not initialised; never brought */
    ERR_SDK_NOT_LOGGED_IN = 6014,           /* nobody is logged in; never brought */
    ERR_IN_PROGESS = 6015,                  /* a login is running, or another user is in */
    ERR_INVALID_MSG_ELEM = 6016,            /* an element that can't be handled; never brought */
    ERR_INVALID_PARAMETERS = 6017,          /* a bad argument */
    ERR_INIT_CORE_FAIL = 6018,              /* the library could not be set up */
    ERR_DATABASE_OPERATE_FAILED = 6019,     /* the local store failed, or another login holds it */
    ERR_IO_OPERATION_FAILED = 6022,         /* a local file could not be read or written */
    ERR_OUT_OF_MEMORY = 6028,               /* no memory */
    ERR_LOGIN_KICKED_OFF_BY_OTHER = 6208,   /* another session took this device's place */
    ERR_USER_CANCELED = 6222,               /* under way when the client logged out or closed */
    ERR_SDK_COMM_INVALID_IDENTIFIER = 7003, /* a user id that is not one */
    ERR_SDK_COMM_FILE_NOT_FOUND = 7004,     /* the file to send is missing */
    ERR_SDK_COMM_FILE_TOO_LARGE = 7005,     /* the file to send is too large */
    ERR_SDK_COMM_FILE_SIZE_EMPTY = 7006,    /* the file to send is empty */
    ERR_SDK_COMM_FILE_OPEN_FAILED = 7007,   /* the file to send can't be opened */
    ERR_SDK_MSG_BODY_SIZE_LIMIT = 8001,     /* the elements are too large together */
    ERR_SDK_GROUP_INVALID_ID = 8501,        /* a group id that is not one; never brought */
    ERR_SDK_NET_REQ_COUNT_LIMIT = 9507,     /* too many operations in flight, or messages for the server */
    ERR_SDK_NET_DISCONNECT = 9508,          /* the connection is down, or could not be made */
    ERR_SDK_NET_CONN_TIMEOUT = 9510,        /* connecting took too long; never brought */
    ERR_SDK_NET_WAIT_ACK_TIMEOUT = 9520,    /* the server did not confirm in time; never brought */

    /* Said by the backend about groups */
    ERR_SVR_GROUP_INTERNAL_ERROR = 10002,        /* the backend failed */
    ERR_SVR_GROUP_INVALID_PARAMETERS = 10004,    /* the backend found an argument wrong */
    ERR_SVR_GROUP_PERMISSION_DENY = 10007,       /* not allowed, or not a member */
    ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT = 10009,  /* the owner can't quit */
    ERR_SVR_GROUP_NOT_FOUND = 10010,             /* no such group */
    ERR_SVR_GROUP_ALLREADY_MEMBER = 10013,       /* a member already */
    ERR_SVR_GROUP_FULL_MEMBER_COUNT = 10014,     /* the group is full */
    ERR_SVR_GROUP_INVALID_GROUPID = 10015,       /* a group id that the backend refuses; never brought */
    ERR_SVR_GROUP_GROUPID_IN_USED = 10021,       /* the group id is taken */
    ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND = 10030,  /* the group has no such message */
    ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT = 10031, /* too late to revoke in a group */
    ERR_SVR_GROUP_REVOKE_MSG_DENY = 10032,       /* this message can't be revoked; never brought */

    /* Said by the backend about C2C messages */
    ERR_SVR_MSG_INVALID_ID = 20003,        /* no such user */
    ERR_SVR_MSG_REVOKE_TIME_LIMIT = 20016, /* too late to revoke */
    ERR_SVR_MSG_REVOKE_NOT_FOUND = 20022,  /* no such message (the name is ours) */
    ERR_SVR_MSG_REVOKED_ALREADY = 20023,   /* revoked already (the name is ours) */

    /* Said by the backend about accounts */
    ERR_SVR_ACCOUNT_USERSIG_EXPIRED = 70001,      /* the user_sig has run out; never brought */
    ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED = 70003, /* the user_sig is wrong */
    ERR_SVR_ACCOUNT_NOT_FOUND = 70107             /* no such account; never brought */
};

/* ---- Enums ------------------------------------------------------------------------------------------ */

/* How much is logged: this level and those above it. */
enum TIMLogLevel {
    kTIMLog_Off = 0,     /* nothing */
    kTIMLog_Verbose = 1, /* everything */
    kTIMLog_Debug = 2,   /* what helps to find a bug */
    kTIMLog_Info = 3,    /* what happens */
    kTIMLog_Warn = 4,    /* what may go wrong */
    kTIMLog_Error = 5,   /* what went wrong, refused calls too */
    kTIMLog_Assert = 6   /* what must never happen */
};

/* The connection to the backend. */
enum TIMNetworkStatus {
    kTIMConnected = 0,    /* up */
    kTIMDisconnected = 1, /* down */
    kTIMConnecting = 2,   /* coming up; never told */
    kTIMConnectFailed = 3 /* could not be made; never told */
};

/* What happened to conversations. */
enum TIMConvEvent {
    kTIMConvEvent_Add = 0,   /* they are new */
    kTIMConvEvent_Del = 1,   /* they are gone */
    kTIMConvEvent_Update = 2 /* their unread number, last message or draft changed */
};

/* The kind of a conversation. */
enum TIMConvType {
    kTIMConv_Invalid = 0, /* none */
    kTIMConv_C2C = 1,     /* one to one; its id is the other's user id */
    kTIMConv_Group = 2,   /* a group; its id is the group id */
    kTIMConv_System = 3   /* the backend's own; never brought */
};

/* Where a message stands. */
enum TIMMsgStatus {
    kTIMMsg_Sending = 1,       /* on its way */
    kTIMMsg_SendSucc = 2,      /* the backend has it */
    kTIMMsg_SendFail = 3,      /* it was not sent */
    kTIMMsg_Deleted = 4,       /* deleted on this device; never brought */
    kTIMMsg_LocalImported = 5, /* imported on this device */
    kTIMMsg_Revoked = 6        /* revoked; it has no elements any more */
};

/* The priority of a message. It is handed on, and changes nothing. */
enum TIMMsgPriority {
    kTIMMsgPriority_High = 0,   /* highest */
    kTIMMsgPriority_Normal = 1, /* the default */
    kTIMMsgPriority_Low = 2,    /* low */
    kTIMMsgPriority_Lowest = 3  /* lowest */
};

/* The kind of an element. */
enum TIMElemType {
    kTIMElem_Text = 0,        /* TextElem */
    kTIMElem_Image = 1,       /* ImageElem */
    kTIMElem_Sound = 2,       /* SoundElem, one a message at most */
    kTIMElem_Custom = 3,      /* CustomElem */
    kTIMElem_File = 4,        /* FileElem, one a message at most */
    kTIMElem_GroupTips = 5,   /* GroupTipsElem, written by the backend only */
    kTIMElem_Face = 6,        /* FaceElem */
    kTIMElem_Location = 7,    /* LocationElem */
    kTIMElem_GroupReport = 8, /* GroupReportElem, written by the backend only */
    kTIMElem_Video = 9        /* VideoElem, one a message at most */
};

/* The quality in which an image is to be sent. It is handed on: files go as they are. */
enum TIMImageLevel {
    kTIMImageLevel_Orig = 0,        /* as it is */
    kTIMImageLevel_Compression = 1, /* small */
    kTIMImageLevel_HD = 2           /* fine */
};

/* What a download fetches. It is ignored: the url or id says that. */
enum TIMDownloadType {
    kTIMDownload_VideoThumb = 0, /* a video's image */
    kTIMDownload_File = 1,       /* a file */
    kTIMDownload_Video = 2,      /* a video */
    kTIMDownload_Sound = 3       /* a sound */
};

/* The kind of a group. All but Private ones are alike. */
enum TIMGroupType {
    kTIMGroup_Public = 0,    /* joined as the add option says */
    kTIMGroup_Private = 1,   /* by invitation of a member */
    kTIMGroup_ChatRoom = 2,  /* as Public */
    kTIMGroup_BChatRoom = 3, /* as Public */
    kTIMGroup_AVChatRoom = 4 /* as Public */
};

/* Who may join a group that is not Private. Members may bring anybody into any. */
enum TIMGroupAddOption {
    kTIMGroupAddOpt_Forbid = 0, /* nobody */
    kTIMGroupAddOpt_Auth = 1,   /* whom an admin accepts: nobody so far */
    kTIMGroupAddOpt_Any = 2     /* anyone: the default */
};

/* A member's role. */
enum TIMGroupMemberRole {
    kTIMMemberRole_Normal = 0,    /* member */
    kTIMMemberRole_Admin = 1,     /* admin */
    kTIMMemberRole_SuperAdmin = 2 /* the owner */
};

/* What TIMGroupModifyMemberInfo changes: the role, the name card (not on XMPP) or both, or-ed. */
enum TIMGroupMemberModifyInfoFlag {
    kTIMGroupMemberModifyFlag_None = 0,       /* nothing; refused */
    kTIMGroupMemberModifyFlag_MsgFlag = 1,    /* how messages are received; refused */
    kTIMGroupMemberModifyFlag_MemberRole = 2, /* the role */
    kTIMGroupMemberModifyFlag_ShutupTime = 4, /* how long the member is muted; refused */
    kTIMGroupMemberModifyFlag_NameCard = 8,   /* the name card */
    kTIMGroupMemberModifyFlag_Custom = 16     /* custom fields; refused */
};

/* What became of one user of an invitation or a removal. */
enum HandleGroupMemberResult {
    kTIMGroupMember_HandledErr = 0, /* failed */
    kTIMGroupMember_HandledSuc = 1, /* done */
    kTIMGroupMember_Included = 2,   /* was a member already */
    kTIMGroupMember_Invited = 3     /* has been sent an invitation; never brought */
};

/* ---- JSON keys -------------------------------------------------------------------------------------- */

/*
 * Each key is an array, not a pointer: it is an address constant in C, its length is known to the compiler,
 * and no program can point it elsewhere. The attribute keeps programs that use only some of them quiet.
 *
 * Behind each key: its type, then
 *   rw  a caller may write it and the library returns it
 *   ro  written by the library only; ignored from a caller that sends
 *   wo  a parameter only
 *   req missing or wrongly typed, it is an error
 */
#if defined(__GNUC__) || defined(__clang__)
#define TIM_UNUSED __attribute__((unused))
#else
#define TIM_UNUSED
#endif
#define TIM_KEY(name, text) static const char name[] TIM_UNUSED = text

/* Message */
TIM_KEY(kTIMMsgElemArray, "message_elem_array");      /* array of Elem, rw, req */
TIM_KEY(kTIMMsgConvId, "message_conv_id");            /* string, ignored from a caller, rw */
TIM_KEY(kTIMMsgConvType, "message_conv_type");        /* uint TIMConvType, ignored from a caller, rw */
TIM_KEY(kTIMMsgSender, "message_sender");             /* string, ignored from who sends, rw */
TIM_KEY(kTIMMsgPriority, "message_priority");         /* uint TIMMsgPriority, default Normal, rw */
TIM_KEY(kTIMMsgClientTime, "message_client_time");    /* uint64, Unix seconds, default now, rw */
TIM_KEY(kTIMMsgServerTime, "message_server_time");    /* uint64, Unix seconds, rw */
TIM_KEY(kTIMMsgIsFormSelf, "message_is_from_self");   /* bool, default true where no sender is given, rw */
TIM_KEY(kTIMMsgIsRead, "message_is_read");            /* bool, default true, rw */
TIM_KEY(kTIMMsgIsOnlineMsg, "message_is_online_msg"); /* bool, default false, rw */
TIM_KEY(kTIMMsgIsPeerRead, "message_is_peer_read");   /* bool, ro */
TIM_KEY(kTIMMsgStatus, "message_status");        /* uint TIMMsgStatus, default 5 in Import, 2 in Save, rw */
TIM_KEY(kTIMMsgUniqueId, "message_unique_id");   /* uint64, ro */
TIM_KEY(kTIMMsgRand, "message_rand");            /* uint64, ro */
TIM_KEY(kTIMMsgSeq, "message_seq");              /* uint64, ro */
TIM_KEY(kTIMMsgCustomInt, "message_custom_int"); /* uint32, default 0, this device only, rw */
TIM_KEY(kTIMMsgCustomStr, "message_custom_str"); /* string, this device only, rw */

/* Elem: what every element carries */
TIM_KEY(kTIMElemType, "elem_type"); /* uint TIMElemType, rw, req */

/* TextElem */
TIM_KEY(kTIMTextElemContent, "text_elem_content"); /* string, rw, req */

/* FaceElem */
TIM_KEY(kTIMFaceElemIndex, "face_elem_index"); /* int, rw, req */
TIM_KEY(kTIMFaceElemBuf, "face_elem_buf");     /* string, rw */

/* LocationElem */
TIM_KEY(kTIMLocationElemDesc, "location_elem_desc");           /* string, rw */
TIM_KEY(kTIMLocationElemLongitude, "location_elem_longitude"); /* double, rw, req */
TIM_KEY(kTIMLocationElemlatitude, "location_elem_latitude");   /* double, rw, req */

/* CustomElem */
TIM_KEY(kTIMCustomElemData, "custom_elem_data");   /* string, rw */
TIM_KEY(kTIMCustomElemDesc, "custom_elem_desc");   /* string, rw */
TIM_KEY(kTIMCustomElemExt, "custom_elem_ext");     /* string, rw */
TIM_KEY(kTIMCustomElemSound, "custom_elem_sound"); /* string, rw */

/* ImageElem: thumb and large are the original once more */
TIM_KEY(kTIMImageElemOrigPath, "image_elem_orig_path"); /* string, rw, req to send */
TIM_KEY(kTIMImageElemLevel, "image_elem_level");        /* uint TIMImageLevel, handed on, rw */
TIM_KEY(kTIMImageElemFormat,
        "image_elem_format"); /* int, JPEG 1, GIF 2, PNG 3, BMP 4, another 255; filled in by sending, rw */
TIM_KEY(kTIMImageElemOrigId, "image_elem_orig_id");                  /* string, ro */
TIM_KEY(kTIMImageElemOrigPicHeight, "image_elem_orig_pic_height");   /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemOrigPicWidth, "image_elem_orig_pic_width");     /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemOrigPicSize, "image_elem_orig_pic_size");       /* int, bytes, ro */
TIM_KEY(kTIMImageElemOrigUrl, "image_elem_orig_url");                /* string, ro */
TIM_KEY(kTIMImageElemThumbId, "image_elem_thumb_id");                /* string, ro */
TIM_KEY(kTIMImageElemThumbPicHeight, "image_elem_thumb_pic_height"); /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemThumbPicWidth, "image_elem_thumb_pic_width");   /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemThumbPicSize, "image_elem_thumb_pic_size");     /* int, bytes, ro */
TIM_KEY(kTIMImageElemThumbUrl, "image_elem_thumb_url");              /* string, ro */
TIM_KEY(kTIMImageElemLargeId, "image_elem_large_id");                /* string, ro */
TIM_KEY(kTIMImageElemLargePicHeight, "image_elem_large_pic_height"); /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemLargePicWidth, "image_elem_large_pic_width");   /* int, pixels, 0: unknown, ro */
TIM_KEY(kTIMImageElemLargePicSize, "image_elem_large_pic_size");     /* int, bytes, ro */
TIM_KEY(kTIMImageElemLargeUrl, "image_elem_large_url");              /* string, ro */
TIM_KEY(kTIMImageElemTaskId, "image_elem_task_id");                  /* int, never set, ro */

/* SoundElem */
TIM_KEY(kTIMSoundElemFilePath, "sound_elem_file_path");         /* string, rw, req to send */
TIM_KEY(kTIMSoundElemFileSize, "sound_elem_file_size");         /* int, bytes, filled in by sending, rw */
TIM_KEY(kTIMSoundElemFileTime, "sound_elem_file_time");         /* int, seconds, rw */
TIM_KEY(kTIMSoundElemFileId, "sound_elem_file_id");             /* string, ro */
TIM_KEY(kTIMSoundElemBusinessId, "sound_elem_business_id");     /* int, 0, ro */
TIM_KEY(kTIMSoundElemDownloadFlag, "sound_elem_download_flag"); /* int, 0, ro */
TIM_KEY(kTIMSoundElemUrl, "sound_elem_url");                    /* string, ro */
TIM_KEY(kTIMSoundElemTaskId, "sound_elem_task_id");             /* int, never set, ro */

/* FileElem */
TIM_KEY(kTIMFileElemFilePath, "file_elem_file_path");         /* string, rw, req to send */
TIM_KEY(kTIMFileElemFileName, "file_elem_file_name");         /* string, default the path's base name, rw */
TIM_KEY(kTIMFileElemFileSize, "file_elem_file_size");         /* int, bytes, filled in by sending, rw */
TIM_KEY(kTIMFileElemFileId, "file_elem_file_id");             /* string, ro */
TIM_KEY(kTIMFileElemBusinessId, "file_elem_business_id");     /* int, 0, ro */
TIM_KEY(kTIMFileElemDownloadFlag, "file_elem_download_flag"); /* int, 0, ro */
TIM_KEY(kTIMFileElemUrl, "file_elem_url");                    /* string, ro */
TIM_KEY(kTIMFileElemTaskId, "file_elem_task_id");             /* int, never set, ro */

/* VideoElem */
TIM_KEY(kTIMVideoElemVideoType, "video_elem_video_type");         /* string, rw, req to send */
TIM_KEY(kTIMVideoElemVideoSize, "video_elem_video_size");         /* uint, bytes, filled in by sending, rw */
TIM_KEY(kTIMVideoElemVideoDuration, "video_elem_video_duration"); /* uint, seconds, rw */
TIM_KEY(kTIMVideoElemVideoPath, "video_elem_video_path");         /* string, rw, req to send */
TIM_KEY(kTIMVideoElemVideoId, "video_elem_video_id");             /* string, ro */
TIM_KEY(kTIMVideoElemBusinessId, "video_elem_business_id");       /* int, 0, ro */
TIM_KEY(kTIMVideoElemVideoDownloadFlag, "video_elem_video_download_flag"); /* int, 0, ro */
TIM_KEY(kTIMVideoElemVideoUrl, "video_elem_video_url");                    /* string, ro */
TIM_KEY(kTIMVideoElemImageType, "video_elem_image_type");                  /* string, rw */
TIM_KEY(kTIMVideoElemImageSize, "video_elem_image_size"); /* uint, bytes, filled in by sending, rw */
TIM_KEY(kTIMVideoElemImageWidth,
        "video_elem_image_width"); /* uint, pixels, filled in by sending if known, rw */
TIM_KEY(kTIMVideoElemImageHeight,
        "video_elem_image_height"); /* uint, pixels, filled in by sending if known, rw */
TIM_KEY(kTIMVideoElemImagePath, "video_elem_image_path");                  /* string, rw, req to send */
TIM_KEY(kTIMVideoElemImageId, "video_elem_image_id");                      /* string, ro */
TIM_KEY(kTIMVideoElemImageDownloadFlag, "video_elem_image_download_flag"); /* int, 0, ro */
TIM_KEY(kTIMVideoElemImageUrl, "video_elem_image_url");                    /* string, ro */
TIM_KEY(kTIMVideoElemTaskId, "video_elem_task_id");                        /* int, never set, ro */

/* GroupTipsElem: tip type 1 is invited or joined, 2 quit, 3 removed */
TIM_KEY(kTIMGroupTipsElemTipType, "group_tips_elem_tip_type");     /* uint, ro */
TIM_KEY(kTIMGroupTipsElemOpUser, "group_tips_elem_op_user");       /* string, who did it, ro */
TIM_KEY(kTIMGroupTipsElemGroupId, "group_tips_elem_group_id");     /* string, ro */
TIM_KEY(kTIMGroupTipsElemGroupName, "group_tips_elem_group_name"); /* string, ro */
TIM_KEY(kTIMGroupTipsElemTime, "group_tips_elem_time");            /* uint, Unix seconds, ro */
TIM_KEY(kTIMGroupTipsElemUserArray, "group_tips_elem_user_array"); /* array of string, who came or went, ro */
TIM_KEY(kTIMGroupTipsElemMemberNum, "group_tips_elem_member_num"); /* uint, how many are in then, ro */
TIM_KEY(kTIMGroupTipsElemGroupChangeInfoArray,
        "group_tips_elem_group_change_info_array"); /* array, empty, ro */
TIM_KEY(kTIMGroupTipsElemMemberChangeInfoArray,
        "group_tips_elem_member_change_info_array"); /* array, empty, ro */

/* GroupReportElem: report type 5 is that the group was deleted */
TIM_KEY(kTIMGroupReportElemReportType, "group_report_elem_report_type"); /* uint, ro */
TIM_KEY(kTIMGroupReportElemGroupId, "group_report_elem_group_id");       /* string, ro */
TIM_KEY(kTIMGroupReportElemOpUser, "group_report_elem_op_user");         /* string, who did it, ro */

/* MsgLocator: it names one message */
TIM_KEY(kTIMMsgLocatorConvId, "message_locator_conv_id"); /* string, ignored from a caller, rw */
TIM_KEY(kTIMMsgLocatorConvType,
        "message_locator_conv_type"); /* uint TIMConvType, ignored from a caller, rw */
TIM_KEY(kTIMMsgLocatorIsRevoked, "message_locator_is_revoked"); /* bool, absent: any, rw */
TIM_KEY(kTIMMsgLocatorTime, "message_locator_time");          /* uint64, Unix seconds, 0 or absent: any, rw */
TIM_KEY(kTIMMsgLocatorSeq, "message_locator_seq");            /* uint64, rw */
TIM_KEY(kTIMMsgLocatorIsSelf, "message_locator_is_self");     /* bool, absent: anybody's, rw */
TIM_KEY(kTIMMsgLocatorRand, "message_locator_rand");          /* uint64, rw */
TIM_KEY(kTIMMsgLocatorUniqueId, "message_locator_unique_id"); /* uint64, 0 or absent: any, rw */

/* MsgGetMsgListParam */
TIM_KEY(kTIMMsgGetMsgListParamLastMsg, "msg_getmsglist_param_last_msg"); /* Message; {} or absent: none, wo */
TIM_KEY(kTIMMsgGetMsgListParamCount, "msg_getmsglist_param_count"); /* uint, 1 to 1,000, default 20, wo */
TIM_KEY(kTIMMsgGetMsgListParamIsRamble, "msg_getmsglist_param_is_remble");   /* bool, default false, wo */
TIM_KEY(kTIMMsgGetMsgListParamIsForward, "msg_getmsglist_param_is_forward"); /* bool, default false, wo */

/* MsgDeleteParam */
TIM_KEY(kTIMMsgDeleteParamMsg, "msg_delete_param_msg");            /* Message; {} or absent: all, wo */
TIM_KEY(kTIMMsgDeleteParamIsRamble, "msg_delete_param_is_remble"); /* bool, changes nothing, wo */

/* DownloadElemParam */
TIM_KEY(kTIMMsgDownloadElemParamFlag, "msg_download_elem_param_flag"); /* uint, ignored, wo */
TIM_KEY(kTIMMsgDownloadElemParamType, "msg_download_elem_param_type"); /* uint TIMDownloadType, ignored, wo */
TIM_KEY(kTIMMsgDownloadElemParamId, "msg_download_elem_param_id");     /* string, enough on a hub, wo */
TIM_KEY(kTIMMsgDownloadElemParamBusinessId, "msg_download_elem_param_business_id"); /* uint, ignored, wo */
TIM_KEY(kTIMMsgDownloadElemParamUrl, "msg_download_elem_param_url"); /* string, enough everywhere, wo */

/* MsgDownloadElemResult */
TIM_KEY(kTIMMsgDownloadElemResultCurrentSize,
        "msg_download_elem_result_current_size"); /* uint64, bytes, ro */
TIM_KEY(kTIMMsgDownloadElemResultTotalSize,
        "msg_download_elem_result_total_size"); /* uint64, bytes, 0: not known yet, ro */

/* MsgBatchSendParam */
TIM_KEY(kTIMMsgBatchSendParamIdentifierArray,
        "msg_batch_send_param_identifier_array");              /* array of string, 1 to 500, wo, req */
TIM_KEY(kTIMMsgBatchSendParamMsg, "msg_batch_send_param_msg"); /* Message, wo, req */

/* MsgBatchSendResult */
TIM_KEY(kTIMMsgBatchSendResultIdentifier, "msg_batch_send_result_identifier"); /* string, ro */
TIM_KEY(kTIMMsgBatchSendResultCode, "msg_batch_send_result_code");             /* int TIMErrCode, ro */
TIM_KEY(kTIMMsgBatchSendResultDesc, "msg_batch_send_result_desc");             /* string, ro */
TIM_KEY(kTIMMsgBatchSendResultMsg, "msg_batch_send_result_msg");               /* Message, ro */

/* MessageReceipt */
TIM_KEY(kTIMMsgReceiptConvId, "msg_receipt_conv_id");       /* string, the reader, ro */
TIM_KEY(kTIMMsgReceiptConvType, "msg_receipt_conv_type");   /* uint TIMConvType, ro */
TIM_KEY(kTIMMsgReceiptTimeStamp, "msg_receipt_time_stamp"); /* uint64, Unix seconds, ro */

/* Draft */
TIM_KEY(kTIMDraftMsg, "draft_msg");                /* Message, rw */
TIM_KEY(kTIMDraftUserDefine, "draft_user_define"); /* string, rw */
TIM_KEY(kTIMDraftEditTime, "draft_edit_time");     /* uint, Unix seconds, default now, rw */

/* ConvInfo */
TIM_KEY(kTIMConvId, "conv_id");                       /* string, ro */
TIM_KEY(kTIMConvType, "conv_type");                   /* uint TIMConvType, ro */
TIM_KEY(kTIMConvOwner, "conv_owner");                 /* string, who is logged in, ro */
TIM_KEY(kTIMConvUnReadNum, "conv_unread_num");        /* uint64, ro */
TIM_KEY(kTIMConvActiveTime, "conv_active_time");      /* uint64, Unix seconds, ro */
TIM_KEY(kTIMConvIsHasLastMsg, "conv_is_has_lastmsg"); /* bool, ro */
TIM_KEY(kTIMConvLastMsg, "conv_last_msg");            /* Message, ro */
TIM_KEY(kTIMConvIsHasDraft, "conv_is_has_draft");     /* bool, ro */
TIM_KEY(kTIMConvDraft, "conv_draft");                 /* Draft, ro */

/* SdkConfig */
TIM_KEY(kTIMSdkConfigConfigFilePath,
        "sdk_config_config_file_path"); /* string, data directory, default "timmsg", wo */
TIM_KEY(kTIMSdkConfigLogFilePath,
        "sdk_config_log_file_path"); /* string, directory of the log, default no log file, wo */

/* SdkConfig: keys of our own. Without a server: a hub, the directory hub in the data directory */
TIM_KEY(kTIMSdkConfigServer, "sdk_config_server"); /* string, "hub:DIR" or "xmpp://DOMAIN", wo */
TIM_KEY(kTIMSdkConfigRequestTimeoutMs,
        "sdk_config_request_timeout_ms"); /* uint, 1 at least, default 30000, wo */
TIM_KEY(kTIMSdkConfigRevokeWindowS,
        "sdk_config_revoke_window_s"); /* uint, the same for all users, default 120, wo */

/* SetConfig */
TIM_KEY(kTIMSetConfigLogLevel,
        "set_config_log_level"); /* uint TIMLogLevel, of file and console, default Info, wo */
TIM_KEY(kTIMSetConfigCackBackLogLevel,
        "set_config_callback_log_level"); /* uint TIMLogLevel, default Info, wo */
TIM_KEY(kTIMSetConfigIsLogOutputConsole,
        "set_config_is_log_output_console");                /* bool, to stderr, default false, wo */
TIM_KEY(kTIMSetConfigUserConfig, "set_config_user_config"); /* UserConfig, wo */
TIM_KEY(kTIMSetConfigHttpProxyInfo,
        "set_config_http_proxy_info"); /* HttpProxyInfo, for files over HTTP, wo */
TIM_KEY(kTIMSetConfigSocks5ProxyInfo,
        "set_config_socks5_proxy_info"); /* Socks5ProxyInfo, likewise, it counts if both are given, wo */

/* UserConfig */
TIM_KEY(kTIMUserConfigIsReadReceipt, "user_config_is_read_receipt"); /* bool, default false, wo */

/* HttpProxyInfo */
TIM_KEY(kTIMHttpProxyInfoIp, "http_proxy_info_ip");     /* string, "": no proxy, wo */
TIM_KEY(kTIMHttpProxyInfoPort, "http_proxy_info_port"); /* int, wo */

/* Socks5ProxyInfo */
TIM_KEY(kTIMSocks5ProxyInfoIp, "socks5_proxy_info_ip");             /* string, "": no proxy, wo */
TIM_KEY(kTIMSocks5ProxyInfoPort, "socks5_proxy_info_port");         /* int, wo */
TIM_KEY(kTIMSocks5ProxyInfoUserName, "socks5_proxy_info_username"); /* string, wo */
TIM_KEY(kTIMSocks5ProxyInfoPassword, "socks5_proxy_info_password"); /* string, wo */

/* CreateGroupParam */
TIM_KEY(kTIMCreateGroupParamGroupName,
        "create_group_param_group_name"); /* string, 1 to 12,288 bytes, wo, req */
TIM_KEY(kTIMCreateGroupParamGroupId,
        "create_group_param_group_id"); /* string; absent: the backend makes one, wo */
TIM_KEY(kTIMCreateGroupParamGroupType,
        "create_group_param_group_type"); /* uint TIMGroupType, default Public, wo */
TIM_KEY(kTIMCreateGroupParamGroupMemberArray,
        "create_group_param_group_member_array"); /* array of GroupMemberInfo, 500 at most, wo */
TIM_KEY(kTIMCreateGroupParamNotification,
        "create_group_param_notification"); /* string, returned by no function, wo */
TIM_KEY(kTIMCreateGroupParamIntroduction,
        "create_group_param_introduction");                          /* string, returned by no function, wo */
TIM_KEY(kTIMCreateGroupParamFaceUrl, "create_group_param_face_url"); /* string, wo */
TIM_KEY(kTIMCreateGroupParamAddOption,
        "create_group_param_add_option"); /* uint TIMGroupAddOption, default Any, wo */
TIM_KEY(kTIMCreateGroupParamMaxMemberCount,
        "create_group_param_max_member_num"); /* uint, with the owner, 0 or absent: no limit, wo */

/* CreateGroupResult */
TIM_KEY(kTIMCreateGroupResultGroupId, "create_group_result_groupid"); /* string, ro */

/* GroupInviteMemberParam */
TIM_KEY(kTIMGroupInviteMemberParamGroupId, "group_invite_member_param_group_id"); /* string, wo, req */
TIM_KEY(kTIMGroupInviteMemberParamIdentifierArray,
        "group_invite_member_param_identifier_array"); /* array of string, 1 to 500, wo, req */
TIM_KEY(kTIMGroupInviteMemberParamUserData, "group_invite_member_param_user_data"); /* string, ignored, wo */

/* GroupInviteMemberResult */
TIM_KEY(kTIMGroupInviteMemberResultIdentifier, "group_invite_member_result_identifier"); /* string, ro */
TIM_KEY(kTIMGroupInviteMemberResultResult,
        "group_invite_member_result_result"); /* uint HandleGroupMemberResult, ro */

/* GroupMemberInfo */
TIM_KEY(kTIMGroupMemberInfoIdentifier, "group_member_info_identifier"); /* string, rw, req */
TIM_KEY(kTIMGroupMemberInfoJoinTime, "group_member_info_join_time"); /* uint, Unix seconds, 0 on XMPP, ro */
TIM_KEY(kTIMGroupMemberInfoMemberRole,
        "group_member_info_member_role"); /* uint TIMGroupMemberRole, default Normal, rw */
TIM_KEY(kTIMGroupMemberInfoMsgFlag, "group_member_info_msg_flag");       /* uint, 0, ro */
TIM_KEY(kTIMGroupMemberInfoMsgSeq, "group_member_info_msg_seq");         /* uint, 0, ro */
TIM_KEY(kTIMGroupMemberInfoShutupTime, "group_member_info_shutup_time"); /* uint, 0, ro */
TIM_KEY(kTIMGroupMemberInfoNameCard, "group_member_info_name_card");     /* string, "" on XMPP, ro */
TIM_KEY(kTIMGroupMemberInfoCustomInfo, "group_member_info_custom_info"); /* object, {}, ro */

/* GroupGetMemberInfoListParam */
TIM_KEY(kTIMGroupGetMemberInfoListParamGroupId,
        "group_get_members_info_list_param_group_id"); /* string, wo, req */
TIM_KEY(kTIMGroupGetMemberInfoListParamIdentifierArray,
        "group_get_members_info_list_param_identifier_array"); /* array of string; absent: all, wo */
TIM_KEY(kTIMGroupGetMemberInfoListParamNextSeq,
        "group_get_members_info_list_param_next_seq"); /* uint64, ignored: all come at once, wo */

/* GroupGetMemberInfoListResult */
TIM_KEY(kTIMGroupGetMemberInfoListResultNexSeq,
        "group_get_memeber_info_list_result_next_seq"); /* uint64, 0: there are no more, ro */
TIM_KEY(kTIMGroupGetMemberInfoListResultInfoArray,
        "group_get_memeber_info_list_result_info_array"); /* array of GroupMemberInfo, ro */

/* GroupDeleteMemberParam */
TIM_KEY(kTIMGroupDeleteMemberParamGroupId, "group_delete_member_param_group_id"); /* string, wo, req */
TIM_KEY(kTIMGroupDeleteMemberParamIdentifierArray,
        "group_delete_member_param_identifier_array"); /* array of string, 1 to 500, wo, req */
TIM_KEY(kTIMGroupDeleteMemberParamUserData, "group_delete_member_param_user_data"); /* string, ignored, wo */

/* GroupDeleteMemberResult */
TIM_KEY(kTIMGroupDeleteMemberResultIdentifier, "group_delete_member_result_identifier"); /* string, ro */
TIM_KEY(kTIMGroupDeleteMemberResultResult,
        "group_delete_member_result_result"); /* uint HandleGroupMemberResult, ro */

/* GroupModifyMemberInfoParam */
TIM_KEY(kTIMGroupModifyMemberInfoParamGroupId, "group_modify_member_info_group_id"); /* string, wo, req */
TIM_KEY(kTIMGroupModifyMemberInfoParamIdentifier,
        "group_modify_member_info_identifier"); /* string, wo, req */
TIM_KEY(kTIMGroupModifyMemberInfoParamModifyFlag,
        "group_modify_member_info_modify_flag"); /* uint TIMGroupMemberModifyInfoFlag, or-ed, wo, req */
TIM_KEY(kTIMGroupModifyMemberInfoParamMemberRole,
        "group_modify_member_info_member_role"); /* uint TIMGroupMemberRole, default Normal, wo */
TIM_KEY(kTIMGroupModifyMemberInfoParamNameCard,
        "group_modify_member_info_name_card"); /* string, default "", wo */

/* GroupBaseInfo */
TIM_KEY(kTIMGroupBaseInfoGroupId, "group_base_info_group_id");          /* string, ro */
TIM_KEY(kTIMGroupBaseInfoGroupName, "group_base_info_group_name");      /* string, ro */
TIM_KEY(kTIMGroupBaseInfoGroupType, "group_base_info_group_type");      /* uint TIMGroupType, ro */
TIM_KEY(kTIMGroupBaseInfoFaceUrl, "group_base_info_face_url");          /* string, ro */
TIM_KEY(kTIMGroupBaseInfoInfoSeq, "group_base_info_info_seq");          /* uint, never set, ro */
TIM_KEY(kTIMGroupBaseInfoLastestSeq, "group_base_info_lastest_seq");    /* uint, 0 on XMPP, ro */
TIM_KEY(kTIMGroupBaseInfoReadedSeq, "group_base_info_readed_seq");      /* uint, never set, ro */
TIM_KEY(kTIMGroupBaseInfoMsgFlag, "group_base_info_msg_flag");          /* uint, never set, ro */
TIM_KEY(kTIMGroupBaseInfoIsShutupAll, "group_base_info_is_shutup_all"); /* bool, never set, ro */
TIM_KEY(kTIMGroupBaseInfoSelfInfo, "group_base_info_self_info");        /* object, never set, ro */

#undef TIM_KEY
#undef TIM_UNUSED

#endif

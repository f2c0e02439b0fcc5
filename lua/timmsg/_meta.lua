---@meta timmsg
-- Annotations for editors (LuaCATS): every function, method, event, constant and key. Nothing loads this file; a spec
-- holds it against the code.
-- luacheck: ignore 212 241 631

---@class timmsg
---@field VERSION string the library's version
---@field C2C timmsg.TIMConvType TIMConv_C2C
---@field GROUP timmsg.TIMConvType TIMConv_Group
---@field null lightuserdata stands for a JSON null inside arrays
local timmsg = {}

-- Enums

---What a call returns at once. The completion callback runs if and only if it is TIM_SUCC.
---@alias timmsg.TIMResult
---| 0 # TIM_SUCC: the call was taken
---| -1 # TIM_ERR_SDKUNINIT: TIMInit has not been called
---| -2 # TIM_ERR_NOTLOGIN: nobody is logged in
---| -3 # TIM_ERR_JSON: not one JSON value, a required key missing, a wrong type, a duplicate key
---| -4 # TIM_ERR_PARAM: a needed pointer null or empty, a bad enum, a number out of range
---| -5 # TIM_ERR_CONV: a bad conversation id or type, or user id
---| -6 # TIM_ERR_GROUP: a bad group id

---The code of a completion. Those of the API that do not happen here are never brought.
---@alias timmsg.TIMErrCode
---| 0 # ERR_SUCC: success
---| 6003 # ERR_NO_SUCC_RESULT: a batch in which nothing succeeded
---| 6004 # ERR_INVALID_CONVERSATION: no such conversation
---| 6008 # ERR_FILE_TRANS_UPLOAD_FAILED: a file could not be uploaded
---| 6009 # ERR_FILE_TRANS_DOWNLOAD_FAILED: a file is not there to download, or no longer
---| 6010 # ERR_HTTP_REQ_FAILED: an HTTP request failed
---| 6012 # ERR_REQUEST_TIMEOUT: no answer in time
---| 6013 # ERR_SDK_NOT_INITIALIZED: the library is not initialised; never brought
---| 6014 # ERR_SDK_NOT_LOGGED_IN: nobody is logged in; never brought
---| 6015 # ERR_IN_PROGESS: a login is running, or another user is in
---| 6016 # ERR_INVALID_MSG_ELEM: an element that can't be handled; never brought
---| 6017 # ERR_INVALID_PARAMETERS: a bad argument
---| 6018 # ERR_INIT_CORE_FAIL: the library could not be set up
---| 6019 # ERR_DATABASE_OPERATE_FAILED: the local store failed, or another login holds it
---| 6022 # ERR_IO_OPERATION_FAILED: a local file could not be read or written
---| 6028 # ERR_OUT_OF_MEMORY: no memory
---| 6208 # ERR_LOGIN_KICKED_OFF_BY_OTHER: another session took this device's place
---| 6222 # ERR_USER_CANCELED: under way when the client logged out or closed
---| 7003 # ERR_SDK_COMM_INVALID_IDENTIFIER: a user id that is not one
---| 7004 # ERR_SDK_COMM_FILE_NOT_FOUND: the file to send is missing
---| 7005 # ERR_SDK_COMM_FILE_TOO_LARGE: the file to send is too large
---| 7006 # ERR_SDK_COMM_FILE_SIZE_EMPTY: the file to send is empty
---| 7007 # ERR_SDK_COMM_FILE_OPEN_FAILED: the file to send can't be opened
---| 8001 # ERR_SDK_MSG_BODY_SIZE_LIMIT: the elements are too large together
---| 8501 # ERR_SDK_GROUP_INVALID_ID: a group id that is not one; never brought
---| 9507 # ERR_SDK_NET_REQ_COUNT_LIMIT: too many operations in flight, or messages for the server
---| 9508 # ERR_SDK_NET_DISCONNECT: the connection is down, or could not be made
---| 9510 # ERR_SDK_NET_CONN_TIMEOUT: connecting took too long; never brought
---| 9520 # ERR_SDK_NET_WAIT_ACK_TIMEOUT: the server did not confirm in time; never brought
---| 10002 # ERR_SVR_GROUP_INTERNAL_ERROR: the backend failed
---| 10004 # ERR_SVR_GROUP_INVALID_PARAMETERS: the backend found an argument wrong
---| 10007 # ERR_SVR_GROUP_PERMISSION_DENY: not allowed, or not a member
---| 10009 # ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT: the owner can't quit
---| 10010 # ERR_SVR_GROUP_NOT_FOUND: no such group
---| 10013 # ERR_SVR_GROUP_ALLREADY_MEMBER: a member already
---| 10014 # ERR_SVR_GROUP_FULL_MEMBER_COUNT: the group is full
---| 10015 # ERR_SVR_GROUP_INVALID_GROUPID: a group id that the backend refuses; never brought
---| 10021 # ERR_SVR_GROUP_GROUPID_IN_USED: the group id is taken
---| 10030 # ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND: the group has no such message
---| 10031 # ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT: too late to revoke in a group
---| 10032 # ERR_SVR_GROUP_REVOKE_MSG_DENY: this message can't be revoked; never brought
---| 20003 # ERR_SVR_MSG_INVALID_ID: no such user
---| 20016 # ERR_SVR_MSG_REVOKE_TIME_LIMIT: too late to revoke
---| 20022 # ERR_SVR_MSG_REVOKE_NOT_FOUND: no such message (the name is ours)
---| 20023 # ERR_SVR_MSG_REVOKED_ALREADY: revoked already (the name is ours)
---| 70001 # ERR_SVR_ACCOUNT_USERSIG_EXPIRED: the user_sig has run out; never brought
---| 70003 # ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED: the user_sig is wrong
---| 70107 # ERR_SVR_ACCOUNT_NOT_FOUND: no such account; never brought

---How much is logged: this level and those above it.
---@alias timmsg.TIMLogLevel
---| 0 # TIMLog_Off: nothing
---| 1 # TIMLog_Verbose: everything
---| 2 # TIMLog_Debug: what helps to find a bug
---| 3 # TIMLog_Info: what happens
---| 4 # TIMLog_Warn: what may go wrong
---| 5 # TIMLog_Error: what went wrong, refused calls too
---| 6 # TIMLog_Assert: what must never happen

---The connection to the backend.
---@alias timmsg.TIMNetworkStatus
---| 0 # TIMConnected: up
---| 1 # TIMDisconnected: down
---| 2 # TIMConnecting: coming up; never told
---| 3 # TIMConnectFailed: could not be made; never told

---What happened to conversations.
---@alias timmsg.TIMConvEvent
---| 0 # TIMConvEvent_Add: they are new
---| 1 # TIMConvEvent_Del: they are gone
---| 2 # TIMConvEvent_Update: their unread number, last message or draft changed

---The kind of a conversation.
---@alias timmsg.TIMConvType
---| 0 # TIMConv_Invalid: none
---| 1 # TIMConv_C2C: one to one; its id is the other's user id
---| 2 # TIMConv_Group: a group; its id is the group id
---| 3 # TIMConv_System: the backend's own; never brought

---Where a message stands.
---@alias timmsg.TIMMsgStatus
---| 1 # TIMMsg_Sending: on its way
---| 2 # TIMMsg_SendSucc: the backend has it
---| 3 # TIMMsg_SendFail: it was not sent
---| 4 # TIMMsg_Deleted: deleted on this device; never brought
---| 5 # TIMMsg_LocalImported: imported on this device
---| 6 # TIMMsg_Revoked: revoked; it has no elements any more

---The priority of a message. It is handed on, and changes nothing.
---@alias timmsg.TIMMsgPriority
---| 0 # TIMMsgPriority_High: highest
---| 1 # TIMMsgPriority_Normal: the default
---| 2 # TIMMsgPriority_Low: low
---| 3 # TIMMsgPriority_Lowest: lowest

---The kind of an element.
---@alias timmsg.TIMElemType
---| 0 # TIMElem_Text: TextElem
---| 1 # TIMElem_Image: ImageElem
---| 2 # TIMElem_Sound: SoundElem, one a message at most
---| 3 # TIMElem_Custom: CustomElem
---| 4 # TIMElem_File: FileElem, one a message at most
---| 5 # TIMElem_GroupTips: GroupTipsElem, written by the backend only
---| 6 # TIMElem_Face: FaceElem
---| 7 # TIMElem_Location: LocationElem
---| 8 # TIMElem_GroupReport: GroupReportElem, written by the backend only
---| 9 # TIMElem_Video: VideoElem, one a message at most

---The quality in which an image is to be sent. It is handed on: files go as they are.
---@alias timmsg.TIMImageLevel
---| 0 # TIMImageLevel_Orig: as it is
---| 1 # TIMImageLevel_Compression: small
---| 2 # TIMImageLevel_HD: fine

---What a download fetches. It is ignored: the url or id says that.
---@alias timmsg.TIMDownloadType
---| 0 # TIMDownload_VideoThumb: a video's image
---| 1 # TIMDownload_File: a file
---| 2 # TIMDownload_Video: a video
---| 3 # TIMDownload_Sound: a sound

---The kind of a group. All but Private ones are alike.
---@alias timmsg.TIMGroupType
---| 0 # TIMGroup_Public: joined as the add option says
---| 1 # TIMGroup_Private: by invitation of a member
---| 2 # TIMGroup_ChatRoom: as Public
---| 3 # TIMGroup_BChatRoom: as Public
---| 4 # TIMGroup_AVChatRoom: as Public

---Who may join a group that is not Private. Members may bring anybody into any.
---@alias timmsg.TIMGroupAddOption
---| 0 # TIMGroupAddOpt_Forbid: nobody
---| 1 # TIMGroupAddOpt_Auth: whom an admin accepts: nobody so far
---| 2 # TIMGroupAddOpt_Any: anyone: the default

---A member's role.
---@alias timmsg.TIMGroupMemberRole
---| 0 # TIMMemberRole_Normal: member
---| 1 # TIMMemberRole_Admin: admin
---| 2 # TIMMemberRole_SuperAdmin: the owner

---What TIMGroupModifyMemberInfo changes: the role, the name card (not on XMPP) or both, or-ed.
---@alias timmsg.TIMGroupMemberModifyInfoFlag
---| 0 # TIMGroupMemberModifyFlag_None: nothing; refused
---| 1 # TIMGroupMemberModifyFlag_MsgFlag: how messages are received; refused
---| 2 # TIMGroupMemberModifyFlag_MemberRole: the role
---| 4 # TIMGroupMemberModifyFlag_ShutupTime: how long the member is muted; refused
---| 8 # TIMGroupMemberModifyFlag_NameCard: the name card
---| 16 # TIMGroupMemberModifyFlag_Custom: custom fields; refused

---What became of one user of an invitation or a removal.
---@alias timmsg.HandleGroupMemberResult
---| 0 # TIMGroupMember_HandledErr: failed
---| 1 # TIMGroupMember_HandledSuc: done
---| 2 # TIMGroupMember_Included: was a member already
---| 3 # TIMGroupMember_Invited: has been sent an invitation; never brought

timmsg.TIM_SUCC = 0
timmsg.TIM_ERR_SDKUNINIT = -1
timmsg.TIM_ERR_NOTLOGIN = -2
timmsg.TIM_ERR_JSON = -3
timmsg.TIM_ERR_PARAM = -4
timmsg.TIM_ERR_CONV = -5
timmsg.TIM_ERR_GROUP = -6

timmsg.ERR_SUCC = 0
timmsg.ERR_NO_SUCC_RESULT = 6003
timmsg.ERR_INVALID_CONVERSATION = 6004
timmsg.ERR_FILE_TRANS_UPLOAD_FAILED = 6008
timmsg.ERR_FILE_TRANS_DOWNLOAD_FAILED = 6009
timmsg.ERR_HTTP_REQ_FAILED = 6010
timmsg.ERR_REQUEST_TIMEOUT = 6012
timmsg.ERR_SDK_NOT_INITIALIZED = 6013
timmsg.ERR_SDK_NOT_LOGGED_IN = 6014
timmsg.ERR_IN_PROGESS = 6015
timmsg.ERR_INVALID_MSG_ELEM = 6016
timmsg.ERR_INVALID_PARAMETERS = 6017
timmsg.ERR_INIT_CORE_FAIL = 6018
timmsg.ERR_DATABASE_OPERATE_FAILED = 6019
timmsg.ERR_IO_OPERATION_FAILED = 6022
timmsg.ERR_OUT_OF_MEMORY = 6028
timmsg.ERR_LOGIN_KICKED_OFF_BY_OTHER = 6208
timmsg.ERR_USER_CANCELED = 6222
timmsg.ERR_SDK_COMM_INVALID_IDENTIFIER = 7003
timmsg.ERR_SDK_COMM_FILE_NOT_FOUND = 7004
timmsg.ERR_SDK_COMM_FILE_TOO_LARGE = 7005
timmsg.ERR_SDK_COMM_FILE_SIZE_EMPTY = 7006
timmsg.ERR_SDK_COMM_FILE_OPEN_FAILED = 7007
timmsg.ERR_SDK_MSG_BODY_SIZE_LIMIT = 8001
timmsg.ERR_SDK_GROUP_INVALID_ID = 8501
timmsg.ERR_SDK_NET_REQ_COUNT_LIMIT = 9507
timmsg.ERR_SDK_NET_DISCONNECT = 9508
timmsg.ERR_SDK_NET_CONN_TIMEOUT = 9510
timmsg.ERR_SDK_NET_WAIT_ACK_TIMEOUT = 9520
timmsg.ERR_SVR_GROUP_INTERNAL_ERROR = 10002
timmsg.ERR_SVR_GROUP_INVALID_PARAMETERS = 10004
timmsg.ERR_SVR_GROUP_PERMISSION_DENY = 10007
timmsg.ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT = 10009
timmsg.ERR_SVR_GROUP_NOT_FOUND = 10010
timmsg.ERR_SVR_GROUP_ALLREADY_MEMBER = 10013
timmsg.ERR_SVR_GROUP_FULL_MEMBER_COUNT = 10014
timmsg.ERR_SVR_GROUP_INVALID_GROUPID = 10015
timmsg.ERR_SVR_GROUP_GROUPID_IN_USED = 10021
timmsg.ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND = 10030
timmsg.ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT = 10031
timmsg.ERR_SVR_GROUP_REVOKE_MSG_DENY = 10032
timmsg.ERR_SVR_MSG_INVALID_ID = 20003
timmsg.ERR_SVR_MSG_REVOKE_TIME_LIMIT = 20016
timmsg.ERR_SVR_MSG_REVOKE_NOT_FOUND = 20022
timmsg.ERR_SVR_MSG_REVOKED_ALREADY = 20023
timmsg.ERR_SVR_ACCOUNT_USERSIG_EXPIRED = 70001
timmsg.ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED = 70003
timmsg.ERR_SVR_ACCOUNT_NOT_FOUND = 70107

timmsg.TIMLog_Off = 0
timmsg.TIMLog_Verbose = 1
timmsg.TIMLog_Debug = 2
timmsg.TIMLog_Info = 3
timmsg.TIMLog_Warn = 4
timmsg.TIMLog_Error = 5
timmsg.TIMLog_Assert = 6

timmsg.TIMConnected = 0
timmsg.TIMDisconnected = 1
timmsg.TIMConnecting = 2
timmsg.TIMConnectFailed = 3

timmsg.TIMConvEvent_Add = 0
timmsg.TIMConvEvent_Del = 1
timmsg.TIMConvEvent_Update = 2

timmsg.TIMConv_Invalid = 0
timmsg.TIMConv_C2C = 1
timmsg.TIMConv_Group = 2
timmsg.TIMConv_System = 3

timmsg.TIMMsg_Sending = 1
timmsg.TIMMsg_SendSucc = 2
timmsg.TIMMsg_SendFail = 3
timmsg.TIMMsg_Deleted = 4
timmsg.TIMMsg_LocalImported = 5
timmsg.TIMMsg_Revoked = 6

timmsg.TIMMsgPriority_High = 0
timmsg.TIMMsgPriority_Normal = 1
timmsg.TIMMsgPriority_Low = 2
timmsg.TIMMsgPriority_Lowest = 3

timmsg.TIMElem_Text = 0
timmsg.TIMElem_Image = 1
timmsg.TIMElem_Sound = 2
timmsg.TIMElem_Custom = 3
timmsg.TIMElem_File = 4
timmsg.TIMElem_GroupTips = 5
timmsg.TIMElem_Face = 6
timmsg.TIMElem_Location = 7
timmsg.TIMElem_GroupReport = 8
timmsg.TIMElem_Video = 9

timmsg.TIMImageLevel_Orig = 0
timmsg.TIMImageLevel_Compression = 1
timmsg.TIMImageLevel_HD = 2

timmsg.TIMDownload_VideoThumb = 0
timmsg.TIMDownload_File = 1
timmsg.TIMDownload_Video = 2
timmsg.TIMDownload_Sound = 3

timmsg.TIMGroup_Public = 0
timmsg.TIMGroup_Private = 1
timmsg.TIMGroup_ChatRoom = 2
timmsg.TIMGroup_BChatRoom = 3
timmsg.TIMGroup_AVChatRoom = 4

timmsg.TIMGroupAddOpt_Forbid = 0
timmsg.TIMGroupAddOpt_Auth = 1
timmsg.TIMGroupAddOpt_Any = 2

timmsg.TIMMemberRole_Normal = 0
timmsg.TIMMemberRole_Admin = 1
timmsg.TIMMemberRole_SuperAdmin = 2

timmsg.TIMGroupMemberModifyFlag_None = 0
timmsg.TIMGroupMemberModifyFlag_MsgFlag = 1
timmsg.TIMGroupMemberModifyFlag_MemberRole = 2
timmsg.TIMGroupMemberModifyFlag_ShutupTime = 4
timmsg.TIMGroupMemberModifyFlag_NameCard = 8
timmsg.TIMGroupMemberModifyFlag_Custom = 16

timmsg.TIMGroupMember_HandledErr = 0
timmsg.TIMGroupMember_HandledSuc = 1
timmsg.TIMGroupMember_Included = 2
timmsg.TIMGroupMember_Invited = 3

-- Structs: the tables that calls take and bring, with the JSON keys as they are

---A message. To send one, message_elem_array is enough.
---@class timmsg.Message
---@field message_client_time? integer Unix seconds, default now
---@field message_conv_id? string ignored from a caller
---@field message_conv_type? timmsg.TIMConvType ignored from a caller
---@field message_custom_int? integer default 0, this device only
---@field message_custom_str? string this device only
---@field message_elem_array? timmsg.AnyElem[] needed to send
---@field message_is_from_self? boolean default true where no sender is given
---@field message_is_online_msg? boolean default false
---@field message_is_peer_read? boolean written by the library
---@field message_is_read? boolean default true
---@field message_priority? timmsg.TIMMsgPriority default Normal
---@field message_rand? integer written by the library
---@field message_sender? string ignored from who sends
---@field message_seq? integer written by the library
---@field message_server_time? integer Unix seconds
---@field message_status? timmsg.TIMMsgStatus default 5 in import_msg_list, 2 in save_msg
---@field message_unique_id? integer written by the library

---What every element carries; see AnyElem.
---@class timmsg.Elem
---@field elem_type timmsg.TIMElemType

---@class timmsg.TextElem : timmsg.Elem
---@field elem_type 0 TIMElem_Text
---@field text_elem_content string

---@class timmsg.FaceElem : timmsg.Elem
---@field elem_type 6 TIMElem_Face
---@field face_elem_index integer
---@field face_elem_buf? string

---@class timmsg.LocationElem : timmsg.Elem
---@field elem_type 7 TIMElem_Location
---@field location_elem_desc? string
---@field location_elem_latitude number
---@field location_elem_longitude number

---@class timmsg.CustomElem : timmsg.Elem
---@field elem_type 3 TIMElem_Custom
---@field custom_elem_data? string
---@field custom_elem_desc? string
---@field custom_elem_ext? string
---@field custom_elem_sound? string

---Thumb and large are the original once more.
---@class timmsg.ImageElem : timmsg.Elem
---@field elem_type 1 TIMElem_Image
---@field image_elem_format? integer JPEG 1, GIF 2, PNG 3, BMP 4, another 255; filled in by sending
---@field image_elem_large_id? string written by the library
---@field image_elem_large_pic_height? integer pixels, 0: unknown, written by the library
---@field image_elem_large_pic_size? integer bytes, written by the library
---@field image_elem_large_pic_width? integer pixels, 0: unknown, written by the library
---@field image_elem_large_url? string written by the library
---@field image_elem_level? timmsg.TIMImageLevel handed on
---@field image_elem_orig_id? string written by the library
---@field image_elem_orig_path? string needed to send, this device only
---@field image_elem_orig_pic_height? integer pixels, 0: unknown, written by the library
---@field image_elem_orig_pic_size? integer bytes, written by the library
---@field image_elem_orig_pic_width? integer pixels, 0: unknown, written by the library
---@field image_elem_orig_url? string written by the library
---@field image_elem_task_id? integer never set, this device only, written by the library
---@field image_elem_thumb_id? string written by the library
---@field image_elem_thumb_pic_height? integer pixels, 0: unknown, written by the library
---@field image_elem_thumb_pic_size? integer bytes, written by the library
---@field image_elem_thumb_pic_width? integer pixels, 0: unknown, written by the library
---@field image_elem_thumb_url? string written by the library

---@class timmsg.SoundElem : timmsg.Elem
---@field elem_type 2 TIMElem_Sound
---@field sound_elem_business_id? integer 0, written by the library
---@field sound_elem_download_flag? integer 0, written by the library
---@field sound_elem_file_id? string written by the library
---@field sound_elem_file_path? string needed to send, this device only
---@field sound_elem_file_size? integer bytes, filled in by sending
---@field sound_elem_file_time? integer seconds
---@field sound_elem_task_id? integer never set, this device only, written by the library
---@field sound_elem_url? string written by the library

---@class timmsg.FileElem : timmsg.Elem
---@field elem_type 4 TIMElem_File
---@field file_elem_business_id? integer 0, written by the library
---@field file_elem_download_flag? integer 0, written by the library
---@field file_elem_file_id? string written by the library
---@field file_elem_file_name? string default the path's base name
---@field file_elem_file_path? string needed to send, this device only
---@field file_elem_file_size? integer bytes, filled in by sending
---@field file_elem_task_id? integer never set, this device only, written by the library
---@field file_elem_url? string written by the library

---@class timmsg.VideoElem : timmsg.Elem
---@field elem_type 9 TIMElem_Video
---@field video_elem_business_id? integer 0, written by the library
---@field video_elem_image_download_flag? integer 0, written by the library
---@field video_elem_image_height? integer pixels, filled in by sending if known
---@field video_elem_image_id? string written by the library
---@field video_elem_image_path? string needed to send, this device only
---@field video_elem_image_size? integer bytes, filled in by sending
---@field video_elem_image_type? string
---@field video_elem_image_url? string written by the library
---@field video_elem_image_width? integer pixels, filled in by sending if known
---@field video_elem_task_id? integer never set, this device only, written by the library
---@field video_elem_video_download_flag? integer 0, written by the library
---@field video_elem_video_duration? integer seconds
---@field video_elem_video_id? string written by the library
---@field video_elem_video_path? string needed to send, this device only
---@field video_elem_video_size? integer bytes, filled in by sending
---@field video_elem_video_type? string needed to send
---@field video_elem_video_url? string written by the library

---@class timmsg.GroupTipsElem : timmsg.Elem
---@field elem_type 5 TIMElem_GroupTips
---@field group_tips_elem_group_change_info_array? timmsg.GroupTipGroupChangeInfo[] empty, written by the library
---@field group_tips_elem_group_id? string written by the library
---@field group_tips_elem_group_name? string written by the library
---@field group_tips_elem_member_change_info_array? timmsg.GroupTipMemberChangeInfo[] empty, written by the library
---@field group_tips_elem_member_num? integer how many are in then, written by the library
---@field group_tips_elem_op_user? string who did it, written by the library
---@field group_tips_elem_time? integer Unix seconds, written by the library
---@field group_tips_elem_tip_type? integer 1: invited or joined, 2: quit, 3: removed; written by the library
---@field group_tips_elem_user_array? string[] who came or went, written by the library

---@class timmsg.GroupReportElem : timmsg.Elem
---@field elem_type 8 TIMElem_GroupReport
---@field group_report_elem_group_id? string written by the library
---@field group_report_elem_op_user? string who did it, written by the library
---@field group_report_elem_report_type? integer 5: the group was deleted; written by the library

---@alias timmsg.AnyElem
---| timmsg.TextElem
---| timmsg.FaceElem
---| timmsg.LocationElem
---| timmsg.CustomElem
---| timmsg.ImageElem
---| timmsg.SoundElem
---| timmsg.FileElem
---| timmsg.VideoElem
---| timmsg.GroupTipsElem
---| timmsg.GroupReportElem

---@class timmsg.GroupTipGroupChangeInfo

---@class timmsg.GroupTipMemberChangeInfo

---Says which message is meant. See timmsg.locator.
---@class timmsg.MsgLocator
---@field message_locator_conv_id? string ignored from a caller
---@field message_locator_conv_type? timmsg.TIMConvType ignored from a caller
---@field message_locator_is_revoked? boolean absent: any
---@field message_locator_is_self? boolean absent: anybody's
---@field message_locator_rand? integer
---@field message_locator_seq? integer
---@field message_locator_time? integer Unix seconds, 0 or absent: any
---@field message_locator_unique_id? integer 0 or absent: any

---What get_msg_list takes.
---@class timmsg.MsgGetMsgListParam
---@field msg_getmsglist_param_count? integer 1 to 1,000, default 20
---@field msg_getmsglist_param_is_forward? boolean default false
---@field msg_getmsglist_param_is_remble? boolean default false
---@field msg_getmsglist_param_last_msg? timmsg.Message {} or absent: none

---What delete takes.
---@class timmsg.MsgDeleteParam
---@field msg_delete_param_is_remble? boolean changes nothing
---@field msg_delete_param_msg? timmsg.Message {} or absent: all

---What download_elem_to_path takes.
---@class timmsg.DownloadElemParam
---@field msg_download_elem_param_business_id? integer ignored
---@field msg_download_elem_param_flag? integer ignored
---@field msg_download_elem_param_id? string enough on a hub
---@field msg_download_elem_param_type? timmsg.TIMDownloadType ignored
---@field msg_download_elem_param_url? string enough everywhere

---What download_elem_to_path brings, as progress too.
---@class timmsg.MsgDownloadElemResult
---@field msg_download_elem_result_current_size? integer bytes
---@field msg_download_elem_result_total_size? integer bytes, 0: not known yet

---What batch_send takes.
---@class timmsg.MsgBatchSendParam
---@field msg_batch_send_param_identifier_array string[] 1 to 500
---@field msg_batch_send_param_msg timmsg.Message

---What batch_send brings for one identifier.
---@class timmsg.MsgBatchSendResult
---@field msg_batch_send_result_code? integer
---@field msg_batch_send_result_desc? string
---@field msg_batch_send_result_identifier? string
---@field msg_batch_send_result_msg? timmsg.Message

---A peer has read up to a time.
---@class timmsg.MessageReceipt
---@field msg_receipt_conv_id? string the reader
---@field msg_receipt_conv_type? timmsg.TIMConvType
---@field msg_receipt_time_stamp? integer Unix seconds

---A draft.
---@class timmsg.Draft
---@field draft_edit_time? integer Unix seconds, default now
---@field draft_msg? timmsg.Message
---@field draft_user_define? string

---A conversation.
---@class timmsg.ConvInfo
---@field conv_active_time? integer Unix seconds
---@field conv_draft? timmsg.Draft
---@field conv_id? string
---@field conv_is_has_draft? boolean
---@field conv_is_has_lastmsg? boolean
---@field conv_last_msg? timmsg.Message
---@field conv_owner? string who is logged in
---@field conv_type? timmsg.TIMConvType
---@field conv_unread_num? integer

---The configuration in C; see Options.
---@class timmsg.SdkConfig
---@field sdk_config_config_file_path? string data directory; default: "timmsg"
---@field sdk_config_log_file_path? string directory of the log; default: no log file
---@field sdk_config_server? string "hub:DIR" or "xmpp://DOMAIN"; default: a hub, "hub" in the data directory
---@field sdk_config_request_timeout_ms? integer 1 at least; default 30000
---@field sdk_config_revoke_window_s? integer the same for all users; default 120

---What set_config takes.
---@class timmsg.SetConfig
---@field set_config_log_level? timmsg.TIMLogLevel of file and console; default Info
---@field set_config_callback_log_level? timmsg.TIMLogLevel default Info
---@field set_config_is_log_output_console? boolean to stderr; default false
---@field set_config_user_config? timmsg.UserConfig
---@field set_config_http_proxy_info? timmsg.HttpProxyInfo for files over HTTP
---@field set_config_socks5_proxy_info? timmsg.Socks5ProxyInfo likewise; it counts if both are given

---@class timmsg.UserConfig
---@field user_config_is_read_receipt? boolean default false

---@class timmsg.HttpProxyInfo
---@field http_proxy_info_ip? string "": no proxy
---@field http_proxy_info_port? integer

---@class timmsg.Socks5ProxyInfo
---@field socks5_proxy_info_ip? string "": no proxy
---@field socks5_proxy_info_port? integer
---@field socks5_proxy_info_username? string
---@field socks5_proxy_info_password? string

---@class timmsg.CreateGroupParam
---@field create_group_param_group_name string 1 to 12,288 bytes
---@field create_group_param_group_id? string absent: the backend makes one
---@field create_group_param_group_type? timmsg.TIMGroupType default Public
---@field create_group_param_group_member_array? timmsg.GroupMemberInfo[] 500 at most
---@field create_group_param_notification? string returned by no function
---@field create_group_param_introduction? string returned by no function
---@field create_group_param_face_url? string
---@field create_group_param_add_option? timmsg.TIMGroupAddOption default Any
---@field create_group_param_max_member_num? integer with the owner; 0 or absent: no limit

---@class timmsg.CreateGroupResult
---@field create_group_result_groupid? string

---@class timmsg.GroupInviteMemberParam
---@field group_invite_member_param_group_id string
---@field group_invite_member_param_identifier_array string[] 1 to 500
---@field group_invite_member_param_user_data? string ignored

---@class timmsg.GroupInviteMemberResult
---@field group_invite_member_result_identifier? string
---@field group_invite_member_result_result? timmsg.HandleGroupMemberResult

---@class timmsg.GroupMemberInfo
---@field group_member_info_custom_info? timmsg.GroupMemberInfoCustomInfo {}, written by the library
---@field group_member_info_identifier string
---@field group_member_info_join_time? integer Unix seconds, 0 on XMPP, written by the library
---@field group_member_info_member_role? timmsg.TIMGroupMemberRole default Normal
---@field group_member_info_msg_flag? integer 0, written by the library
---@field group_member_info_msg_seq? integer 0, written by the library
---@field group_member_info_name_card? string "" on XMPP, written by the library
---@field group_member_info_shutup_time? integer 0, written by the library

---@class timmsg.GroupMemberInfoCustomInfo

---@class timmsg.GroupGetMemberInfoListParam
---@field group_get_members_info_list_param_group_id string
---@field group_get_members_info_list_param_identifier_array? string[] absent: all
---@field group_get_members_info_list_param_next_seq? integer ignored: all come at once

---@class timmsg.GroupGetMemberInfoListResult
---@field group_get_memeber_info_list_result_info_array? timmsg.GroupMemberInfo[]
---@field group_get_memeber_info_list_result_next_seq? integer 0: there are no more

---@class timmsg.GroupDeleteMemberParam
---@field group_delete_member_param_group_id string
---@field group_delete_member_param_identifier_array string[] 1 to 500
---@field group_delete_member_param_user_data? string ignored

---@class timmsg.GroupDeleteMemberResult
---@field group_delete_member_result_identifier? string
---@field group_delete_member_result_result? timmsg.HandleGroupMemberResult

---@class timmsg.GroupModifyMemberInfoParam
---@field group_modify_member_info_group_id string
---@field group_modify_member_info_identifier string
---@field group_modify_member_info_modify_flag integer TIMGroupMemberModifyInfoFlag, or-ed
---@field group_modify_member_info_member_role? timmsg.TIMGroupMemberRole default Normal
---@field group_modify_member_info_name_card? string default ""

---@class timmsg.GroupBaseInfo
---@field group_base_info_face_url? string
---@field group_base_info_group_id? string
---@field group_base_info_group_name? string
---@field group_base_info_group_type? timmsg.TIMGroupType
---@field group_base_info_info_seq? integer never set
---@field group_base_info_is_shutup_all? boolean never set
---@field group_base_info_lastest_seq? integer 0 on XMPP
---@field group_base_info_msg_flag? integer never set
---@field group_base_info_readed_seq? integer never set
---@field group_base_info_self_info? timmsg.GroupSelfInfo never set

---@class timmsg.GroupSelfInfo

-- Keys by the names of their C constants

timmsg.TIMMsgClientTime = "message_client_time"
timmsg.TIMMsgConvId = "message_conv_id"
timmsg.TIMMsgConvType = "message_conv_type"
timmsg.TIMMsgCustomInt = "message_custom_int"
timmsg.TIMMsgCustomStr = "message_custom_str"
timmsg.TIMMsgElemArray = "message_elem_array"
timmsg.TIMMsgIsFormSelf = "message_is_from_self"
timmsg.TIMMsgIsOnlineMsg = "message_is_online_msg"
timmsg.TIMMsgIsPeerRead = "message_is_peer_read"
timmsg.TIMMsgIsRead = "message_is_read"
timmsg.TIMMsgPriority = "message_priority"
timmsg.TIMMsgRand = "message_rand"
timmsg.TIMMsgSender = "message_sender"
timmsg.TIMMsgSeq = "message_seq"
timmsg.TIMMsgServerTime = "message_server_time"
timmsg.TIMMsgStatus = "message_status"
timmsg.TIMMsgUniqueId = "message_unique_id"

timmsg.TIMElemType = "elem_type"

timmsg.TIMTextElemContent = "text_elem_content"

timmsg.TIMFaceElemIndex = "face_elem_index"
timmsg.TIMFaceElemBuf = "face_elem_buf"

timmsg.TIMLocationElemDesc = "location_elem_desc"
timmsg.TIMLocationElemlatitude = "location_elem_latitude"
timmsg.TIMLocationElemLongitude = "location_elem_longitude"

timmsg.TIMCustomElemData = "custom_elem_data"
timmsg.TIMCustomElemDesc = "custom_elem_desc"
timmsg.TIMCustomElemExt = "custom_elem_ext"
timmsg.TIMCustomElemSound = "custom_elem_sound"

timmsg.TIMImageElemFormat = "image_elem_format"
timmsg.TIMImageElemLargeId = "image_elem_large_id"
timmsg.TIMImageElemLargePicHeight = "image_elem_large_pic_height"
timmsg.TIMImageElemLargePicSize = "image_elem_large_pic_size"
timmsg.TIMImageElemLargePicWidth = "image_elem_large_pic_width"
timmsg.TIMImageElemLargeUrl = "image_elem_large_url"
timmsg.TIMImageElemLevel = "image_elem_level"
timmsg.TIMImageElemOrigId = "image_elem_orig_id"
timmsg.TIMImageElemOrigPath = "image_elem_orig_path"
timmsg.TIMImageElemOrigPicHeight = "image_elem_orig_pic_height"
timmsg.TIMImageElemOrigPicSize = "image_elem_orig_pic_size"
timmsg.TIMImageElemOrigPicWidth = "image_elem_orig_pic_width"
timmsg.TIMImageElemOrigUrl = "image_elem_orig_url"
timmsg.TIMImageElemTaskId = "image_elem_task_id"
timmsg.TIMImageElemThumbId = "image_elem_thumb_id"
timmsg.TIMImageElemThumbPicHeight = "image_elem_thumb_pic_height"
timmsg.TIMImageElemThumbPicSize = "image_elem_thumb_pic_size"
timmsg.TIMImageElemThumbPicWidth = "image_elem_thumb_pic_width"
timmsg.TIMImageElemThumbUrl = "image_elem_thumb_url"

timmsg.TIMSoundElemBusinessId = "sound_elem_business_id"
timmsg.TIMSoundElemDownloadFlag = "sound_elem_download_flag"
timmsg.TIMSoundElemFileId = "sound_elem_file_id"
timmsg.TIMSoundElemFilePath = "sound_elem_file_path"
timmsg.TIMSoundElemFileSize = "sound_elem_file_size"
timmsg.TIMSoundElemFileTime = "sound_elem_file_time"
timmsg.TIMSoundElemTaskId = "sound_elem_task_id"
timmsg.TIMSoundElemUrl = "sound_elem_url"

timmsg.TIMFileElemBusinessId = "file_elem_business_id"
timmsg.TIMFileElemDownloadFlag = "file_elem_download_flag"
timmsg.TIMFileElemFileId = "file_elem_file_id"
timmsg.TIMFileElemFileName = "file_elem_file_name"
timmsg.TIMFileElemFilePath = "file_elem_file_path"
timmsg.TIMFileElemFileSize = "file_elem_file_size"
timmsg.TIMFileElemTaskId = "file_elem_task_id"
timmsg.TIMFileElemUrl = "file_elem_url"

timmsg.TIMVideoElemBusinessId = "video_elem_business_id"
timmsg.TIMVideoElemImageDownloadFlag = "video_elem_image_download_flag"
timmsg.TIMVideoElemImageHeight = "video_elem_image_height"
timmsg.TIMVideoElemImageId = "video_elem_image_id"
timmsg.TIMVideoElemImagePath = "video_elem_image_path"
timmsg.TIMVideoElemImageSize = "video_elem_image_size"
timmsg.TIMVideoElemImageType = "video_elem_image_type"
timmsg.TIMVideoElemImageUrl = "video_elem_image_url"
timmsg.TIMVideoElemImageWidth = "video_elem_image_width"
timmsg.TIMVideoElemTaskId = "video_elem_task_id"
timmsg.TIMVideoElemVideoDownloadFlag = "video_elem_video_download_flag"
timmsg.TIMVideoElemVideoDuration = "video_elem_video_duration"
timmsg.TIMVideoElemVideoId = "video_elem_video_id"
timmsg.TIMVideoElemVideoPath = "video_elem_video_path"
timmsg.TIMVideoElemVideoSize = "video_elem_video_size"
timmsg.TIMVideoElemVideoType = "video_elem_video_type"
timmsg.TIMVideoElemVideoUrl = "video_elem_video_url"

timmsg.TIMGroupTipsElemGroupChangeInfoArray = "group_tips_elem_group_change_info_array"
timmsg.TIMGroupTipsElemGroupId = "group_tips_elem_group_id"
timmsg.TIMGroupTipsElemGroupName = "group_tips_elem_group_name"
timmsg.TIMGroupTipsElemMemberChangeInfoArray = "group_tips_elem_member_change_info_array"
timmsg.TIMGroupTipsElemMemberNum = "group_tips_elem_member_num"
timmsg.TIMGroupTipsElemOpUser = "group_tips_elem_op_user"
timmsg.TIMGroupTipsElemTime = "group_tips_elem_time"
timmsg.TIMGroupTipsElemTipType = "group_tips_elem_tip_type"
timmsg.TIMGroupTipsElemUserArray = "group_tips_elem_user_array"
timmsg.TIMGroupReportElemGroupId = "group_report_elem_group_id"
timmsg.TIMGroupReportElemOpUser = "group_report_elem_op_user"
timmsg.TIMGroupReportElemReportType = "group_report_elem_report_type"

timmsg.TIMMsgLocatorConvId = "message_locator_conv_id"
timmsg.TIMMsgLocatorConvType = "message_locator_conv_type"
timmsg.TIMMsgLocatorIsRevoked = "message_locator_is_revoked"
timmsg.TIMMsgLocatorIsSelf = "message_locator_is_self"
timmsg.TIMMsgLocatorRand = "message_locator_rand"
timmsg.TIMMsgLocatorSeq = "message_locator_seq"
timmsg.TIMMsgLocatorTime = "message_locator_time"
timmsg.TIMMsgLocatorUniqueId = "message_locator_unique_id"

timmsg.TIMMsgGetMsgListParamCount = "msg_getmsglist_param_count"
timmsg.TIMMsgGetMsgListParamIsForward = "msg_getmsglist_param_is_forward"
timmsg.TIMMsgGetMsgListParamIsRamble = "msg_getmsglist_param_is_remble"
timmsg.TIMMsgGetMsgListParamLastMsg = "msg_getmsglist_param_last_msg"

timmsg.TIMMsgDeleteParamIsRamble = "msg_delete_param_is_remble"
timmsg.TIMMsgDeleteParamMsg = "msg_delete_param_msg"

timmsg.TIMMsgDownloadElemParamBusinessId = "msg_download_elem_param_business_id"
timmsg.TIMMsgDownloadElemParamFlag = "msg_download_elem_param_flag"
timmsg.TIMMsgDownloadElemParamId = "msg_download_elem_param_id"
timmsg.TIMMsgDownloadElemParamType = "msg_download_elem_param_type"
timmsg.TIMMsgDownloadElemParamUrl = "msg_download_elem_param_url"

timmsg.TIMMsgDownloadElemResultCurrentSize = "msg_download_elem_result_current_size"
timmsg.TIMMsgDownloadElemResultTotalSize = "msg_download_elem_result_total_size"

timmsg.TIMMsgBatchSendParamIdentifierArray = "msg_batch_send_param_identifier_array"
timmsg.TIMMsgBatchSendParamMsg = "msg_batch_send_param_msg"

timmsg.TIMMsgBatchSendResultCode = "msg_batch_send_result_code"
timmsg.TIMMsgBatchSendResultDesc = "msg_batch_send_result_desc"
timmsg.TIMMsgBatchSendResultIdentifier = "msg_batch_send_result_identifier"
timmsg.TIMMsgBatchSendResultMsg = "msg_batch_send_result_msg"

timmsg.TIMMsgReceiptConvId = "msg_receipt_conv_id"
timmsg.TIMMsgReceiptConvType = "msg_receipt_conv_type"
timmsg.TIMMsgReceiptTimeStamp = "msg_receipt_time_stamp"

timmsg.TIMDraftEditTime = "draft_edit_time"
timmsg.TIMDraftMsg = "draft_msg"
timmsg.TIMDraftUserDefine = "draft_user_define"

timmsg.TIMConvActiveTime = "conv_active_time"
timmsg.TIMConvDraft = "conv_draft"
timmsg.TIMConvId = "conv_id"
timmsg.TIMConvIsHasDraft = "conv_is_has_draft"
timmsg.TIMConvIsHasLastMsg = "conv_is_has_lastmsg"
timmsg.TIMConvLastMsg = "conv_last_msg"
timmsg.TIMConvOwner = "conv_owner"
timmsg.TIMConvType = "conv_type"
timmsg.TIMConvUnReadNum = "conv_unread_num"

timmsg.TIMSdkConfigConfigFilePath = "sdk_config_config_file_path"
timmsg.TIMSdkConfigLogFilePath = "sdk_config_log_file_path"
timmsg.TIMSdkConfigServer = "sdk_config_server"
timmsg.TIMSdkConfigRequestTimeoutMs = "sdk_config_request_timeout_ms"
timmsg.TIMSdkConfigRevokeWindowS = "sdk_config_revoke_window_s"

timmsg.TIMSetConfigLogLevel = "set_config_log_level"
timmsg.TIMSetConfigCackBackLogLevel = "set_config_callback_log_level"
timmsg.TIMSetConfigIsLogOutputConsole = "set_config_is_log_output_console"
timmsg.TIMSetConfigUserConfig = "set_config_user_config"
timmsg.TIMSetConfigHttpProxyInfo = "set_config_http_proxy_info"
timmsg.TIMSetConfigSocks5ProxyInfo = "set_config_socks5_proxy_info"

timmsg.TIMUserConfigIsReadReceipt = "user_config_is_read_receipt"

timmsg.TIMHttpProxyInfoIp = "http_proxy_info_ip"
timmsg.TIMHttpProxyInfoPort = "http_proxy_info_port"

timmsg.TIMSocks5ProxyInfoIp = "socks5_proxy_info_ip"
timmsg.TIMSocks5ProxyInfoPort = "socks5_proxy_info_port"
timmsg.TIMSocks5ProxyInfoUserName = "socks5_proxy_info_username"
timmsg.TIMSocks5ProxyInfoPassword = "socks5_proxy_info_password"

timmsg.TIMCreateGroupParamGroupName = "create_group_param_group_name"
timmsg.TIMCreateGroupParamGroupId = "create_group_param_group_id"
timmsg.TIMCreateGroupParamGroupType = "create_group_param_group_type"
timmsg.TIMCreateGroupParamGroupMemberArray = "create_group_param_group_member_array"
timmsg.TIMCreateGroupParamNotification = "create_group_param_notification"
timmsg.TIMCreateGroupParamIntroduction = "create_group_param_introduction"
timmsg.TIMCreateGroupParamFaceUrl = "create_group_param_face_url"
timmsg.TIMCreateGroupParamAddOption = "create_group_param_add_option"
timmsg.TIMCreateGroupParamMaxMemberCount = "create_group_param_max_member_num"

timmsg.TIMCreateGroupResultGroupId = "create_group_result_groupid"

timmsg.TIMGroupInviteMemberParamGroupId = "group_invite_member_param_group_id"
timmsg.TIMGroupInviteMemberParamIdentifierArray = "group_invite_member_param_identifier_array"
timmsg.TIMGroupInviteMemberParamUserData = "group_invite_member_param_user_data"

timmsg.TIMGroupInviteMemberResultIdentifier = "group_invite_member_result_identifier"
timmsg.TIMGroupInviteMemberResultResult = "group_invite_member_result_result"

timmsg.TIMGroupMemberInfoCustomInfo = "group_member_info_custom_info"
timmsg.TIMGroupMemberInfoIdentifier = "group_member_info_identifier"
timmsg.TIMGroupMemberInfoJoinTime = "group_member_info_join_time"
timmsg.TIMGroupMemberInfoMemberRole = "group_member_info_member_role"
timmsg.TIMGroupMemberInfoMsgFlag = "group_member_info_msg_flag"
timmsg.TIMGroupMemberInfoMsgSeq = "group_member_info_msg_seq"
timmsg.TIMGroupMemberInfoNameCard = "group_member_info_name_card"
timmsg.TIMGroupMemberInfoShutupTime = "group_member_info_shutup_time"

timmsg.TIMGroupGetMemberInfoListParamGroupId = "group_get_members_info_list_param_group_id"
timmsg.TIMGroupGetMemberInfoListParamIdentifierArray = "group_get_members_info_list_param_identifier_array"
timmsg.TIMGroupGetMemberInfoListParamNextSeq = "group_get_members_info_list_param_next_seq"

timmsg.TIMGroupGetMemberInfoListResultInfoArray = "group_get_memeber_info_list_result_info_array"
timmsg.TIMGroupGetMemberInfoListResultNexSeq = "group_get_memeber_info_list_result_next_seq"

timmsg.TIMGroupDeleteMemberParamGroupId = "group_delete_member_param_group_id"
timmsg.TIMGroupDeleteMemberParamIdentifierArray = "group_delete_member_param_identifier_array"
timmsg.TIMGroupDeleteMemberParamUserData = "group_delete_member_param_user_data"

timmsg.TIMGroupDeleteMemberResultIdentifier = "group_delete_member_result_identifier"
timmsg.TIMGroupDeleteMemberResultResult = "group_delete_member_result_result"

timmsg.TIMGroupModifyMemberInfoParamGroupId = "group_modify_member_info_group_id"
timmsg.TIMGroupModifyMemberInfoParamIdentifier = "group_modify_member_info_identifier"
timmsg.TIMGroupModifyMemberInfoParamModifyFlag = "group_modify_member_info_modify_flag"
timmsg.TIMGroupModifyMemberInfoParamMemberRole = "group_modify_member_info_member_role"
timmsg.TIMGroupModifyMemberInfoParamNameCard = "group_modify_member_info_name_card"

timmsg.TIMGroupBaseInfoFaceUrl = "group_base_info_face_url"
timmsg.TIMGroupBaseInfoGroupId = "group_base_info_group_id"
timmsg.TIMGroupBaseInfoGroupName = "group_base_info_group_name"
timmsg.TIMGroupBaseInfoGroupType = "group_base_info_group_type"
timmsg.TIMGroupBaseInfoInfoSeq = "group_base_info_info_seq"
timmsg.TIMGroupBaseInfoIsShutupAll = "group_base_info_is_shutup_all"
timmsg.TIMGroupBaseInfoLastestSeq = "group_base_info_lastest_seq"
timmsg.TIMGroupBaseInfoMsgFlag = "group_base_info_msg_flag"
timmsg.TIMGroupBaseInfoReadedSeq = "group_base_info_readed_seq"
timmsg.TIMGroupBaseInfoSelfInfo = "group_base_info_self_info"

-- The module

---Options of timmsg.new. An unknown one is an error.
---@class timmsg.Options
---@field sdk_app_id? integer any number: the vendor's servers know programs by it, here nothing depends on it
---@field data_dir? string directory of databases and files; default: "timmsg"
---@field log_level? timmsg.TIMLogLevel
---@field config_file_path? string the same as data_dir
---@field log_file_path? string directory of the log; default: no log file
---@field server? string "hub:DIR" or "xmpp://DOMAIN" (README: On an XMPP server); default: a hub, "hub" in the data directory
---@field request_timeout_ms? integer for what leaves the machine; default 30000
---@field revoke_window_s? integer how long a message can be revoked, the same for all users; default 120

---Makes a client. It runs until close; close it, or declare it `local tim <close>`.
---@param options timmsg.Options
---@return timmsg.Client? client
---@return string? message
---@return timmsg.TIMResult? code
function timmsg.new(options) end

---Marks a table, so that it becomes a JSON array even when it is empty. Keys of the API need no mark.
---@param list? table a new one if left out
---@return table list
function timmsg.array(list) end

---Marks a table, so that it becomes a JSON object even where an array is expected.
---@param fields? table a new one if left out
---@return table fields
function timmsg.object(fields) end

---A Message of one text.
---@param content string
---@return timmsg.Message
function timmsg.text(content) end

---A Message of one face.
---@param index integer
---@param buf? string
---@return timmsg.Message
function timmsg.face(index, buf) end

---A Message of one location.
---@param longitude number
---@param latitude number
---@param desc? string
---@return timmsg.Message
function timmsg.location(longitude, latitude, desc) end

---A Message of one custom element.
---@param data string
---@param desc? string
---@param ext? string
---@param sound? string
---@return timmsg.Message
function timmsg.custom(data, desc, ext, sound) end

---A Message of one image file.
---@param path string
---@param level? timmsg.TIMImageLevel
---@return timmsg.Message
function timmsg.image(path, level) end

---A Message of one sound file.
---@param path string
---@param seconds? integer
---@return timmsg.Message
function timmsg.sound(path, seconds) end

---A Message of one file.
---@param path string
---@param name? string default: the path's last part
---@return timmsg.Message
function timmsg.file(path, name) end

---A Message of one video file. The types are the extensions of the paths where they are left out.
---@param path string
---@param image_path string
---@param seconds? integer
---@param video_type? string
---@param image_type? string
---@return timmsg.Message
function timmsg.video(path, image_path, seconds, video_type, image_type) end

---One Message of several parts, each a Message or an element. With one list of parts, further keys of the list
---become keys of the Message.
---@param part timmsg.Message|timmsg.AnyElem|(timmsg.Message|timmsg.AnyElem)[]
---@param ... timmsg.Message|timmsg.AnyElem
---@return timmsg.Message
function timmsg.message(part, ...) end

---The locator of a Message that was sent or received, whether it is revoked or not.
---@param msg timmsg.Message
---@return timmsg.MsgLocator
function timmsg.locator(msg) end

---Tells how coroutines wait that a scheduler of the host's runs, which nobody else may resume. `fn` is called for each
---wait that can yield, in the coroutine that is to wait, and returns two functions: one that gives way until it is woken
---(or sooner), and one that wakes it. Nothing: this coroutine is none of the host's. It is not asked about those of
---`await:all` and `await:timeout`, which poll resumes. nil: there is no scheduler.
---@param fn? fun(): (fun()?, fun()?)
function timmsg.set_scheduler(fn) end

-- The client

---A client: one user's connection. Calls return true, or nil, message, code at once; their callbacks run in poll,
---with code 0 and the result, or a code and a sentence. Without a callback a failure goes to the handlers of
---"error".
---@class timmsg.Client
---@field await timmsg.Await the calls in straight-line style
local Client = {}

---The same calls without a callback: they return the result (true where there is none), or nil, message, code. In
---a coroutine they yield until poll has the completion; elsewhere they poll. Inside a callback and outside a
---coroutine: nil, "already polling: …". On a client that closes or has closed they raise an error.
---@class timmsg.Await
local Await = {}

---Waits.
---@param ms number
---@return true? ok
---@return string? message
---@return integer? code
function Await:sleep(ms) end

---Runs functions at once, each in a coroutine of its own. A table for each: what it returned, as table.pack does. If
---one raises an error the others are closed, and the caller gets the error with its traceback. What yields in them for
---anything but an await goes on when somebody resumes the caller's coroutine, as a game may each frame. Outside a coroutine
---this client alone is polled meanwhile: an await of another one in them is nil, message, code.
---@param ... fun(): any
---@return table ...
function Await:all(...) end

---Runs a function in a coroutine of its own: what it returns; or, if it takes longer, it is closed: nil, message,
---ERR_REQUEST_TIMEOUT. That ends a download which it waits for. Other calls go on: a message goes out all the same.
---@generic T
---@param ms number
---@param fn fun(...): T
---@param ... any
---@return T? result
---@return string? message
---@return integer? code
function Await:timeout(ms, fn, ...) end

---Sends a message. On failure the callback gets the message too, in its state; await returns it as the fourth
---value.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message
---@param callback? fun(code: integer, desc: string, result?: timmsg.Message)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:send_new_msg(conv_id, conv_type, msg, callback) end

---Sends a message. On failure the callback gets the message too, in its state; await returns it as the fourth
---value.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message
---@return timmsg.Message? result
---@return string? message
---@return integer? code
---@return timmsg.Message? failed
function Await:send_new_msg(conv_id, conv_type, msg) end

---Reports that messages were read: those up to the given one, or all of the conversation.
---@overload fun(self: timmsg.Client, conv_id: string, conv_type: timmsg.TIMConvType, callback: fun(code: integer, desc: string)): true?, string?, timmsg.TIMResult?
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg? timmsg.Message|timmsg.MsgLocator
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:report_readed(conv_id, conv_type, msg, callback) end

---Reports that messages were read: those up to the given one, or all of the conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg? timmsg.Message|timmsg.MsgLocator
---@return true? ok
---@return string? message
---@return integer? code
function Await:report_readed(conv_id, conv_type, msg) end

---Revokes a message.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message|timmsg.MsgLocator
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:revoke(conv_id, conv_type, msg, callback) end

---Revokes a message.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message|timmsg.MsgLocator
---@return true? ok
---@return string? message
---@return integer? code
function Await:revoke(conv_id, conv_type, msg) end

---Finds messages in the local store, in the order of the locators; those not found are left out.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param locators timmsg.MsgLocator[]|timmsg.Message[]
---@param callback? fun(code: integer, desc: string, result?: timmsg.Message[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:find_by_msg_locator_list(conv_id, conv_type, locators, callback) end

---Finds messages in the local store, in the order of the locators; those not found are left out.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param locators timmsg.MsgLocator[]|timmsg.Message[]
---@return timmsg.Message[]? result
---@return string? message
---@return integer? code
function Await:find_by_msg_locator_list(conv_id, conv_type, locators) end

---Puts messages into the local store, all or none.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msgs timmsg.Message[]
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:import_msg_list(conv_id, conv_type, msgs, callback) end

---Puts messages into the local store, all or none.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msgs timmsg.Message[]
---@return true? ok
---@return string? message
---@return integer? code
function Await:import_msg_list(conv_id, conv_type, msgs) end

---Puts a message into the local store, or updates it there.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:save_msg(conv_id, conv_type, msg, callback) end

---Puts a message into the local store, or updates it there.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param msg timmsg.Message
---@return true? ok
---@return string? message
---@return integer? code
function Await:save_msg(conv_id, conv_type, msg) end

---Reads a page of a conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param param timmsg.MsgGetMsgListParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.Message[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:get_msg_list(conv_id, conv_type, param, callback) end

---Reads a page of a conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param param timmsg.MsgGetMsgListParam
---@return timmsg.Message[]? result
---@return string? message
---@return integer? code
function Await:get_msg_list(conv_id, conv_type, param) end

---Deletes a message on this device; with {} all of the conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param param timmsg.MsgDeleteParam|timmsg.Message|timmsg.MsgLocator
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:delete(conv_id, conv_type, param, callback) end

---Deletes a message on this device; with {} all of the conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param param timmsg.MsgDeleteParam|timmsg.Message|timmsg.MsgLocator
---@return true? ok
---@return string? message
---@return integer? code
function Await:delete(conv_id, conv_type, param) end

---Downloads an element's file. The callback is called with progress too: code 0, a result whose current size is
---below the total, and true as a fourth argument; await takes a function(current, total) as its last argument
---instead.
---@param param timmsg.DownloadElemParam
---@param path string
---@param callback? fun(code: integer, desc: string, result?: timmsg.MsgDownloadElemResult, more?: true)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:download_elem_to_path(param, path, callback) end

---Downloads an element's file.
---@param param timmsg.DownloadElemParam
---@param path string
---@param progress? fun(current: integer, total: integer)
---@return timmsg.MsgDownloadElemResult? result
---@return string? message
---@return integer? code
function Await:download_elem_to_path(param, path, progress) end

---Sends one message to several users.
---@param param timmsg.MsgBatchSendParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.MsgBatchSendResult[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:batch_send(param, callback) end

---Sends one message to several users.
---@param param timmsg.MsgBatchSendParam
---@return timmsg.MsgBatchSendResult[]? result
---@return string? message
---@return integer? code
function Await:batch_send(param) end

---Sets the log level, receipts and proxies.
---@overload fun(self: timmsg.Client, callback: fun(code: integer, desc: string)): true?, string?, timmsg.TIMResult?
---@param config? timmsg.SetConfig
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:set_config(config, callback) end

---Sets the log level, receipts and proxies.
---@param config? timmsg.SetConfig
---@return true? ok
---@return string? message
---@return integer? code
function Await:set_config(config) end

---Logs a user in.
---@overload fun(self: timmsg.Client, user_id: string, callback: fun(code: integer, desc: string)): true?, string?, timmsg.TIMResult?
---@param user_id string
---@param user_sig? string
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:login(user_id, user_sig, callback) end

---Logs a user in.
---@param user_id string
---@param user_sig? string
---@return true? ok
---@return string? message
---@return integer? code
function Await:login(user_id, user_sig) end

---Logs the user out; what is under way completes with ERR_USER_CANCELED, a login too.
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:logout(callback) end

---Logs the user out; what is under way completes with ERR_USER_CANCELED, a login too.
---@return true? ok
---@return string? message
---@return integer? code
function Await:logout() end

---Makes a conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param callback? fun(code: integer, desc: string, result?: timmsg.ConvInfo)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:conv_create(conv_id, conv_type, callback) end

---Makes a conversation.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@return timmsg.ConvInfo? result
---@return string? message
---@return integer? code
function Await:conv_create(conv_id, conv_type) end

---Deletes a conversation and its messages on this device.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:conv_delete(conv_id, conv_type, callback) end

---Deletes a conversation and its messages on this device.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@return true? ok
---@return string? message
---@return integer? code
function Await:conv_delete(conv_id, conv_type) end

---Lists the conversations, the latest first.
---@param callback? fun(code: integer, desc: string, result?: timmsg.ConvInfo[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:conv_get_conv_list(callback) end

---Lists the conversations, the latest first.
---@return timmsg.ConvInfo[]? result
---@return string? message
---@return integer? code
function Await:conv_get_conv_list() end

---Sets a conversation's draft.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param draft timmsg.Draft
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:conv_set_draft(conv_id, conv_type, draft, callback) end

---Sets a conversation's draft.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param draft timmsg.Draft
---@return true? ok
---@return string? message
---@return integer? code
function Await:conv_set_draft(conv_id, conv_type, draft) end

---Takes a conversation's draft away.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:conv_cancel_draft(conv_id, conv_type, callback) end

---Takes a conversation's draft away.
---@param conv_id string
---@param conv_type timmsg.TIMConvType
---@return true? ok
---@return string? message
---@return integer? code
function Await:conv_cancel_draft(conv_id, conv_type) end

---Creates a group. Anybody may join it unless its add option or type says otherwise.
---@param param timmsg.CreateGroupParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.CreateGroupResult)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_create(param, callback) end

---Creates a group. Anybody may join it unless its add option or type says otherwise.
---@param param timmsg.CreateGroupParam
---@return timmsg.CreateGroupResult? result
---@return string? message
---@return integer? code
function Await:group_create(param) end

---Deletes a group; owner only. On a hub its last message, a GroupReport, tells the members.
---@param group_id string
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_delete(group_id, callback) end

---Deletes a group; owner only. On a hub its last message, a GroupReport, tells the members.
---@param group_id string
---@return true? ok
---@return string? message
---@return integer? code
function Await:group_delete(group_id) end

---Joins a group. Nobody gets hello_msg.
---@overload fun(self: timmsg.Client, group_id: string, callback: fun(code: integer, desc: string)): true?, string?, timmsg.TIMResult?
---@param group_id string
---@param hello_msg? string
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_join(group_id, hello_msg, callback) end

---Joins a group. Nobody gets hello_msg.
---@param group_id string
---@param hello_msg? string
---@return true? ok
---@return string? message
---@return integer? code
function Await:group_join(group_id, hello_msg) end

---Leaves a group; not for its owner.
---@param group_id string
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_quit(group_id, callback) end

---Leaves a group; not for its owner.
---@param group_id string
---@return true? ok
---@return string? message
---@return integer? code
function Await:group_quit(group_id) end

---Invites users into a group.
---@param param timmsg.GroupInviteMemberParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.GroupInviteMemberResult[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_invite_member(param, callback) end

---Invites users into a group.
---@param param timmsg.GroupInviteMemberParam
---@return timmsg.GroupInviteMemberResult[]? result
---@return string? message
---@return integer? code
function Await:group_invite_member(param) end

---Lists the groups one is in.
---@param callback? fun(code: integer, desc: string, result?: timmsg.GroupBaseInfo[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_get_joined_group_list(callback) end

---Lists the groups one is in.
---@return timmsg.GroupBaseInfo[]? result
---@return string? message
---@return integer? code
function Await:group_get_joined_group_list() end

---Lists members of a group, all at once.
---@param param timmsg.GroupGetMemberInfoListParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.GroupGetMemberInfoListResult)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_get_member_info_list(param, callback) end

---Lists members of a group, all at once.
---@param param timmsg.GroupGetMemberInfoListParam
---@return timmsg.GroupGetMemberInfoListResult? result
---@return string? message
---@return integer? code
function Await:group_get_member_info_list(param) end

---Removes members from a group.
---@param param timmsg.GroupDeleteMemberParam
---@param callback? fun(code: integer, desc: string, result?: timmsg.GroupDeleteMemberResult[])
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_delete_member(param, callback) end

---Removes members from a group.
---@param param timmsg.GroupDeleteMemberParam
---@return timmsg.GroupDeleteMemberResult[]? result
---@return string? message
---@return integer? code
function Await:group_delete_member(param) end

---Sets a member's role or, on a hub, name card.
---@param param timmsg.GroupModifyMemberInfoParam
---@param callback? fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:group_modify_member_info(param, callback) end

---Sets a member's role or, on a hub, name card.
---@param param timmsg.GroupModifyMemberInfoParam
---@return true? ok
---@return string? message
---@return integer? code
function Await:group_modify_member_info(param) end

---@alias timmsg.Event
---| "recv_new_msg" # new messages, at most 100
---| "msg_readed_receipt" # a peer has read messages
---| "msg_revoke" # messages were revoked
---| "msg_elem_upload_progress" # an element's file is on its way; index counts from 1
---| "group_tips_event" # members came or went
---| "conv_event" # conversations were added, deleted or updated
---| "network_status" # the connection came or went
---| "kicked_offline" # another session took this device's place at the server; never on a hub
---| "log" # a line was logged; not by a call that a handler of this event has made
---| "error" # a callback raised an error, or a call without a callback failed that no handler of this event has made

---Adds a handler, best before the log-in: an event goes to those that are there when poll comes to it (also the poll inside an
---await), and if there is none, to nobody. One that is added while an event is delivered starts with the next event.
---@overload fun(self: timmsg.Client, event: "recv_new_msg", handler: fun(msgs: timmsg.Message[])): function
---@overload fun(self: timmsg.Client, event: "msg_readed_receipt", handler: fun(receipts: timmsg.MessageReceipt[])): function
---@overload fun(self: timmsg.Client, event: "msg_revoke", handler: fun(locators: timmsg.MsgLocator[])): function
---@overload fun(self: timmsg.Client, event: "msg_elem_upload_progress", handler: fun(msg: timmsg.Message, index: integer, current: integer, total: integer)): function
---@overload fun(self: timmsg.Client, event: "group_tips_event", handler: fun(tips: timmsg.GroupTipsElem[])): function
---@overload fun(self: timmsg.Client, event: "conv_event", handler: fun(event: timmsg.TIMConvEvent, convs: timmsg.ConvInfo[])): function
---@overload fun(self: timmsg.Client, event: "network_status", handler: fun(status: timmsg.TIMNetworkStatus, code: integer, desc: string)): function
---@overload fun(self: timmsg.Client, event: "kicked_offline", handler: fun()): function
---@overload fun(self: timmsg.Client, event: "log", handler: fun(level: timmsg.TIMLogLevel, text: string)): function
---@overload fun(self: timmsg.Client, event: "error", handler: fun(err: any, traceback: string?)): function
---@param event timmsg.Event
---@param handler function
---@return function handler
function Client:on(event, handler) end

---Removes a handler, with effect at once.
---@param event timmsg.Event
---@param handler function
---@return boolean removed
function Client:off(event, handler) end

---Runs the callbacks and handlers of what has come. Without a budget: of all that waits now. With one: until the
---time is over, but of one at least. An error that no handler of "error" takes comes out of here. Inside a
---callback: nil, "already polling".
---@param budget_ms? number
---@return integer? count
---@return string? message
function Client:poll(budget_ms) end

---Blocks until poll has something to do: true; or the time is over: false. Or a signal was handled, such as Ctrl-C in lua5.4,
---which ends the script then: false, "interrupted". Inside a callback, at once: nil, "already polling".
---@param ms? number default: no limit
---@return boolean? is_there
---@return string? message
function Client:wait(ms) end

---Calls back from poll when the time is over: code 0; or ERR_USER_CANCELED when the client is closed before.
---@param ms number
---@param callback fun(code: integer, desc: string)
---@return true? ok
---@return string? message
---@return timmsg.TIMResult? code
function Client:after(ms, callback) end

---A descriptor that is readable when poll has something to do. Never read from it.
---@return integer fd
function Client:pollfd() end

---What to watch the descriptor for.
---@return "r"
function Client:events() end

---0 when poll has something to do, else nil; so inside a callback.
---@return 0|nil
function Client:timeout() end

---The logged-in user, or nil.
---@return string?
function Client:user() end

---Ends everything. Callbacks of what is under way run now, with ERR_USER_CANCELED; coroutines that await again end with
---an error, which is told to nobody. Another error of theirs that no handler of "error" takes comes out of here, after all
---have run; but not out of the end of a block (`local tim <close>`) that an error has ended: that one goes on. Also inside
---callbacks; a second close does nothing.
function Client:close() end

return timmsg

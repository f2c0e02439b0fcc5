/*
 * TIMCloud.h: the functions of the TIM C API. For C99 and later, and C++98 and later.
 *
 * What holds for all of them; "rules" are the numbered ones of spec/behaviour.md:
 *
 * - Any thread may call any function, also from inside any callback. Callbacks run on the library's own logic
 *   thread, one after the other (TIMCloudCallback.h).
 * - A call checks its arguments on the caller's thread, at once, and returns a TIMResult (rule 1). If that is
 *   not TIM_SUCC the call was refused: its callback never runs, and timmsg_last_error() (timmsg.h) has the
 *   sentence. "refused" below means these: TIM_ERR_SDKUNINIT before TIMInit, TIM_ERR_NOTLOGIN while nobody is
 *   logged in, and, where the function has such an argument, TIM_ERR_JSON for text that is not UTF-8 or not
 *   what In says, TIM_ERR_PARAM for a needed pointer that is null or empty, a bad enum or a number out of
 *   range, TIM_ERR_CONV for a bad conversation id or type or a bad user id, TIM_ERR_GROUP for a bad group id.
 *   Each function says only what differs.
 * - If it returned TIM_SUCC, the completion runs exactly once (rules 2, 3). Codes that any completion may
 *   bring: ERR_USER_CANCELED (logged out or closed meanwhile), ERR_REQUEST_TIMEOUT,
 *   ERR_SDK_NET_REQ_COUNT_LIMIT, ERR_DATABASE_OPERATE_FAILED, ERR_OUT_OF_MEMORY. What asks an XMPP server may
 *   bring ERR_SDK_NET_DISCONNECT too, and ERR_SVR_GROUP_INTERNAL_ERROR for a failure of the server's own.
 *   Each function says which others.
 * - In is the JSON that a function takes, Out what its completion gets as json_params on success; the struct
 *   names are those of TIMCloudDef.h. JSON is strict UTF-8 with exact 64-bit integers (rules 4, 5, 7).
 * - Strings given to a function are borrowed until it returns. cb may be null. user_data is handed back
 *   untouched.
 */
#ifndef TIM_CLOUD_H
#define TIM_CLOUD_H

#include "TIMCloudCallback.h"
#include "TIMCloudDef.h"

#if defined(__GNUC__) || defined(__clang__)
#define TIM_VISIBLE __attribute__((visibility("default")))
#else
#define TIM_VISIBLE
#endif

/* In front of every function of the API: C linkage, and exported from the shared library. */
#ifdef __cplusplus
#define TIM_DECL extern "C" TIM_VISIBLE
#else
#define TIM_DECL extern TIM_VISIBLE
#endif

/* ---- The library ------------------------------------------------------------------------------------ */

/**
 * Sets the library up: makes its directories, starts its threads. Nobody is logged in yet. sdk_app_id is
 * any number: the vendor's servers know programs by it, here nothing depends on it.
 * In:     SdkConfig, or null or "" for an empty one.
 * Thread: any.
 * Errors: TIM_ERR_JSON; TIM_ERR_PARAM for a server that is none or a timeout of 0, when it is set up
 *         already, when a TIMUninit (made inside a callback, say) has not ended yet, or when a directory or
 *         the log file can't be used.
 * Rules:  1, 2, 6, 8, 24.
 */
TIM_DECL int TIMInit(uint64_t sdk_app_id, const char *json_sdk_config);

/**
 * Logs out and ends everything. What is under way completes with ERR_USER_CANCELED; no callback runs
 * after the return. Inside a callback it returns at once, and that holds from the end of that callback.
 * The callbacks and settings that were set stay for a later TIMInit.
 * Thread: any; waits 100 ms at most beyond the commit the library is in.
 * Errors: TIM_ERR_SDKUNINIT.
 * Rules:  2.
 */
TIM_DECL int TIMUninit(void);

/**
 * The version of this library, such as "timmsg 0.1.0".
 * Returns: a constant string; never freed.
 * Thread: any, also before TIMInit.
 */
TIM_DECL const char *TIMGetSDKVersion(void);

/**
 * Changes settings: log levels, read receipts, proxies. Works before TIMInit too.
 * In:     SetConfig, or null or "" for an empty one. Keys that are left out stay as they are.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: TIM_ERR_JSON, TIM_ERR_PARAM; TIM_ERR_SDKUNINIT while a TIMUninit has not ended yet.
 * Rules:  8; 27 for read receipts.
 */
TIM_DECL int TIMSetConfig(const char *json_config, TIMCommCallback cb, const void *user_data);

/**
 * Logs a user in. What came while the user was away is delivered afterwards.
 * In:     no JSON. user_sig may be null or empty on the hub, which accepts any; on XMPP it is the password.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused, but never with TIM_ERR_NOTLOGIN; ERR_IN_PROGESS while a login runs or another user
 *         is in, ERR_SDK_COMM_INVALID_IDENTIFIER, ERR_DATABASE_OPERATE_FAILED when another login holds
 *         the store, ERR_IO_OPERATION_FAILED when the hub's directory can't be used, ERR_INIT_CORE_FAIL for
 *         what has no code of its own; on XMPP ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED when the server refuses
 *         the user or user_sig, ERR_SDK_NET_DISCONNECT when it can't be reached or its certificate is not
 *         trusted, ERR_LOGIN_KICKED_OFF_BY_OTHER when another session of this device comes in meanwhile.
 *         ERR_USER_CANCELED when TIMLogout is called meanwhile.
 * Rules:  8, 9, 15, 23, 24, 44.
 */
TIM_DECL int TIMLogin(const char *user_id, const char *user_sig, TIMCommCallback cb, const void *user_data);

/**
 * Logs the user out. What is under way completes with ERR_USER_CANCELED, a login too.
 * In:     no JSON.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  2, 8.
 */
TIM_DECL int TIMLogout(TIMCommCallback cb, const void *user_data);

/* ---- Events ----------------------------------------------------------------------------------------- */

/**
 * Adds a callback for new messages; any number of them may be added, each gets every message.
 * In:     none; cb gets an array of Message.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 22, 23, 24, 25.
 */
TIM_DECL void TIMAddRecvNewMsgCallback(TIMRecvNewMsgCallback cb, const void *user_data);

/**
 * Removes a callback for new messages: the same cb that was added.
 * Thread: any, also before TIMInit.
 * Errors: none; a cb that was not added is no error.
 * Rules:  8, 22.
 */
TIM_DECL void TIMRemoveRecvNewMsgCallback(TIMRecvNewMsgCallback cb);

/**
 * Sets the callback for read receipts; null removes it. They come only if user_config_is_read_receipt
 * is set.
 * In:     none; cb gets an array of MessageReceipt.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 27.
 */
TIM_DECL void TIMSetMsgReadedReceiptCallback(TIMMsgReadedReceiptCallback cb, const void *user_data);

/**
 * Sets the callback for revoked messages; null removes it.
 * In:     none; cb gets an array of MsgLocator.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 29.
 */
TIM_DECL void TIMSetMsgRevokeCallback(TIMMsgRevokeCallback cb, const void *user_data);

/**
 * Sets the callback for the progress of uploads; null removes it.
 * In:     none; cb gets the Message.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 21.
 */
TIM_DECL void TIMSetMsgElemUploadProgressCallback(TIMMsgElemUploadProgressCallback cb, const void *user_data);

/**
 * Sets the callback for members that come and go; null removes it.
 * In:     none; cb gets an array of GroupTipsElem. The message comes as a new message too.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 42.
 */
TIM_DECL void TIMSetGroupTipsEventCallback(TIMGroupTipsEventCallback cb, const void *user_data);

/**
 * Sets the callback for changes of conversations; null removes it.
 * In:     none; cb gets an array of ConvInfo.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8, 15, 26, 31, 41.
 */
TIM_DECL void TIMSetConvEventCallback(TIMConvEventCallback cb, const void *user_data);

/**
 * Sets the callback for the state of the connection to the backend; null removes it.
 * In:     none.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8.
 */
TIM_DECL void TIMSetNetworkStatusListenerCallback(TIMNetworkStatusListenerCallback cb, const void *user_data);

/**
 * Sets the callback for a login that the server has ended; null removes it. A hub never ends one.
 * In:     none.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  8.
 */
TIM_DECL void TIMSetKickedOfflineCallback(TIMKickedOfflineCallback cb, const void *user_data);

/**
 * Sets the callback for lines of the log; null removes it. set_config_callback_log_level says which
 * lines. It is not told what calls log that it makes itself.
 * In:     none.
 * Thread: any, also before TIMInit; cb on the logic thread.
 * Errors: none.
 * Rules:  1, 8.
 */
TIM_DECL void TIMSetLogCallback(TIMLogCallback cb, const void *user_data);

/* ---- Messages --------------------------------------------------------------------------------------- */

/**
 * Sends a message to a user or a group. Success means that the backend has durably accepted it.
 * In:     Message with one element or more; the sender is the logged-in user whatever it says.
 * Out:    the whole Message as sent. On failure too the Message, in its state.
 * Thread: any; cb on the logic thread.
 * Errors: refused, also with TIM_ERR_JSON for elements that may not be sent; ERR_SVR_MSG_INVALID_ID,
 *         ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY, ERR_SDK_MSG_BODY_SIZE_LIMIT; for
 *         files ERR_SDK_COMM_FILE_NOT_FOUND, ERR_SDK_COMM_FILE_SIZE_EMPTY, ERR_SDK_COMM_FILE_TOO_LARGE,
 *         ERR_SDK_COMM_FILE_OPEN_FAILED (also when an XMPP server takes no files),
 *         ERR_FILE_TRANS_UPLOAD_FAILED, ERR_INIT_CORE_FAIL when there is no thread, and on XMPP
 *         ERR_HTTP_REQ_FAILED.
 * Rules:  10 to 21.
 */
TIM_DECL int TIMMsgSendNewMsg(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                              TIMCommCallback cb, const void *user_data);

/**
 * Reports messages as read: up to and including the server time of the one given, or all that this
 * device has.
 * In:     Message or MsgLocator; null, "" or {} for all.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  26, 27.
 */
TIM_DECL int TIMMsgReportReaded(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                                TIMCommCallback cb, const void *user_data);

/**
 * Revokes a message on every side. The row stays, with status kTIMMsg_Revoked and no elements.
 * In:     Message or MsgLocator; a Message that the library returned will do.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; too late ERR_SVR_MSG_REVOKE_TIME_LIMIT, in a group
 *         ERR_SVR_GROUP_REVOKE_MSG_TIME_LIMIT; not found ERR_SVR_MSG_REVOKE_NOT_FOUND, in a group
 *         ERR_SVR_GROUP_REVOKE_MSG_NOT_FOUND; revoked already ERR_SVR_MSG_REVOKED_ALREADY; not allowed, or
 *         not a member, ERR_SVR_GROUP_PERMISSION_DENY; no such user ERR_SVR_MSG_INVALID_ID; no such group
 *         ERR_SVR_GROUP_NOT_FOUND.
 * Rules:  28, 29.
 */
TIM_DECL int TIMMsgRevoke(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                          TIMCommCallback cb, const void *user_data);

/**
 * Finds messages of the local store by their locators.
 * In:     array of MsgLocator, 1 to 1,000.
 * Out:    array of Message, in the order of the locators; what is not found is left out.
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  30.
 */
TIM_DECL int TIMMsgFindByMsgLocatorList(const char *conv_id, enum TIMConvType conv_type,
                                        const char *json_msg_Locator_array, TIMCommCallback cb,
                                        const void *user_data);

/**
 * Puts messages into the local store, all or none; nothing is sent. The same list twice changes
 * nothing.
 * In:     array of Message.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  31.
 */
TIM_DECL int TIMMsgImportMsgList(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_array,
                                 TIMCommCallback cb, const void *user_data);

/**
 * Puts one message into the local store, or updates the one that is there; nothing is sent.
 * In:     Message.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_INVALID_PARAMETERS when there is no seq for the rand that is given.
 * Rules:  19, 32.
 */
TIM_DECL int TIMMsgSaveMsg(const char *conv_id, enum TIMConvType conv_type, const char *json_msg_param,
                           TIMCommCallback cb, const void *user_data);

/**
 * Gets a page of a conversation, older or newer than a message. With is_remble true it is completed
 * from the backend.
 * In:     MsgGetMsgListParam.
 * Out:    array of Message: newest first, or with is_forward true oldest first.
 * Thread: any; cb on the logic thread.
 * Errors: refused, also with TIM_ERR_PARAM for a count that is not 1 to 1,000. An unreachable backend
 *         is none.
 * Rules:  12, 33, 34, 35.
 */
TIM_DECL int TIMMsgGetMsgList(const char *conv_id, enum TIMConvType conv_type, const char *json_get_msg_param,
                              TIMCommCallback cb, const void *user_data);

/**
 * Deletes one message or all of a conversation's, on this device only. What was deleted stays away.
 * In:     MsgDeleteParam; a Message or MsgLocator by itself means that one.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  36.
 */
TIM_DECL int TIMMsgDelete(const char *conv_id, enum TIMConvType conv_type, const char *json_msgdel_param,
                          TIMCommCallback cb, const void *user_data);

/**
 * Downloads the file of an element to a path. It appears there only when it is whole.
 * In:     DownloadElemParam: the element's url, or on a hub its id.
 * Out:    MsgDownloadElemResult, several times: code ERR_SUCC and current below total while it runs;
 *         the last call has current equal to total.
 * Thread: any; cb on the logic thread.
 * Errors: refused; an error is the last call: ERR_IO_OPERATION_FAILED for the path,
 *         ERR_FILE_TRANS_DOWNLOAD_FAILED when the file is gone, damaged or too large, or its url is none of
 *         those that rule 39 has, ERR_HTTP_REQ_FAILED for what else a server answers, ERR_SDK_NET_DISCONNECT
 *         when it can't be reached or breaks off, on a hub too; ERR_INIT_CORE_FAIL when there is no thread.
 * Rules:  2, 37, 38, 39.
 */
TIM_DECL int TIMMsgDownloadElemToPath(const char *json_download_elem_param, const char *path,
                                      TIMCommCallback cb, const void *user_data);

/**
 * Sends one message to up to 500 users.
 * In:     MsgBatchSendParam.
 * Out:    array of MsgBatchSendResult, one an identifier, in the order given.
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_NO_SUCC_RESULT when it went out to none. Codes for single users, those of
 *         TIMMsgSendNewMsg, are in Out.
 * Rules:  13 to 21, 40.
 */
TIM_DECL int TIMMsgBatchSend(const char *json_batch_send_param, TIMCommCallback cb, const void *user_data);

/* ---- Conversations ---------------------------------------------------------------------------------- */

/**
 * Makes a conversation, or finds the one that is there.
 * In:     no JSON.
 * Out:    ConvInfo.
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  41.
 */
TIM_DECL int TIMConvCreate(const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb,
                           const void *user_data);

/**
 * Deletes a conversation and its messages, on this device.
 * In:     no JSON.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_INVALID_CONVERSATION when there is no such conversation.
 * Rules:  36, 41.
 */
TIM_DECL int TIMConvDelete(const char *conv_id, enum TIMConvType conv_type, TIMCommCallback cb,
                           const void *user_data);

/**
 * Gets all conversations, by activity, newest first.
 * In:     no JSON.
 * Out:    array of ConvInfo.
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  41.
 */
TIM_DECL int TIMConvGetConvList(TIMCommCallback cb, const void *user_data);

/**
 * Sets the draft of a conversation.
 * In:     Draft.
 * Thread: any.
 * Errors: refused.
 * Rules:  41.
 */
TIM_DECL int TIMConvSetDraft(const char *conv_id, enum TIMConvType conv_type, const char *json_draft_param);

/**
 * Takes the draft of a conversation away.
 * In:     no JSON.
 * Thread: any.
 * Errors: refused.
 * Rules:  41.
 */
TIM_DECL int TIMConvCancelDraft(const char *conv_id, enum TIMConvType conv_type);

/* ---- Groups ----------------------------------------------------------------------------------------- */

/* All of these bring ERR_SVR_GROUP_NOT_FOUND on an XMPP server that has no groups. */

/**
 * Makes a group; the caller is its owner. Anybody may join it unless its add option or type says otherwise.
 * In:     CreateGroupParam.
 * Out:    CreateGroupResult.
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_GROUPID_IN_USED; for a first member who does not exist
 *         ERR_SVR_MSG_INVALID_ID, for one who is to own it ERR_SVR_GROUP_INVALID_PARAMETERS, for more than
 *         it may have ERR_SVR_GROUP_FULL_MEMBER_COUNT; on an XMPP server where the user may make none
 *         ERR_SVR_GROUP_PERMISSION_DENY.
 * Rules:  9, 42.
 */
TIM_DECL int TIMGroupCreate(const char *json_group_create_param, TIMCommCallback cb, const void *user_data);

/**
 * Deletes a group; its owner may. On a hub its last message, a GroupReport, tells the members.
 * In:     no JSON.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY.
 * Rules:  42.
 */
TIM_DECL int TIMGroupDelete(const char *group_id, TIMCommCallback cb, const void *user_data);

/**
 * Joins a group: Public and ChatRoom, unless the add option forbids.
 * In:     no JSON. hello_msg may be null or empty; nobody gets it.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY,
 *         ERR_SVR_GROUP_ALLREADY_MEMBER, ERR_SVR_GROUP_FULL_MEMBER_COUNT.
 * Rules:  42.
 */
TIM_DECL int TIMGroupJoin(const char *group_id, const char *hello_msg, TIMCommCallback cb,
                          const void *user_data);

/**
 * Leaves a group. The owner can't, only delete it.
 * In:     no JSON.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY,
 *         ERR_SVR_GROUP_SUPER_NOT_ALLOW_QUIT.
 * Rules:  42.
 */
TIM_DECL int TIMGroupQuit(const char *group_id, TIMCommCallback cb, const void *user_data);

/**
 * Invites users into a group.
 * In:     GroupInviteMemberParam.
 * Out:    array of GroupInviteMemberResult.
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY. Single users: in Out.
 * Rules:  42.
 */
TIM_DECL int TIMGroupInviteMember(const char *json_group_invite_param, TIMCommCallback cb,
                                  const void *user_data);

/**
 * Gets the groups that the user is in.
 * In:     no JSON.
 * Out:    array of GroupBaseInfo.
 * Thread: any; cb on the logic thread.
 * Errors: refused.
 * Rules:  42.
 */
TIM_DECL int TIMGroupGetJoinedGroupList(TIMCommCallback cb, const void *user_data);

/**
 * Gets the members of a group, all at once.
 * In:     GroupGetMemberInfoListParam.
 * Out:    GroupGetMemberInfoListResult; its next_seq, which would ask for the next page, is 0.
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY.
 * Rules:  42.
 */
TIM_DECL int TIMGroupGetMemberInfoList(const char *json_group_getmeminfos_param, TIMCommCallback cb,
                                       const void *user_data);

/**
 * Removes members from a group; owner and admins may.
 * In:     GroupDeleteMemberParam.
 * Out:    array of GroupDeleteMemberResult.
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY. Single users: in Out.
 * Rules:  42.
 */
TIM_DECL int TIMGroupDeleteMember(const char *json_group_delete_param, TIMCommCallback cb,
                                  const void *user_data);

/**
 * Changes a member's role (the owner may) or, on a hub, name card.
 * In:     GroupModifyMemberInfoParam.
 * Out:    "".
 * Thread: any; cb on the logic thread.
 * Errors: refused; ERR_SVR_GROUP_NOT_FOUND, ERR_SVR_GROUP_PERMISSION_DENY;
 *         ERR_SVR_GROUP_INVALID_PARAMETERS for who is no member, what can't be changed, and a second owner.
 * Rules:  42.
 */
TIM_DECL int TIMGroupModifyMemberInfo(const char *json_group_modifymeminfo_param, TIMCommCallback cb,
                                      const void *user_data);

#endif

/*
 * TIMCloudCallback.h: the types of the functions that the library calls.
 *
 * All of them run on the library's own logic thread, one after the other. Any TIM function may be called from
 * inside any of them. Strings are never null; they are borrowed until the callback returns. user_data is what
 * was given with the callback, untouched. For C99 and later, and C++98 and later.
 */
#ifndef TIM_CLOUD_CALLBACK_H
#define TIM_CLOUD_CALLBACK_H

#include "TIMCloudDef.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A call has completed. code: ERR_SUCC, or what went wrong (TIMErrCode). desc: one English sentence on what
 * was wrong and where, "" on success. json_params: what the function's comment calls Out, "" on failure. */
typedef void (*TIMCommCallback)(int32_t code, const char *desc, const char *json_params,
                                const void *user_data);

/* New messages, in order. json_msg_array: 1 to 100 Messages, all in the local store already. */
typedef void (*TIMRecvNewMsgCallback)(const char *json_msg_array, const void *user_data);

/* Peers have read messages. json_msg_readed_receipt_array: MessageReceipts. */
typedef void (*TIMMsgReadedReceiptCallback)(const char *json_msg_readed_receipt_array, const void *user_data);

/* Messages have been revoked. json_msg_locator_array: a MsgLocator each, with all its keys. */
typedef void (*TIMMsgRevokeCallback)(const char *json_msg_locator_array, const void *user_data);

/* A message's file is going up. json_msg: the Message; index: the element's, from 0; sizes in bytes. */
typedef void (*TIMMsgElemUploadProgressCallback)(const char *json_msg, uint32_t index, uint32_t cur_size,
                                                 uint32_t total_size, const void *user_data);

/* Members came or went. json_group_tip_array: GroupTips elements; the message comes as a new message too. */
typedef void (*TIMGroupTipsEventCallback)(const char *json_group_tip_array, const void *user_data);

/* Conversations came, went or changed. json_conv_array: a ConvInfo each. */
typedef void (*TIMConvEventCallback)(enum TIMConvEvent conv_event, const char *json_conv_array,
                                     const void *user_data);

/* The connection to the backend changed. code and desc: why, ERR_SUCC and "" where nothing is wrong. */
typedef void (*TIMNetworkStatusListenerCallback)(enum TIMNetworkStatus status, int32_t code, const char *desc,
                                                 const void *user_data);

/* The backend has ended this login. */
typedef void (*TIMKickedOfflineCallback)(const void *user_data);

/* A line of the log. */
typedef void (*TIMLogCallback)(enum TIMLogLevel level, const char *log, const void *user_data);

#ifdef __cplusplus
}
#endif

#endif

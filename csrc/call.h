/* Call: the table of the API's functions that a client carries out. Both faces, the argument checks and the
 * specs go by it. Constant data; any thread. */
#ifndef TM_CALL_H
#define TM_CALL_H

#include "schema.h"

#include <stdbool.h>

/* Each is the C function TIM<...> and the Lua method in snake case; the table holds both names. */
typedef enum tm_call_kind {
    TM_CALL_SEND_NEW_MSG,
    TM_CALL_REPORT_READED,
    TM_CALL_REVOKE,
    TM_CALL_FIND_BY_MSG_LOCATOR_LIST,
    TM_CALL_IMPORT_MSG_LIST,
    TM_CALL_SAVE_MSG,
    TM_CALL_GET_MSG_LIST,
    TM_CALL_DELETE,
    TM_CALL_DOWNLOAD_ELEM_TO_PATH,
    TM_CALL_BATCH_SEND,
    TM_CALL_SET_CONFIG,
    TM_CALL_LOGIN,
    TM_CALL_LOGOUT,
    TM_CALL_CONV_CREATE,
    TM_CALL_CONV_DELETE,
    TM_CALL_CONV_GET_CONV_LIST,
    TM_CALL_CONV_SET_DRAFT,
    TM_CALL_CONV_CANCEL_DRAFT,
    TM_CALL_GROUP_CREATE,
    TM_CALL_GROUP_DELETE,
    TM_CALL_GROUP_JOIN,
    TM_CALL_GROUP_QUIT,
    TM_CALL_GROUP_INVITE_MEMBER,
    TM_CALL_GROUP_GET_JOINED_GROUP_LIST,
    TM_CALL_GROUP_GET_MEMBER_INFO_LIST,
    TM_CALL_GROUP_DELETE_MEMBER,
    TM_CALL_GROUP_MODIFY_MEMBER_INFO,
    TM_CALL_COUNT
} tm_call_kind;

/* What a call's arguments are, in this order; a call has those that its entry names. */
typedef struct tm_call_type {
    const char *c_name;                   /* "TIMMsgSendNewMsg" */
    const char *lua_name;                 /* "send_new_msg" */
    bool has_conv;                        /* conv_id, conv_type */
    const char *first_text, *second_text; /* names of text arguments ("user_id", "user_sig"), or NULL */
    bool second_text_optional;            /* may be NULL or empty (hello_msg, user_sig) */
    const tm_struct *json;                /* the JSON argument's struct, or NULL for none */
    bool json_is_array;                   /* an array of that struct */
    bool json_optional;                   /* NULL or "" is the same as {} */
    bool json_before_text;                /* TIMMsgDownloadElemToPath(json, path) */
    bool needs_login;
    tm_check_mode mode;      /* how strictly the JSON is checked */
    const tm_struct *result; /* what a success brings, or NULL for "" */
    bool result_is_array;    /* an array of that struct */
} tm_call_type;

/* The entry of a kind. Constant, never NULL. */
const tm_call_type *tm_call_type_of(tm_call_kind kind);

#endif

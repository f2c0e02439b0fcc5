/* Schema: every struct of the API's JSON, key by key. Checks, exact types, empty Lua tables, constants and
 * the editor annotations come from it. Constant data; any thread. */
#ifndef TM_SCHEMA_H
#define TM_SCHEMA_H

#include "error.h"
#include "json.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tm_type {
    TM_STRING,
    TM_BOOL,
    TM_INT32,
    TM_UINT32,
    TM_UINT64, /* a lua_Integer with the same 64 bits in Lua */
    TM_DOUBLE,
    TM_ENUM,   /* one of `values`, as a number */
    TM_OBJECT, /* of struct `of` */
    TM_ARRAY,  /* of struct `of`, or of strings if `of` is NULL */
} tm_type;

enum {
    TM_REQUIRED = 1,  /* missing is an error */
    TM_TO_SEND = 2,   /* missing or empty is an error in a message that is to be sent */
    TM_READ_ONLY = 4, /* the library's to write; from a caller its type is checked, and a send ignores it */
    TM_LOCAL = 8,     /* does not leave this device */
    /* How a Message under this key is checked, whatever the mode of the whole: */
    TM_AS_NAME = 16, /* as TM_CHECK_NAME */
    TM_AS_SEND = 32, /* as TM_CHECK_SEND */
};

/* What a tree is checked for. Only a Message and its elements know a difference. */
typedef enum tm_check_mode {
    TM_CHECK_PLAIN, /* types and required keys */
    TM_CHECK_SEND,  /* a Message to send: also what only sending needs, and what may not be sent (rule 17) */
    TM_CHECK_SENT, /* a Message that another says it sent: the same, but for what does not travel (rule 44) */
    TM_CHECK_STORE, /* a Message to keep: elements needed unless its status is Revoked (rules 31, 32) */
    TM_CHECK_NAME,  /* a Message that only names one that exists, or a draft: of all keys only elem_type is
                       needed */
} tm_check_mode;

typedef struct tm_named_value {
    const char *name; /* "kTIMElem_Text" */
    int32_t value;
} tm_named_value;

typedef struct tm_enum {
    const char *name; /* "TIMElemType" */
    const tm_named_value *values;
    size_t count;
} tm_enum;

typedef struct tm_struct tm_struct;

typedef struct tm_field {
    const char *constant; /* "kTIMMsgSender" */
    const char *key;      /* "message_sender" */
    tm_type type;
    unsigned flags;
    const tm_struct *of;
    const tm_enum *values;
} tm_field;

/* No struct has more. */
#define TM_SCHEMA_MAX_FIELDS 64

struct tm_struct {
    const char *name; /* "Message" */
    const tm_field *fields;
    size_t count;
    bool is_elem; /* Elem, a union by elem_type: it has that field alone, its variants (tm_schema_elem) have
                     all */
};

/* The fields of a Message: their places in tm_schema_message. */
typedef enum tm_message_field {
    TM_MSG_CLIENT_TIME,
    TM_MSG_CONV_ID,
    TM_MSG_CONV_TYPE,
    TM_MSG_CUSTOM_INT,
    TM_MSG_CUSTOM_STR,
    TM_MSG_ELEM_ARRAY,
    TM_MSG_IS_FROM_SELF,
    TM_MSG_IS_ONLINE_MSG,
    TM_MSG_IS_PEER_READ,
    TM_MSG_IS_READ,
    TM_MSG_PRIORITY,
    TM_MSG_RAND,
    TM_MSG_SENDER,
    TM_MSG_SEQ,
    TM_MSG_SERVER_TIME,
    TM_MSG_STATUS,
    TM_MSG_UNIQUE_ID,
    TM_MSG_FIELDS
} tm_message_field;

/* Parameters. */
extern const tm_struct tm_schema_message, tm_schema_elem_base, tm_schema_locator, tm_schema_get_msg_list,
    tm_schema_delete, tm_schema_download, tm_schema_batch_send, tm_schema_draft, tm_schema_sdk_config,
    tm_schema_set_config, tm_schema_group_create, tm_schema_group_invite, tm_schema_group_get_members,
    tm_schema_group_delete_member, tm_schema_group_modify_member;
/* Results and events. */
extern const tm_struct tm_schema_download_result, tm_schema_batch_send_result, tm_schema_receipt,
    tm_schema_group_tips_elem, tm_schema_conv_info, tm_schema_group_create_result,
    tm_schema_group_invite_result, tm_schema_group_get_members_result, tm_schema_group_delete_member_result,
    tm_schema_group_base_info;

/* All structs and all enums, for constants, annotations and specs: every key constant of the API is the
 * `constant` of some field (elem_type's of several), every other constant the `name` of some enum's value. */
const tm_struct *const *tm_schema_structs(size_t *count);
const tm_enum *const *tm_schema_enums(size_t *count);
/* The variant of Elem for an elem_type, or NULL. */
const tm_struct *tm_schema_elem(int32_t elem_type);
/* The field of `key` in `type` (for Elem: `elem_type` only), or NULL. `type` may be NULL. */
const tm_field *tm_schema_field(const tm_struct *type, const char *key);
/* The same, faster for keys that come in about the order of `type`: `*near` is 0 at first and remembers where
 * to go on. `type` is not NULL. */
const tm_field *tm_schema_field_near(const tm_struct *type, const char *key, size_t *near);
/* The struct that the value of an object of `type` really has: for Elem the variant its elem_type says, else
 * `type`. */
const tm_struct *tm_schema_variant(const tm_struct *type, const cJSON *object);

/* Checks a tree: a struct, or with `is_array` an array of them. 0, or TIM_ERR_JSON (wrong type, a fraction
 * for an integer, missing, against rule 17) or TIM_ERR_PARAM (bad enum, out of range), with the key's path in
 * the sentence: `message_elem_array[2].face_elem_index: expected an integer`. `index_base` as in json.h.
 * Unknown keys are ignored, null is the same as absent. The text in `tree` must be valid UTF-8 already.
 * Allocates nothing. */
int32_t tm_schema_check(const tm_struct *type, bool is_array, tm_check_mode mode, const cJSON *tree,
                        int index_base, tm_error *err);

/* Whether a number of that kind (of TM_JSON_INT64: `value`) may stand in an integer's or an enum's field. */
bool tm_schema_integer_fits(const tm_field *field, tm_json_number kind, int64_t value);

/* Looks all keys of an object of `type` (not Elem) up at once: values[i], borrowed from it, is that of type->fields[i],
 * NULL where there is none or a null. `values` has room for type->count. */
void tm_schema_values(const tm_struct *type, const cJSON *object, const cJSON **values);

/* A copy of an object of `type` with its known keys only, all the way down: in the schema's order, without nulls, whole
 * numbers as integers (3.0 becomes 3). `drop` names the flags whose keys are left out (0: none, TM_READ_ONLY: what a
 * caller can't set, TM_LOCAL: what does not travel). `object` must have passed tm_schema_check. Owned by the caller
 * (cJSON_Delete); NULL when memory is short. */
cJSON *tm_schema_copy_object(const tm_struct *type, const cJSON *object, unsigned drop);
/* The same for an array of elements: what is stored and what travels. */
cJSON *tm_schema_copy_elems(const cJSON *elems, unsigned drop);
/* The text of that copy. Owned by the caller (tm_free); NULL when memory is short. */
char *tm_schema_print_elems(const cJSON *elems, unsigned drop);

#endif

/* Locator: see locator.h. */
#include "locator.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

typedef struct key_pair {
    const char *locator, *message; /* NULL: says nothing about which message it is */
} key_pair;

static const key_pair key_pairs[] = {
    {kTIMMsgLocatorConvId, kTIMMsgConvId}, {kTIMMsgLocatorConvType, kTIMMsgConvType},
    {kTIMMsgLocatorIsRevoked, NULL},       {kTIMMsgLocatorTime, kTIMMsgServerTime},
    {kTIMMsgLocatorSeq, kTIMMsgSeq},       {kTIMMsgLocatorIsSelf, kTIMMsgIsFormSelf},
    {kTIMMsgLocatorRand, kTIMMsgRand},     {kTIMMsgLocatorUniqueId, kTIMMsgUniqueId},
};

static bool has_key_of(const tm_struct *type, const cJSON *object)
{
    for (const cJSON *child = object ? object->child : NULL; child; child = child->next)
        if (child->string && tm_schema_field(type, child->string)) return true;
    return false;
}

static void set_key(cJSON *item, const char *key)
{
    if (!(item->type & cJSON_StringIsConst)) cJSON_free(item->string);
    item->string = (char *)(uintptr_t)key;
    item->type |= cJSON_StringIsConst;
}

/* Gives the locator's `item` the Message's key, or takes it out if the Message has that already. One that no Message has stays:
 * an object that holds nothing else names no message, and is not taken for {}, which stands for all of them. */
static void rename_item(cJSON *object, cJSON *item)
{
    for (size_t i = 0; i < sizeof key_pairs / sizeof key_pairs[0]; i++) {
        if (strcmp(key_pairs[i].locator, item->string) != 0) continue;
        const char *key = key_pairs[i].message;
        if (!key) return;
        if (cJSON_GetObjectItemCaseSensitive(object, key)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
            return;
        }
        set_key(item, key);
        return;
    }
}

/* Turns `object` into a locator if it is a Message. */
static void to_locator(cJSON *object)
{
    if (!cJSON_IsObject(object) || has_key_of(&tm_schema_locator, object)) return;
    for (cJSON *item = object->child; item; item = item->next)
        for (size_t i = 0; i < sizeof key_pairs / sizeof key_pairs[0]; i++)
            if (key_pairs[i].message && strcmp(key_pairs[i].message, item->string) == 0)
                set_key(item, key_pairs[i].locator);
}

/* Turns `object` into a Message if it is a locator. */
static int32_t to_message(cJSON *object, int index_base, tm_error *err)
{
    if (!has_key_of(&tm_schema_locator, object)) return 0;
    int32_t code = tm_schema_check(&tm_schema_locator, false, TM_CHECK_PLAIN, object, index_base, err);
    if (code) return code;
    /* First of all: what is null is as good as absent (rule 4), it must not keep a locator's key out. */
    for (cJSON *item = object->child, *next; item; item = next) {
        next = item->next;
        if (cJSON_IsNull(item)) cJSON_Delete(cJSON_DetachItemViaPointer(object, item));
    }
    for (cJSON *item = object->child, *next; item; item = next) {
        next = item->next;
        rename_item(object, item);
    }
    return 0;
}

/* The same under a key of a parameter. */
static int32_t to_message_under(const char *key, cJSON *param, int index_base, tm_error *err)
{
    int32_t code = to_message(cJSON_GetObjectItemCaseSensitive(param, key), index_base, err);
    if (!code) return 0;
    tm_error_prefix(err, ".");
    tm_error_prefix(err, key);
    return code;
}

/* A locator, or a Message, becomes a parameter with that Message. */
static int32_t complete_delete(cJSON **tree, int index_base, tm_error *err)
{
    if (!has_key_of(&tm_schema_locator, *tree) && !has_key_of(&tm_schema_message, *tree))
        return to_message_under(kTIMMsgDeleteParamMsg, *tree, index_base, err);
    int32_t code = to_message(*tree, index_base, err);
    if (code) return code;
    cJSON *param = cJSON_CreateObject(), *message = *tree;
    if (!param) return tm_fail_memory(err);
    *tree = param;
    return tm_json_add_item(param, kTIMMsgDeleteParamMsg, message) ? 0 : tm_fail_memory(err);
}

int32_t tm_locators_accept(tm_call_kind kind, int index_base, cJSON **tree, tm_error *err)
{
    if (kind == TM_CALL_FIND_BY_MSG_LOCATOR_LIST && cJSON_IsArray(*tree))
        for (cJSON *item = (*tree)->child; item; item = item->next)
            to_locator(item);
    if (!cJSON_IsObject(*tree)) return 0;
    switch (kind) {
    case TM_CALL_REPORT_READED:
    case TM_CALL_REVOKE: return to_message(*tree, index_base, err);
    case TM_CALL_DELETE: return complete_delete(tree, index_base, err);
    case TM_CALL_GET_MSG_LIST: return to_message_under(kTIMMsgGetMsgListParamLastMsg, *tree, index_base, err);
    default: return 0;
    }
}

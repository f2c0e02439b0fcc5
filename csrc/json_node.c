/* JSON, nodes: adds to trees and reads from them. See json.h. */
#include "json.h"

/* ---- Adders ---- */

bool tm_json_add_item(cJSON *object, const char *key, cJSON *item)
{
    if (item && cJSON_AddItemToObjectCS(object, key, item)) return true;
    cJSON_Delete(item);
    return false;
}

bool tm_json_append(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item)) return true;
    cJSON_Delete(item);
    return false;
}

bool tm_json_add_int(cJSON *object, const char *key, int64_t value)
{
    return tm_json_add_item(object, key, tm_json_new_int(value));
}

bool tm_json_add_uint(cJSON *object, const char *key, uint64_t value)
{
    return tm_json_add_item(object, key, tm_json_new_uint(value));
}

bool tm_json_add_bool(cJSON *object, const char *key, bool value)
{
    return tm_json_add_item(object, key, cJSON_CreateBool(value));
}

bool tm_json_add_string(cJSON *object, const char *key, const char *value)
{
    return tm_json_add_item(object, key, cJSON_CreateString(value ? value : ""));
}

/* Takes `item` over; it gets the place of what is there. */
static bool set_item(cJSON *object, const char *key, cJSON *item)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(object, key);
    if (!item || !old) return tm_json_add_item(object, key, item);
    item->string = (char *)key; /* never written to: the flag says that it is a constant */
    item->type |= cJSON_StringIsConst;
    return cJSON_ReplaceItemViaPointer(object, old, item);
}

bool tm_json_set_uint(cJSON *object, const char *key, uint64_t value)
{
    return set_item(object, key, tm_json_new_uint(value));
}

bool tm_json_set_string(cJSON *object, const char *key, const char *value)
{
    return set_item(object, key, cJSON_CreateString(value ? value : ""));
}

/* ---- Readers ---- */

const cJSON *tm_json_get(const cJSON *object, const char *key)
{
    const cJSON *node = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNull(node) ? NULL : node;
}

bool tm_json_is_empty(const cJSON *object)
{
    const cJSON *child = object ? object->child : NULL;
    while (child && cJSON_IsNull(child))
        child = child->next;
    return !child;
}

uint64_t tm_json_uint(const cJSON *node, uint64_t fallback)
{
    int64_t value_int;
    uint64_t value_uint;
    tm_json_number kind = tm_json_number_kind(node, &value_int, &value_uint);
    return kind == TM_JSON_UINT64 || (kind == TM_JSON_INT64 && value_int >= 0) ? value_uint : fallback;
}

bool tm_json_bool(const cJSON *node, bool fallback)
{
    return cJSON_IsBool(node) ? (bool)cJSON_IsTrue(node) : fallback;
}

const char *tm_json_string(const cJSON *node, const char *fallback)
{
    return cJSON_IsString(node) ? node->valuestring : fallback;
}

uint64_t tm_json_get_uint(const cJSON *object, const char *key, uint64_t fallback)
{
    return tm_json_uint(tm_json_get(object, key), fallback);
}

int64_t tm_json_get_int(const cJSON *object, const char *key, int64_t fallback)
{
    int64_t value;
    return tm_json_number_kind(tm_json_get(object, key), &value, NULL) == TM_JSON_INT64 ? value : fallback;
}

bool tm_json_get_bool(const cJSON *object, const char *key, bool fallback)
{
    return tm_json_bool(tm_json_get(object, key), fallback);
}

const char *tm_json_get_string(const cJSON *object, const char *key, const char *fallback)
{
    return tm_json_string(tm_json_get(object, key), fallback);
}

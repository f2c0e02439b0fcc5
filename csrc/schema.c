/* Schema: looking fields up, and copies that hold nothing else. See schema.h; the tables are in
 * schema_tables.c. */
#include "schema.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

const tm_field *tm_schema_field_near(const tm_struct *type, const char *key, size_t *near)
{
    size_t index = *near;
    for (size_t tried = 0; tried < type->count; tried++, index++) {
        if (index >= type->count) index = 0;
        if (strcmp(type->fields[index].key, key) == 0) {
            *near = index + 1;
            return &type->fields[index];
        }
    }
    return NULL;
}

const tm_field *tm_schema_field(const tm_struct *type, const char *key)
{
    size_t near = 0;
    return type ? tm_schema_field_near(type, key, &near) : NULL;
}

const tm_struct *tm_schema_variant(const tm_struct *type, const cJSON *object)
{
    if (!type || !type->is_elem) return type;
    int64_t elem_type = tm_json_get_int(object, kTIMElemType, -1);
    if (elem_type < 0 || elem_type > INT32_MAX) return type;
    const tm_struct *variant = tm_schema_elem((int32_t)elem_type);
    return variant ? variant : type;
}

/* ---- Copies ---- */

static cJSON *copy_array(const tm_struct *of, const cJSON *array, unsigned drop);

static cJSON *copy_integer(const cJSON *node)
{
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    tm_json_number kind = tm_json_number_kind(node, &value_int, &value_uint);
    return kind == TM_JSON_UINT64 ? tm_json_new_uint(value_uint) : tm_json_new_int(value_int);
}

static cJSON *copy_value(const tm_field *field, const cJSON *node, unsigned drop)
{
    switch (field->type) {
    case TM_STRING: return cJSON_CreateString(node->valuestring);
    case TM_BOOL: return cJSON_CreateBool(cJSON_IsTrue(node));
    case TM_INT32:
    case TM_UINT32:
    case TM_UINT64:
    case TM_ENUM: return copy_integer(node);
    case TM_DOUBLE: return tm_json_new_double(tm_json_double(node));
    case TM_OBJECT: return tm_schema_copy_object(field->of, node, drop);
    case TM_ARRAY: return copy_array(field->of, node, drop);
    }
    return NULL;
}

static cJSON *copy_array(const tm_struct *of, const cJSON *array, unsigned drop)
{
    cJSON *copy = cJSON_CreateArray();
    if (!copy) return NULL;
    const cJSON *entry;
    cJSON_ArrayForEach(entry, array)
    {
        cJSON *item = of ? tm_schema_copy_object(of, entry, drop) : cJSON_CreateString(entry->valuestring);
        if (!tm_json_append(copy, item)) {
            cJSON_Delete(copy);
            return NULL;
        }
    }
    return copy;
}

cJSON *tm_schema_copy_object(const tm_struct *type, const cJSON *object, unsigned drop)
{
    cJSON *copy = cJSON_CreateObject();
    if (!copy) return NULL;
    type = tm_schema_variant(type, object);
    size_t near = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, object)
    {
        if (cJSON_IsNull(child)) continue;
        const tm_field *field = tm_schema_field_near(type, child->string, &near);
        if (!field || (field->flags & drop)) continue;
        if (!tm_json_add_item(copy, field->key, copy_value(field, child, drop))) {
            cJSON_Delete(copy);
            return NULL;
        }
    }
    return copy;
}

cJSON *tm_schema_copy_elems(const cJSON *elems, unsigned drop)
{
    return copy_array(&tm_schema_elem_base, elems, drop);
}

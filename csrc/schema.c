/* Schema: looking fields up. See schema.h; the tables are in schema_tables.c. */
#include "schema.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <string.h>

const tm_field *tm_schema_field_near(const tm_struct *type, const char *key, size_t *near)
{
    size_t index = *near;
    /* a tree made of a Lua table has these very keys, in no order; a text's are copies, in some order */
    for (size_t i = 0; i < type->count; i++)
        if (type->fields[i].key == key) return &type->fields[i];
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

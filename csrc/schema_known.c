/* Schema: what it knows of an object, and nothing else, as a copy and as a text. See schema.h.
 *
 * Both have the order of the schema, not that of the object: a Lua table has another one in each process, and what an
 * imported message says is part of its identity (rule 31). */
#include "schema.h"

#include "json_out.h"

#include <string.h>

void tm_schema_values(const tm_struct *type, const cJSON *object, const cJSON **values)
{
    size_t near = 0;
    const cJSON *child;
    memset(values, 0, type->count * sizeof *values);
    cJSON_ArrayForEach(child, object)
    {
        const tm_field *field = cJSON_IsNull(child) ? NULL : tm_schema_field_near(type, child->string, &near);
        if (field) values[field - type->fields] = child;
    }
}

/* ---- Copies ---- */

static cJSON *copy_integer(const cJSON *node)
{
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    tm_json_number kind = tm_json_number_kind(node, &value_int, &value_uint);
    return kind == TM_JSON_UINT64 ? tm_json_new_uint(value_uint) : tm_json_new_int(value_int);
}

static cJSON *copy_array(const tm_struct *of, const cJSON *array, unsigned drop);

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
    const cJSON *values[TM_SCHEMA_MAX_FIELDS];
    cJSON *copy = cJSON_CreateObject();
    if (!copy) return NULL;
    type = tm_schema_variant(type, object);
    tm_schema_values(type, object, values);
    for (size_t i = 0; i < type->count; i++) {
        const tm_field *field = &type->fields[i];
        if (!values[i] || (field->flags & drop)) continue;
        if (tm_json_add_item(copy, field->key, copy_value(field, values[i], drop))) continue;
        cJSON_Delete(copy);
        return NULL;
    }
    return copy;
}

cJSON *tm_schema_copy_elems(const cJSON *elems, unsigned drop)
{
    return copy_array(&tm_schema_elem_base, elems, drop);
}

/* ---- Texts ---- */

static void print_integer(tm_json_out *out, const cJSON *node)
{
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    bool negative = tm_json_number_kind(node, &value_int, &value_uint) == TM_JSON_INT64 && value_int < 0;
    tm_json_put_whole(out, negative, negative ? 0 - (uint64_t)value_int : value_uint);
}

static void print_double(tm_json_out *out, const cJSON *node)
{
    if (cJSON_IsRaw(node))
        tm_json_put_double(out, tm_json_double(node));
    else
        tm_json_put_node(out, node);
}

static void print_object(tm_json_out *out, const tm_struct *type, const cJSON *object, unsigned drop);
static void print_array(tm_json_out *out, const tm_struct *of, const cJSON *array, unsigned drop);

static void print_value(tm_json_out *out, const tm_field *field, const cJSON *node, unsigned drop)
{
    switch (field->type) {
    case TM_STRING: tm_json_put_string(out, node->valuestring); break;
    case TM_BOOL: tm_json_put_node(out, node); break;
    case TM_INT32:
    case TM_UINT32:
    case TM_UINT64:
    case TM_ENUM: print_integer(out, node); break;
    case TM_DOUBLE: print_double(out, node); break;
    case TM_OBJECT: print_object(out, field->of, node, drop); break;
    case TM_ARRAY: print_array(out, field->of, node, drop); break;
    }
}

static void print_array(tm_json_out *out, const tm_struct *of, const cJSON *array, unsigned drop)
{
    tm_json_put(out, "[", 1);
    for (const cJSON *entry = array->child; entry; entry = entry->next) {
        if (of)
            print_object(out, of, entry, drop);
        else
            tm_json_put_string(out, entry->valuestring);
        if (entry->next) tm_json_put(out, ",", 1);
    }
    tm_json_put(out, "]", 1);
}

static void print_object(tm_json_out *out, const tm_struct *type, const cJSON *object, unsigned drop)
{
    const cJSON *values[TM_SCHEMA_MAX_FIELDS];
    bool is_first = true;
    type = tm_schema_variant(type, object);
    tm_schema_values(type, object, values);
    for (size_t i = 0; i < type->count; i++) {
        const tm_field *field = &type->fields[i];
        if (!values[i] || (field->flags & drop)) continue;
        tm_json_put_key(out, is_first, field->key);
        print_value(out, field, values[i], drop);
        is_first = false;
    }
    tm_json_put(out, is_first ? "{}" : "}", is_first ? 2 : 1);
}

char *tm_schema_print_elems(const cJSON *elems, unsigned drop)
{
    tm_json_out out = {NULL, 0, 0, false};
    print_array(&out, &tm_schema_elem_base, elems, drop);
    return tm_json_put_end(&out);
}

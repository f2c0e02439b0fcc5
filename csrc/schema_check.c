/* Schema check: is a tree what the API says it is, and if not, where? See tm_schema_check in schema.h.
 *
 * Big arrays are checked on the caller's thread, so what is in order costs one look-up a key and no memory:
 * the path to a value is a chain of frames on the stack that is printed only when something is wrong. */
#include "schema.h"

#include "include/TIMCloudDef.h"
#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct check {
    int index_base;
    tm_error *err;
} check;

/* One step of the path to a value: a key, or (key NULL) the number of an array's entry. */
typedef struct frame {
    const struct frame *up;
    const char *key;
    int index;
} frame;

/* Longer than the deepest path there is. */
#define PATH_SIZE 384

static size_t write_path(const frame *at, char *path, size_t size)
{
    if (!at) return 0;
    size_t length = write_path(at->up, path, size);
    int more = at->key ? snprintf(path + length, size - length, "%s%s", length ? "." : "", at->key)
                       : snprintf(path + length, size - length, "[%d]", at->index);
    if (more < 0) return length;
    length += (size_t)more;
    return length < size ? length : size - 1;
}

static int32_t fail(const check *c, const frame *at, int32_t code, const char *format, ...) TM_PRINTF(4, 5);

static int32_t fail(const check *c, const frame *at, int32_t code, const char *format, ...)
{
    char path[PATH_SIZE] = "", sentence[128];
    write_path(at, path, sizeof path);
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return tm_fail(c->err, code, "%s%s%s", path, *path ? ": " : "", sentence);
}

/* ---- Numbers ---- */

static int64_t lowest(const tm_field *field)
{
    return field->type == TM_INT32 ? INT32_MIN : 0;
}

static uint64_t highest(const tm_field *field)
{
    return field->type == TM_INT32 ? INT32_MAX : field->type == TM_UINT32 ? UINT32_MAX : UINT64_MAX;
}

bool tm_schema_integer_fits(const tm_field *field, tm_json_number kind, int64_t value)
{
    if (kind == TM_JSON_UINT64) return field->type == TM_UINT64;
    if (kind != TM_JSON_INT64) return false;
    if (field->type != TM_ENUM)
        return value >= lowest(field) && (value < 0 || (uint64_t)value <= highest(field));
    for (size_t i = 0; i < field->values->count; i++)
        if (field->values->values[i].value == value) return true;
    return false;
}

static int32_t check_integer(const check *c, const tm_field *field, const cJSON *node, const frame *at)
{
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    tm_json_number kind = tm_json_number_kind(node, &value_int, &value_uint);
    if (kind == TM_JSON_NOT_A_NUMBER || kind == TM_JSON_FRACTION)
        return fail(c, at, TIM_ERR_JSON, "expected an integer");
    if (tm_schema_integer_fits(field, kind, value_int)) return 0;
    if (field->type != TM_ENUM)
        return fail(c, at, TIM_ERR_PARAM, "out of range (%lld to %llu)", (long long)lowest(field),
                    (unsigned long long)highest(field));
    if (kind != TM_JSON_INT64) return fail(c, at, TIM_ERR_PARAM, "not a value of %s", field->values->name);
    return fail(c, at, TIM_ERR_PARAM, "%lld is not a value of %s", (long long)value_int, field->values->name);
}

static int32_t check_double(const check *c, const cJSON *node, const frame *at)
{
    int64_t value_int = 0;
    uint64_t value_uint = 0;
    if (tm_json_number_kind(node, &value_int, &value_uint) == TM_JSON_NOT_A_NUMBER)
        return fail(c, at, TIM_ERR_JSON, "expected a number");
    return 0;
}

/* ---- Trees ---- */

static int32_t check_array(const check *c, const tm_struct *of, tm_check_mode mode, const cJSON *array,
                           const frame *at);
static int32_t check_object(const check *c, const tm_struct *type, tm_check_mode mode, const cJSON *object,
                            const frame *at);

static int32_t check_value(const check *c, const tm_field *field, tm_check_mode mode, const cJSON *node,
                           const frame *at)
{
    if (field->flags & TM_AS_NAME) mode = TM_CHECK_NAME;
    if (field->flags & TM_AS_SEND) mode = TM_CHECK_SEND;
    switch (field->type) {
    case TM_STRING: return cJSON_IsString(node) ? 0 : fail(c, at, TIM_ERR_JSON, "expected a string");
    case TM_BOOL: return cJSON_IsBool(node) ? 0 : fail(c, at, TIM_ERR_JSON, "expected a boolean");
    case TM_INT32:
    case TM_UINT32:
    case TM_UINT64:
    case TM_ENUM: return check_integer(c, field, node, at);
    case TM_DOUBLE: return check_double(c, node, at);
    case TM_OBJECT: return check_object(c, field->of, mode, node, at);
    case TM_ARRAY: return check_array(c, field->of, mode, node, at);
    }
    return 0;
}

static bool is_sent(tm_check_mode mode)
{
    return mode == TM_CHECK_SEND || mode == TM_CHECK_SENT;
}

/* A text or array that says no more than its absence would. */
static bool is_blank(const cJSON *node)
{
    return cJSON_IsString(node) ? *node->valuestring == '\0' : cJSON_IsArray(node) && !node->child;
}

/* The flags of `needed` for which a field must be there. */
static unsigned needed_of(const tm_field *field, tm_check_mode mode, unsigned needed)
{
    return mode == TM_CHECK_SENT && field->flags & TM_LOCAL ? 0 : field->flags & needed;
}

/* Checks the fields of an object; those with a flag out of `needed` must be there. */
static int32_t check_fields(const check *c, const tm_struct *type, tm_check_mode mode, unsigned needed,
                            const cJSON *object, const frame *up)
{
    uint64_t seen = 0; /* a bit a field (TM_SCHEMA_MAX_FIELDS) */
    size_t near = 0;
    const cJSON *child;
    cJSON_ArrayForEach(child, object)
    {
        if (cJSON_IsNull(child)) continue;
        const tm_field *field = tm_schema_field_near(type, child->string, &near);
        if (!field) continue;
        frame at = {up, field->key, 0};
        int32_t code = check_value(c, field, mode, child, &at);
        if (code) return code;
        if ((needed_of(field, mode, needed) & TM_TO_SEND) && is_blank(child))
            return fail(c, &at, TIM_ERR_JSON, "empty");
        seen |= UINT64_C(1) << (field - type->fields);
    }
    for (size_t i = 0; i < type->count; i++) {
        if (!needed_of(&type->fields[i], mode, needed) || (seen >> i & 1)) continue;
        frame at = {up, type->fields[i].key, 0};
        return fail(c, &at, TIM_ERR_JSON, "missing");
    }
    return 0;
}

/* Elem: its elem_type decides which keys it has. */
static int32_t check_elem(const check *c, tm_check_mode mode, const cJSON *elem, const frame *at)
{
    int32_t code = check_fields(c, &tm_schema_elem_base, mode, TM_REQUIRED, elem, at);
    if (code) return code;
    unsigned needed = mode == TM_CHECK_NAME ? 0 : is_sent(mode) ? TM_REQUIRED | TM_TO_SEND : TM_REQUIRED;
    return check_fields(c, tm_schema_variant(&tm_schema_elem_base, elem), mode, needed, elem, at);
}

/* Only a message that is to be sent, or to be kept and not revoked, needs what TM_TO_SEND marks: its
 * elements. */
static unsigned needed_in_message(tm_check_mode mode, const cJSON *message)
{
    bool elems = is_sent(mode) ||
                 (mode == TM_CHECK_STORE && tm_json_get_int(message, kTIMMsgStatus, 0) != kTIMMsg_Revoked);
    return elems ? TM_REQUIRED | TM_TO_SEND : TM_REQUIRED;
}

static int32_t check_object(const check *c, const tm_struct *type, tm_check_mode mode, const cJSON *object,
                            const frame *at)
{
    if (!cJSON_IsObject(object)) return fail(c, at, TIM_ERR_JSON, "expected an object");
    if (type->is_elem) return check_elem(c, mode, object, at);
    unsigned needed = type == &tm_schema_message ? needed_in_message(mode, object) : TM_REQUIRED;
    return check_fields(c, type, mode, needed, object, at);
}

/* Rule 17: what may not be sent. `seen` has a bit for each elem_type there was. */
static int32_t check_sendable(const check *c, const cJSON *elem, unsigned *seen, const frame *up)
{
    const unsigned never = 1u << kTIMElem_GroupTips | 1u << kTIMElem_GroupReport;
    const unsigned once = 1u << kTIMElem_Sound | 1u << kTIMElem_File | 1u << kTIMElem_Video;
    int64_t elem_type = cJSON_IsObject(elem) ? tm_json_get_int(elem, kTIMElemType, -1) : -1;
    if (elem_type < 0 || elem_type > kTIMElem_Video) return 0;
    frame at = {up, kTIMElemType, 0};
    unsigned bit = 1u << elem_type;
    const char *name = tm_schema_elem((int32_t)elem_type)->name;
    if (bit & never) return fail(c, &at, TIM_ERR_JSON, "a %s can't be sent", name);
    if (bit & once & *seen) return fail(c, &at, TIM_ERR_JSON, "a second %s in one message", name);
    *seen |= bit;
    return 0;
}

static int32_t check_array(const check *c, const tm_struct *of, tm_check_mode mode, const cJSON *array,
                           const frame *up)
{
    if (!cJSON_IsArray(array)) return fail(c, up, TIM_ERR_JSON, "expected an array");
    unsigned seen = 0;
    frame at = {up, NULL, c->index_base};
    const cJSON *entry;
    cJSON_ArrayForEach(entry, array)
    {
        int32_t code = 0;
        if (!of && !cJSON_IsString(entry)) code = fail(c, &at, TIM_ERR_JSON, "expected a string");
        if (of && of->is_elem && is_sent(mode)) code = check_sendable(c, entry, &seen, &at);
        if (of && !code) code = check_object(c, of, mode, entry, &at);
        if (code) return code;
        at.index++;
    }
    return 0;
}

int32_t tm_schema_check(const tm_struct *type, bool is_array, tm_check_mode mode, const cJSON *tree,
                        int index_base, tm_error *err)
{
    const check c = {index_base, err};
    return is_array ? check_array(&c, type, mode, tree, NULL) : check_object(&c, type, mode, tree, NULL);
}

/* Schema: every key of every struct is tried with every kind of value, from the tables themselves; then what
 * the tables can't say: the modes, rule 17, copies, and that the tables have all that the public header has.
 * Run from the project's root (it reads csrc/include/TIMCloudDef.h). */
#include "include/TIMCloudDef.h"
#include "json.h"
#include "schema.h"

#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Making trees ---- */

static cJSON *parse(const char *text)
{
    tm_error err = {0, ""};
    cJSON *tree = tm_json_parse(text, strlen(text), 0, &err);
    if (!tree) fail_msg("%s: %s", text, err.text);
    return tree;
}

static cJSON *valid_object(const tm_struct *type);

static cJSON *valid_array(const tm_struct *of)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < 2; i++)
        cJSON_AddItemToArray(array, of ? valid_object(of) : cJSON_CreateString("user1"));
    return array;
}

static cJSON *valid_value(const tm_field *field)
{
    switch (field->type) {
    case TM_STRING: return cJSON_CreateString("text");
    case TM_BOOL: return cJSON_CreateTrue();
    case TM_INT32: return tm_json_new_int(INT32_MIN);
    case TM_UINT32: return tm_json_new_uint(UINT32_MAX);
    case TM_UINT64: return tm_json_new_uint(UINT64_MAX);
    case TM_DOUBLE: return tm_json_new_double(0.1 + 0.2);
    case TM_ENUM: return tm_json_new_int(field->values->values[0].value);
    case TM_OBJECT: return valid_object(field->of);
    case TM_ARRAY: return valid_array(field->of);
    }
    return NULL;
}

/* An object with every key. */
static cJSON *valid_object(const tm_struct *type)
{
    if (type->is_elem) type = tm_schema_elem(kTIMElem_Text);
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < type->count; i++)
        tm_json_add_item(object, type->fields[i].key, valid_value(&type->fields[i]));
    for (int32_t t = kTIMElem_Text; t <= kTIMElem_Video; t++) {
        if (tm_schema_elem(t) == type)
            cJSON_ReplaceItemInObjectCaseSensitive(object, kTIMElemType, tm_json_new_int(t));
    }
    return object;
}

/* ---- Every value for every key ---- */

typedef enum value_class { STRING, BOOL, NUMBER, EMPTY_ARRAY, BAD_ARRAY, OBJECT, NOTHING } value_class;

typedef struct candidate {
    const char *text;
    value_class class;
    bool whole;
    long double value;
} candidate;

static const candidate candidates[] = {
    {"\"x\"", STRING, false, 0},
    {"\"1\"", STRING, false, 0},
    {"\"\"", STRING, false, 0},
    {"true", BOOL, false, 0},
    {"false", BOOL, false, 0},
    {"[]", EMPTY_ARRAY, false, 0},
    {"[1]", BAD_ARRAY, false, 0},
    {"[null]", BAD_ARRAY, false, 0},
    {"{}", OBJECT, false, 0},
    {"null", NOTHING, false, 0},
    {"0", NUMBER, true, 0},
    {"1", NUMBER, true, 1},
    {"1.0", NUMBER, true, 1},
    {"2e0", NUMBER, true, 2},
    {"77", NUMBER, true, 77},
    {"1.5", NUMBER, false, 0},
    {"1e-300", NUMBER, false, 0},
    {"0.10000000000000000001", NUMBER, false, 0},
    {"-1", NUMBER, true, -1},
    {"2147483647", NUMBER, true, 2147483647.0L},
    {"2147483648", NUMBER, true, 2147483648.0L},
    {"-2147483648", NUMBER, true, -2147483648.0L},
    {"-2147483649", NUMBER, true, -2147483649.0L},
    {"4294967295", NUMBER, true, 4294967295.0L},
    {"4294967296", NUMBER, true, 4294967296.0L},
    {"4294967296.0", NUMBER, true, 4294967296.0L},
    {"9007199254740993", NUMBER, true, 9007199254740993.0L},
    {"9223372036854775807", NUMBER, true, 9223372036854775807.0L},
    {"9223372036854775808", NUMBER, true, 9223372036854775808.0L},
    {"-9223372036854775808", NUMBER, true, -9223372036854775808.0L},
    {"18446744073709551615", NUMBER, true, 18446744073709551615.0L},
    {"18446744073709551616", NUMBER, true, 18446744073709551616.0L},
    {"1e300", NUMBER, true, 1e300L},
};

/* What the check must say of a candidate: a code, and the beginning of what follows the key's path. */
static int32_t expected(const tm_field *field, const candidate *c, const char **sentence)
{
    long double low = field->type == TM_INT32 ? INT32_MIN : 0;
    long double high = field->type == TM_INT32    ? INT32_MAX
                       : field->type == TM_UINT32 ? UINT32_MAX
                                                  : 18446744073709551615.0L;
    *sentence = "";
    if (c->class == NOTHING) {
        *sentence = ": missing";
        return field->flags & TM_REQUIRED ? TIM_ERR_JSON : 0;
    }
    switch (field->type) {
    case TM_STRING: *sentence = ": expected a string"; return c->class == STRING ? 0 : TIM_ERR_JSON;
    case TM_BOOL: *sentence = ": expected a boolean"; return c->class == BOOL ? 0 : TIM_ERR_JSON;
    case TM_DOUBLE: *sentence = ": expected a number"; return c->class == NUMBER ? 0 : TIM_ERR_JSON;
    case TM_OBJECT:
        *sentence = ": expected an object";
        if (c->class == OBJECT && field->flags & TM_AS_SEND) *sentence = ".message_elem_array: missing";
        return c->class == OBJECT && !(field->flags & TM_AS_SEND) ? 0 : TIM_ERR_JSON;
    case TM_ARRAY:
        *sentence = ": expected an array";
        if (c->class == BAD_ARRAY)
            *sentence = field->of ? "[0]: expected an object" : "[0]: expected a string";
        return c->class == EMPTY_ARRAY ? 0 : TIM_ERR_JSON;
    case TM_ENUM:
        *sentence = ": expected an integer";
        if (c->class != NUMBER || !c->whole) return TIM_ERR_JSON;
        for (size_t i = 0; i < field->values->count; i++) {
            if ((long double)field->values->values[i].value == c->value) return 0;
        }
        *sentence = ": ";
        return TIM_ERR_PARAM;
    default:
        *sentence = ": expected an integer";
        if (c->class != NUMBER || !c->whole) return TIM_ERR_JSON;
        *sentence = ": out of range (";
        return c->value < low || c->value > high ? TIM_ERR_PARAM : 0;
    }
}

/* Puts the candidate in place of object[field] and checks `tree`, which `object` is in; `path` leads to
 * `object`. */
static void try_candidate(const tm_struct *type, tm_check_mode mode, const cJSON *tree, cJSON *object,
                          const tm_field *field, const candidate *c, const char *path)
{
    const char *sentence;
    int32_t code = expected(field, c, &sentence);
    if (*path && field->flags & TM_AS_SEND) return;
    char begin[256];
    snprintf(begin, sizeof begin, "%s%s%s", path, field->key, sentence);
    assert_true(cJSON_ReplaceItemInObjectCaseSensitive(object, field->key, parse(c->text)));
    tm_error err = {0, ""};
    int32_t got = tm_schema_check(type, false, mode, tree, 0, &err);
    if (got != code || err.code != code)
        fail_msg("%s.%s = %s: got %d (%s)", type->name, field->key, c->text, got, err.text);
    if (code && strncmp(err.text, begin, strlen(begin)) != 0)
        fail_msg("'%s' is not '%s...'", err.text, begin);
    if (!code) assert_string_equal(err.text, "");
    if (code == TIM_ERR_PARAM && field->type == TM_ENUM)
        assert_non_null(strstr(err.text, field->values->name));
    assert_int_equal(tm_schema_check(type, false, mode, tree, 0, NULL), code);
    cJSON *back = valid_value(field);
    assert_true(cJSON_ReplaceItemInObjectCaseSensitive(object, field->key, back));
}

static void every_key_of_every_struct(void **state)
{
    (void)state;
    size_t count;
    const tm_struct *const *all = tm_schema_structs(&count);
    for (size_t s = 0; s < count; s++) {
        const tm_struct *type = all[s];
        if (type->is_elem) continue;
        cJSON *object = valid_object(type);
        tm_error err = {0, ""};
        if (tm_schema_check(type, false, TM_CHECK_PLAIN, object, 0, &err))
            fail_msg("%s: %s", type->name, err.text);
        for (size_t f = 0; f < type->count; f++) {
            for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
                try_candidate(type, TM_CHECK_PLAIN, object, object, &type->fields[f], &candidates[i], "");
        }
        cJSON_Delete(object);
    }
}

static void every_key_of_every_element(void **state)
{
    (void)state;
    static const tm_check_mode modes[] = {TM_CHECK_PLAIN, TM_CHECK_STORE};
    for (size_t m = 0; m < 2; m++) {
        for (int32_t t = kTIMElem_Text; t <= kTIMElem_Video; t++) {
            const tm_struct *type = tm_schema_elem(t);
            cJSON *elems = cJSON_CreateArray(), *elem = valid_object(type), *message = cJSON_CreateObject();
            cJSON_AddItemToArray(elems, parse("{\"elem_type\":0,\"text_elem_content\":\"\"}"));
            cJSON_AddItemToArray(elems, elem);
            tm_json_add_item(message, kTIMMsgElemArray, elems);
            for (size_t f = 1; f < type->count; f++) {
                for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++)
                    try_candidate(&tm_schema_message, modes[m], message, elem, &type->fields[f],
                                  &candidates[i], "message_elem_array[1].");
            }
            cJSON_Delete(message);
        }
    }
}

/* ---- The tables ---- */

static void tables_are_whole(void **state)
{
    (void)state;
    size_t count, enum_count;
    const tm_struct *const *all = tm_schema_structs(&count);
    const tm_enum *const *enums = tm_schema_enums(&enum_count);
    for (size_t s = 0; s < count; s++) {
        const tm_struct *type = all[s];
        assert_true(type->count <= TM_SCHEMA_MAX_FIELDS);
        for (size_t other = 0; other < s; other++)
            assert_string_not_equal(type->name, all[other]->name);
        for (size_t f = 0; f < type->count; f++) {
            const tm_field *field = &type->fields[f];
            assert_memory_equal(field->constant, "kTIM", 4);
            assert_ptr_equal(tm_schema_field(type, field->key), field);
            assert_int_equal(field->values != NULL, field->type == TM_ENUM);
            if (field->type == TM_OBJECT) assert_non_null(field->of);
            if (field->type != TM_OBJECT && field->type != TM_ARRAY) assert_null(field->of);
            bool known = !field->of;
            for (size_t i = 0; i < count; i++)
                known = known || all[i] == field->of;
            assert_true(known);
            known = !field->values;
            for (size_t i = 0; i < enum_count; i++)
                known = known || enums[i] == field->values;
            assert_true(known);
        }
    }
    assert_null(tm_schema_field(NULL, "message_seq"));
    assert_null(tm_schema_field(&tm_schema_message, "message_Seq"));
    assert_null(tm_schema_field(&tm_schema_message, ""));
    assert_null(tm_schema_elem(-1));
    assert_null(tm_schema_elem(10));
}

static const tm_field *field_of_constant(const char *constant)
{
    size_t count;
    const tm_struct *const *all = tm_schema_structs(&count);
    for (size_t s = 0; s < count; s++) {
        for (size_t f = 0; f < all[s]->count; f++) {
            if (strcmp(all[s]->fields[f].constant, constant) == 0) return &all[s]->fields[f];
        }
    }
    return NULL;
}

/* Does what the header says of a key ("uint64, Unix seconds, rw") agree with its field? */
static bool agrees(const char *says, const tm_field *field)
{
    static const struct {
        const char *word;
        tm_type type;
    } words[] = {
        {"string", TM_STRING}, {"bool", TM_BOOL},     {"uint64", TM_UINT64}, {"uint32", TM_UINT32},
        {"double", TM_DOUBLE}, {"object", TM_OBJECT}, {"array", TM_ARRAY},
    };
    bool type_agrees = false;
    char word[64] = "", second[64] = "";
    assert_true(sscanf(says, "%63[A-Za-z0-9_]%*1[ ]%63[A-Za-z0-9_]", word, second) >= 1);
    bool number = strcmp(word, "int") == 0 || strcmp(word, "uint") == 0;
    if (number && field->type == TM_ENUM)
        type_agrees = strcmp(second, field->values->name) == 0;
    else if (number)
        type_agrees = field->type == TM_INT32 || field->type == TM_UINT32 || field->type == TM_UINT64;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(word, words[i].word) == 0) type_agrees = field->type == words[i].type;
    }
    if (field->type == TM_OBJECT && strcmp(word, field->of->name) == 0) type_agrees = true;
    if (field->type == TM_ARRAY)
        type_agrees = !strstr(says, field->of ? "array of string" : "array of GroupMemberInfo");

    bool to_send = strstr(says, "req to send") || strcmp(field->key, "message_elem_array") == 0;
    bool required = strstr(says, ", req") && !to_send;
    bool read_only = strstr(says, ", ro") != NULL;
    bool of_message = strncmp(field->key, "message_", 8) == 0 || strstr(field->key, "_elem_");
    bool of_parameter = strstr(field->key, "_param_") || strstr(field->key, "_result_");
    return type_agrees && to_send == ((field->flags & TM_TO_SEND) != 0) &&
           required == ((field->flags & TM_REQUIRED) != 0) && (read_only || !(field->flags & TM_READ_ONLY)) &&
           (!read_only || !of_message || of_parameter || (field->flags & TM_READ_ONLY));
}

static bool has_value(const char *enum_name, const char *name, long value)
{
    size_t count;
    const tm_enum *const *all = tm_schema_enums(&count);
    for (size_t e = 0; e < count; e++) {
        for (size_t i = 0; i < all[e]->count; i++) {
            if (strcmp(all[e]->values[i].name, name) == 0)
                return all[e]->values[i].value == value && strcmp(all[e]->name, enum_name) == 0;
        }
    }
    return false;
}

static void read_header(char *text, size_t size)
{
    FILE *file = fopen("csrc/include/TIMCloudDef.h", "r");
    assert_non_null(file);
    size_t length = fread(text, 1, size - 1, file);
    assert_true(length > 0 && length < size - 1);
    text[length] = '\0';
    fclose(file);
}

/* Every key of the public header is in the tables, as the header describes it. */
static void tables_have_the_headers_keys(void **state)
{
    (void)state;
    static char text[1 << 17];
    read_header(text, sizeof text);
    int keys = 0;
    for (const char *at = text; (at = strstr(at, "\nTIM_KEY(")); at++, keys++) {
        char name[128], key[128], says[256];
        int read = sscanf(at, " TIM_KEY(%127[A-Za-z0-9_], \"%127[a-z0-9_]\"); /* %255[^*]", name, key, says);
        if (read != 3) fail_msg("can't read %.60s", at + 1);
        const tm_field *field = field_of_constant(name);
        if (!field || strcmp(field->key, key) != 0) fail_msg("%s = \"%s\" is not in the tables", name, key);
        if (!agrees(says, field)) fail_msg("%s: the header says '%s'", name, says);
    }
    assert_true(keys > 150);
}

/* Every other constant is there with its value, and nothing else is. */
static void tables_have_the_headers_enums(void **state)
{
    (void)state;
    static char text[1 << 17];
    read_header(text, sizeof text);
    size_t values = 0, in_tables = 0, count;
    char name[128], in_enum[128] = "";
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        long value;
        if (sscanf(line, "enum %127[A-Za-z0-9_] {", name) == 1) memcpy(in_enum, name, sizeof name);
        if (line[0] == '}') in_enum[0] = '\0';
        if (!in_enum[0] || sscanf(line, " %127[A-Za-z0-9_] = %ld", name, &value) != 2) continue;
        if (!has_value(in_enum, name, value))
            fail_msg("%s %s = %ld is not in the tables", in_enum, name, value);
        values++;
    }
    const tm_enum *const *all = tm_schema_enums(&count);
    for (size_t e = 0; e < count; e++)
        in_tables += all[e]->count;
    assert_int_equal(values, in_tables);
}

/* ---- Single cases ---- */

static void check_tree(const tm_struct *type, bool is_array, tm_check_mode mode, const char *text,
                       int index_base, int32_t code, const char *sentence)
{
    cJSON *tree = parse(text);
    tm_error err = {0, ""};
    int32_t got = tm_schema_check(type, is_array, mode, tree, index_base, &err);
    if (got != code || strcmp(err.text, sentence) != 0) fail_msg("%s: got %d '%s'", text, got, err.text);
    cJSON_Delete(tree);
}

static void check_message(tm_check_mode mode, const char *text, int32_t code, const char *sentence)
{
    check_tree(&tm_schema_message, false, mode, text, 0, code, sentence);
}

#define TEXT "{\"elem_type\":0,\"text_elem_content\":\"hi\"}"
#define SOUND "{\"elem_type\":2,\"sound_elem_file_path\":\"/a\"}"
#define FILE_ELEM "{\"elem_type\":4,\"file_elem_file_path\":\"/a\"}"
#define VIDEO                                                                                                \
    "{\"elem_type\":9,\"video_elem_video_type\":\"mp4\",\"video_elem_video_path\":\"/"                       \
    "a\",\"video_elem_image_path\":\"/b\"}"
#define ELEMS(elems) "{\"message_elem_array\":[" elems "]}"

static void the_root(void **state)
{
    (void)state;
    check_message(TM_CHECK_PLAIN, "[]", TIM_ERR_JSON, "expected an object");
    check_message(TM_CHECK_PLAIN, "1", TIM_ERR_JSON, "expected an object");
    check_message(TM_CHECK_PLAIN, "null", TIM_ERR_JSON, "expected an object");
    check_tree(&tm_schema_message, true, TM_CHECK_STORE, "{}", 0, TIM_ERR_JSON, "expected an array");
    check_tree(&tm_schema_message, true, TM_CHECK_STORE, "[]", 0, 0, "");
    check_tree(&tm_schema_message, true, TM_CHECK_STORE, "[" ELEMS(TEXT) ",{}]", 0, TIM_ERR_JSON,
               "[1].message_elem_array: missing");
    check_tree(&tm_schema_message, true, TM_CHECK_STORE, "[" ELEMS(TEXT) ",7]", 1, TIM_ERR_JSON,
               "[2]: expected an object");
    check_tree(&tm_schema_message, true, TM_CHECK_STORE, "[null]", 0, TIM_ERR_JSON,
               "[0]: expected an object");
    check_tree(&tm_schema_locator, true, TM_CHECK_PLAIN, "[{\"message_locator_seq\":\"1\"}]", 0, TIM_ERR_JSON,
               "[0].message_locator_seq: expected an integer");
    tm_error err = {0, ""};
    assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_SEND, NULL, 0, &err), TIM_ERR_JSON);
    assert_string_equal(err.text, "expected an object");
    assert_int_equal(tm_schema_check(&tm_schema_message, true, TM_CHECK_STORE, NULL, 0, &err), TIM_ERR_JSON);
    assert_string_equal(err.text, "expected an array");
}

static void sentences(void **state)
{
    (void)state;
    check_message(TM_CHECK_SEND, ELEMS(TEXT "," TEXT ",{\"elem_type\":6,\"face_elem_index\":\"1\"}"),
                  TIM_ERR_JSON, "message_elem_array[2].face_elem_index: expected an integer");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":0}"), TIM_ERR_JSON,
                  "message_elem_array[0].text_elem_content: missing");
    check_message(TM_CHECK_SEND, "{\"message_custom_int\":4294967296,\"message_elem_array\":[" TEXT "]}",
                  TIM_ERR_PARAM, "message_custom_int: out of range (0 to 4294967295)");
    check_message(TM_CHECK_PLAIN, "{\"message_seq\":-1}", TIM_ERR_PARAM,
                  "message_seq: out of range (0 to 18446744073709551615)");
    check_message(TM_CHECK_PLAIN, ELEMS("{\"elem_type\":6,\"face_elem_index\":-2147483649}"), TIM_ERR_PARAM,
                  "message_elem_array[0].face_elem_index: out of range (-2147483648 to 2147483647)");
    check_message(TM_CHECK_PLAIN, "{\"message_status\":9}", TIM_ERR_PARAM,
                  "message_status: 9 is not a value of TIMMsgStatus");
    check_message(TM_CHECK_PLAIN, "{\"message_status\":18446744073709551615}", TIM_ERR_PARAM,
                  "message_status: not a value of TIMMsgStatus");
    check_tree(&tm_schema_get_msg_list, false, TM_CHECK_PLAIN,
               "{\"msg_getmsglist_param_last_msg\":" ELEMS(TEXT
                                                           ",{\"elem_type\":5,\"group_tips_elem_user_array\":"
                                                           "[\"a\",1]}") "}",
               1, TIM_ERR_JSON,
               "msg_getmsglist_param_last_msg.message_elem_array[2].group_tips_elem_user_array[2]: expected "
               "a string");
    check_tree(&tm_schema_group_create, false, TM_CHECK_PLAIN,
               "{\"create_group_param_group_name\":\"g\",\"create_group_param_group_member_array\":[{}]}", 0,
               TIM_ERR_JSON,
               "create_group_param_group_member_array[0].group_member_info_identifier: missing");
}

static void elem_type_in_every_mode(void **state)
{
    (void)state;
    for (int mode = TM_CHECK_PLAIN; mode <= TM_CHECK_NAME; mode++) {
        tm_check_mode m = (tm_check_mode)mode;
        check_message(m, ELEMS("{}"), TIM_ERR_JSON, "message_elem_array[0].elem_type: missing");
        check_message(m, ELEMS("{\"elem_type\":null}"), TIM_ERR_JSON,
                      "message_elem_array[0].elem_type: missing");
        check_message(m, ELEMS(TEXT ",{\"elem_type\":\"0\"}"), TIM_ERR_JSON,
                      "message_elem_array[1].elem_type: expected an integer");
        check_message(m, ELEMS("{\"elem_type\":0.5}"), TIM_ERR_JSON,
                      "message_elem_array[0].elem_type: expected an integer");
        check_message(m, ELEMS("{\"elem_type\":10}"), TIM_ERR_PARAM,
                      "message_elem_array[0].elem_type: 10 is not a value of TIMElemType");
        check_message(m, ELEMS("{\"elem_type\":-1}"), TIM_ERR_PARAM,
                      "message_elem_array[0].elem_type: -1 is not a value of TIMElemType");
        check_message(m, ELEMS("{\"elem_type\":4294967296}"), TIM_ERR_PARAM,
                      "message_elem_array[0].elem_type: 4294967296 is not a value of TIMElemType");
        check_message(m, ELEMS("7"), TIM_ERR_JSON, "message_elem_array[0]: expected an object");
        check_message(m, ELEMS("{\"text_elem_content\":\"hi\",\"elem_type\":0.0}"), 0, "");
        check_message(m, "{\"message_elem_array\":{}}", TIM_ERR_JSON,
                      "message_elem_array: expected an array");
    }
}

static void rule_17_what_can_be_sent(void **state)
{
    (void)state;
    check_message(TM_CHECK_SEND, "{}", TIM_ERR_JSON, "message_elem_array: missing");
    check_message(TM_CHECK_SEND, "{\"message_elem_array\":null}", TIM_ERR_JSON,
                  "message_elem_array: missing");
    check_message(TM_CHECK_SEND, "{\"message_elem_array\":[]}", TIM_ERR_JSON, "message_elem_array: empty");
    check_message(TM_CHECK_SEND, "{\"message_status\":6,\"message_elem_array\":[]}", TIM_ERR_JSON,
                  "message_elem_array: empty");
    check_message(TM_CHECK_SEND, ELEMS(TEXT ",{\"elem_type\":5}"), TIM_ERR_JSON,
                  "message_elem_array[1].elem_type: a GroupTipsElem can't be sent");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":8}"), TIM_ERR_JSON,
                  "message_elem_array[0].elem_type: a GroupReportElem can't be sent");
    check_message(TM_CHECK_SEND, ELEMS(SOUND "," TEXT "," SOUND), TIM_ERR_JSON,
                  "message_elem_array[2].elem_type: a second SoundElem in one message");
    check_message(TM_CHECK_SEND, ELEMS(FILE_ELEM "," FILE_ELEM), TIM_ERR_JSON,
                  "message_elem_array[1].elem_type: a second FileElem in one message");
    check_message(TM_CHECK_SEND, ELEMS(VIDEO "," VIDEO), TIM_ERR_JSON,
                  "message_elem_array[1].elem_type: a second VideoElem in one message");
    check_message(TM_CHECK_SEND, ELEMS(SOUND "," FILE_ELEM "," VIDEO "," TEXT "," TEXT), 0, "");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":1}"), TIM_ERR_JSON,
                  "message_elem_array[0].image_elem_orig_path: missing");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":1,\"image_elem_orig_path\":\"\"}"), TIM_ERR_JSON,
                  "message_elem_array[0].image_elem_orig_path: empty");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":0,\"text_elem_content\":\"\"}"), 0, "");
    check_message(TM_CHECK_SEND, ELEMS("{\"elem_type\":3}"), 0, "");
}

/* Each key that only sending needs is missed in SEND mode alone. */
static void what_only_sending_needs(void **state)
{
    (void)state;
    int found = 0;
    for (int32_t t = kTIMElem_Text; t <= kTIMElem_Video; t++) {
        const tm_struct *type = tm_schema_elem(t);
        for (size_t f = 0; f < type->count; f++) {
            if (!(type->fields[f].flags & TM_TO_SEND)) continue;
            cJSON *elem = valid_object(type), *elems = cJSON_CreateArray(), *message = cJSON_CreateObject();
            cJSON_AddItemToArray(elems, elem);
            tm_json_add_item(message, kTIMMsgElemArray, elems);
            assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_SEND, message, 0, NULL), 0);
            cJSON_DeleteItemFromObjectCaseSensitive(elem, type->fields[f].key);
            assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_SEND, message, 0, NULL),
                             TIM_ERR_JSON);
            assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_PLAIN, message, 0, NULL), 0);
            assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_STORE, message, 0, NULL), 0);
            assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_NAME, message, 0, NULL), 0);
            cJSON_Delete(message);
            found++;
        }
    }
    assert_int_equal(found, 6);
}

static void messages_to_keep_and_to_name(void **state)
{
    (void)state;
    check_message(TM_CHECK_STORE, "{}", TIM_ERR_JSON, "message_elem_array: missing");
    check_message(TM_CHECK_STORE, "{\"message_elem_array\":[]}", TIM_ERR_JSON, "message_elem_array: empty");
    check_message(TM_CHECK_STORE, "{\"message_status\":5,\"message_elem_array\":[]}", TIM_ERR_JSON,
                  "message_elem_array: empty");
    check_message(TM_CHECK_STORE, "{\"message_status\":6}", 0, "");
    check_message(TM_CHECK_STORE, "{\"message_elem_array\":[],\"message_status\":6.0}", 0, "");
    check_message(TM_CHECK_STORE, "{\"message_elem_array\":null,\"message_status\":6}", 0, "");
    check_message(TM_CHECK_STORE, ELEMS("{\"elem_type\":5}"), 0, "");
    check_message(TM_CHECK_STORE, ELEMS(SOUND "," SOUND), 0, "");
    check_message(TM_CHECK_NAME, "{}", 0, "");
    check_message(TM_CHECK_NAME, "{\"message_elem_array\":[]}", 0, "");
    check_message(TM_CHECK_NAME, ELEMS("{\"elem_type\":0}"), 0, "");
    check_message(TM_CHECK_NAME, ELEMS("{\"elem_type\":0,\"text_elem_content\":1}"), TIM_ERR_JSON,
                  "message_elem_array[0].text_elem_content: expected a string");
    check_message(TM_CHECK_PLAIN, "{}", 0, "");
    check_message(TM_CHECK_PLAIN, ELEMS("{\"elem_type\":0}"), TIM_ERR_JSON,
                  "message_elem_array[0].text_elem_content: missing");
}

/* A Message inside a parameter is checked by what it is there for. */
static void messages_inside(void **state)
{
    (void)state;
    const tm_check_mode p = TM_CHECK_PLAIN;
    check_tree(&tm_schema_get_msg_list, false, p, "{\"msg_getmsglist_param_last_msg\":{}}", 0, 0, "");
    check_tree(&tm_schema_delete, false, p, "{\"msg_delete_param_msg\":" ELEMS("{\"elem_type\":0}") "}", 0, 0,
               "");
    check_tree(&tm_schema_draft, false, p, "{\"draft_msg\":" ELEMS("{\"elem_type\":1}") "}", 0, 0, "");
    check_tree(&tm_schema_draft, false, p, "{\"draft_msg\":" ELEMS("{}") "}", 0, TIM_ERR_JSON,
               "draft_msg.message_elem_array[0].elem_type: missing");
    static const struct {
        const char *message, *sentence;
    } cases[] = {
        {"{}", "msg_batch_send_param_msg.message_elem_array: missing"},
        {"null", "msg_batch_send_param_msg: missing"},
        {ELEMS("{\"elem_type\":5}"),
         "msg_batch_send_param_msg.message_elem_array[0].elem_type: a GroupTipsElem can't be sent"},
        {ELEMS(TEXT), ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "{\"msg_batch_send_param_identifier_array\":[\"a\"],\"msg_batch_send_param_msg\":%s}",
                 cases[i].message);
        check_tree(&tm_schema_batch_send, false, p, text, 0, *cases[i].sentence ? TIM_ERR_JSON : 0,
                   cases[i].sentence);
    }
    check_tree(&tm_schema_batch_send, false, p, "{\"msg_batch_send_param_msg\":" ELEMS(TEXT) "}", 0,
               TIM_ERR_JSON, "msg_batch_send_param_identifier_array: missing");
}

static void unknown_keys_are_ignored(void **state)
{
    (void)state;
    check_message(
        TM_CHECK_SEND,
        "{\"x\":1,\"Message_sender\":5,\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"\","
        "\"face_elem_index\":\"no\",\"y\":{}}]}",
        0, "");
}

/* ---- Copies ---- */

static void assert_copy(const char *elems, unsigned drop, const char *wanted)
{
    cJSON *tree = parse(elems);
    cJSON *copy = tm_schema_copy_elems(tree, drop);
    char *text = tm_json_print(copy), *printed = tm_schema_print_elems(tree, drop);
    assert_string_equal(text, wanted);
    assert_string_equal(printed, wanted);
    tm_free(text);
    tm_free(printed);
    cJSON_Delete(tree);
    cJSON_Delete(copy);
}

static void copies(void **state)
{
    (void)state;
    assert_copy("[]", 0, "[]");
    assert_copy("[{\"x\":1,\"text_elem_content\":\"\\u00e4\",\"elem_type\":0.0,\"face_elem_index\":1}]", 0,
                "[{\"elem_type\":0,\"text_elem_content\":\"\303\244\"}]");
    assert_copy("[{\"elem_type\":6,\"face_elem_buf\":null,\"face_elem_index\":-2e1}]", 0,
                "[{\"elem_type\":6,\"face_elem_index\":-20}]");
    assert_copy(
        "[{\"elem_type\":7,\"location_elem_latitude\":0.30000000000000004,\"location_elem_longitude\":-0}]",
        0,
        "[{\"elem_type\":7,\"location_elem_latitude\":0.30000000000000004,\"location_elem_longitude\":-0}]");
    assert_copy(
        "[{\"elem_type\":2,\"sound_elem_file_path\":\"/a\",\"sound_elem_task_id\":1,\"sound_elem_file_size\":"
        "4294967295,\"sound_elem_url\":\"u\"}]",
        TM_LOCAL, "[{\"elem_type\":2,\"sound_elem_file_size\":4294967295,\"sound_elem_url\":\"u\"}]");
    assert_copy("[{\"elem_type\":2,\"sound_elem_file_path\":\"/"
                "a\",\"sound_elem_task_id\":1,\"sound_elem_url\":\"u\"}]",
                TM_READ_ONLY, "[{\"elem_type\":2,\"sound_elem_file_path\":\"/a\"}]");
    assert_copy(
        "[{\"elem_type\":5,\"group_tips_elem_time\":18446744073709551615,\"group_tips_elem_user_"
        "array\":[\"a\","
        "\"b\"],\"group_tips_elem_group_change_info_array\":[{\"x\":1}],"
        "\"group_tips_elem_member_change_info_array\":[]}]",
        TM_LOCAL,
        "[{\"elem_type\":5,\"group_tips_elem_group_change_info_array\":[{}],"
        "\"group_tips_elem_member_change_info_array\":[],\"group_tips_elem_time\":18446744073709551615,"
        "\"group_tips_elem_user_array\":[\"a\",\"b\"]}]");
}

/* Every key of every struct survives a copy, and what is dropped is what the flags say. */
static void copies_of_every_struct(void **state)
{
    (void)state;
    size_t count;
    const tm_struct *const *all = tm_schema_structs(&count);
    for (size_t s = 0; s < count; s++) {
        cJSON *object = valid_object(all[s]);
        char *before = tm_json_print(object);
        cJSON_AddItemToObject(object, "unknown", cJSON_CreateNumber(1));
        cJSON *copy = tm_schema_copy_object(all[s], object, 0);
        char *after = tm_json_print(copy);
        assert_string_equal(before, after);
        cJSON *less = tm_schema_copy_object(all[s], object, TM_LOCAL | TM_READ_ONLY);
        for (size_t f = 0; f < all[s]->count; f++) {
            const tm_field *field = &all[s]->fields[f];
            bool dropped = field->flags & (TM_LOCAL | TM_READ_ONLY);
            assert_int_equal(cJSON_GetObjectItemCaseSensitive(less, field->key) == NULL, dropped);
        }
        tm_free(before);
        tm_free(after);
        cJSON_Delete(less);
        cJSON_Delete(copy);
        cJSON_Delete(object);
    }
}

static void big_numbers_survive(void **state)
{
    (void)state;
    static const char *const values[] = {"9007199254740993", "9223372036854775807", "9223372036854775808",
                                         "18446744073709551615", "144115233775727695"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"message_unique_id\":%s}", values[i]);
        cJSON *tree = parse(text);
        assert_int_equal(tm_schema_check(&tm_schema_message, false, TM_CHECK_NAME, tree, 0, NULL), 0);
        cJSON *copy = tm_schema_copy_object(&tm_schema_message, tree, 0);
        char *printed = tm_json_print(copy);
        assert_string_equal(printed, text);
        tm_free(printed);
        cJSON_Delete(copy);
        cJSON_Delete(tree);
    }
}

static int allocations_left;

static void *failing_malloc(size_t size)
{
    return allocations_left-- > 0 ? malloc(size) : NULL;
}

/* Whichever allocation fails, a copy is NULL and leaves nothing behind (which the leak checker sees). */
static void copies_without_memory(void **state)
{
    (void)state;
    cJSON *object = valid_object(&tm_schema_conv_info);
    cJSON_Hooks hooks = {failing_malloc, free};
    cJSON_InitHooks(&hooks);
    cJSON *copy = NULL;
    int tries = 0;
    for (; !copy; tries++) {
        allocations_left = tries;
        copy = tm_schema_copy_object(&tm_schema_conv_info, object, 0);
    }
    cJSON_InitHooks(NULL);
    assert_true(tries > 50);
    cJSON_Delete(copy);
    cJSON_Delete(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_of_every_struct),
        cmocka_unit_test(every_key_of_every_element),
        cmocka_unit_test(tables_are_whole),
        cmocka_unit_test(tables_have_the_headers_keys),
        cmocka_unit_test(tables_have_the_headers_enums),
        cmocka_unit_test(the_root),
        cmocka_unit_test(sentences),
        cmocka_unit_test(elem_type_in_every_mode),
        cmocka_unit_test(rule_17_what_can_be_sent),
        cmocka_unit_test(what_only_sending_needs),
        cmocka_unit_test(messages_to_keep_and_to_name),
        cmocka_unit_test(messages_inside),
        cmocka_unit_test(unknown_keys_are_ignored),
        cmocka_unit_test(copies),
        cmocka_unit_test(copies_of_every_struct),
        cmocka_unit_test(big_numbers_survive),
        cmocka_unit_test(copies_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

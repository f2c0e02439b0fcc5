/* Fuzz target: JSON by itself: what the parser takes and refuses, held against cJSON's; that text and tree say the same,
 * both ways; and that a Lua value comes out the same from either. An input is a text. */
#include "lua/value_internal.h"
#include "same.h"
#include "stage.h"
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_LITERAL 60 /* cJSON as released cuts numbers behind 63 bytes */

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return tree_mutate(data, size, most, seed, 0);
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *one, size_t one_size, const uint8_t *other, size_t other_size,
                                 uint8_t *out, size_t most, unsigned seed)
{
    return tree_cross(one, one_size, other, other_size, out, most, seed, 0);
}

static lua_State *state(void)
{
    static lua_State *L;
    if (L) return L;
    if (!(L = luaL_newstate())) stage_wrong("out of memory");
    tm_keys_open(L);
    return L;
}

/* Whether cJSON sees all of each number. */
static bool within_cjson(const char *text)
{
    size_t run = 0;
    for (; *text; text++) {
        run = strchr("0123456789+-.eE", *text) ? run + 1 : 0;
        if (run > LONGEST_LITERAL) return false;
    }
    return true;
}

/* ---- against cJSON ---- */

static void check_parser(const char *text, const cJSON *ours, const tm_error *err)
{
    const char *end = NULL;
    cJSON *theirs = cJSON_ParseWithLengthOpts(text, strlen(text) + 1, &end, 1);
    if (ours && !same_is_strict(ours)) stage_wrong("what must be refused was taken");
    if (ours && !theirs && within_cjson(text)) stage_wrong("cJSON refuses what was taken");
    if (ours && theirs && within_cjson(text) && !same_trees(ours, theirs))
        stage_wrong("cJSON reads another tree");
    if (!ours &&
        (!*err->text || err->code != TIM_ERR_JSON || !tm_utf8_valid(err->text, strlen(err->text), NULL)))
        stage_wrong("refused without a sentence");
    if (!ours && theirs && same_is_strict(theirs)) {
        /* what cJSON is lenient with is gone from its text, and so are last bits of some numbers */
        tm_error why = {0};
        char *clean = cJSON_PrintUnformatted(theirs);
        cJSON *again = clean ? tm_json_parse(clean, strlen(clean), 0, &why) : NULL;
        cJSON *cleaned = clean ? cJSON_Parse(clean) : NULL;
        /* and the greatest numbers, with fewer digits, are infinite */
        if (cleaned && same_is_strict(cleaned)) {
            if (!again) stage_wrong(why.text);
            if (!same_trees(again, cleaned)) stage_wrong("cJSON's text is another tree");
        }
        cJSON_Delete(again);
        cJSON_Delete(cleaned);
        cJSON_free(clean);
    }
    cJSON_Delete(theirs);
}

/* `text` is ours. */
static void check_printer(const cJSON *tree, const char *text)
{
    char *theirs = cJSON_PrintUnformatted(tree);
    if (!theirs || strcmp(text, theirs) != 0) stage_wrong("cJSON prints another text");
    cJSON_free(theirs);
}

/* ---- numbers ---- */

/* A whole number of plain digits has the value that the C library reads. */
static void check_number(const cJSON *node)
{
    const char *text = node->valuestring;
    size_t digits = cJSON_IsRaw(node) ? strspn(text + (*text == '-'), "0123456789") : 0;
    if (!digits || text[digits + (*text == '-')]) return;
    int64_t value_int;
    uint64_t value_uint;
    tm_json_number kind = tm_json_number_kind(node, &value_int, &value_uint);
    errno = 0;
    long long as_int = strtoll(text, NULL, 10);
    bool fits_int = errno == 0;
    errno = 0;
    unsigned long long as_uint = strtoull(text, NULL, 10);
    bool fits_uint = errno == 0 && *text != '-';
    if ((kind == TM_JSON_INT64) != fits_int || (kind == TM_JSON_UINT64) != (fits_uint && !fits_int))
        stage_wrong("a number is of another kind");
    if ((fits_int && value_int != as_int) || (fits_uint && value_uint != as_uint))
        stage_wrong("a number has another value");
}

static void check_numbers(const cJSON *node)
{
    check_number(node);
    for (const cJSON *child = node->child; child; child = child->next)
        check_numbers(child);
}

/* ---- Lua ---- */

/* The value of a tree, and of its text: the same. And the tree that comes back. */
static void check_lua(cJSON *tree, const char *text)
{
    lua_State *L = state();
    const tm_key_index *index = tm_keys_push(L);
    lua_getiuservalue(L, -1, TM_UV_TEXTS);
    int texts = lua_gettop(L);
    size_t length = strlen(text);
    char *list = malloc(length + 3);
    cJSON *array = cJSON_CreateArray();
    if (!list || !array || !cJSON_AddItemToArray(array, tree)) stage_wrong("out of memory");
    list[0] = '[';
    memcpy(list + 1, text, length);
    strcpy(list + 1 + length, "]");
    luaL_checkstack(L, TM_VALUE_SLOTS, NULL);
    tm_value_push_array(L, index, texts, array, false);
    if (tm_value_push_array_text(L, index, texts, list)) {
        if (lua_gettop(L) != texts + 2 || !same_values(L, texts + 1, texts + 2))
            stage_wrong("text and tree are different values");
    } else if (lua_gettop(L) != texts + 1 || !same_is_special(array)) {
        stage_wrong("a text was left to the tree");
    }
    tm_error err = {0};
    cJSON *again = tm_value_to_tree(L, texts + 1, true, &err);
    if (again ? !same_but_for_lua(array, again) : same_depth(array) <= TM_JSON_MAX_DEPTH)
        stage_wrong(again ? "another tree came back from Lua" : err.text);
    cJSON_Delete(again);
    cJSON_DetachItemFromArray(array, 0); /* it is the caller's */
    cJSON_Delete(array);
    free(list);
    lua_settop(L, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tm_error err = {0};
    /* copies of the exact size: a byte read beyond them is seen. One with NULs and without an end, one as C has it */
    char *bytes = malloc(size ? size : 1), *text = malloc(size + 1);
    if (!bytes || !text) stage_wrong("out of memory");
    if (size) memcpy(bytes, data, size);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    cJSON *tree = tm_json_parse(bytes, size, 0, &err);
    free(bytes);
    if (tree && memchr(data, 0, size)) stage_wrong("a NUL was taken");
    if (strlen(text) == size) check_parser(text, tree, &err);
    free(text);
    if (!tree) return 0;
    stage_check_tree(tree);
    check_numbers(tree);
    char *printed = tm_json_print(tree);
    check_printer(tree, printed);
    check_lua(tree, printed);
    tm_free(printed);
    cJSON_Delete(tree);
    return 0;
}

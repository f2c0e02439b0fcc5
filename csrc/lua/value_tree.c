/* Value: from a Lua table to a JSON tree. See value.h.
 *
 * Nothing here raises: room on the Lua stack is made before the first node, and only functions that need no
 * memory of Lua are called. So a tree in the making can't leak, and on failure the caller of it all resets
 * the stack. */
#include "value_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct walk {
    lua_State *L;
    const tm_key_index *index;
    tm_error *err;
} walk;

/* Where the walk is: the table's place in its parent. The root has neither key nor number. */
typedef struct place {
    const struct place *parent;
    const void *table;  /* the table's address, to notice one within itself */
    const char *key;    /* in an object: the key under work */
    lua_Integer number; /* in an array: the entry under work, from 1 */
    int depth;          /* 1: the root */
} place;

static size_t append(char *text, size_t length, const char *more)
{
    while (*more && length + 1 < TM_ERROR_TEXT)
        text[length++] = *more++;
    text[length] = '\0';
    return length;
}

static size_t append_path(char *text, const place *at)
{
    if (!at) return 0;
    size_t length = append_path(text, at->parent);
    if (at->key) {
        if (length) length = append(text, length, ".");
        return append(text, length, at->key);
    }
    if (at->number == 0) return length;
    char number[32];
    lua_Integer rest = at->number;
    size_t first = sizeof number;
    number[--first] = '\0';
    number[--first] = ']';
    for (; rest > 0; rest /= 10)
        number[--first] = (char)('0' + rest % 10);
    number[--first] = '[';
    return append(text, length, number + first);
}

/* Fails with a sentence behind the path of what is under work at `at`. Returns NULL. */
static cJSON *fail(const walk *w, const place *at, const char *format, ...) TM_PRINTF(3, 4);
static cJSON *fail(const walk *w, const place *at, const char *format, ...)
{
    char sentence[160], path[TM_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    size_t length = append_path(path, at);
    if (length + strlen(sentence) + 3 > TM_ERROR_TEXT) {
        /* A path that fills the whole text would hide what is wrong. */
        length = TM_ERROR_TEXT - strlen(sentence) - 6;
        memcpy(path + length, "...", 4);
        length += 3;
    }
    tm_fail(w->err, TIM_ERR_JSON, "%.*s%s%s", (int)length, path, length ? ": " : "", sentence);
    return NULL;
}

static cJSON *fail_memory(const walk *w)
{
    tm_fail_memory(w->err);
    return NULL;
}

/* True if the text is ASCII without NUL: most are. */
static bool is_plain(const char *text, size_t length)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t eight;
        memcpy(&eight, text, 8);
        if ((eight | (eight - ones)) & highs) return false; /* a high bit, or a zero that borrowed one */
    }
    for (; length > 0; text++, length--)
        if ((unsigned char)(*text - 1) >= 0x7f) return false;
    return true;
}

bool tm_value_is_text(const char *text, size_t length, size_t *bad)
{
    return is_plain(text, length) || tm_utf8_valid(text, length, bad);
}

static cJSON *text_node(const walk *w, const place *at, const char *text, size_t length)
{
    size_t bad = 0;
    if (!tm_value_is_text(text, length, &bad))
        return fail(w, at, text[bad] ? "not UTF-8 at byte %zu" : "a NUL at byte %zu", bad + 1);
    cJSON *node = cJSON_CreateString(text);
    return node ? node : fail_memory(w);
}

/* A whole number becomes an integer, unless the schema says double. */
static cJSON *float_node(lua_Number value, const tm_field *field)
{
    bool whole = floor(value) == value && !(field && field->type == TM_DOUBLE);
    if (whole && value >= -0x1p63 && value < 0x1p63) return tm_json_new_int((int64_t)value);
    if (whole && value >= 0x1p63 && value < 0x1p64) return tm_json_new_uint((uint64_t)value);
    return tm_json_new_double((double)value);
}

static cJSON *number_node(const walk *w, const place *at, const tm_field *field)
{
    cJSON *node;
    if (!lua_isinteger(w->L, -1)) {
        lua_Number value = lua_tonumber(w->L, -1);
        if (isnan(value)) return fail(w, at, "not a number (NaN)");
        if (isinf(value)) return fail(w, at, "an infinite number");
        node = float_node(value, field);
    } else if (field && field->type == TM_UINT64) {
        node = tm_json_new_uint((uint64_t)lua_tointeger(w->L, -1));
    } else {
        node = tm_json_new_int((int64_t)lua_tointeger(w->L, -1));
    }
    return node ? node : fail_memory(w);
}

static cJSON *table_node(const walk *w, const place *parent, bool is_array);

/* The value on top of the stack, which is what `at` says. [-0, +0, -] */
static cJSON *value_node(const walk *w, const place *at, const tm_field *field)
{
    lua_State *L = w->L;
    int type = lua_type(L, -1);
    switch (type) {
    case LUA_TSTRING: {
        size_t length;
        const char *text = lua_tolstring(L, -1, &length);
        return text_node(w, at, text, length);
    }
    case LUA_TNUMBER: return number_node(w, at, field);
    case LUA_TBOOLEAN: {
        cJSON *node = cJSON_CreateBool(lua_toboolean(L, -1));
        return node ? node : fail_memory(w);
    }
    case LUA_TTABLE: return table_node(w, at, field && field->type == TM_ARRAY);
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, -1)) {
            cJSON *node = cJSON_CreateNull();
            return node ? node : fail_memory(w);
        }
        break;
    default: break;
    }
    return fail(w, at, "a %s has no JSON form", lua_typename(L, type));
}

/* Puts `item` behind `last` (NULL: none yet) in `parent`. Returns the new last. */
static cJSON *link_item(cJSON *parent, cJSON *last, cJSON *item)
{
    if (last) {
        last->next = item;
        item->prev = last;
    } else {
        parent->child = item;
    }
    parent->child->prev = item; /* cJSON keeps the last one here */
    return item;
}

/* Names `item`. Known keys are not copied. Frees the item and returns false when memory is short. */
static bool name_item(cJSON *item, const tm_field *field, const char *key, size_t length)
{
    if (field) {
        item->string = (char *)(uintptr_t)field->key;
        item->type |= cJSON_StringIsConst;
        return true;
    }
    item->string = (char *)cJSON_malloc(length + 1);
    if (item->string) {
        memcpy(item->string, key, length + 1);
        return true;
    }
    cJSON_Delete(item);
    return false;
}

/* Whether no value of the type that is on top has a JSON form; of a pointer: whether it is not timmsg.null. */
static bool has_no_form(lua_State *L)
{
    int type = lua_type(L, -1);
    return type == LUA_TFUNCTION || type == LUA_TTHREAD || type == LUA_TUSERDATA ||
           (type == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1));
}

/* The table below the key and value on top, which are its first entry. [-2, +0, -] */
static cJSON *object_node(const walk *w, place *at)
{
    lua_State *L = w->L;
    cJSON *object = cJSON_CreateObject(), *last = NULL;
    if (!object) return fail_memory(w);
    do {
        if (lua_type(L, -2) != LUA_TSTRING) {
            at->key = NULL;
            if (lua_type(L, -2) == LUA_TNUMBER)
                fail(w, at, "has both names and numbers as keys");
            else
                fail(w, at, "has a %s as a key", luaL_typename(L, -2));
            goto out;
        }
        size_t length, bad = 0;
        const char *key = lua_tolstring(L, -2, &length);
        const tm_field *field = tm_keys_find_string(w->index, key, length);
        if (!field && !tm_value_is_text(key, length, &bad)) {
            at->key = NULL;
            fail(w, at,
                 key[bad] ? "has a key that is not UTF-8 at byte %zu" : "has a key with a NUL at byte %zu",
                 bad + 1);
            goto out;
        }
        at->key = key;
        /* what a host keeps on a message, say, is not refused: unknown keys are ignored (rule 4), whatever they hold */
        bool ignored = !field && has_no_form(L);
        cJSON *item = ignored ? cJSON_CreateFalse() : value_node(w, at, field);
        if (!item && ignored) fail_memory(w);
        if (!item) goto out;
        if (!name_item(item, field, key, length)) {
            fail_memory(w);
            goto out;
        }
        last = link_item(object, last, item);
        lua_pop(L, 1);
    } while (lua_next(L, -2));
    return object;

out:
    cJSON_Delete(object);
    return NULL;
}

/* How many entries the table has whose first key and value are on top, if its keys are 1, 2, ... without a
 * hole; else -1. [-2, +0, -] */
static lua_Integer count_entries(const walk *w, const place *at)
{
    lua_State *L = w->L;
    lua_Integer count = 0, highest = 0;
    do {
        if (!lua_isinteger(L, -2)) {
            if (lua_type(L, -2) == LUA_TSTRING)
                fail(w, at, "has both names and numbers as keys");
            else if (lua_type(L, -2) == LUA_TNUMBER)
                fail(w, at, "has a fraction as a key");
            else
                fail(w, at, "has a %s as a key", luaL_typename(L, -2));
            return -1;
        }
        lua_Integer key = lua_tointeger(L, -2);
        if (key < 1) {
            fail(w, at, "has the key " LUA_INTEGER_FMT "; arrays begin with 1", (LUAI_UACINT)key);
            return -1;
        }
        if (key > highest) highest = key;
        count++;
        lua_pop(L, 1);
    } while (lua_next(L, -2));
    if (highest == count) return count;
    lua_Integer hole = 1;
    while (lua_rawgeti(L, -1, hole) != LUA_TNIL) {
        lua_pop(L, 1);
        hole++;
    }
    lua_pop(L, 1);
    fail(w, at, "has a hole: entry " LUA_INTEGER_FMT " is nil", (LUAI_UACINT)hole);
    return -1;
}

/* The same for an array. [-2, +0, -] */
static cJSON *array_node(const walk *w, place *at)
{
    lua_State *L = w->L;
    lua_Integer count = count_entries(w, at);
    if (count < 0) return NULL;
    cJSON *array = cJSON_CreateArray(), *last = NULL;
    if (!array) return fail_memory(w);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        at->number = i;
        cJSON *item = value_node(w, at, NULL);
        if (!item) {
            cJSON_Delete(array);
            return NULL;
        }
        last = link_item(array, last, item);
        lua_pop(L, 1);
    }
    return array;
}

/* The table on top of the stack, which is what `parent` says; an empty one without a mark is an array if
 * `is_array`.
 * [-0, +0, -; on failure anything may lie on top] */
static cJSON *table_node(const walk *w, const place *parent, bool is_array)
{
    lua_State *L = w->L;
    place at = {parent, lua_topointer(L, -1), NULL, 0, parent ? parent->depth + 1 : 1};
    if (at.depth > TM_JSON_MAX_DEPTH) return fail(w, parent, "nested over %d deep", TM_JSON_MAX_DEPTH);
    for (const place *outer = parent; outer; outer = outer->parent)
        if (outer->table == at.table) return fail(w, parent, "a table within itself");

    const void *marked = NULL;
    if (lua_getmetatable(L, -1)) {
        marked = lua_topointer(L, -1);
        lua_pop(L, 1);
        if (marked == tm_keys_array_mark(w->index)) is_array = true;
        if (marked == tm_keys_object_mark(w->index)) is_array = false;
    }
    lua_pushnil(L);
    cJSON *node;
    if (!lua_next(L, -2)) {
        /* metamethods are not asked, and what is empty means all to some calls */
        if (marked && marked != tm_keys_array_mark(w->index) && marked != tm_keys_object_mark(w->index))
            return fail(w, parent, "an empty table with a metatable");
        node = is_array ? cJSON_CreateArray() : cJSON_CreateObject();
        return node ? node : fail_memory(w);
    }
    bool has_numbers = lua_type(L, -2) == LUA_TNUMBER;
    if (marked == tm_keys_array_mark(w->index) && !has_numbers)
        return fail(w, parent, "marked as an array, but has a %s as a key", luaL_typename(L, -2));
    if (marked == tm_keys_object_mark(w->index) && has_numbers)
        return fail(w, parent, "marked as an object, but has a number as a key");
    return has_numbers ? array_node(w, &at) : object_node(w, &at);
}

cJSON *tm_value_to_tree(lua_State *L, int index, bool is_array, tm_error *err)
{
    tm_error unread;
    walk w = {L, NULL, err ? err : &unread};
    int top = lua_gettop(L);
    if (!lua_checkstack(L, TM_VALUE_SLOTS * (TM_JSON_MAX_DEPTH + 1))) return fail_memory(&w);
    lua_pushvalue(L, index);
    w.index = tm_keys_push(L);
    lua_pop(L, 1);
    cJSON *tree = table_node(&w, NULL, is_array);
    lua_settop(L, top);
    return tree;
}

/* Same: see same.h. */
#include "same.h"

#include "schema.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_LEVELS 64

static double number(const cJSON *node)
{
    return cJSON_IsRaw(node) ? strtod(node->valuestring, NULL) : node->valuedouble;
}

static bool is_number(const cJSON *node)
{
    return cJSON_IsNumber(node) || cJSON_IsRaw(node);
}

bool same_trees(const cJSON *one, const cJSON *other)
{
    if (is_number(one)) return is_number(other) && number(one) == number(other);
    if ((one->type & 0xff) != (other->type & 0xff)) return false;
    if (cJSON_IsString(one)) return strcmp(one->valuestring, other->valuestring) == 0;
    const cJSON *left = one->child, *right = other->child;
    for (; left && right; left = left->next, right = right->next) {
        if (cJSON_IsObject(one) && strcmp(left->string, right->string) != 0) return false;
        if (!same_trees(left, right)) return false;
    }
    return !left && !right;
}

/* By the table of RFC 3629. */
static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        int more = *p < 0x80                  ? 0
                   : *p >= 0xc2 && *p <= 0xdf ? 1
                   : (*p & 0xf0) == 0xe0      ? 2
                   : *p >= 0xf0 && *p <= 0xf4 ? 3
                                              : -1;
        if (more < 0) return false;
        if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
            (*p == 0xf4 && p[1] > 0x8f))
            return false;
        for (p++; more > 0; more--, p++)
            if ((*p & 0xc0) != 0x80) return false;
    }
    return true;
}

int same_depth(const cJSON *tree)
{
    int deepest = 0;
    for (const cJSON *child = tree->child; child; child = child->next) {
        int depth = same_depth(child);
        if (depth > deepest) deepest = depth;
    }
    return cJSON_IsArray(tree) || cJSON_IsObject(tree) ? deepest + 1 : 0;
}

static bool is_strict(const cJSON *node)
{
    if (cJSON_IsString(node) && !is_utf8(node->valuestring)) return false;
    if (cJSON_IsNumber(node) && !isfinite(node->valuedouble)) return false;
    for (const cJSON *child = node->child; child; child = child->next) {
        if (!is_strict(child)) return false;
        if (!cJSON_IsObject(node)) continue;
        if (!is_utf8(child->string)) return false;
        for (const cJSON *twin = child->next; twin; twin = twin->next)
            if (strcmp(child->string, twin->string) == 0) return false;
    }
    return true;
}

bool same_is_strict(const cJSON *tree)
{
    return same_depth(tree) <= MOST_LEVELS && is_strict(tree);
}

static bool has_raw(const cJSON *node)
{
    bool found = cJSON_IsRaw(node);
    for (const cJSON *child = node->child; child && !found; child = child->next)
        found = has_raw(child);
    return found;
}

bool same_is_special(const cJSON *tree)
{
    return same_depth(tree) > MOST_LEVELS || has_raw(tree);
}

/* ---- by way of Lua ---- */

/* What the schema says of a key; NULL: nothing. */
static const tm_field *known(const char *key)
{
    size_t count;
    const tm_struct *const *all = tm_schema_structs(&count);
    for (size_t i = 0; i < count; i++)
        for (size_t n = 0; n < all[i]->count; n++)
            if (strcmp(all[i]->fields[n].key, key) == 0) return &all[i]->fields[n];
    return NULL;
}

static size_t count_but_null(const cJSON *object)
{
    size_t count = 0;
    for (const cJSON *child = object->child; child; child = child->next)
        count += !cJSON_IsNull(child);
    return count;
}

static bool same_number(const cJSON *before, const cJSON *after, const tm_field *field)
{
    double value = number(before);
    if (!is_number(after)) return false;
    /* a lua_Integer of the same 64 bits comes back without its sign */
    if (field && field->type == TM_UINT64 && value < 0) return true;
    return number(after) == value;
}

static bool same_in_lua(const cJSON *before, const cJSON *after, const tm_field *field)
{
    if (is_number(before)) return same_number(before, after, field);
    if (cJSON_IsArray(before)) {
        const cJSON *left = before->child, *right = after->child;
        if (!left) return !right && (cJSON_IsArray(after) || (field && cJSON_IsObject(after)));
        for (; left && right; left = left->next, right = right->next)
            if (!same_in_lua(left, right, NULL)) return false;
        return cJSON_IsArray(after) && !left && !right;
    }
    if (cJSON_IsObject(before)) {
        size_t count = count_but_null(before);
        if (!count) return !after->child && (cJSON_IsObject(after) || (field && field->type == TM_ARRAY));
        for (const cJSON *left = before->child; left; left = left->next) {
            if (cJSON_IsNull(left)) continue;
            const cJSON *right = cJSON_GetObjectItemCaseSensitive(after, left->string);
            if (!right || !same_in_lua(left, right, known(left->string))) return false;
        }
        return cJSON_IsObject(after) && count == count_but_null(after);
    }
    return same_trees(before, after);
}

bool same_but_for_lua(const cJSON *before, const cJSON *after)
{
    return same_in_lua(before, after, NULL);
}

static bool same_metatables(lua_State *L, int one, int other)
{
    bool left = lua_getmetatable(L, one), right = lua_getmetatable(L, other);
    bool same = left == right && (!left || lua_rawequal(L, -1, -2));
    lua_pop(L, left + right);
    return same;
}

bool same_values(lua_State *L, int one, int other)
{
    if (lua_type(L, one) != lua_type(L, other) || lua_isinteger(L, one) != lua_isinteger(L, other))
        return false;
    if (!lua_istable(L, one)) return lua_rawequal(L, one, other);
    if (!same_metatables(L, one, other)) return false;
    luaL_checkstack(L, 5, NULL);
    size_t left = 0, right = 0;
    for (lua_pushnil(L); lua_next(L, other); lua_pop(L, 1))
        right++;
    for (lua_pushnil(L); lua_next(L, one); lua_pop(L, 1), left++) {
        int value = lua_gettop(L);
        lua_pushvalue(L, -2);
        lua_rawget(L, other);
        bool same = same_values(L, value, value + 1);
        lua_pop(L, 1);
        if (!same) {
            lua_pop(L, 2);
            return false;
        }
    }
    return left == right;
}

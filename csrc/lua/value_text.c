/* Value: from the library's own JSON text to a Lua table, without a tree in between, whose nodes would each be allocated
 * and freed. See value_internal.h.
 *
 * What such a text seldom has (a fraction, a long number) takes the tree's way of pushing it; what it never has (white
 * space, surrogates) ends it, so that the caller asks the parser. */
#include "value_internal.h"

#include <string.h>

#define MOST_LITERAL 64
/* So many entries of an object are collected on the stack before its table is made, in the right size. */
#define COLLECTED 16

typedef struct text_reader {
    lua_State *L;
    const tm_key_index *index;
    int texts, depth;
    const char *at, *end;
} text_reader;

static bool read_value(text_reader *r, const tm_field *field);

static bool take(text_reader *r, char c)
{
    if (r->at == r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The character that the escape at `p` (behind the backslash) stands for; 0: none of ours. Moves `*p` behind it. */
static char unescape(const char **p, const char *end)
{
    static const char letters[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = *p < end ? *(*p)++ : '\0';
    const char *found = c ? strchr(letters, c) : NULL;
    if (found) return values[found - letters];
    if (c != 'u' || end - *p < 4 || (*p)[0] != '0' || (*p)[1] != '0') return '\0';
    int high = hex_digit((*p)[2]), low = hex_digit((*p)[3]);
    if (high < 0 || high > 7 || low < 0) return '\0';
    *p += 4;
    return (char)(high << 4 | low);
}

/* The string at r->at (behind its quote), which has escapes. [-0, +1, m]; on false too */
static bool push_escaped(text_reader *r)
{
    luaL_Buffer buffer;
    const char *p = r->at;
    bool ok = true;
    luaL_buffinit(r->L, &buffer);
    while (ok && p < r->end && *p != '"') {
        const char *start = p;
        while (p < r->end && *p != '"' && *p != '\\')
            p++;
        luaL_addlstring(&buffer, start, (size_t)(p - start));
        if (p == r->end || *p == '"') break;
        p++;
        char c = unescape(&p, r->end);
        ok = c != '\0';
        luaL_addchar(&buffer, c);
    }
    luaL_pushresult(&buffer);
    r->at = p;
    return ok && take(r, '"');
}

/* [-0, +1, m]; on false as it comes, here and below: the caller of all resets the stack */
static bool read_string(text_reader *r)
{
    if (!take(r, '"')) return false;
    const char *quote = (const char *)memchr(r->at, '"', (size_t)(r->end - r->at));
    if (!quote) return false;
    size_t length = (size_t)(quote - r->at);
    if (memchr(r->at, '\\', length)) return push_escaped(r);
    lua_pushlstring(r->L, r->at, length);
    r->at = quote + 1;
    return true;
}

/* Pushes a key's string: that of the API's, if it is one. [-0, +1, m] */
static bool read_key(text_reader *r, const tm_field **field)
{
    const char *start = r->at + 1;
    const char *quote =
        r->end - r->at > 1 ? (const char *)memchr(start, '"', (size_t)(r->end - start)) : NULL;
    int number = quote ? tm_keys_find_text(r->index, start, (size_t)(quote - start)) : 0;
    *field = NULL;
    if (!number) return read_string(r);
    *field = tm_keys_field(r->index, number);
    lua_rawgeti(r->L, r->texts, number);
    r->at = quote + 1;
    return true;
}

/* A number that is not a whole one of at most 15 digits. */
static bool read_literal(text_reader *r, const tm_field *field)
{
    char copy[MOST_LITERAL + 1];
    tm_json_literal literal;
    const unsigned char *at = (const unsigned char *)r->at;
    if (!tm_json_read_literal(at, (const unsigned char *)r->end, &literal)) return false;
    if (literal.keep != literal.length || literal.length > MOST_LITERAL) return false;
    memcpy(copy, r->at, literal.length);
    copy[literal.length] = '\0';
    r->at += literal.length;
    cJSON node = {NULL, NULL, NULL, cJSON_Raw, copy, 0, 0, NULL};
    if (literal.verbatim)
        tm_value_push_raw(r->L, &node, field);
    else
        tm_value_push_number(r->L, tm_json_double(&node), field);
    return true;
}

/* [-0, +1, -] */
static bool read_number(text_reader *r, const tm_field *field)
{
    const char *p = r->at, *digits;
    bool negative = *p == '-';
    lua_Integer value = 0;
    digits = p += negative;
    for (; p < r->end && *p >= '0' && *p <= '9' && p - digits < 16; p++)
        value = value * 10 + (*p - '0');
    bool is_whole = p == r->end || (*p != '.' && *p != 'e' && *p != 'E' && (*p < '0' || *p > '9'));
    bool is_plain = is_whole && p > digits && p - digits <= 15 && (*digits != '0' || p - digits == 1);
    if (!is_plain || (negative && !value)) return read_literal(r, field);
    r->at = p;
    tm_value_push_number(r->L, (double)(negative ? -value : value), field);
    return true;
}

/* [-0, +1, m] */
static bool read_array(text_reader *r, bool mark_empty)
{
    lua_State *L = r->L;
    lua_Integer number = 0;
    r->at++;
    lua_createtable(L, 1, 0);
    if (take(r, ']')) {
        if (!mark_empty) return true;
        lua_getiuservalue(L, r->texts - 1, TM_UV_ARRAY_MARK);
        lua_setmetatable(L, -2);
        return true;
    }
    do {
        if (!read_value(r, NULL)) return false;
        lua_rawseti(L, -2, ++number);
    } while (take(r, ','));
    return take(r, ']');
}

/* [-0, +1, m] */
static bool read_object(text_reader *r)
{
    lua_State *L = r->L;
    const tm_field *field;
    int first = lua_gettop(L) + 1, collected = 0;
    bool more = true;
    r->at++;
    if (take(r, '}')) {
        lua_createtable(L, 0, 0);
        return true;
    }
    for (; more && collected < COLLECTED; more = take(r, ',')) {
        if (!read_key(r, &field) || !take(r, ':') || !read_value(r, field)) return false;
        if (lua_islightuserdata(L, -1)) /* null: as if the key were not there */
            lua_pop(L, 2);
        else
            collected++;
    }
    lua_createtable(L, 0, collected + (more ? COLLECTED : 0));
    lua_insert(L, first);
    while (collected--)
        lua_rawset(L, first);
    for (; more; more = take(r, ',')) {
        if (!read_key(r, &field) || !take(r, ':') || !read_value(r, field)) return false;
        if (lua_islightuserdata(L, -1))
            lua_pop(L, 2);
        else
            lua_rawset(L, first);
    }
    return take(r, '}');
}

static bool take_word(text_reader *r, const char *word, size_t length)
{
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

/* [-0, +1, m] */
static bool read_value(text_reader *r, const tm_field *field)
{
    bool ok;
    if (r->at == r->end) return false;
    switch (*r->at) {
    case '"': return read_string(r);
    case 't': lua_pushboolean(r->L, 1); return take_word(r, "true", 4);
    case 'f': lua_pushboolean(r->L, 0); return take_word(r, "false", 5);
    case 'n': tm_value_push_null(r->L); return take_word(r, "null", 4);
    case '[':
    case '{':
        if (r->depth == TM_JSON_MAX_DEPTH) return false;
        luaL_checkstack(r->L, 2 * COLLECTED + TM_VALUE_SLOTS, "a value nested too deep");
        r->depth++;
        ok = *r->at == '[' ? read_array(r, !field) : read_object(r);
        r->depth--;
        return ok;
    default: return read_number(r, field);
    }
}

bool tm_value_push_array_text(lua_State *L, const tm_key_index *index, int texts, const char *text)
{
    text_reader r = {L, index, texts, 0, text, text + strlen(text)};
    int top = lua_gettop(L);
    luaL_checkstack(L, TM_VALUE_SLOTS, "a result");
    if (*text == '[' && read_array(&r, false) && r.at == r.end) return true;
    lua_settop(L, top);
    return false;
}

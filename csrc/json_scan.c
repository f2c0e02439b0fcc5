/* JSON, the strict pass: checks a text byte by byte and copies it where literals must be kept. See
 * json_internal.h. */
#include "json_internal.h"

#include "include/TIMCloudDef.h"

#include <stdio.h>
#include <string.h>

/* ---- Paths in errors ---- */

size_t tm_json_append_text(char *out, size_t used, const char *text, size_t length, size_t most)
{
    if (length > most) {
        length = most;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    for (size_t i = 0; i < length; i++)
        out[used++] = (unsigned char)text[i] < ' ' ? '?' : text[i];
    out[used] = '\0';
    return used;
}

void tm_json_write_path(char out[TM_JSON_PATH], const tm_json_step *steps, size_t count, int index_base)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        if (used + TM_JSON_KEY + sizeof "....: " > TM_JSON_PATH) {
            used = tm_json_append_text(out, used, "...", 3, 3);
            break;
        }
        if (steps[i].key) {
            if (used) used = tm_json_append_text(out, used, ".", 1, 1);
            used = tm_json_append_text(out, used, steps[i].key, steps[i].length, TM_JSON_KEY);
        } else {
            used += (size_t)snprintf(out + used, TM_JSON_PATH - used, "[%zu]",
                                     steps[i].index + (size_t)index_base);
        }
    }
    if (used) tm_json_append_text(out, used, ": ", 2, 2);
}

/* ---- The copy ---- */

/* Copies up to the literal at `start`, and the literal. False when memory is short. */
static bool copy_literal(tm_json_copy *copy, const char *text, size_t length, size_t start,
                         const tm_json_literal *literal)
{
    size_t before = start - copy->done;
    size_t need = copy->used + (length - copy->done) + 3; /* the rest of the text always fits */
    if (need > copy->room) {
        size_t room = need + need / 8 + 64;
        char *grown = tm_realloc(copy->text, room);
        if (!grown) return false;
        copy->text = grown;
        copy->room = room;
    }
    char *out = copy->text + copy->used;
    memcpy(out, text + copy->done, before);
    out += before;
    if (literal->verbatim) {
        *out++ = '"';
        *out++ = (char)TM_JSON_MARK;
    }
    memcpy(out, text + start, literal->keep);
    out += literal->keep;
    if (literal->verbatim) *out++ = '"';
    copy->used = (size_t)(out - copy->text);
    copy->done = start + literal->length;
    return true;
}

/* Copies what is behind the last literal. */
static void finish_copy(tm_json_copy *copy, const char *text, size_t length)
{
    if (!copy->text) return;
    memcpy(copy->text + copy->used, text + copy->done, length - copy->done);
    copy->used += length - copy->done;
    copy->done = length;
}

/* ---- The pass ---- */

struct scan {
    const unsigned char *text, *at, *end;
    tm_json_copy *copy;
    tm_json_step steps[TM_JSON_MAX_DEPTH];
    size_t depth;
    int index_base;
    tm_error *err;
};

static bool scan_value(struct scan *s);

static bool fail_at(struct scan *s, const unsigned char *at, const char *what)
{
    tm_fail(s->err, TIM_ERR_JSON, "byte %zu: %s", (size_t)(at - s->text), what);
    return false;
}

/* For what is wrong with a string's content: a caller knows the key better than the byte. */
static bool fail_in_string(struct scan *s, const unsigned char *at, size_t steps, const char *what)
{
    char path[TM_JSON_PATH];
    tm_json_write_path(path, s->steps, steps, s->index_base);
    tm_fail(s->err, TIM_ERR_JSON, "%sbyte %zu: %s", path, (size_t)(at - s->text), what);
    return false;
}

/* The next byte that is no white space; '\0' at the end, where the text can't have one anyway. */
static unsigned char peek(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
    return s->at < s->end ? *s->at : '\0';
}

/* The four hexadecimal digits of a \u at `p`; -1 if they are none. */
static int32_t read_hex4(const unsigned char *p, const unsigned char *end)
{
    int32_t value = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        unsigned char c = p[i] | 0x20;
        if (p[i] >= '0' && p[i] <= '9') {
            value = value * 16 + (p[i] - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);
        } else {
            return -1;
        }
    }
    return value;
}

/* The length of the escape at `p` (a backslash); 0 with `*what` set if it is bad. */
static size_t read_escape(const unsigned char *p, const unsigned char *end, const char **what)
{
    *what = "bad escape in a string";
    if (end - p < 2) return 0;
    if (p[1] != 'u') return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    int32_t code = read_hex4(p + 2, end);
    if (code < 0) return 0;
    if (code == 0) *what = "\\u0000 in a string";
    if (code >= 0xd800 && code <= 0xdfff) {
        *what = "half of a surrogate pair in a string";
        if (code >= 0xdc00 || end - p < 8 || p[6] != '\\' || p[7] != 'u') return 0;
        code = read_hex4(p + 8, end);
        return code >= 0xdc00 && code <= 0xdfff ? 12 : 0;
    }
    return code ? 6 : 0;
}

/* The string at s->at (its quote). An error's path has `steps` steps. */
static bool scan_string(struct scan *s, size_t steps)
{
    const unsigned char *p = s->at + 1, *end = s->end;
    for (;;) {
        while (end - p >= 8 && tm_utf8_eight_plain(p))
            p += 8;
        while (p < end && *p >= ' ' && *p < 0x80 && *p != '"' && *p != '\\')
            p++;
        if (p == end) return fail_at(s, p, "the text ends inside a string");
        if (*p == '"') break;
        if (*p < ' ')
            return fail_in_string(s, p, steps, *p ? "control character in a string" : "NUL in a string");
        if (*p == '\\') {
            const char *what;
            size_t length = read_escape(p, end, &what);
            if (!length) return fail_in_string(s, p, steps, what);
            p += length;
        } else {
            do {
                size_t length = tm_utf8_length(p, (size_t)(end - p));
                if (!length) return fail_in_string(s, p, steps, "invalid UTF-8");
                p += length;
            } while (p < end && *p >= 0x80);
        }
    }
    s->at = p + 1;
    return true;
}

static bool scan_number(struct scan *s)
{
    tm_json_literal literal;
    if (!tm_json_read_literal(s->at, s->end, &literal))
        return fail_at(s, s->at + literal.length, "bad number");
    if ((literal.verbatim || literal.keep < literal.length) &&
        !copy_literal(s->copy, (const char *)s->text, (size_t)(s->end - s->text), (size_t)(s->at - s->text),
                      &literal)) {
        tm_fail_memory(s->err);
        return false;
    }
    s->at += literal.length;
    return true;
}

static bool scan_word(struct scan *s, const char *word, size_t length)
{
    if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
        return fail_at(s, s->at, "expected a value");
    s->at += length;
    return true;
}

/* The array or object at s->at (its bracket). */
static bool scan_container(struct scan *s)
{
    bool object = *s->at == '{';
    const unsigned char close = object ? '}' : ']';
    if (s->depth == TM_JSON_MAX_DEPTH) return fail_at(s, s->at, "nested too deep");
    tm_json_step *step = &s->steps[s->depth++];
    *step = (tm_json_step){NULL, 0, 0};
    s->at++;
    if (peek(s) != close) {
        for (;;) {
            if (object) {
                if (peek(s) != '"') return fail_at(s, s->at, "expected a key");
                step->key = (const char *)s->at + 1;
                if (!scan_string(s, s->depth - 1)) return false;
                step->length = (size_t)((const char *)s->at - step->key) - 1;
                if (peek(s) != ':') return fail_at(s, s->at, "expected ':'");
                s->at++;
            }
            if (!scan_value(s)) return false;
            unsigned char next = peek(s);
            if (next == close) break;
            if (next != ',') return fail_at(s, s->at, object ? "expected ',' or '}'" : "expected ',' or ']'");
            s->at++;
            step->index++;
        }
    }
    s->at++;
    s->depth--;
    return true;
}

static bool scan_value(struct scan *s)
{
    unsigned char first = peek(s);
    if (first == '-' || (first >= '0' && first <= '9')) return scan_number(s);
    switch (first) {
    case '{':
    case '[': return scan_container(s);
    case '"': return scan_string(s, s->depth);
    case 't': return scan_word(s, "true", 4);
    case 'f': return scan_word(s, "false", 5);
    case 'n': return scan_word(s, "null", 4);
    default: return fail_at(s, s->at, "expected a value");
    }
}

bool tm_json_scan(const char *text, size_t length, int index_base, tm_json_copy *copy, tm_error *err)
{
    struct scan s;
    s.text = s.at = (const unsigned char *)text;
    s.end = s.text + length;
    s.copy = copy;
    s.depth = 0;
    s.index_base = index_base;
    s.err = err;
    if (!scan_value(&s)) return false;
    peek(&s);
    if (s.at < s.end) return fail_at(&s, s.at, "expected nothing behind the value");
    finish_copy(copy, text, length);
    return true;
}

/* ---- The pass without checks ---- */

/* The byte behind the string at `p` (its quote); `end` if it has no end. */
static const unsigned char *skip_string(const unsigned char *p, const unsigned char *end)
{
    for (;;) {
        const unsigned char *quote = memchr(p + 1, '"', (size_t)(end - p - 1)), *run = quote;
        if (!quote) return end;
        while (run[-1] == '\\')
            run--; /* the quote at `p` stops this */
        if ((quote - run) % 2 == 0) return quote + 1;
        p = quote;
    }
}

bool tm_json_scan_own(const char *text, size_t length, tm_json_copy *copy)
{
    const unsigned char *start = (const unsigned char *)text, *p = start, *end = start + length;
    tm_json_literal literal;
    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
        } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
            if (!tm_json_read_literal(p, end, &literal)) break;
            if ((literal.verbatim || literal.keep < literal.length) &&
                !copy_literal(copy, text, length, (size_t)(p - start), &literal))
                return false;
            p += literal.length;
        } else {
            p++;
        }
    }
    finish_copy(copy, text, length);
    return true;
}

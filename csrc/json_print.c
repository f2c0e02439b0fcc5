/* JSON: tree to text. See json.h.
 *
 * The text is that of cJSON_PrintUnformatted, but for doubles of which cJSON loses the last bit. It is not printed by
 * cJSON since that prints each number with sprintf and reads it back: a fifth of the worker's time in an import. */
#include "json_out.h"

#include "json_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_START 512 /* a message with a short text fits */
#define LONGEST_NUMBER 32
#define SAFE_INTEGER 999999999999999 /* up to here cJSON prints all digits of a whole number */

/* Room for so many more bytes; NULL when memory is short. They count once `used` says so. */
static char *reserve(tm_json_out *out, size_t more)
{
    if (out->room - out->used < more && !out->failed) {
        size_t room = out->room ? out->room : ROOM_START;
        while (room - out->used < more)
            room *= 2;
        char *text = tm_realloc(out->text, room);
        if (text) {
            out->text = text;
            out->room = room;
        } else {
            out->failed = true;
        }
    }
    return out->failed ? NULL : out->text + out->used;
}

void tm_json_put(tm_json_out *out, const char *text, size_t length)
{
    char *to = reserve(out, length);
    if (!to) return;
    memcpy(to, text, length);
    out->used += length;
}

/* The letter behind the backslash, 'u' where there is none. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '\b': return 'b';
    case '\f': return 'f';
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < ' ' ? 'u' : (char)c;
    }
}

void tm_json_put_string(tm_json_out *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)(text ? text : ""), *end = p + strlen((const char *)p);
    tm_json_put(out, "\"", 1);
    while (p < end) {
        const unsigned char *start = p;
        while (end - p >= 8 && tm_utf8_eight_plain(p))
            p += 8;
        while (p < end && *p >= ' ' && *p != '"' && *p != '\\')
            p++;
        tm_json_put(out, (const char *)start, (size_t)(p - start));
        if (p == end) break;
        char escape[6] = {'\\', escape_of(*p), '0', '0', hex[*p >> 4], hex[*p & 15]};
        tm_json_put(out, escape, escape[1] == 'u' ? 6 : 2);
        p++;
    }
    tm_json_put(out, "\"", 1);
}

void tm_json_put_key(tm_json_out *out, bool is_first, const char *key)
{
    tm_json_put(out, is_first ? "{\"" : ",\"", 2);
    tm_json_put(out, key, strlen(key));
    tm_json_put(out, "\":", 2);
}

void tm_json_put_whole(tm_json_out *out, bool negative, uint64_t magnitude)
{
    char digits[LONGEST_NUMBER], *at = digits + sizeof digits;
    do {
        *--at = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude);
    if (negative) *--at = '-';
    tm_json_put(out, at, (size_t)(digits + sizeof digits - at));
}

/* A double that fifteen digits do not hold gets seventeen. */
static void put_fraction(tm_json_out *out, double value)
{
    char text[LONGEST_NUMBER];
    tm_c_locale locale = tm_c_locale_enter();
    int length = snprintf(text, sizeof text, "%1.15g", value);
    if (strtod(text, NULL) != value) length = snprintf(text, sizeof text, "%1.17g", value);
    tm_c_locale_leave(locale);
    tm_json_put(out, text, (size_t)length);
}

static void put_number(tm_json_out *out, double value)
{
    if (!isfinite(value))
        tm_json_put(out, "null", 4);
    else if (fabs(value) <= (double)SAFE_INTEGER && floor(value) == value && (value != 0 || !signbit(value)))
        tm_json_put_whole(out, value < 0, (uint64_t)fabs(value));
    else
        put_fraction(out, value);
}

void tm_json_put_node(tm_json_out *out, const cJSON *node)
{
    bool is_object = cJSON_IsObject(node);
    switch (node->type & 0xff) {
    case cJSON_NULL: tm_json_put(out, "null", 4); break;
    case cJSON_False: tm_json_put(out, "false", 5); break;
    case cJSON_True: tm_json_put(out, "true", 4); break;
    case cJSON_Number: put_number(out, node->valuedouble); break;
    case cJSON_String: tm_json_put_string(out, node->valuestring); break;
    case cJSON_Raw: tm_json_put(out, node->valuestring, strlen(node->valuestring)); break;
    default:
        tm_json_put(out, is_object ? "{" : "[", 1);
        for (const cJSON *child = node->child; child && !out->failed; child = child->next) {
            if (is_object) {
                tm_json_put_string(out, child->string);
                tm_json_put(out, ":", 1);
            }
            tm_json_put_node(out, child);
            if (child->next) tm_json_put(out, ",", 1);
        }
        tm_json_put(out, is_object ? "}" : "]", 1);
    }
}

void tm_json_put_double(tm_json_out *out, double value)
{
    char text[TM_JSON_DOUBLE];
    if (!isfinite(value)) {
        tm_json_put(out, "null", 4);
    } else if (value >= -0x1p63 && value < 0x1p64 && floor(value) == value &&
               (value != 0 || !signbit(value))) {
        tm_json_put_whole(out, value < 0, (uint64_t)fabs(value));
    } else {
        tm_json_write_double(text, value);
        tm_json_put(out, text, strlen(text));
    }
}

char *tm_json_put_end(tm_json_out *out)
{
    tm_json_put(out, "", 1);
    /* a text may be kept for long, so without the slack */
    char *text = out->failed ? NULL : tm_realloc(out->text, out->used);
    if (!text) tm_free(out->text);
    return text;
}

char *tm_json_print(const cJSON *tree)
{
    tm_json_out out = {NULL, 0, 0, false};
    if (!tree) return NULL;
    tm_json_put_node(&out, tree);
    return tm_json_put_end(&out);
}

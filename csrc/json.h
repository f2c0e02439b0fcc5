/* JSON: text to cJSON's tree and back, with what cJSON lacks: exact numbers and strict text.
 *
 * A number that a double or its printed form would change (more than 15 significant digits, or an exponent
 * that makes it as long) lives in the tree as a cJSON_Raw node that holds its literal; every other number
 * is a cJSON number. So look at numbers only through tm_json_get_*, tm_json_double and tm_json_number_kind,
 * and make them only with tm_json_add_*, tm_json_set_* and tm_json_new_*. Look-ups are case-sensitive. Safe
 * on any thread and under any locale; a tree belongs to one thread at a time. */
#ifndef TM_JSON_H
#define TM_JSON_H

#include "error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Arrays and objects may be nested this deep, in text and in Lua tables alike. */
#define TM_JSON_MAX_DEPTH 64

/* Text to tree: exactly one JSON value by RFC 8259. Refused (TIM_ERR_JSON): anything behind the value, bad
 * UTF-8, control characters in strings, a `\u0000`, lone surrogates, a duplicate key, numbers that no
 * double holds, depth over TM_JSON_MAX_DEPTH. The sentence has a byte's offset, counted from 0, or a path,
 * or both: `byte 17: expected a value`, `message_elem_array[2]: duplicate key "x"`, `message_sender: byte
 * 30: invalid UTF-8`. `index_base` is the number of an array's first entry in paths (0 for C, 1 for Lua).
 * `text` needs no NUL. The tree is owned by the caller (cJSON_Delete); NULL on failure. */
cJSON *tm_json_parse(const char *text, size_t length, int index_base, tm_error *err);
/* The same for text that this library printed itself: exact numbers, but no checks beyond cJSON's own.
 * Faster, and any depth that cJSON takes. */
cJSON *tm_json_parse_own(const char *text, size_t length, tm_error *err);
/* Tree to text without white space. Owned by the caller (tm_free). NULL only when memory is short or `tree` is
 * NULL. */
char *tm_json_print(const cJSON *tree);

/* Number nodes, exact over the whole range. Owned by the caller; NULL when memory is short. */
cJSON *tm_json_new_int(int64_t value);
cJSON *tm_json_new_uint(uint64_t value);
/* A finite double survives text and back bit for bit. JSON has no others: they become null. */
cJSON *tm_json_new_double(double value);

/* Adders: put a new node under `key` (borrowed; must outlive the tree, as the API's key constants do) at
 * the end of `object`, which must not have that key. Return false when memory is short. */
bool tm_json_add_int(cJSON *object, const char *key, int64_t value);
bool tm_json_add_uint(cJSON *object, const char *key, uint64_t value);
bool tm_json_add_bool(cJSON *object, const char *key, bool value);
/* Copies `value`; a NULL value is added as "". */
bool tm_json_add_string(cJSON *object, const char *key, const char *value);
/* Takes `item` over in every case (frees it on failure); a NULL `item` is a failure. */
bool tm_json_add_item(cJSON *object, const char *key, cJSON *item);
bool tm_json_append(cJSON *array, cJSON *item);
/* As tm_json_add_*, but replaces what is there, in its place. */
bool tm_json_set_uint(cJSON *object, const char *key, uint64_t value);
bool tm_json_set_string(cJSON *object, const char *key, const char *value);

/* What kind of number a node is, for checks. `3.0` and `2e3` are integers. */
typedef enum tm_json_number {
    TM_JSON_NOT_A_NUMBER,
    TM_JSON_FRACTION,     /* a number, but not whole */
    TM_JSON_INT64,        /* whole, fits int64_t (and uint64_t if not negative) */
    TM_JSON_UINT64,       /* whole, over INT64_MAX, fits uint64_t */
    TM_JSON_OUT_OF_RANGE, /* whole, fits neither */
} tm_json_number;
/* Each of the values (may be NULL) is written where it fits, else it is 0. `node` may be NULL. */
tm_json_number tm_json_number_kind(const cJSON *node, int64_t *value_int, uint64_t *value_uint);

/* Readers: the value under `key`, or `fallback` where it is absent, null, of another type or out of range.
 * Strings are borrowed from the tree. */
const cJSON *tm_json_get(const cJSON *object, const char *key); /* NULL for absent and for null */
bool tm_json_is_empty(const cJSON *object); /* NULL, {}, and an object of nothing but nulls */
uint64_t tm_json_get_uint(const cJSON *object, const char *key, uint64_t fallback);
int64_t tm_json_get_int(const cJSON *object, const char *key, int64_t fallback);
bool tm_json_get_bool(const cJSON *object, const char *key, bool fallback);
const char *tm_json_get_string(const cJSON *object, const char *key, const char *fallback);
/* The same of a node itself, which may be NULL. */
uint64_t tm_json_uint(const cJSON *node, uint64_t fallback);
bool tm_json_bool(const cJSON *node, bool fallback);
const char *tm_json_string(const cJSON *node, const char *fallback);
/* The value of any number node, raw ones too; 0 for anything else. */
double tm_json_double(const cJSON *node);

/* True if `length` bytes are UTF-8 without NUL; `*bad` (may be NULL) is the offset of the first bad
 * byte. */
bool tm_utf8_valid(const char *text, size_t length, size_t *bad);
/* A copy with each bad byte (NUL too) replaced by U+FFFD, for what peers wrote. Owned by the caller
 * (tm_free); NULL: memory. */
char *tm_utf8_repair(const char *text, size_t length);

#endif

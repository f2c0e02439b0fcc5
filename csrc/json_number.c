/* JSON, numbers: literals as text says them, nodes that keep them exact, and what a node is worth. See
 * json.h and json_internal.h. */
#include "json_internal.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAFE_DIGITS 15               /* so many significant digits survive a double and "%.15g" */
#define SAFE_INTEGER 999999999999999 /* the largest integer of that many digits */
#define SAFE_LENGTH 60               /* cJSON as released cuts literals at 63 bytes */

/* ---- Literals ---- */

static size_t digits(const unsigned char *p, const unsigned char *end)
{
    const unsigned char *start = p;
    while (p < end && *p >= '0' && *p <= '9')
        p++;
    return (size_t)(p - start);
}

bool tm_json_read_literal(const unsigned char *start, const unsigned char *end, tm_json_literal *out)
{
    const unsigned char *p = start;
    size_t count, whole, significant, exponent = 0, exponent_digits = 0;
    bool zeros = true, has_exponent = false, positive = true;

    if (p < end && *p == '-') p++;
    out->length = (size_t)(p - start);
    if (!(count = digits(p, end))) return false;
    if (*p == '0' && count > 1) return false;
    significant = *p == '0' ? 0 : count;
    p += count;
    whole = (size_t)(p - start);
    size_t whole_significant = significant;
    if (p < end && *p == '.') {
        p++;
        out->length = (size_t)(p - start);
        if (!(count = digits(p, end))) return false;
        for (size_t i = 0; i < count; i++) {
            if (p[i] != '0') zeros = false;
            if (significant || p[i] != '0') significant++;
        }
        p += count;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        has_exponent = true;
        p++;
        if (p < end && (*p == '+' || *p == '-')) positive = *p++ == '+';
        out->length = (size_t)(p - start);
        if (!(exponent_digits = digits(p, end))) return false;
        for (size_t i = 0; i < exponent_digits && i < 3; i++)
            exponent = exponent * 10 + (size_t)(p[i] - '0');
        p += exponent_digits;
    }
    out->length = out->keep = (size_t)(p - start);
    /* With a positive exponent the whole value has to stay within the safe digits (12345e14 would, as an
     * integer, come back wrong); three digits of exponent may leave the range where doubles have all their
     * bits. */
    out->verbatim = significant > SAFE_DIGITS || out->length > SAFE_LENGTH || exponent_digits > 2 ||
                    (positive && exponent && significant + exponent > SAFE_DIGITS);
    if (out->verbatim && zeros && !has_exponent) {
        out->keep = whole;
        out->verbatim = whole_significant > SAFE_DIGITS;
    }
    return true;
}

/* ---- Locale ---- */

tm_c_locale tm_c_locale_enter(void)
{
    tm_c_locale state;
    state.ours = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    state.before = uselocale(state.ours);
    return state;
}

void tm_c_locale_leave(tm_c_locale state)
{
    uselocale(state.before);
    if (state.ours) freelocale(state.ours);
}

/* ---- Nodes ---- */

cJSON *tm_json_new_int(int64_t value)
{
    char literal[24];
    if (value >= -SAFE_INTEGER && value <= SAFE_INTEGER) return cJSON_CreateNumber((double)value);
    snprintf(literal, sizeof literal, "%" PRId64, value);
    return cJSON_CreateRaw(literal);
}

cJSON *tm_json_new_uint(uint64_t value)
{
    char literal[24];
    if (value <= SAFE_INTEGER) return cJSON_CreateNumber((double)value);
    snprintf(literal, sizeof literal, "%" PRIu64, value);
    return cJSON_CreateRaw(literal);
}

int tm_json_write_double(char text[TM_JSON_DOUBLE], double value)
{
    int digits = SAFE_DIGITS;
    tm_c_locale locale = tm_c_locale_enter();
    do {
        snprintf(text, TM_JSON_DOUBLE, "%.*g", digits, value);
    } while (strtod(text, NULL) != value && ++digits <= 17);
    tm_c_locale_leave(locale);
    return digits;
}

cJSON *tm_json_new_double(double value)
{
    char literal[TM_JSON_DOUBLE];
    if (!isfinite(value)) return cJSON_CreateNull();
    /* A large whole number is written out, so that it stays the same integer on its way through text. */
    if (fabs(value) > (double)SAFE_INTEGER && value >= -0x1p63 && value < 0x1p64 && floor(value) == value) {
        if (value < 0) return tm_json_new_int((int64_t)value);
        return tm_json_new_uint((uint64_t)value);
    }
    return tm_json_write_double(literal, value) == SAFE_DIGITS ? cJSON_CreateNumber(value)
                                                               : cJSON_CreateRaw(literal);
}

/* ---- Values ---- */

/* The kind of a whole number given by sign and magnitude. */
static tm_json_number whole_kind(bool negative, uint64_t magnitude, int64_t *value_int, uint64_t *value_uint)
{
    if (negative) {
        if (magnitude > UINT64_C(1) << 63) return TM_JSON_OUT_OF_RANGE;
        *value_int = magnitude ? -(int64_t)(magnitude - 1) - 1 : 0;
        return TM_JSON_INT64;
    }
    *value_uint = magnitude;
    if (magnitude > INT64_MAX) return TM_JSON_UINT64;
    *value_int = (int64_t)magnitude;
    return TM_JSON_INT64;
}

/* The same for a literal, exactly: the value is what its significant digits say, times ten to some
 * power. */
static tm_json_number literal_kind(const char *text, int64_t *value_int, uint64_t *value_uint)
{
    const unsigned char *start = (const unsigned char *)text, *end = start + strlen(text), *p;
    const unsigned char *first = NULL, *last = NULL, *point = NULL;
    tm_json_literal literal;
    uint64_t magnitude = 0;
    if (!tm_json_read_literal(start, end, &literal) || start + literal.length != end)
        return TM_JSON_NOT_A_NUMBER;

    for (p = start; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.') point = p;
        if (*p < '1' || *p > '9') continue;
        if (!first) first = p;
        last = p;
    }
    if (!first) return whole_kind(false, 0, value_int, value_uint);
    if (!point) point = p;

    /* The last digit that is not 0 stands for itself times ten to the `power`. strtoll saturates; so large
     * an exponent can't be outweighed by the digits of a text that fits memory. */
    long long power = p < end ? strtoll((const char *)p + 1, NULL, 10) : 0;
    if (power > LLONG_MAX / 2) return TM_JSON_OUT_OF_RANGE;
    if (power < LLONG_MIN / 2) return TM_JSON_FRACTION;
    power += last < point ? point - last - 1 : point - last;
    if (power < 0) return TM_JSON_FRACTION;
    if (last - first + power > 20) return TM_JSON_OUT_OF_RANGE; /* 2^64 has 20 digits; one is the point */
    for (p = first; p <= last || power > 0; p++) {
        unsigned digit = 0;
        if (p <= last) {
            if (*p == '.') continue;
            digit = (unsigned)(*p - '0');
        } else {
            power--;
        }
        if (magnitude > (UINT64_MAX - digit) / 10) return TM_JSON_OUT_OF_RANGE;
        magnitude = magnitude * 10 + digit;
    }
    return whole_kind(*start == '-', magnitude, value_int, value_uint);
}

tm_json_number tm_json_number_kind(const cJSON *node, int64_t *value_int, uint64_t *value_uint)
{
    int64_t ignored_int;
    uint64_t ignored_uint;
    if (!value_int) value_int = &ignored_int;
    if (!value_uint) value_uint = &ignored_uint;
    *value_int = 0;
    *value_uint = 0;
    if (cJSON_IsRaw(node)) return literal_kind(node->valuestring, value_int, value_uint);
    if (!cJSON_IsNumber(node) || !isfinite(node->valuedouble)) return TM_JSON_NOT_A_NUMBER;
    double magnitude = fabs(node->valuedouble);
    if (floor(magnitude) != magnitude) return TM_JSON_FRACTION;
    if (magnitude >= 0x1p64) return TM_JSON_OUT_OF_RANGE;
    return whole_kind(node->valuedouble < 0, (uint64_t)magnitude, value_int, value_uint);
}

double tm_json_double(const cJSON *node)
{
    if (cJSON_IsNumber(node)) return node->valuedouble;
    if (!cJSON_IsRaw(node)) return 0;
    tm_c_locale locale = tm_c_locale_enter();
    double value = strtod(node->valuestring, NULL);
    tm_c_locale_leave(locale);
    return value;
}

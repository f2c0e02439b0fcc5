/* JSON: what must come back exactly, what must be refused and with which sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "json_out.h"

#include "include/TIMCloudDef.h"

#include <float.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Helpers ---- */

/* Parses a copy that ends where the text ends, so that a sanitizer sees a byte read too far. */
static cJSON *parse_bytes(const char *text, size_t length, int index_base, tm_error *err)
{
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    err->code = 0;
    err->text[0] = '\0';
    cJSON *tree = tm_json_parse(exact, length, index_base, err);
    free(exact);
    return tree;
}

static cJSON *parse(const char *text)
{
    tm_error err;
    cJSON *tree = parse_bytes(text, strlen(text), 0, &err);
    if (!tree) fail_msg("%s: %s", text, err.text);
    assert_int_equal(err.code, 0);
    return tree;
}

static cJSON *parse_own(const char *text)
{
    tm_error err;
    size_t length = strlen(text);
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    cJSON *tree = tm_json_parse_own(exact, length, &err);
    free(exact);
    if (!tree) fail_msg("%s: %s", text, err.text);
    return tree;
}

static void refused_bytes(const char *text, size_t length, const char *sentence)
{
    tm_error err;
    cJSON *tree = parse_bytes(text, length, 0, &err);
    if (tree) fail_msg("accepted: %s", text);
    assert_string_equal(err.text, sentence);
    assert_int_equal(err.code, TIM_ERR_JSON);
    assert_null(tm_json_parse(text, length, 0, NULL));
}

static void refused(const char *text, const char *sentence)
{
    refused_bytes(text, strlen(text), sentence);
}

/* The text that both parsers make of `text`. */
static void becomes(const char *text, const char *expected)
{
    for (int own = 0; own < 2; own++) {
        cJSON *tree = own ? parse_own(text) : parse(text);
        char *printed = tm_json_print(tree);
        assert_non_null(printed);
        assert_string_equal(printed, expected);
        tm_free(printed);
        cJSON_Delete(tree);
    }
}

static void stays(const char *text)
{
    becomes(text, text);
}

/* What a literal is worth, in text and after one more trip through text. */
static void is_number(const char *text, tm_json_number kind, int64_t value_int, uint64_t value_uint)
{
    cJSON *tree = parse(text);
    for (int trip = 0; trip < 2; trip++) {
        int64_t got_int = -1;
        uint64_t got_uint = 1;
        if (tm_json_number_kind(tree, &got_int, &got_uint) != kind) fail_msg("%s: wrong kind", text);
        if (got_int != value_int || got_uint != value_uint) fail_msg("%s: wrong value", text);
        assert_int_equal(tm_json_number_kind(tree, NULL, NULL), kind);
        char *printed = tm_json_print(tree);
        cJSON_Delete(tree);
        tree = parse_own(printed);
        tm_free(printed);
    }
    cJSON_Delete(tree);
}

/* `count` times `piece`, then `tail`. */
static char *repeat(const char *piece, size_t count, const char *tail)
{
    size_t size = strlen(piece);
    char *text = malloc(size * count + strlen(tail) + 1);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * size, piece, size);
    strcpy(text + size * count, tail);
    return text;
}

static char *nested(const char *open, size_t depth, const char *close)
{
    char *tail = repeat(close, depth, ""), *text = repeat(open, depth, tail);
    free(tail);
    return text;
}

/* ---- Numbers ---- */

static void integers_are_exact(void **state)
{
    (void)state;
    is_number("0", TM_JSON_INT64, 0, 0);
    is_number("-0", TM_JSON_INT64, 0, 0);
    is_number("-1", TM_JSON_INT64, -1, 0);
    is_number("2147483647", TM_JSON_INT64, 2147483647, 2147483647);
    is_number("2147483648", TM_JSON_INT64, 2147483648, 2147483648);
    is_number("-2147483649", TM_JSON_INT64, -2147483649, 0);
    is_number("4294967295", TM_JSON_INT64, 4294967295, 4294967295);
    is_number("4294967296", TM_JSON_INT64, 4294967296, 4294967296);
    is_number("999999999999999", TM_JSON_INT64, 999999999999999, 999999999999999);
    is_number("1000000000000000", TM_JSON_INT64, 1000000000000000, 1000000000000000);
    is_number("144115233775727695", TM_JSON_INT64, 144115233775727695, 144115233775727695);
    is_number("9007199254740991", TM_JSON_INT64, 9007199254740991, 9007199254740991);
    is_number("9007199254740992", TM_JSON_INT64, 9007199254740992, 9007199254740992);
    is_number("9007199254740993", TM_JSON_INT64, 9007199254740993, 9007199254740993);
    is_number("-9007199254740993", TM_JSON_INT64, -9007199254740993, 0);
    is_number("9223372036854775807", TM_JSON_INT64, INT64_MAX, INT64_MAX);
    is_number("9223372036854775808", TM_JSON_UINT64, 0, UINT64_C(1) << 63);
    is_number("18446744073709551615", TM_JSON_UINT64, 0, UINT64_MAX);
    is_number("18446744073709551616", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("99999999999999999999", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("100000000000000000000", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("-9223372036854775808", TM_JSON_INT64, INT64_MIN, 0);
    is_number("-9223372036854775809", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("-18446744073709551615", TM_JSON_OUT_OF_RANGE, 0, 0);
}

static void other_spellings_of_integers(void **state)
{
    (void)state;
    is_number("3.0", TM_JSON_INT64, 3, 3);
    is_number("-3.0", TM_JSON_INT64, -3, 0);
    is_number("0.0", TM_JSON_INT64, 0, 0);
    is_number("1e2", TM_JSON_INT64, 100, 100);
    is_number("1E+2", TM_JSON_INT64, 100, 100);
    is_number("12.5e1", TM_JSON_INT64, 125, 125);
    is_number("1200e-2", TM_JSON_INT64, 12, 12);
    is_number("0e99", TM_JSON_INT64, 0, 0);
    is_number("0e999999999999999999999", TM_JSON_INT64, 0, 0);
    is_number("1e0000000000000000000002", TM_JSON_INT64, 100, 100);
    is_number("1e15", TM_JSON_INT64, 1000000000000000, 1000000000000000);
    is_number("123456789012345e3", TM_JSON_INT64, 123456789012345000, 123456789012345000);
    is_number("1234567890123456e3", TM_JSON_INT64, 1234567890123456000, 1234567890123456000);
    is_number("1844674407370955161.5e1", TM_JSON_UINT64, 0, UINT64_MAX);
    is_number("1844674407370955161.6e1", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("-922337203685477580.8e1", TM_JSON_INT64, INT64_MIN, 0);
    is_number("1e19", TM_JSON_UINT64, 0, UINT64_C(10000000000000000000));
    is_number("1e20", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("1e308", TM_JSON_OUT_OF_RANGE, 0, 0);
    is_number("9007199254740993.000", TM_JSON_INT64, 9007199254740993, 9007199254740993);
    is_number("9007199254740993000e-3", TM_JSON_INT64, 9007199254740993, 9007199254740993);
    is_number("3.0000000000000000000000", TM_JSON_INT64, 3, 3);
    is_number("0.000000000000000000000000009007199254740993e42", TM_JSON_INT64, 9007199254740993,
              9007199254740993);
}

static void fractions(void **state)
{
    (void)state;
    is_number("0.5", TM_JSON_FRACTION, 0, 0);
    is_number("-2.25", TM_JSON_FRACTION, 0, 0);
    is_number("1e-2", TM_JSON_FRACTION, 0, 0);
    is_number("12345678901234567.5", TM_JSON_FRACTION, 0, 0);
    is_number("9007199254740993.0001", TM_JSON_FRACTION, 0, 0);
    is_number("1e-999999999999999999999", TM_JSON_FRACTION, 0, 0);
    is_number("4.9406564584124654e-324", TM_JSON_FRACTION, 0, 0);
}

static void other_nodes_are_no_numbers(void **state)
{
    (void)state;
    assert_int_equal(tm_json_number_kind(NULL, NULL, NULL), TM_JSON_NOT_A_NUMBER);
    const char *texts[] = {"true", "null", "\"1\"", "[]", "{}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        is_number(texts[i], TM_JSON_NOT_A_NUMBER, 0, 0);
    const char *raws[] = {"", "1x", "nan", "01", "12345678901234567890 ", "[]"};
    for (size_t i = 0; i < sizeof raws / sizeof *raws; i++) {
        cJSON *raw = cJSON_CreateRaw(raws[i]);
        assert_int_equal(tm_json_number_kind(raw, NULL, NULL), TM_JSON_NOT_A_NUMBER);
        cJSON_Delete(raw);
    }
    cJSON *nan_node = cJSON_CreateNumber((double)NAN);
    assert_int_equal(tm_json_number_kind(nan_node, NULL, NULL), TM_JSON_NOT_A_NUMBER);
    cJSON_Delete(nan_node);
}

static void literals_survive(void **state)
{
    (void)state;
    stays("[2147483648,4294967296,9007199254740991,9007199254740992,9007199254740993]");
    stays("[9223372036854775807,9223372036854775808,18446744073709551615,18446744073709551616]");
    stays("[-9223372036854775808,-9223372036854775809]");
    stays("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899");
    stays("[0.30000000000000004,1.7976931348623157e308,2.2250738585072014e-308,1e-400]");
    stays("{\"a\":144115233775727695,\"b\":[144115233775727696,\"144115233775727697\"],\"c\":1}");
    stays("-0");
    stays("[0.5,-2.25,100,999999999999999,0.1,123456.789]");
    becomes("3.0", "3");
    becomes("1e2", "100");
    becomes("9007199254740993.000", "9007199254740993");
    becomes("-9007199254740993.000", "-9007199254740993");
    becomes("[3.00000000000000000,-0.00000000000000000]", "[3,-0]");
    becomes(" [ 9007199254740993 , 1 ] ", "[9007199254740993,1]");
}

static void only_long_numbers_are_raw(void **state)
{
    (void)state;
    cJSON *tree = parse("[123456789012345,1234567890123456,3.0000000000000000,1.5,1e2,1e99,0.1]");
    const bool raw[] = {false, true, false, false, false, true, false};
    for (int i = 0; i < 7; i++) {
        cJSON *node = cJSON_GetArrayItem(tree, i);
        assert_int_equal(cJSON_IsRaw(node), raw[i]);
        assert_int_equal(cJSON_IsNumber(node), !raw[i]);
    }
    cJSON_Delete(tree);
}

/* Enough of them that the copy of the text has to grow, among strings that look like them. */
static void many_long_numbers(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    char *text = malloc(COUNT * 64), *out = text;
    assert_non_null(text);
    *out++ = '[';
    for (int i = 0; i < COUNT; i++)
        out += sprintf(out, "%s1e%d,\"\\\\\\\"1e99\",90071992547409%02d", i ? "," : "", 30 + i % 60, i % 100);
    strcpy(out, "]");
    stays(text);
    free(text);
}

static void new_integers(void **state)
{
    (void)state;
    const int64_t ints[] = {0,
                            1,
                            -1,
                            999999999999999,
                            -999999999999999,
                            1000000000000000,
                            INT32_MIN,
                            INT32_MAX,
                            INT64_MIN,
                            INT64_MIN + 1,
                            INT64_MAX,
                            9007199254740993,
                            -9007199254740993};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        char expected[32];
        int64_t value;
        cJSON *node = tm_json_new_int(ints[i]);
        assert_int_equal(tm_json_number_kind(node, &value, NULL), TM_JSON_INT64);
        assert_true(value == ints[i]);
        char *text = tm_json_print(node);
        snprintf(expected, sizeof expected, "%" PRId64, ints[i]);
        assert_string_equal(text, expected);
        tm_free(text);
        cJSON_Delete(node);
    }
    const uint64_t uints[] = {0, 999999999999999, 1000000000000000, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof uints / sizeof *uints; i++) {
        char expected[32];
        uint64_t value;
        cJSON *node = tm_json_new_uint(uints[i]);
        tm_json_number_kind(node, NULL, &value);
        assert_true(value == uints[i]);
        char *text = tm_json_print(node);
        snprintf(expected, sizeof expected, "%" PRIu64, uints[i]);
        assert_string_equal(text, expected);
        tm_free(text);
        cJSON_Delete(node);
    }
}

static void same_bits(double value)
{
    cJSON *node = tm_json_new_double(value);
    char *text = tm_json_print(node);
    cJSON *again = parse(text);
    double back = tm_json_double(again);
    if (memcmp(&value, &back, sizeof value) != 0) fail_msg("%a became %s", value, text);
    tm_json_out out = {NULL, 0, 0, false};
    tm_json_put_double(&out, value);
    char *put = tm_json_put_end(&out);
    assert_string_equal(put, text);
    tm_free(put);
    int64_t before_int, after_int;
    uint64_t before_uint, after_uint;
    assert_int_equal(tm_json_number_kind(node, &before_int, &before_uint),
                     tm_json_number_kind(again, &after_int, &after_uint));
    assert_true(before_int == after_int && before_uint == after_uint);
    tm_free(text);
    cJSON_Delete(node);
    cJSON_Delete(again);
}

static void doubles_survive_bit_for_bit(void **state)
{
    (void)state;
    const double values[] = {0.0,
                             -0.0,
                             0.1,
                             0.1 + 0.2,
                             1.0 / 3,
                             2.5,
                             1e15,
                             1e16,
                             1e21,
                             1e22,
                             1e23,
                             DBL_MAX,
                             DBL_MIN,
                             0x1p-1074,
                             1e-310,
                             0x1p53,
                             0x1p53 + 2,
                             0x1p62,
                             0x1p63,
                             -0x1p63,
                             0x1p64,
                             -0x1p64,
                             1e300,
                             123456789012345680.0,
                             4503599627370497.5,
                             999999999999999.9,
                             5e-324,
                             1e-5};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        same_bits(values[i]);
        same_bits(-values[i]);
    }
    uint64_t bits = 88172645463325252u; /* xorshift: any bit patterns will do */
    for (int i = 0; i < 20000; i++) {
        double value;
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) same_bits(value);
        same_bits((double)(int64_t)bits);
    }
    tm_json_out out = {NULL, 0, 0, false};
    tm_json_put_double(&out, (double)INFINITY);
    char *infinite = tm_json_put_end(&out);
    assert_string_equal(infinite, "null");
    tm_free(infinite);
    cJSON *node = tm_json_new_double((double)INFINITY);
    assert_true(cJSON_IsNull(node));
    cJSON_Delete(node);
    node = tm_json_new_double((double)NAN);
    assert_true(cJSON_IsNull(node));
    cJSON_Delete(node);
}

static void a_decimal_comma_changes_nothing(void **state)
{
    (void)state;
    const char *names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!setlocale(LC_NUMERIC, names[i])) continue;
        stays("[0.5,3.1415926535897932]");
        same_bits(0.5);
        same_bits(0.1 + 0.2);
        assert_string_equal(setlocale(LC_NUMERIC, NULL), names[i]);
        setlocale(LC_NUMERIC, "C");
    }
}

static void numbers_beyond_a_double(void **state)
{
    (void)state;
    refused("1e999", "the number is too large");
    refused("{\"a\":[0,{\"b\":-1e309}]}", "a[1].b: the number is too large");
    char *digits = repeat("9", 400, "");
    refused(digits, "the number is too large");
    free(digits);
    digits = repeat("9", 300, ".0");
    cJSON_Delete(parse(digits));
    free(digits);
}

/* ---- What is refused ---- */

static void no_value(void **state)
{
    (void)state;
    refused("", "byte 0: expected a value");
    refused("  ", "byte 2: expected a value");
    refused("{\"a\": \"b\", \"c\" : }", "byte 17: expected a value");
    refused("nul", "byte 0: expected a value");
    refused("True", "byte 0: expected a value");
    refused("NaN", "byte 0: expected a value");
    refused("[Infinity]", "byte 1: expected a value");
    refused("'a'", "byte 0: expected a value");
    refused("[1,]", "byte 3: expected a value");
    refused("[,1]", "byte 1: expected a value");
    refused("[", "byte 1: expected a value");
    refused("\xef\xbb\xbf{}", "byte 0: expected a value");
    refused("[\xc2\xa0 1]", "byte 1: expected a value");
    refused("[\v1]", "byte 1: expected a value");
    refused("\f1", "byte 0: expected a value");
    refused("// c\n1", "byte 0: expected a value");
    refused("\xff", "byte 0: expected a value");
    assert_null(tm_json_parse(NULL, 0, 0, NULL));
    assert_null(tm_json_parse_own(NULL, 0, NULL));
}

static void bad_structure(void **state)
{
    (void)state;
    refused("1 2", "byte 2: expected nothing behind the value");
    refused("{}}", "byte 2: expected nothing behind the value");
    refused("truex", "byte 4: expected nothing behind the value");
    refused("1\x01", "byte 1: expected nothing behind the value");
    refused("[1 2]", "byte 3: expected ',' or ']'");
    refused("[1}", "byte 2: expected ',' or ']'");
    refused("[1", "byte 2: expected ',' or ']'");
    refused("{\"a\":1]", "byte 6: expected ',' or '}'");
    refused("{\"a\":1", "byte 6: expected ',' or '}'");
    refused("{a:1}", "byte 1: expected a key");
    refused("{\"a\":1,}", "byte 7: expected a key");
    refused("{1:1}", "byte 1: expected a key");
    refused("{", "byte 1: expected a key");
    refused("{\"a\" 1}", "byte 5: expected ':'");
    refused("{\"a\"", "byte 4: expected ':'");
}

static void bad_numbers(void **state)
{
    (void)state;
    refused("01", "byte 0: bad number");
    refused("-01", "byte 1: bad number");
    refused("00", "byte 0: bad number");
    refused("1.", "byte 2: bad number");
    refused("[1.]", "byte 3: bad number");
    refused("1.e1", "byte 2: bad number");
    refused("1e", "byte 2: bad number");
    refused("1e+", "byte 3: bad number");
    refused("-", "byte 1: bad number");
    refused("--1", "byte 1: bad number");
    refused("-Infinity", "byte 1: bad number");
    refused(".5", "byte 0: expected a value");
    refused("+1", "byte 0: expected a value");
    refused("0x10", "byte 1: expected nothing behind the value");
    refused("1.5.5", "byte 3: expected nothing behind the value");
    refused("[1_000]", "byte 2: expected ',' or ']'");
}

static void bad_strings(void **state)
{
    (void)state;
    refused("\"", "byte 1: the text ends inside a string");
    refused("\"abcdefghijkl", "byte 13: the text ends inside a string");
    refused("\"a\\\"", "byte 4: the text ends inside a string");
    refused("\"\\", "byte 1: bad escape in a string");
    refused("\"\\x41\"", "byte 1: bad escape in a string");
    refused("\"\\'\"", "byte 1: bad escape in a string");
    refused("\"\\u12\"", "byte 1: bad escape in a string");
    refused("\"\\u12g4\"", "byte 1: bad escape in a string");
    refused("\"\\U0041\"", "byte 1: bad escape in a string");
    refused("\"a\\u0000b\"", "byte 2: \\u0000 in a string");
    refused("\"\\ud83d\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ud83d\\n\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ud83d\\u0041\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ud83d\\ud83d\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ude00\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ude00\\ud83d\"", "byte 1: half of a surrogate pair in a string");
    refused("\"\\ud83d\\ude", "byte 1: half of a surrogate pair in a string");
    for (char c = 1; c < ' '; c++) {
        const char text[] = {'"', 'a', c, '"', '\0'};
        refused(text, "byte 2: control character in a string");
    }
    cJSON_Delete(parse("\"\x7f\""));
}

static void nul_bytes(void **state)
{
    (void)state;
    refused_bytes("1\0", 2, "byte 1: expected nothing behind the value");
    refused_bytes("[1,\0 2]", 7, "byte 3: expected a value");
    refused_bytes("\"a\0b\"", 5, "byte 2: NUL in a string");
    refused_bytes("\0", 1, "byte 0: expected a value");
    tm_error err;
    cJSON *tree = parse_bytes("12345", 2, 0, &err);
    assert_true(tm_json_double(tree) == 12);
    cJSON_Delete(tree);
}

/* Pieces of text that no UTF-8 has, each the content of a string. */
static const char *const bad_utf8[] = {
    "\x80",
    "\xbf",
    "\xc0\x80",
    "\xc1\xbf",
    "\xc2",
    "\xc2\x41",
    "\xe0\x80\x80",
    "\xe0\x9f\xbf",
    "\xed\xa0\x80",
    "\xed\xbf\xbf",
    "\xe4\xbd",
    "\xf0\x80\x80\x80",
    "\xf0\x8f\xbf\xbf",
    "\xf4\x90\x80\x80",
    "\xf5\x80\x80\x80",
    "\xf0\x9f\x98",
    "\xfe",
    "\xff",
    "\xff\x31",
};

static void bad_utf8_in_strings(void **state)
{
    (void)state;
    char text[64];
    for (size_t i = 0; i < sizeof bad_utf8 / sizeof *bad_utf8; i++) {
        snprintf(text, sizeof text, "\"ab%s\"", bad_utf8[i]);
        refused(text, "byte 3: invalid UTF-8");
        snprintf(text, sizeof text, "{\"k\":\"%s\"}", bad_utf8[i]);
        refused(text, "k: byte 6: invalid UTF-8");
        snprintf(text, sizeof text, "{\"k\":{\"0123456789%s\":1}}", bad_utf8[i]);
        refused(text, "k: byte 17: invalid UTF-8");
    }
}

static void nesting(void **state)
{
    (void)state;
    const char *opens[] = {"[", "{\"a\":"}, *closes[] = {"]", "}"};
    for (int i = 0; i < 2; i++) {
        char *inner = repeat(opens[i], TM_JSON_MAX_DEPTH, "1"),
             *tail = repeat(closes[i], TM_JSON_MAX_DEPTH, "");
        char *text = tm_format("%s%s", inner, tail);
        stays(text);
        tm_free(text);
        free(inner);
        free(tail);
    }
    char *text = nested("[", TM_JSON_MAX_DEPTH + 1, "]");
    refused(text, "byte 64: nested too deep");
    free(text);
    text = nested("[", 100, "]");
    refused(text, "byte 64: nested too deep");
    cJSON_Delete(parse_own(text));
    free(text);
    text = repeat("[", 1000000, "");
    refused(text, "byte 64: nested too deep");
    assert_null(tm_json_parse_own(text, strlen(text), NULL));
    free(text);
}

static void duplicate_keys(void **state)
{
    (void)state;
    refused("{\"a\":1,\"a\":1}", "duplicate key \"a\"");
    refused("{\"\":1,\"b\":2,\"\":1}", "duplicate key \"\"");
    refused("{\"\\u0061\":1,\"a\":2}", "duplicate key \"a\"");
    refused("{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "duplicate key \"\xf0\x9f\x98\x80\"");
    refused("{\"a\\n\":1,\"a\\n\":2}", "duplicate key \"a?\"");
    refused("[[],{\"x\":{\"y\":[{\"z\":1,\"z\":1}]}}]", "[1].x.y[0]: duplicate key \"z\"");
    refused("{\"message_elem_array\":[0,1,{\"x\":1,\"x\":12345678901234567}]}",
            "message_elem_array[2]: duplicate key \"x\"");
    tm_error err;
    const char text[] = "{\"message_elem_array\":[0,1,{\"x\":1,\"x\":2}]}";
    assert_null(parse_bytes(text, strlen(text), 1, &err));
    assert_string_equal(err.text, "message_elem_array[3]: duplicate key \"x\"");
    stays("{\"a\":1,\"A\":2,\"b\":{\"a\":3},\"aa\":4}");
}

/* Objects of many sizes, on both sides of where the way of looking for duplicates changes. */
static void duplicate_keys_among_many(void **state)
{
    (void)state;
    for (int count = 1; count <= 80; count++) {
        char text[2048], *out = text, sentence[64];
        out += sprintf(out, "{");
        for (int i = 0; i < count; i++)
            out += sprintf(out, "%s\"key%d\":%d", i ? "," : "", i, i);
        strcpy(out, "}");
        stays(text);
        for (int twin = 0; twin < count; twin += 7) {
            sprintf(out, ",\"key%d\":0}", twin);
            sprintf(sentence, "duplicate key \"key%d\"", twin);
            refused(text, sentence);
        }
    }
}

static void a_hundred_thousand_keys(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    char *text = malloc(COUNT * 20), *out = text;
    assert_non_null(text);
    *out++ = '{';
    for (int i = 0; i < COUNT; i++)
        out += sprintf(out, "%s\"k%d\":%d", i ? "," : "", i, i);
    strcpy(out, "}");
    stays(text);
    strcpy(out, ",\"k77777\":1}");
    refused(text, "duplicate key \"k77777\"");
    free(text);
}

/* Whatever keys a caller chose, the sentence arrives, whole characters only. */
static void long_paths_are_cut(void **state)
{
    (void)state;
    tm_error err;
    char *key = repeat("\xe4\xbd\xa0", 100, ""), *open = tm_format("{\"%s\":", key);
    char *deep = repeat(open, 20, "\"\x01\""), *text = tm_format("{\"%s\":1,\"%s\":2}", key, key);
    assert_null(parse_bytes(deep, strlen(deep), 0, &err));
    assert_non_null(strstr(err.text, "...: byte "));
    assert_non_null(strstr(err.text, ": control character in a string"));
    assert_true(tm_utf8_valid(err.text, strlen(err.text), NULL));
    assert_null(parse_bytes(text, strlen(text), 0, &err));
    assert_true(tm_utf8_valid(err.text, strlen(err.text), NULL));
    assert_int_equal(err.text[strlen(err.text) - 1], '"');
    tm_free(open);
    tm_free(text);
    free(key);
    free(deep);
    deep = repeat("[{\"\\n\\u0041\":", 30, "\"\xff\"");
    assert_null(parse_bytes(deep, strlen(deep), 0, &err));
    assert_memory_equal(err.text, "[0].\\n\\u0041[0].\\n", 18);
    free(deep);
}

/* ---- What is accepted ---- */

static void round_trips(void **state)
{
    (void)state;
    stays("null");
    stays("true");
    stays("false");
    stays("\"\"");
    stays("[]");
    stays("{}");
    stays("[[],{},\"\",0,null,true,false,{\"a\":{\"b\":[]}}]");
    stays("{\"text_elem_content\":\"\xe4\xbd\xa0\xe5\xa5\xbd \xf0\x9f\x98\x80 \xc3\xa9 \xf4\x8f\xbf\xbf\"}");
    stays("\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    becomes(" \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : \"c\" } \n", "{\"a\":[1,2],\"b\":\"c\"}");
    becomes("\"\\u4f60\\uD83D\\uDE00\\u00e9\\/\\uFFFF\"",
            "\"\xe4\xbd\xa0\xf0\x9f\x98\x80\xc3\xa9/\xef\xbf\xbf\"");
    becomes("[\"\\\\\",9007199254740993,\"\\\\\\\"\",\"9007199254740993\"]",
            "[\"\\\\\",9007199254740993,\"\\\\\\\"\",\"9007199254740993\"]");
}

/* Every length and every place of a special byte, since plain ones are skipped eight at a time. */
/* A tree of every kind of node, by chance; fractions are such as fifteen digits hold. */
static cJSON *random_tree(unsigned *seed, int depth)
{
    char text[40];
    int kind = rand_r(seed) % (depth ? 9 : 7), count = rand_r(seed) % 5;
    switch (kind) {
    case 0: return cJSON_CreateNull();
    case 1: return cJSON_CreateBool(count & 1);
    case 2: return cJSON_CreateNumber((rand_r(seed) % 2001 - 1000) / 8.0);
    case 3:
        snprintf(text, sizeof text, "%.15g", (rand_r(seed) - RAND_MAX / 2) * pow(10, rand_r(seed) % 30 - 10));
        return cJSON_CreateNumber(strtod(text, NULL));
    case 4: return cJSON_CreateNumber(rand_r(seed) % 2001 - 1000);
    case 5: return tm_json_new_uint((uint64_t)rand_r(seed) * (uint64_t)rand_r(seed) * 16);
    case 6:
        for (int i = 0; i < (int)sizeof text; i++)
            text[i] = (char)(rand_r(seed) % 4 ? rand_r(seed) % 127 + 1
                                              : "\"\\/\b\f\n\r\t\x01\x1f\x7f\xc3\xbc"[rand_r(seed) % 14]);
        text[rand_r(seed) % (int)sizeof text] = '\0';
        text[sizeof text - 1] = '\0';
        return cJSON_CreateString(text);
    default: break;
    }
    cJSON *tree = kind == 7 ? cJSON_CreateArray() : cJSON_CreateObject();
    for (int i = 0; i < count; i++) {
        snprintf(text, sizeof text, "key \"%d\"\n", i);
        if (kind == 7)
            cJSON_AddItemToArray(tree, random_tree(seed, depth - 1));
        else
            cJSON_AddItemToObject(tree, text, random_tree(seed, depth - 1));
    }
    return tree;
}

static void printed_as_cjson_does(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int i = 0; i < 20000; i++) {
        cJSON *tree = random_tree(&seed, 4);
        char *ours = tm_json_print(tree), *theirs = cJSON_PrintUnformatted(tree);
        assert_non_null(ours);
        assert_string_equal(ours, theirs);
        tm_free(ours);
        cJSON_free(theirs);
        cJSON_Delete(tree);
    }
    assert_null(tm_json_print(NULL));
}

static void strings_of_every_length(void **state)
{
    (void)state;
    char content[64], text[80];
    for (size_t length = 0; length < 40; length++) {
        memset(content, 'x', length);
        content[length] = '\0';
        snprintf(text, sizeof text, "\"%s\"", content);
        stays(text);
        for (size_t at = 0; at < length; at++) {
            char sentence[64];
            for (int c = 1; c < 256; c++) {
                content[at] = (char)c;
                snprintf(text, sizeof text, "\"%s\"", content);
                if (c < ' ') {
                    snprintf(sentence, sizeof sentence, "byte %zu: control character in a string", at + 1);
                } else if (c >= 0x80) {
                    snprintf(sentence, sizeof sentence, "byte %zu: invalid UTF-8", at + 1);
                } else if (c == '"' || c == '\\') {
                    continue;
                } else {
                    tm_error err;
                    cJSON *tree = parse_bytes(text, length + 2, 0, &err);
                    assert_non_null(tree);
                    assert_string_equal(tree->valuestring, content);
                    cJSON_Delete(tree);
                    continue;
                }
                refused(text, sentence);
            }
            content[at] = 'x';
        }
    }
}

static void own_text_that_is_none(void **state)
{
    (void)state;
    const char *texts[] = {"", "[", "[1", "{\"a\":", "\"abc", "[1]x", "12x", "-", "\"\\", "{\"a", "nul"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tm_error err = {0, ""};
        char *exact = malloc(strlen(texts[i]) + 1);
        assert_non_null(exact);
        memcpy(exact, texts[i], strlen(texts[i]) + 1);
        assert_null(tm_json_parse_own(exact, strlen(texts[i]), &err));
        assert_int_equal(err.code, TIM_ERR_JSON);
        assert_memory_equal(err.text, "byte ", 5);
        free(exact);
    }
    /* The mark that stands for a literal inside must not be forged by bytes that nobody checked. */
    const char text[] = "[\"\xffhello\",9007199254740993]";
    cJSON *tree = tm_json_parse_own(text, strlen(text), NULL);
    assert_non_null(tree);
    assert_true(cJSON_IsString(tree->child));
    assert_true(cJSON_IsRaw(tree->child->next));
    cJSON_Delete(tree);
}

/* ---- Nodes ---- */

static void adders(void **state)
{
    (void)state;
    cJSON *object = cJSON_CreateObject(), *array = cJSON_CreateArray();
    assert_true(tm_json_add_int(object, "int", INT64_MIN));
    assert_true(tm_json_add_uint(object, "uint", UINT64_MAX));
    assert_true(tm_json_add_bool(object, "yes", true));
    assert_true(tm_json_add_bool(object, "no", false));
    assert_true(tm_json_add_string(object, "string", "a\"b"));
    assert_true(tm_json_add_string(object, "none", NULL));
    assert_true(tm_json_append(array, tm_json_new_uint(1)));
    assert_true(tm_json_append(array, tm_json_new_double(0.1 + 0.2)));
    assert_true(tm_json_add_item(object, "array", array));
    assert_false(tm_json_add_item(object, "nothing", NULL));
    assert_false(tm_json_append(array, NULL));
    assert_false(tm_json_add_item(NULL, "key", cJSON_CreateNull()));
    assert_false(tm_json_append(NULL, cJSON_CreateNull()));
    char *text = tm_json_print(object);
    assert_string_equal(text, "{\"int\":-9223372036854775808,\"uint\":18446744073709551615,\"yes\":true,"
                              "\"no\":false,\"string\":\"a\\\"b\",\"none\":\"\","
                              "\"array\":[1,0.30000000000000004]}");
    tm_free(text);
    cJSON_Delete(object);
    assert_null(tm_json_print(NULL));
}

static void setters_keep_the_place(void **state)
{
    (void)state;
    const char *texts[] = {"{}", "{\"b\":null}", "{\"b\":1,\"c\":2}", "{\"a\":1,\"b\":[1,2]}",
                           "{\"a\":1,\"b\":144115233775727695,\"c\":3}"};
    const char *expected[] = {"{\"b\":\"x\",\"z\":1}", "{\"b\":\"x\",\"z\":1}",
                              "{\"b\":\"x\",\"c\":2,\"z\":1}", "{\"a\":1,\"b\":\"x\",\"z\":1}",
                              "{\"a\":1,\"b\":\"x\",\"c\":3,\"z\":1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        cJSON *object = parse(texts[i]);
        assert_true(tm_json_set_uint(object, "b", UINT64_MAX));
        assert_true(tm_json_get_uint(object, "b", 0) == UINT64_MAX);
        assert_true(tm_json_set_string(object, "b", "x"));
        assert_true(tm_json_add_uint(object, "z", 1)); /* the list's end must still be known */
        char *text = tm_json_print(object);
        assert_string_equal(text, expected[i]);
        tm_free(text);
        cJSON_Delete(object);
    }
}

static void readers(void **state)
{
    (void)state;
    cJSON *object = parse(
        "{\"null\":null,\"int\":-5,\"whole\":3.0,\"big\":18446744073709551615,\"id\":144115233775727695,"
        "\"min\":-9223372036854775808,\"fraction\":1.5,\"long\":12345678901234567.5,\"yes\":true,"
        "\"no\":false,\"string\":\"s\",\"array\":[1]}");
    assert_null(tm_json_get(object, "absent"));
    assert_null(tm_json_get(object, "null"));
    assert_null(tm_json_get(object, "INT"));
    assert_null(tm_json_get(NULL, "int"));
    assert_null(tm_json_get(tm_json_get(object, "array"), "int"));
    assert_true(tm_json_get_int(object, "int", 7) == -5);
    assert_true(tm_json_get_int(object, "whole", 7) == 3);
    assert_true(tm_json_get_int(object, "min", 7) == INT64_MIN);
    assert_true(tm_json_get_int(object, "big", 7) == 7);
    assert_true(tm_json_get_int(object, "fraction", 7) == 7);
    assert_true(tm_json_get_int(object, "yes", 7) == 7);
    assert_true(tm_json_get_int(object, "string", 7) == 7);
    assert_true(tm_json_get_uint(object, "int", 7) == 7);
    assert_true(tm_json_get_uint(object, "min", 7) == 7);
    assert_true(tm_json_get_uint(object, "whole", 7) == 3);
    assert_true(tm_json_get_uint(object, "id", 7) == 144115233775727695);
    assert_true(tm_json_get_uint(object, "big", 7) == UINT64_MAX);
    assert_true(tm_json_get_uint(object, "null", 7) == 7);
    assert_true(tm_json_get_bool(object, "yes", false));
    assert_false(tm_json_get_bool(object, "no", true));
    assert_true(tm_json_get_bool(object, "int", true));
    assert_string_equal(tm_json_get_string(object, "string", "f"), "s");
    assert_string_equal(tm_json_get_string(object, "id", "f"), "f"); /* a raw node has text too */
    assert_null(tm_json_get_string(object, "null", NULL));
    assert_true(tm_json_double(tm_json_get(object, "string")) == 0);
    assert_true(tm_json_double(NULL) == 0);
    cJSON_Delete(object);
}

/* ---- UTF-8 ---- */

static void utf8_valid(void **state)
{
    (void)state;
    size_t bad = 99;
    const char good[] = "plain\x01\x7f \xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"
                        "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf";
    assert_true(tm_utf8_valid(good, sizeof good - 1, &bad));
    assert_true(tm_utf8_valid("", 0, NULL));
    assert_false(tm_utf8_valid(good, sizeof good - 2, &bad));
    assert_int_equal(bad, sizeof good - 5);
    assert_false(tm_utf8_valid("0123456789\0a", 12, &bad));
    assert_int_equal(bad, 10);
    for (size_t i = 0; i < sizeof bad_utf8 / sizeof *bad_utf8; i++) {
        char text[32];
        int length = snprintf(text, sizeof text, "0123456789%s", bad_utf8[i]);
        assert_false(tm_utf8_valid(text, (size_t)length, &bad));
        assert_int_equal(bad, 10);
        assert_false(tm_utf8_valid(text, (size_t)length, NULL));
    }
}

static void repaired(const char *text, size_t length, const char *expected)
{
    char *copy = tm_utf8_repair(text, length);
    assert_non_null(copy);
    assert_string_equal(copy, expected);
    tm_free(copy);
}

static void utf8_repair(void **state)
{
    (void)state;
#define R "\xef\xbf\xbd"
    repaired("", 0, "");
    repaired("plain text", 10, "plain text");
    repaired("\xe4\xbd\xa0", 3, "\xe4\xbd\xa0");
    repaired("\xff", 1, R);
    repaired("a\xff"
             "b\xfe",
             4, "a" R "b" R);
    repaired("a\0b", 3, "a" R "b");
    repaired("\xc0\x80", 2, R R);
    repaired("\xed\xa0\x80!", 4, R R R "!");
    repaired("\xe4\xbd", 2, R R);
    repaired("\xe4\xbd\xe4\xbd\xa0", 5, R R "\xe4\xbd\xa0");
    repaired("\xf4\x90\x80\x80", 4, R R R R);
    repaired("long enough \x80 for words \x80", 25, "long enough " R " for words " R);
#undef R
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(other_spellings_of_integers),
        cmocka_unit_test(fractions),
        cmocka_unit_test(other_nodes_are_no_numbers),
        cmocka_unit_test(literals_survive),
        cmocka_unit_test(only_long_numbers_are_raw),
        cmocka_unit_test(many_long_numbers),
        cmocka_unit_test(new_integers),
        cmocka_unit_test(doubles_survive_bit_for_bit),
        cmocka_unit_test(a_decimal_comma_changes_nothing),
        cmocka_unit_test(numbers_beyond_a_double),
        cmocka_unit_test(no_value),
        cmocka_unit_test(bad_structure),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(bad_strings),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(bad_utf8_in_strings),
        cmocka_unit_test(nesting),
        cmocka_unit_test(duplicate_keys),
        cmocka_unit_test(duplicate_keys_among_many),
        cmocka_unit_test(a_hundred_thousand_keys),
        cmocka_unit_test(long_paths_are_cut),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(printed_as_cjson_does),
        cmocka_unit_test(strings_of_every_length),
        cmocka_unit_test(own_text_that_is_none),
        cmocka_unit_test(adders),
        cmocka_unit_test(setters_keep_the_place),
        cmocka_unit_test(readers),
        cmocka_unit_test(utf8_valid),
        cmocka_unit_test(utf8_repair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

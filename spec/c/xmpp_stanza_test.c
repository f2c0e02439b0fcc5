/* XMPP stanzas: times, building when memory is short, and what XML cannot hold. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_stanza.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seconds, micro;
    } cases[] = {
        {"1970-01-01T00:00:01Z", 1, 0},
        {"2026-01-02T03:04:05Z", 1767323045, 0},
        {"2026-01-02T03:04:05z", 1767323045, 0},
        {"2026-01-02T03:04:05.678901Z", 1767323045, 678901},
        {"2026-01-02T03:04:05.678Z", 1767323045, 678000},
        {"2026-01-02T03:04:05.6789019Z", 1767323045, 678901},
        {"2026-01-02T03:04:05.000001Z", 1767323045, 1},
        {"2026-01-02T03:04:05+00:00", 1767323045, 0},
        {"2026-01-02T03:04:05-00:00", 1767323045, 0},
        {"2026-01-02T03:04:05.5+00:00", 1767323045, 500000},
        {"2026-01-02T08:34:05+05:30", 1767323045, 0},
        {"2026-01-01T22:04:05-05:00", 1767323045, 0},
        {"2024-02-29T00:00:00Z", 1709164800, 0},
        {"2000-02-29T23:59:59Z", 951868799, 0},
        {"2100-02-28T00:00:00Z", 4107456000, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"9999-12-31T23:59:59Z", 253402300799, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t expected = cases[i].seconds * 1000000 + cases[i].micro, got = tm_stamp_parse(cases[i].text);
        if (got != expected) fail_msg("%s: %llu", cases[i].text, (unsigned long long)got);
    }
}

static void what_is_no_time_is_0(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "1767323045",
        "2026-01-02",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04Z",
        "2026-01-02 03:04:05Z",
        "20260102T03:04:05", /* the form of XEP-0091, long dead */
        "2026-01-02T03:04:05Zx",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05.",
        "2026-01-02T03:04:05.12a4Z",
        "2026-01-02T03:04:05+0000",
        "2026-01-02T03:04:05+00",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+00:60",
        "2026-01-02T03:04:05+-1:00",
        "2026-00-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-01-32T03:04:05Z",
        "2026-04-31T03:04:05Z",
        "2026-02-29T03:04:05Z",
        "2100-02-29T03:04:05Z",
        "2026-01-02T24:04:05Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T03:04:61Z",
        "2026-01-02T-3:04:05Z",
        "-026-01-02T03:04:05Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00+00:01",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t got = tm_stamp_parse(bad[i]);
        if (got) fail_msg("%s: %llu", bad[i], (unsigned long long)got);
    }
}

static void times_are_written_as_they_are_read(void **state)
{
    (void)state;
    char text[TM_STAMP];
    /* one that no stamp can say is the last one that can be said */
    const uint64_t beyond[] = {253402300800000000, 1767323045678 * 1000000ull, UINT64_MAX};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        tm_stamp_format(beyond[i], text);
        assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    }
    tm_stamp_format(1767323045678901, text);
    assert_string_equal(text, "2026-01-02T03:04:05.678901Z");
    for (uint64_t day = 0; day < 60000; day++) {
        uint64_t time = day * 86400000000u + 86399999999u - day * 1439u;
        tm_stamp_format(time, text);
        assert_int_equal(tm_stamp_parse(text), time);
    }
}

/* ---- memory ---- */

static int left = -1; /* allocations that still work; -1: all */

static void *scarce_alloc(size_t size, void *userdata)
{
    (void)userdata;
    if (left == 0) return NULL;
    if (left > 0) left--;
    return malloc(size);
}

static void *scarce_realloc(void *block, size_t size, void *userdata)
{
    (void)userdata;
    if (left == 0) return NULL;
    if (left > 0) left--;
    return realloc(block, size);
}

static void scarce_free(void *block, void *userdata)
{
    (void)userdata;
    free(block);
}

static void build(tm_stanza *stanza, xmpp_ctx_t *ctx)
{
    tm_stanza_begin(stanza, ctx, "iq", "im.test", "set", "1");
    xmpp_stanza_t *query = tm_stanza_add(stanza, NULL, "query", TM_NS_MAM, NULL);
    tm_stanza_set(stanza, query, "queryid", "1");
    xmpp_stanza_t *form = tm_stanza_add(stanza, query, "x", TM_NS_FORM, NULL);
    tm_stanza_set(stanza, form, "type", "submit");
    tm_stanza_field(stanza, form, "FORM_TYPE", TM_NS_MAM);
    tm_stanza_field(stanza, form, "with", "bob@im.test");
    tm_stanza_add(stanza, NULL, "body", NULL, "text\x01");
}

static void memory_may_run_out_at_any_step(void **state)
{
    (void)state;
    xmpp_mem_t mem = {scarce_alloc, scarce_free, scarce_realloc, NULL};
    xmpp_ctx_t *ctx = xmpp_ctx_new(&mem, NULL);
    assert_non_null(ctx);
    tm_stanza stanza;
    int steps = 0;
    for (bool done = false; !done; steps++) {
        left = steps;
        build(&stanza, ctx);
        xmpp_stanza_t *root = tm_stanza_finish(&stanza);
        left = -1;
        done = root != NULL;
        if (root) xmpp_stanza_release(root);
    }
    assert_true(steps > 20);
    xmpp_ctx_free(ctx);
}

/* ---- text ---- */

static void what_xml_cannot_hold_is_replaced(void **state)
{
    (void)state;
    xmpp_ctx_t *ctx = xmpp_ctx_new(NULL, NULL);
    tm_stanza stanza;
    tm_stanza_begin(&stanza, ctx, "message", "a@im.test", NULL, NULL);
    const char *hard =
        "\x01<&>\"'\t\n\x1f\xef\xbf\xbe|\xef\xbf\xbf|\xef\xbf\xbd|\x7f\xf0\x9f\x98\x80\xe6\xb6\x88";
    const char *soft = "\xef\xbf\xbd<&>\"'\t\n\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|\x7f"
                       "\xf0\x9f\x98\x80\xe6\xb6\x88";
    xmpp_stanza_t *body = tm_stanza_add(&stanza, NULL, "body", NULL, hard);
    tm_stanza_set(&stanza, body, "mark",
                  "a\x02"
                  "b\xef\xbf\xbf");
    xmpp_stanza_t *root = tm_stanza_finish(&stanza);
    char *text;
    size_t length;
    assert_int_equal(xmpp_stanza_to_text(root, &text, &length), XMPP_EOK);
    xmpp_stanza_t *again = xmpp_stanza_new_from_string(ctx, text);
    assert_non_null(again);
    char *got = tm_stanza_text(tm_stanza_child(again, "body", NULL));
    assert_string_equal(got, soft);
    assert_string_equal(tm_stanza_attribute(tm_stanza_child(again, "body", NULL), "mark"), "a\xef\xbf\xbd"
                                                                                           "b\xef\xbf\xbd");
    tm_free(got);
    xmpp_free(ctx, text);
    xmpp_stanza_release(again);
    xmpp_stanza_release(root);
    xmpp_ctx_free(ctx);
}

static void children_are_found_by_name_and_namespace(void **state)
{
    (void)state;
    xmpp_ctx_t *ctx = xmpp_ctx_new(NULL, NULL);
    xmpp_stanza_t *root = xmpp_stanza_new_from_string(
        ctx,
        "<message xmlns='jabber:client'>text<x xmlns='urn:a' n='1'/><x xmlns='urn:b' "
        "n='2'><y>a<z>no</z>b</y></x>"
        "<p:x xmlns:p='urn:c' n='3'/><error type='cancel'><text xmlns='" TM_NS_STANZAS
        "'>no</text><gone xmlns='urn:other'/><item-not-found xmlns='" TM_NS_STANZAS "'/></error></message>");
    assert_non_null(root);
    assert_string_equal(tm_stanza_attribute(tm_stanza_child(root, "x", NULL), "n"), "1");
    assert_string_equal(tm_stanza_attribute(tm_stanza_child(root, "x", "urn:b"), "n"), "2");
    assert_string_equal(tm_stanza_attribute(tm_stanza_child(root, "x", "urn:c"), "n"), "3");
    assert_null(tm_stanza_child(root, "x", "urn:d"));
    assert_null(tm_stanza_child(NULL, "x", NULL));
    /* a child's namespace is its parent's where it says none */
    xmpp_stanza_t *inner = tm_stanza_child(tm_stanza_child(root, "x", "urn:b"), "y", "urn:b");
    assert_non_null(inner);
    char *text = tm_stanza_text(inner), *none = tm_stanza_text(NULL);
    assert_string_equal(text, "ab");
    assert_string_equal(none, "");
    tm_free(text);
    tm_free(none);
    assert_string_equal(tm_stanza_attribute(root, "none"), "");
    assert_string_equal(tm_stanza_attribute(NULL, "none"), "");
    assert_string_equal(tm_stanza_error(root), "item-not-found");
    assert_string_equal(tm_stanza_error(inner), "");
    assert_string_equal(tm_stanza_error(NULL), "");
    xmpp_stanza_release(root);
    xmpp_ctx_free(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(what_is_no_time_is_0),
        cmocka_unit_test(times_are_written_as_they_are_read),
        cmocka_unit_test(memory_may_run_out_at_any_step),
        cmocka_unit_test(what_xml_cannot_hold_is_replaced),
        cmocka_unit_test(children_are_found_by_name_and_namespace),
    };
    return cmocka_run_group_tests_name("xmpp_stanza", tests, NULL, NULL);
}
#endif

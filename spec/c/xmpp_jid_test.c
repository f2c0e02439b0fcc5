/* XMPP JIDs: every id as a localpart and back. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_jid.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DOMAIN "im.test"

static void check_both_ways(const char *id, const char *localpart)
{
    char back[TM_MAX_GROUP_ID + 1] = "?", expected[512];
    char *jid = tm_jid_of(id, DOMAIN);
    assert_non_null(jid);
    if (localpart) {
        snprintf(expected, sizeof expected, "%s@" DOMAIN, localpart);
        assert_string_equal(jid, expected);
    }
    assert_true(tm_jid_id(jid, DOMAIN, TM_MAX_GROUP_ID, back));
    assert_string_equal(back, id);
    snprintf(expected, sizeof expected, "%s/a@b/c", jid);
    assert_true(tm_jid_id(expected, DOMAIN, TM_MAX_GROUP_ID, back));
    assert_string_equal(back, id);
    tm_free(jid);
}

static void ids_become_localparts_and_back(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"alice", "alice"},
        {"Alice", "\\41lice"},
        {" a b ", "\\20a\\20b\\20"},
        {"@TIM#SYSTEM", "\\40\\54\\49\\4d#\\53\\59\\53\\54\\45\\4d"},
        {"\"&'/:<>@\\", "\\22\\26\\27\\2f\\3a\\3c\\3e\\40\\5c"},
        {"a\\41", "a\\5c41"},
        {"\\", "\\5c"},
        {"-._!#$%()*+,;=?[]^`{|}~0123456789", "-._!#$%()*+,;=?[]^`{|}~0123456789"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_both_ways(cases[i][0], cases[i][1]);
}

static void every_byte_goes_both_ways_or_is_no_id(void **state)
{
    (void)state;
    char back[TM_MAX_GROUP_ID + 1];
    for (int byte = 1; byte < 256; byte++) {
        const char alone[] = {(char)byte, 0}, within[] = {'a', (char)byte, 'a', 0};
        if (tm_valid_group(alone)) {
            check_both_ways(alone, NULL);
            check_both_ways(within, NULL);
            continue;
        }
        char *jid = tm_jid_of(within, DOMAIN);
        assert_false(tm_jid_id(jid, DOMAIN, TM_MAX_GROUP_ID, back));
        tm_free(jid);
    }
}

/* Two localparts never stand for one id: what has no need of an escape has none, and digits are lower case. */
static void each_byte_has_one_spelling(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char jid[32], id[TM_MAX_GROUP_ID + 1];
        snprintf(jid, sizeof jid, "\\%02x@" DOMAIN, (unsigned)byte);
        bool is_escaped =
            byte >= 0x20 && byte < 0x7f && strchr(" ABCDEFGHIJKLMNOPQRSTUVWXYZ\"&'/:<>@\\", byte);
        assert_int_equal(tm_jid_id(jid, DOMAIN, TM_MAX_GROUP_ID, id), is_escaped);
        if (is_escaped) assert_true(id[0] == byte && !id[1]);
    }
    static const char *const bad[] = {"\\4D", "\\2F", "Alice", "\\",  "\\4",  "a\\4",
                                      "\\4g", "\\g1", "\\\\",  "a b", "a\tb", "\xc3\xa9",
                                      "\x7f", "a&b",  "a\"b",  "a'b", "a:b",  "a<b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char jid[64], id[TM_MAX_GROUP_ID + 1];
        snprintf(jid, sizeof jid, "%s@" DOMAIN, bad[i]);
        if (tm_jid_id(jid, DOMAIN, TM_MAX_GROUP_ID, id)) fail_msg("%s became %s", jid, id);
    }
}

static void only_whole_localparts_at_the_domain_count(void **state)
{
    (void)state;
    char id[TM_MAX_GROUP_ID + 1];
    static const char *const bad[] = {"",
                                      "@",
                                      "@im.test",
                                      "im.test",
                                      "im.test/alice@im.test",
                                      "alice",
                                      "alice@",
                                      "alice@im.tes",
                                      "alice@im.test2",
                                      "alice@im.test.",
                                      "alice@x.im.test",
                                      "alice@example/im.test",
                                      "alice@example/x@im.test",
                                      "alice@bob@im.test",
                                      "alice@im.test@example"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (tm_jid_id(bad[i], DOMAIN, TM_MAX_GROUP_ID, id)) fail_msg("%s became %s", bad[i], id);
    assert_true(tm_jid_id("alice@IM.Test/x", DOMAIN, TM_MAX_USER_ID, id));
    assert_string_equal(id, "alice");
}

static void ids_have_their_greatest_length(void **state)
{
    (void)state;
    char id[TM_MAX_GROUP_ID + 2] = "", back[TM_MAX_GROUP_ID + 1];
    memset(id, 'A', TM_MAX_GROUP_ID + 1);
    char *jid = tm_jid_of(id, DOMAIN);
    assert_false(tm_jid_id(jid, DOMAIN, TM_MAX_GROUP_ID, back));
    tm_free(jid);
    id[TM_MAX_GROUP_ID] = '\0';
    check_both_ways(id, NULL);
    id[TM_MAX_USER_ID + 1] = '\0';
    jid = tm_jid_of(id, DOMAIN);
    assert_false(tm_jid_id(jid, DOMAIN, TM_MAX_USER_ID, back));
    tm_free(jid);
    id[TM_MAX_USER_ID] = '\0';
    jid = tm_jid_of(id, DOMAIN);
    char user[TM_MAX_USER_ID + 1]; /* no more room than the longest needs */
    assert_true(tm_jid_id(jid, DOMAIN, TM_MAX_USER_ID, user));
    assert_string_equal(user, id);
    tm_free(jid);
}

static void bare_jids_are_compared(void **state)
{
    (void)state;
    assert_int_equal(tm_jid_bare_length("a@b/c/d"), 3);
    assert_int_equal(tm_jid_bare_length("a@b"), 3);
    assert_string_equal(tm_jid_resource("a@b/c/d"), "c/d");
    assert_string_equal(tm_jid_resource("a@b/"), "");
    assert_string_equal(tm_jid_resource("a@b"), "");
    assert_true(tm_jid_same_bare("a@b", "a@b/x"));
    assert_true(tm_jid_same_bare("a@B/y", "a@b/x"));
    assert_true(tm_jid_same_bare("b", "b/x"));
    assert_false(tm_jid_same_bare("a@b", "a@bc"));
    assert_false(tm_jid_same_bare("a@b", "c@b"));
    assert_false(tm_jid_same_bare("a@b/x", "/x"));
    assert_false(tm_jid_same_bare(NULL, "a@b"));
    assert_false(tm_jid_same_bare("a@b", NULL));
    assert_false(tm_jid_same_bare(NULL, NULL));
    assert_false(tm_jid_same_bare("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_become_localparts_and_back),
        cmocka_unit_test(every_byte_goes_both_ways_or_is_no_id),
        cmocka_unit_test(each_byte_has_one_spelling),
        cmocka_unit_test(only_whole_localparts_at_the_domain_count),
        cmocka_unit_test(ids_have_their_greatest_length),
        cmocka_unit_test(bare_jids_are_compared),
    };
    return cmocka_run_group_tests_name("xmpp_jid", tests, NULL, NULL);
}
#endif

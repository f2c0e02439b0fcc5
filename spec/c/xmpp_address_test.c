/* XMPP address: what is read, and what is refused with which sentence. */
#ifdef TM_WITHOUT_XMPP
int main(void)
{
    return 0;
}
#else
#include "xmpp_address.h"

#include "include/TIMCloudDef.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX32 "0123456789abcdef0123456789abcdef"

static tm_xmpp_address parse(const char *text)
{
    tm_error err = {0};
    tm_xmpp_address address;
    int32_t code = tm_xmpp_address_parse(text, &address, &err);
    if (code) fail_msg("%s: %s", text, err.text);
    return address;
}

static void check_refused(const char *text, const char *sentence)
{
    tm_error err = {0};
    tm_xmpp_address address;
    int32_t code = tm_xmpp_address_parse(text, &address, &err);
    if (!code) fail_msg("%s was taken", text);
    assert_int_equal(code, TIM_ERR_PARAM);
    assert_int_equal(err.code, TIM_ERR_PARAM);
    if (!strstr(err.text, sentence)) fail_msg("%s: \"%s\" has no \"%s\"", text, err.text, sentence);
    /* nothing is left to clear */
    assert_null(address.domain);
    assert_null(address.host);
    assert_null(address.ca_file);
}

static void a_domain_is_enough(void **state)
{
    (void)state;
    tm_xmpp_address address = parse("xmpp://im.test");
    assert_string_equal(address.domain, "im.test");
    assert_null(address.host);
    assert_int_equal(address.port, 0);
    assert_null(address.ca_file);
    assert_string_equal(address.fingerprint, "");
    assert_false(address.no_tls);
    tm_xmpp_address_clear(&address);
    tm_xmpp_address_clear(&address); /* twice does no harm */
    address =
        parse("xmpp://IM.Test-Zone9.example"); /* servers write it small, and it is compared with that */
    assert_string_equal(address.domain, "im.test-zone9.example");
    tm_xmpp_address_clear(&address);
    address = parse("xmpp://im.test:15222?");
    assert_string_equal(address.domain, "im.test");
    assert_int_equal(address.port, 15222);
    tm_xmpp_address_clear(&address);
}

static void options_are_percent_encoded(void **state)
{
    (void)state;
    tm_xmpp_address address =
        parse("xmpp://im.test:1?address=10.0.0.1:65535&ca=%2Ftmp/a%20b%26c%3d+%c3%a9.pem&tls=required");
    assert_string_equal(address.host, "10.0.0.1");
    assert_int_equal(address.port, 65535);
    assert_string_equal(address.ca_file, "/tmp/a b&c=+\xc3\xa9.pem");
    assert_false(address.no_tls);
    tm_xmpp_address_clear(&address);
    address = parse("xmpp://im.test:5223?address=host");
    assert_string_equal(address.host, "host");
    assert_int_equal(address.port, 5223);
    tm_xmpp_address_clear(&address);
    address = parse("xmpp://im.test?address=[::1]:5222");
    assert_string_equal(address.host, "::1");
    assert_int_equal(address.port, 5222);
    tm_xmpp_address_clear(&address);
    address = parse("xmpp://im.test?address=%5bfe80::1%5D&tls=none");
    assert_string_equal(address.host, "fe80::1");
    assert_int_equal(address.port, 0);
    assert_true(address.no_tls);
    tm_xmpp_address_clear(&address);
}

static void fingerprints_come_in_many_forms(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "xmpp://im.test?fingerprint=" HEX32 HEX32,
        "xmpp://im.test?fingerprint=0123456789ABCDEF0123456789abcdef" HEX32,
        "xmpp://im.test?fingerprint=01:23:45:67:89:AB:CD:EF:01:23:45:67:89:ab:cd:ef:" HEX32,
        "xmpp://im.test?fingerprint=01%3a23456789abcdef0123456789abcdef" HEX32,
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tm_xmpp_address address = parse(texts[i]);
        assert_string_equal(address.fingerprint, HEX32 HEX32);
        tm_xmpp_address_clear(&address);
    }
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "expected xmpp://"},
        {"im.test", "expected xmpp://"},
        {"http://im.test", "expected xmpp://"},
        {"XMPP://im.test", "expected xmpp://"},
        {"xmpp:im.test", "expected xmpp://"},
        {"xmpp://", "is no host"},
        {"xmpp://:5222", "is no host"},
        {"xmpp://?tls=none", "is no host"},
        {"xmpp://[]", "is no host"},
        {"xmpp://[::1", "is no host"},
        {"xmpp://alice@im.test", "is no domain"},
        {"xmpp://im.test/", "is no domain"},
        {"xmpp://im test", "is no domain"},
        {"xmpp://im.test:", "port from 1 to 65535"},
        {"xmpp://im.test:0", "port from 1 to 65535"},
        {"xmpp://im.test:65536", "port from 1 to 65535"},
        {"xmpp://im.test:99999999999999999999", "port from 1 to 65535"},
        {"xmpp://im.test:-1", "port from 1 to 65535"},
        {"xmpp://im.test:+1", "port from 1 to 65535"},
        {"xmpp://im.test: 1", "is no domain"},
        {"xmpp://im.test:5222x", "port from 1 to 65535"},
        {"xmpp://::1", "is no host"},
        {"xmpp://a::1", "port from 1 to 65535"},
        {"xmpp://im.test?address=", "is no host"},
        {"xmpp://im.test?address=:1", "is no host"},
        {"xmpp://im.test?address=a:b", "port from 1 to 65535"},
        {"xmpp://im.test?address=[::1]5222", "port from 1 to 65535"},
        {"xmpp://im.test?ca=", "ca: expected a file"},
        {"xmpp://im.test?ca=a&ca=b", "ca comes twice"},
        {"xmpp://im.test?address=a&tls=none&address=b", "address comes twice"},
        {"xmpp://im.test?tls=required&tls=none", "tls comes twice"},
        {"xmpp://im.test?fingerprint=" HEX32 HEX32 "&fingerprint=" HEX32 HEX32, "fingerprint comes twice"},
        {"xmpp://im.test?fingerprint=", "64 hexadecimal digits"},
        {"xmpp://im.test?fingerprint=" HEX32, "64 hexadecimal digits"},
        {"xmpp://im.test?fingerprint=" HEX32 HEX32 "0", "64 hexadecimal digits"},
        {"xmpp://im.test?fingerprint=" HEX32 "0123456789abcdef0123456789abcdeg", "64 hexadecimal digits"},
        {"xmpp://im.test?tls=", "\"required\" or \"none\""},
        {"xmpp://im.test?tls=None", "\"required\" or \"none\""},
        {"xmpp://im.test?tls=none&ca=a", "tls=none leaves nothing"},
        {"xmpp://im.test?fingerprint=" HEX32 HEX32 "&tls=none", "tls=none leaves nothing"},
        {"xmpp://im.test?port=1", "\"port\" is none of"},
        {"xmpp://im.test?tl=none", "\"tl\" is none of"},
        {"xmpp://im.test?CA=a", "\"CA\" is none of"},
        {"xmpp://im.test?=a", "is none of"},
        {"xmpp://im.test?ca", "expected key=value"},
        {"xmpp://im.test?ca=a&&tls=none", "expected key=value"},
        {"xmpp://im.test?ca=a%2", "two hexadecimal digits"},
        {"xmpp://im.test?ca=a%", "two hexadecimal digits"},
        {"xmpp://im.test?ca=a%2&tls=required", "two hexadecimal digits"},
        {"xmpp://im.test?ca=a%zz", "two hexadecimal digits"},
        {"xmpp://im.test?ca=a%00b", "two hexadecimal digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_refused(cases[i][0], cases[i][1]);
}

/* Whoever reads the file may do so in another working directory. */
static void a_relative_ca_is_made_absolute(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"xmpp://im.test", "xmpp://im.test"},
        {"xmpp://im.test?address=ca&tls=required", "xmpp://im.test?address=ca&tls=required"},
        {"xmpp://im.test?ca=/etc/a%20b.pem", "xmpp://im.test?ca=/etc/a%20b.pem"},
        {"xmpp://im.test?ca=a%20b%26.pem", "xmpp://im.test?ca=/tmp/a%20b%26.pem"},
        {"xmpp://im.test:1?address=ca&ca=%25/a.pem&tls=required",
         "xmpp://im.test:1?address=ca&ca=/tmp/%25/a.pem&tls=required"}};
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir("/tmp"), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tm_error err = {0};
        char *whole = tm_xmpp_address_absolute(cases[i][0], &err);
        if (!whole) fail_msg("%s: %s", cases[i][0], err.text);
        assert_string_equal(whole, cases[i][1]);
        tm_xmpp_address one = parse(cases[i][0]), other = parse(whole);
        assert_int_equal(one.ca_file != NULL, other.ca_file != NULL);
        tm_xmpp_address_clear(&one);
        tm_xmpp_address_clear(&other);
        tm_free(whole);
    }
    assert_int_equal(chdir(before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_domain_is_enough),
        cmocka_unit_test(options_are_percent_encoded),
        cmocka_unit_test(fingerprints_come_in_many_forms),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(a_relative_ca_is_made_absolute),
    };
    return cmocka_run_group_tests_name("xmpp_address", tests, NULL, NULL);
}
#endif

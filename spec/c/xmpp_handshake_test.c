/* XMPP handshake: one that takes too long is ended from another thread, one that does not is left alone. */
#include "../../csrc/xmpp_handshake.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 30000

/* Waits in the place of libstrophe, which hears nothing but the end of its connection. */
static bool wait_for_the_end(int fd)
{
    struct pollfd connection = {.fd = fd, .events = POLLIN};
    char byte;
    return poll(&connection, 1, DEADLINE_MS) == 1 && read(fd, &byte, 1) == 0;
}

static void ends_one_that_takes_too_long(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tm_handshake *handshake = tm_handshake_begin(pair[0], 20);
    assert_non_null(handshake);
    assert_true(wait_for_the_end(pair[0]));
    assert_true(wait_for_the_end(pair[1]));
    assert_true(tm_handshake_end(handshake));
    close(pair[0]);
    close(pair[1]);
}

static void leaves_the_connection_of_one_that_does_not(void **state)
{
    (void)state;
    int pair[2];
    char byte = 'a';
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    tm_handshake *handshake = tm_handshake_begin(pair[0], DEADLINE_MS);
    assert_non_null(handshake);
    assert_false(tm_handshake_end(handshake)); /* at once */
    assert_int_equal(write(pair[0], &byte, 1), 1);
    assert_int_equal(read(pair[1], &byte, 1), 1);
    close(pair[0]);
    close(pair[1]);
}

/* libstrophe closes it before the handshake is said to be over. */
static void leaves_who_has_its_number_meanwhile(void **state)
{
    (void)state;
    int first[2], second[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, second), 0);
    tm_handshake *handshake = tm_handshake_begin(first[0], 20);
    assert_non_null(handshake);
    assert_int_equal(dup2(second[0], first[0]), first[0]);
    assert_true(wait_for_the_end(first[1]));
    assert_true(tm_handshake_end(handshake));
    char byte = 'a';
    assert_int_equal(write(first[0], &byte, 1), 1);
    assert_int_equal(read(second[1], &byte, 1), 1);
    for (int i = 0; i < 2; i++) {
        close(first[i]);
        close(second[i]);
    }
}

static void does_without_one(void **state)
{
    (void)state;
    assert_null(tm_handshake_begin(-1, DEADLINE_MS));
    assert_false(tm_handshake_end(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_one_that_takes_too_long),
        cmocka_unit_test(leaves_the_connection_of_one_that_does_not),
        cmocka_unit_test(leaves_who_has_its_number_meanwhile),
        cmocka_unit_test(does_without_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

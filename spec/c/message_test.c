/* Message: identities that chance must not make meet. */
#include "message.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MANY 2000000

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static size_t count_twins(uint64_t *numbers)
{
    size_t twins = 0;
    qsort(numbers, MANY, sizeof *numbers, compare);
    for (size_t i = 1; i < MANY; i++)
        twins += numbers[i] == numbers[i - 1];
    return twins;
}

/* 32 random bits each would have some 460 twins among them: messages that the hub takes for one. */
static void a_device_never_repeats_a_rand(void **state)
{
    (void)state;
    uint64_t *rands = tm_calloc(MANY, sizeof *rands);
    assert_non_null(rands);
    uint32_t counter = UINT32_MAX - 1000;
    for (size_t i = 0; i < MANY; i++) {
        rands[i] = tm_message_rand(&counter);
        assert_true(rands[i] > 0 && rands[i] <= UINT32_MAX);
    }
    assert_int_equal(count_twins(rands), 0);
    tm_free(rands);
}

static void imports_of_other_content_never_meet(void **state)
{
    (void)state;
    uint64_t *identities = tm_calloc(MANY, sizeof *identities);
    assert_non_null(identities);
    for (size_t i = 0; i < MANY; i++) {
        char text[64];
        uint64_t seq, rand;
        /* half of them differ in text, half are the same said again */
        snprintf(text, sizeof text, "[{\"text_elem_content\":\"%zu\"}]", i < MANY / 2 ? i : 0);
        uint32_t occurrence = i < MANY / 2 ? 0 : (uint32_t)(i - MANY / 2 + 1);
        tm_message_derive_identity(tm_message_content_hash("alice", 1700000000, text), occurrence, &seq,
                                   &rand);
        assert_true(seq > 0 && rand > 0);
        identities[i] = seq << 32 | rand;
    }
    assert_int_equal(count_twins(identities), 0);
    tm_free(identities);
}

static void identities_are_fixed_for_ever(void **state)
{
    (void)state;
    uint64_t seq, rand, again_seq, again_rand;
    tm_message_derive_identity(tm_message_content_hash("alice", 1700000000, "[]"), 0, &seq, &rand);
    assert_int_equal(seq, 1447772621);
    assert_int_equal(rand, 2041221757);
    tm_message_derive_identity(tm_message_content_hash("alice", 1700000000, "[]"), 1, &again_seq,
                               &again_rand);
    assert_true(seq != again_seq || rand != again_rand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_never_repeats_a_rand),
        cmocka_unit_test(imports_of_other_content_never_meet),
        cmocka_unit_test(identities_are_fixed_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

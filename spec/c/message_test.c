/* Message: identities that chance must not make meet, and lists. */
#include "messages.h"

#include "json.h"
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

static void a_list_is_the_array_of_its_messages(void **state)
{
    (void)state;
    char me[] = "me", you[] = "you", note[] = "{}",
         text[] = "[{\"elem_type\":0,\"text_elem_content\":\"a\"}]";
    const tm_message list[] = {
        {.conv_type = 1,
         .conv_id = you,
         .sender = me,
         .seq = UINT64_MAX,
         .rand = 7,
         .server_time = 5,
         .status = 2,
         .is_self = true,
         .is_peer_read = true,
         .custom_int = UINT32_MAX,
         .custom_str = note,
         .elems = text},
        {.conv_type = 2, .conv_id = me, .sender = you, .seq = 1, .client_time = 6, .status = 6},
    };
    tm_messages *messages = tm_messages_new();
    cJSON *expected = cJSON_CreateArray();
    assert_non_null(messages);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        assert_true(tm_messages_add(messages, &list[i]));
        assert_true(tm_json_append(expected, tm_message_to_tree(&list[i])));
    }
    you[0] = me[0] = text[0] = '!'; /* the list has copies */
    cJSON *tree = tm_messages_to_tree(messages);
    char *printed = tm_json_print(tree), *wanted = tm_json_print(expected);
    assert_string_equal(printed, wanted);
    tm_free(printed);
    tm_free(wanted);
    cJSON_Delete(tree);
    cJSON_Delete(expected);
    tm_messages_free(messages);
    tm_messages_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_never_repeats_a_rand),
        cmocka_unit_test(imports_of_other_content_never_meet),
        cmocka_unit_test(identities_are_fixed_for_ever),
        cmocka_unit_test(a_list_is_the_array_of_its_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

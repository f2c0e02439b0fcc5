/* Clock test: the machine's clock goes back an hour, for the library's threads at least. Rule 12: the hub's
 * server_time does not go back within a conversation, and the order stays what it was. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the kit has more than is used here */
#include "cloud_kit.h"

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static atomic_long shift; /* seconds that the library's clock is wrong by */

/* In the place of the system's. The tests' own thread waits with deadlines that must be right. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock == CLOCK_REALTIME && !pthread_equal(pthread_self(), kit_main)) now->tv_sec += shift;
    return result;
}

static long long number(const cJSON *message, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(message, key);
    assert_true(cJSON_IsNumber(value));
    return (long long)value->valuedouble;
}

/* Sends a text: its server_time. *client_time: its own. */
static long long send(const char *conv_id, enum TIMConvType type, const char *text, long long *client_time)
{
    box sent = {0};
    char json[256];
    snprintf(json, sizeof json, "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"%s\"}]}",
             text);
    complete(sent, 0, TIMMsgSendNewMsg(conv_id, type, json, on_done, &sent));
    cJSON *message = cJSON_Parse(sent.json);
    long long time = number(message, kTIMMsgServerTime);
    *client_time = number(message, kTIMMsgClientTime);
    cJSON_Delete(message);
    empty(&sent);
    return time;
}

/* The texts of the conversation, oldest first, in `out`. */
static void list(const char *conv_id, enum TIMConvType type, char *out, size_t size)
{
    box got = {0};
    complete(got, 0,
             TIMMsgGetMsgList(conv_id, type, "{\"msg_getmsglist_param_is_forward\":true}", on_done, &got));
    cJSON *messages = cJSON_Parse(got.json);
    const cJSON *message;
    *out = '\0';
    cJSON_ArrayForEach(message, messages)
    {
        const cJSON *elems = cJSON_GetObjectItemCaseSensitive(message, kTIMMsgElemArray);
        const cJSON *text = cJSON_GetObjectItemCaseSensitive(elems->child, kTIMTextElemContent);
        size_t used = strlen(out);
        if (text) snprintf(out + used, size - used, "%s ", text->valuestring);
    }
    cJSON_Delete(messages);
    empty(&got);
}

static void check(const char *conv_id, enum TIMConvType type)
{
    long long own, before, after;
    char texts[128];
    shift = 0;
    long long first = send(conv_id, type, "first", &before);
    shift = -3600;
    long long second = send(conv_id, type, "second", &own);
    assert_true(own <= before - 3590); /* the clock is really wrong */
    assert_true(second >= first);
    assert_true(send(conv_id, type, "third", &own) >= second);
    shift = 0;
    assert_true(send(conv_id, type, "fourth", &after) >= second);
    assert_true(after >= before);
    list(conv_id, type, texts, sizeof texts);
    assert_string_equal(texts, "first second third fourth ");
}

static void test_server_time_does_not_go_back_between_two(void **state)
{
    (void)state;
    begin("anna");
    check("anna", kTIMConv_C2C);
}

static void test_server_time_does_not_go_back_in_a_group(void **state)
{
    (void)state;
    box made = {0};
    begin("anna");
    complete(made, 0,
             TIMGroupCreate("{\"create_group_param_group_id\":\"g\",\"create_group_param_group_name\":\"g\"}",
                            on_done, &made));
    empty(&made);
    check("g", kTIMConv_Group);
}

/* A clock that was an hour fast, and is put right: every message of that hour's beginning has one time. */
static void test_a_clock_that_was_fast(void **state)
{
    (void)state;
    long long own;
    char texts[128];
    begin("anna");
    shift = 3600;
    long long first = send("anna", kTIMConv_C2C, "fast", &own);
    shift = 0;
    assert_true(send("anna", kTIMConv_C2C, "right", &own) >= first);
    assert_true(send("anna", kTIMConv_C2C, "still", &own) >= first);
    list("anna", kTIMConv_C2C, texts, sizeof texts);
    assert_string_equal(texts, "fast right still ");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_server_time_does_not_go_back_between_two),
        T(test_server_time_does_not_go_back_in_a_group),
        T(test_a_clock_that_was_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

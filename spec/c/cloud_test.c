/* Cloud test: the TIM C API as a C program meets it: what is refused and how, completions exactly once, the
 * logic thread, and TIMUninit from everywhere. Real core, real hub in a scratch directory.
 *
 * Usage: cloud_test [PATTERN]      runs the tests whose names match (cmocka's `*` and `?`)
 *        cloud_test peer DIR USER STEP...      another user in another process, see cloud_kit.h */
#include "cloud_calls.h"
#include "cloud_kit.h"
#include "mem.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdatomic.h>

static void expect_refusal(const entry *e, int expected, const char *id, int type, const char *json,
                           box *never)
{
    int result = e->call(id, (enum TIMConvType)type, json, on_done, never);
    if (result != expected)
        fail_msg("%s(%s, %d, %s): %d (%s), expected %d", e->name, id ? id : "NULL", type,
                 json ? json : "NULL", result, timmsg_last_error(), expected);
    if (!*timmsg_last_error()) fail_msg("%s: refused without a sentence", e->name);
}

/* ---- What is refused ---- */

static void test_before_init_every_call_is_refused(void **state)
{
    (void)state;
    box never = {0};
    refused(TIM_ERR_SDKUNINIT, TIMUninit());
    for (size_t i = 0; i < ENTRIES; i++) {
        const entry *e = &entries[i];
        if (e->call == TIMSetConfig_) continue;
        expect_refusal(e, TIM_ERR_SDKUNINIT, e->id, kTIMConv_C2C, e->json, &never);
        expect_refusal(e, TIM_ERR_SDKUNINIT, NULL, 0, "not JSON", &never);
    }
    assert_int_equal(never.count, 0);
}

static void test_before_login_every_call_but_two_is_refused(void **state)
{
    (void)state;
    box never = {0};
    accepted(TIMInit(1400000001, config_of("anna")));
    for (size_t i = 0; i < ENTRIES; i++) {
        const entry *e = &entries[i];
        if (e->without_login) continue;
        expect_refusal(e, TIM_ERR_NOTLOGIN, e->id, kTIMConv_C2C, e->json, &never);
        expect_refusal(e, TIM_ERR_NOTLOGIN, NULL, 0, "not JSON", &never);
    }
    accepted(TIMUninit());
    assert_int_equal(never.count, 0);
}

static void test_bad_arguments_of_every_function(void **state)
{
    (void)state;
    box never = {0};
    char long_id[200];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    begin("anna");
    for (size_t i = 0; i < ENTRIES; i++) {
        const entry *e = &entries[i];
        if (e->json) {
            static const char *const broken[] = {
                "{", "{} {}", "nil", "{\"a\":1,\"a\":2}", "[1,]", "{\"a\":\"\\u0000\"}", "\"\xff\"", "01"};
            for (size_t j = 0; j < sizeof broken / sizeof *broken; j++)
                expect_refusal(e, TIM_ERR_JSON, e->id, kTIMConv_C2C, broken[j], &never);
            expect_refusal(e, TIM_ERR_JSON, e->id, kTIMConv_C2C, e->wrong, &never);
            if (!e->json_optional) {
                expect_refusal(e, TIM_ERR_PARAM, e->id, kTIMConv_C2C, NULL, &never);
                expect_refusal(e, TIM_ERR_PARAM, e->id, kTIMConv_C2C, "", &never);
            }
        }
        if (e->conv) {
            expect_refusal(e, TIM_ERR_PARAM, NULL, kTIMConv_C2C, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, "", kTIMConv_C2C, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, long_id, kTIMConv_C2C, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, e->id, kTIMConv_Invalid, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, e->id, kTIMConv_System, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, e->id, 99, e->json, &never);
            expect_refusal(e, TIM_ERR_CONV, e->id, -1, e->json, &never);
        } else if (e->id) {
            expect_refusal(e, TIM_ERR_PARAM, NULL, kTIMConv_C2C, e->json, &never);
            expect_refusal(e, TIM_ERR_PARAM, "", kTIMConv_C2C, e->json, &never);
        }
    }
    accepted(TIMUninit());
    assert_int_equal(never.count, 0);
}

static void test_the_sentence_of_a_refused_call(void **state)
{
    (void)state;
    refused(TIM_ERR_SDKUNINIT, TIMLogout(NULL, NULL));
    assert_non_null(strstr(timmsg_last_error(), "TIMInit"));
    begin("anna"); /* a call that is taken clears it */
    refused(TIM_ERR_JSON,
            TIMMsgSendNewMsg("anna", kTIMConv_C2C,
                             "{\"message_elem_array\":[{\"elem_type\":6,\"face_elem_index\":\"1\"}]}", NULL,
                             NULL));
    assert_string_equal(timmsg_last_error(), "message_elem_array[0].face_elem_index: expected an integer");
    accepted(TIMConvGetConvList(NULL, NULL));
}

static void *refuse_elsewhere(void *text)
{
    if (*timmsg_last_error()) trouble("a new thread has a sentence");
    if (TIMMsgSendNewMsg("anna", kTIMConv_C2C, "{", NULL, NULL) != TIM_ERR_JSON) trouble("not refused");
    snprintf(text, 512, "%s", timmsg_last_error());
    return NULL;
}

static void test_each_thread_has_its_own_sentence(void **state)
{
    (void)state;
    char mine[512], other[512];
    pthread_t thread;
    begin("anna");
    refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL));
    snprintf(mine, sizeof mine, "%s", timmsg_last_error());
    assert_int_equal(pthread_create(&thread, NULL, refuse_elsewhere, other), 0);
    pthread_join(thread, NULL);
    assert_string_equal(timmsg_last_error(), mine);
    assert_string_not_equal(other, mine);
    assert_string_not_equal(other, "");
}

static void test_a_refused_call_is_logged(void **state)
{
    (void)state;
    box log = {0};
    begin("anna");
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":5}", NULL, NULL));
    TIMSetLogCallback(on_log, &log);
    refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL));
    await(&log, 1);
    assert_int_equal(log.event, kTIMLog_Error);
    assert_non_null(strstr(log.json, timmsg_last_error()));
    refused(TIM_ERR_JSON, TIMMsgSendNewMsg("anna", kTIMConv_C2C, "{", NULL, NULL));
    await(&log, 2);
    assert_non_null(strstr(log.json, timmsg_last_error()));
    refused(TIM_ERR_PARAM, TIMMsgSendNewMsg("anna", kTIMConv_C2C, NULL, NULL, NULL));
    await(&log, 3);
    refused(TIM_ERR_JSON, TIMSetConfig("{", NULL, NULL));
    await(&log, 4);
    assert_non_null(strstr(log.json, timmsg_last_error()));
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":0}", NULL, NULL));
    accepted(TIMUninit());
    empty(&log);
}

static void fail_inside(box *log)
{
    box *sent = log->extra;
    refused(TIM_ERR_JSON, TIMMsgSendNewMsg("anna", kTIMConv_C2C, "{", NULL, NULL));
    refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL));
    refused(TIM_ERR_JSON, TIMSetConfig("{", NULL, NULL));
    accepted(TIMMsgSendNewMsg("nobody", kTIMConv_C2C, HELLO, on_done, sent));
}

/* Rule 1: else it would be rung without end. */
static void test_the_log_callback_is_not_told_what_its_own_calls_log(void **state)
{
    (void)state;
    box set = {0}, sent = {0}, log = {.then = fail_inside, .extra = &sent};
    begin("anna");
    complete(set, 0, TIMSetConfig("{\"set_config_callback_log_level\":4}", on_done, &set));
    TIMSetLogCallback(on_log, &log);
    for (int i = 1; i <= 2; i++) {
        refused(TIM_ERR_CONV, TIMConvDelete("", kTIMConv_C2C, NULL, NULL));
        await(&log, i);
        await(&sent, i);
        assert_int_equal(sent.code, ERR_SVR_MSG_INVALID_ID);
        assert_int_equal(log.count, i);
        assert_non_null(strstr(log.json, "TIMConvDelete"));
    }
    accepted(TIMUninit());
    assert_int_equal(log.count, 2);
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":0}", NULL, NULL));
    empty(&log);
    empty(&sent);
    empty(&set);
}

/* ---- Init and uninit ---- */

static void test_init_takes_null_empty_and_an_object(void **state)
{
    (void)state;
    accepted(TIMInit(1400000001, NULL));
    accepted(TIMUninit());
    accepted(TIMInit(1400000001, ""));
    accepted(TIMUninit());
    accepted(TIMInit(1400000001, "{}"));
    accepted(TIMUninit());
    refused(TIM_ERR_SDKUNINIT, TIMUninit());
}

static void test_a_failed_init_leaves_nothing_behind(void **state)
{
    (void)state;
    char config[256];
    FILE *file = fopen("plain", "w");
    assert_non_null(file);
    fclose(file);
    refused(TIM_ERR_JSON, TIMInit(1400000001, "{"));
    refused(TIM_ERR_JSON, TIMInit(1400000001, "[]"));
    refused(TIM_ERR_JSON, TIMInit(1400000001, "{\"sdk_config_config_file_path\":1}"));
    snprintf(config, sizeof config, "{\"sdk_config_config_file_path\":\"%s/plain/below\"}", kit_dir);
    refused(TIM_ERR_PARAM, TIMInit(1400000001, config));
    assert_int_equal(strncmp(timmsg_last_error(), "sdk_config_config_file_path: ", 29), 0);
    assert_non_null(strstr(timmsg_last_error(), "plain"));
    refused(TIM_ERR_SDKUNINIT, TIMUninit());
    refused(TIM_ERR_SDKUNINIT, TIMLogin("anna", "", NULL, NULL));
    begin("anna");
}

static void test_a_second_init_is_refused(void **state)
{
    (void)state;
    begin("anna");
    refused(TIM_ERR_PARAM, TIMInit(1400000001, config_of("anna")));
    refused(TIM_ERR_PARAM, TIMInit(1400000001, "not JSON"));
    accepted(TIMConvGetConvList(NULL, NULL)); /* the first one is as it was */
}

static void test_init_and_uninit_again_and_again(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        begin("anna");
        accepted(TIMUninit());
    }
}

#define MANY 200

static void test_uninit_completes_what_is_under_way(void **state)
{
    (void)state;
    static box boxes[MANY], refusal;
    begin("anna");
    for (int i = 0; i < MANY; i++) {
        accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &boxes[i]));
        refused(TIM_ERR_JSON, TIMMsgSendNewMsg("anna", kTIMConv_C2C, "{", on_done, &refusal));
    }
    accepted(TIMUninit());
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(boxes[i].count, 1);
        assert_true(boxes[i].code == 0 || boxes[i].code == ERR_USER_CANCELED);
        empty(&boxes[i]);
    }
    assert_int_equal(refusal.count, 0);
}

static void test_logout_completes_what_is_under_way(void **state)
{
    (void)state;
    static box boxes[MANY];
    box out = {0}, in = {0};
    begin("anna");
    for (int i = 0; i < MANY; i++)
        accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &boxes[i]));
    complete(out, 0, TIMLogout(on_done, &out));
    for (int i = 0; i < MANY; i++)
        await(&boxes[i], 1);
    refused(TIM_ERR_NOTLOGIN, TIMLogout(on_done, &out));
    complete(in, 0, TIMLogin("anna", "", on_done, &in));
    accepted(TIMUninit());
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(boxes[i].count, 1);
        empty(&boxes[i]);
    }
    empty(&out);
    empty(&in);
}

/* For a callback that ends the library: calls under way then, and a callback that is to run before. */
typedef struct ending {
    box pending[MANY];
    box *due;
} ending;

/* Runs in a callback: ends the library; what is pending completes before TIMUninit is back. */
static void uninit_inside(box *from)
{
    ending *end = from->extra;
    if (from->count > 0) return;
    for (int i = 0; i < MANY; i++)
        if (TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &end->pending[i])) trouble("not taken");
    if (TIMUninit() != 0) trouble("TIMUninit inside a callback");
    for (int i = 0; i < MANY; i++)
        if (end->pending[i].count != 1) trouble("not completed exactly once by the end of TIMUninit");
    if (end->due && end->due->count != 1) trouble("a callback had not run by the end of TIMUninit");
    if (TIMUninit() != TIM_ERR_SDKUNINIT) trouble("TIMUninit twice inside a callback");
    if (TIMInit(1400000001, config_of("anna")) != TIM_ERR_PARAM) trouble("TIMInit before the callback's end");
    if (TIMLogin("anna", "", NULL, NULL) != TIM_ERR_SDKUNINIT) trouble("TIMLogin after TIMUninit");
    if (TIMSetConfig(NULL, NULL, NULL) != TIM_ERR_SDKUNINIT) trouble("TIMSetConfig while closing");
}

static void expect_ended_inside(ending *end)
{
    refused(TIM_ERR_SDKUNINIT, TIMUninit()); /* back when the callback is through */
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(end->pending[i].count, 1);
        empty(&end->pending[i]);
    }
    begin("anna"); /* and all works again */
    accepted(TIMUninit());
}

static void test_uninit_from_a_completion(void **state)
{
    (void)state;
    static ending end;
    box first = {.then = uninit_inside, .extra = &end};
    begin("anna");
    accepted(TIMConvGetConvList(on_done, &first));
    await(&first, 1);
    assert_int_equal(first.code, 0);
    expect_ended_inside(&end);
    empty(&first);
}

static void test_uninit_from_a_new_message(void **state)
{
    (void)state;
    static ending end;
    box first = {.then = uninit_inside, .extra = &end}, second = {0};
    end.due = &second; /* it gets the array that `first` is called with */
    TIMAddRecvNewMsgCallback(on_json, &first);
    TIMAddRecvNewMsgCallback(on_json_2, &second);
    begin("anna");
    end_peer(start_peer("bert", "send anna", NULL));
    await(&first, 1);
    refused(TIM_ERR_SDKUNINIT, TIMUninit());
    assert_int_equal(first.count, 1);
    assert_int_equal(second.count, 1);
    assert_string_equal(first.json, second.json);
    expect_ended_inside(&end);
    empty(&first);
    empty(&second);
}

typedef struct rival {
    pthread_barrier_t *start;
    int result;
} rival;

static void *uninit_rival(void *argument)
{
    rival *me = argument;
    pthread_barrier_wait(me->start);
    me->result = TIMUninit();
    return NULL;
}

static void test_uninit_from_two_threads(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        static box boxes[MANY];
        pthread_barrier_t start;
        pthread_t threads[2];
        rival rivals[2] = {{&start, 1}, {&start, 1}};
        begin("anna");
        pthread_barrier_init(&start, NULL, 2);
        for (int i = 0; i < MANY; i++)
            accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &boxes[i]));
        for (int i = 0; i < 2; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, uninit_rival, &rivals[i]), 0);
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        assert_int_equal(rivals[0].result + rivals[1].result, TIM_ERR_SDKUNINIT);
        assert_int_equal(rivals[0].result * rivals[1].result, 0);
        for (int i = 0; i < MANY; i++) {
            assert_int_equal(boxes[i].count, 1);
            empty(&boxes[i]);
        }
        pthread_barrier_destroy(&start);
    }
}

/* Runs in a callback: calls until the library is being closed by another thread. */
static void call_until_closing(box *from)
{
    if (from->count > 0) return;
    while (TIMConvGetConvList(NULL, NULL) != TIM_ERR_SDKUNINIT)
        ;
    if (TIMUninit() != TIM_ERR_SDKUNINIT) trouble("two threads have closed the library");
    if (TIMInit(1400000001, config_of("anna")) != TIM_ERR_PARAM) trouble("TIMInit while it is being closed");
}

static void test_uninit_while_a_callback_is_in_calls(void **state)
{
    (void)state;
    box busy = {.then = call_until_closing};
    begin("anna");
    accepted(TIMConvGetConvList(on_done, &busy));
    accepted(TIMUninit());
    assert_int_equal(busy.count, 1);
    empty(&busy);
}

static void test_completions_of_uninit_may_call(void **state)
{
    (void)state;
    box last = {.then = call_until_closing};
    begin("anna");
    for (int i = 0; i < MANY; i++)
        accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, NULL, NULL));
    accepted(TIMMsgGetMsgList("anna", kTIMConv_C2C, "{}", on_done, &last));
    accepted(TIMUninit());
    assert_int_equal(last.count, 1);
    empty(&last);
}

/* ---- Threads ---- */

#define THREADS 8
#define CALLS 50

typedef struct caller {
    box boxes[CALLS];
    int results[CALLS];
    bool until_closed; /* stops at the first call that is refused */
} caller;

static void *make_calls(void *argument)
{
    caller *me = argument;
    for (int i = 0; i < CALLS; i++) {
        me->results[i] = i % 5 == 4 ? TIMMsgGetMsgList("anna", kTIMConv_C2C, "{}", on_done, &me->boxes[i])
                                    : TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &me->boxes[i]);
        if (me->results[i] != 0 && (!me->until_closed || me->results[i] != TIM_ERR_SDKUNINIT))
            trouble("a good call was refused");
    }
    return NULL;
}

static void test_calls_from_eight_threads(void **state)
{
    (void)state;
    static caller callers[THREADS];
    pthread_t threads[THREADS];
    box first = {0};
    begin("anna");
    complete(first, 0, TIMConvGetConvList(on_done, &first));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_calls, &callers[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < CALLS; j++) {
            box *one = &callers[i].boxes[j];
            await(one, 1);
            assert_int_equal(one->code, 0);
            /* One thread for all callbacks, and none of the callers'. */
            assert_true(pthread_equal(one->thread, first.thread));
        }
    }
    accepted(TIMUninit());
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < CALLS; j++) {
            assert_int_equal(callers[i].boxes[j].count, 1);
            empty(&callers[i].boxes[j]);
        }
    }
    empty(&first);
}

static void test_calls_that_race_with_uninit(void **state)
{
    (void)state;
    static caller callers[THREADS];
    pthread_t threads[THREADS];
    begin("anna");
    for (int i = 0; i < THREADS; i++) {
        callers[i].until_closed = true;
        assert_int_equal(pthread_create(&threads[i], NULL, make_calls, &callers[i]), 0);
    }
    await(&callers[0].boxes[0], 1);
    accepted(TIMUninit());
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        for (int j = 0; j < CALLS; j++) {
            assert_int_equal(callers[i].boxes[j].count, callers[i].results[j] == 0);
            empty(&callers[i].boxes[j]);
        }
    }
}

static void *set_and_unset(void *argument)
{
    box *quiet = argument;
    for (int i = 0; i < 200; i++) {
        TIMAddRecvNewMsgCallback(on_json, quiet);
        TIMSetConvEventCallback(on_conv_event, quiet);
        TIMSetMsgRevokeCallback(on_json, quiet);
        TIMSetConfig("{\"set_config_user_config\":{\"user_config_is_read_receipt\":true}}", on_done, quiet);
        TIMRemoveRecvNewMsgCallback(on_json);
        TIMSetConvEventCallback(NULL, NULL);
        TIMSetMsgRevokeCallback(NULL, NULL);
    }
    return NULL;
}

static void test_setters_from_threads_while_the_library_comes_and_goes(void **state)
{
    (void)state;
    pthread_t threads[2];
    static box quiet[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, set_and_unset, &quiet[i]), 0);
    for (int i = 0; i < 3; i++) {
        begin("anna");
        accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, NULL, NULL));
        accepted(TIMUninit());
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    /* Completions of the last settings may still be on their way: this one is behind them. */
    box last = {0};
    complete(last, 0, TIMSetConfig(NULL, on_done, &last));
    for (int i = 0; i < 2; i++)
        empty(&quiet[i]);
    empty(&last);
}

/* ---- Calls without a callback, and from inside every callback ---- */

static void test_every_callback_may_be_null(void **state)
{
    (void)state;
    box barrier = {0};
    begin("anna");
    for (size_t i = 0; i < ENTRIES; i++) {
        int result = good_call(&entries[i], NULL, NULL);
        if (result) fail_msg("%s: %d (%s)", entries[i].name, result, timmsg_last_error());
    }
    complete(barrier, 0, TIMLogin("anna", NULL, on_done, &barrier));
    empty(&barrier);
}

static void test_every_call_completes_once(void **state)
{
    (void)state;
    static box boxes[ENTRIES];
    begin("anna");
    for (size_t i = 0; i < ENTRIES; i++) {
        int result = good_call(&entries[i], on_done, &boxes[i]);
        if (result) fail_msg("%s: %d (%s)", entries[i].name, result, timmsg_last_error());
    }
    for (size_t i = 0; i < ENTRIES; i++)
        if (!entries[i].without_cb) await(&boxes[i], 1);
    accepted(TIMUninit());
    for (size_t i = 0; i < ENTRIES; i++) {
        if (boxes[i].count != !entries[i].without_cb)
            fail_msg("%s completed %d times", entries[i].name, boxes[i].count);
        empty(&boxes[i]);
    }
}

/* Runs in a callback: uses the library, the setters too. */
static void use_inside(box *from)
{
    box *answer = from->extra;
    if (from->count > 0) return;
    if (TIMConvGetConvList(on_done, answer)) trouble(timmsg_last_error());
    if (TIMMsgGetMsgList("anna", kTIMConv_C2C, "{}", on_done, answer)) trouble(timmsg_last_error());
    if (TIMMsgGetMsgList("anna", kTIMConv_C2C, "{", on_done, answer) != TIM_ERR_JSON) trouble("not refused");
    TIMSetKickedOfflineCallback(on_kicked, answer);
    TIMAddRecvNewMsgCallback(on_json_3, NULL);
    TIMRemoveRecvNewMsgCallback(on_json_3);
}

static void use_without_login(box *from)
{
    if (from->count == 0 && TIMSetConfig(NULL, on_done, from->extra)) trouble(timmsg_last_error());
}

enum { RECV, RECEIPT, REVOKED, UPLOAD, TIPS, CONV, NETWORK, LOG, COMPLETION, KINDS };

static void test_calls_from_inside_every_callback(void **state)
{
    (void)state;
    static box from[KINDS], answers[KINDS];
    static const char *const names[KINDS] = {"recv", "receipt", "revoked", "upload",    "tips",
                                             "conv", "network", "log",     "completion"};
    for (int i = 0; i < KINDS; i++)
        from[i] = (box){.then = use_inside, .extra = &answers[i]};
    end_peer(start_peer("bert", NULL)); /* from now on there is one */
    begin("anna");
    TIMAddRecvNewMsgCallback(on_json, &from[RECV]);
    TIMSetMsgReadedReceiptCallback(on_json, &from[RECEIPT]);
    TIMSetMsgRevokeCallback(on_json, &from[REVOKED]);
    TIMSetMsgElemUploadProgressCallback(on_upload, &from[UPLOAD]);
    TIMSetGroupTipsEventCallback(on_json, &from[TIPS]);
    TIMSetConvEventCallback(on_conv_event, &from[CONV]);
    TIMSetLogCallback(on_log, &from[LOG]);
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":5,"
                          "\"set_config_user_config\":{\"user_config_is_read_receipt\":true}}",
                          on_done, &from[COMPLETION]));
    await(&from[COMPLETION], 1);
    refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL)); /* a line for the log */

    FILE *file = fopen("file", "w");
    assert_non_null(file);
    fputs("content", file);
    fclose(file);
    box sent = {0};
    complete(sent, 0,
             TIMMsgSendNewMsg("bert", kTIMConv_C2C,
                              "{\"message_elem_array\":[{\"elem_type\":4,\"file_elem_file_path\":\"file\"}]}",
                              on_done, &sent));
    end_peer(start_peer("bert", "await 1", "read anna", "send anna", "revoke anna", NULL));
    complete(sent, 0,
             TIMGroupCreate("{\"create_group_param_group_name\":\"g\",\"create_group_param_group_id\":\"g\"}",
                            on_done, &sent));
    complete(sent, 0,
             TIMGroupInviteMember("{\"group_invite_member_param_group_id\":\"g\","
                                  "\"group_invite_member_param_identifier_array\":[\"bert\"]}",
                                  on_done, &sent));
    for (int i = 0; i < KINDS; i++) {
        if (i == NETWORK) continue;
        if (!reached(&from[i], 1) || !reached(&answers[i], 2))
            fail_msg("%s: ran %d times, its calls were answered %d times", names[i], from[i].count,
                     answers[i].count);
        assert_true(pthread_equal(from[i].thread, from[COMPLETION].thread));
        assert_true(pthread_equal(answers[i].thread, from[COMPLETION].thread));
    }
    /* The network changes when somebody logs in; anna does it once more. */
    complete(sent, 0, TIMLogout(on_done, &sent));
    from[NETWORK].then = use_without_login;
    TIMSetNetworkStatusListenerCallback(on_network, &from[NETWORK]);
    complete(sent, 0, TIMLogin("anna", "", on_done, &sent));
    await(&from[NETWORK], 1);
    await(&answers[NETWORK], 1);
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":0,"
                          "\"set_config_user_config\":{\"user_config_is_read_receipt\":false}}",
                          NULL, NULL));
    accepted(TIMUninit());
    remove_callbacks();
    for (int i = 0; i < KINDS; i++) {
        empty(&from[i]);
        empty(&answers[i]);
    }
    empty(&sent);
}

/* ---- Settings before TIMInit ---- */

static void test_settings_before_init(void **state)
{
    (void)state;
    box set = {0}, log = {0};
    accepted(TIMSetConfig(NULL, NULL, NULL));
    accepted(TIMSetConfig("", on_done, &set));
    await(&set, 1);
    assert_int_equal(set.code, 0);
    assert_string_equal(set.json, "");
    pthread_t early = set.thread;
    complete(set, 0, TIMSetConfig(NULL, on_done, &set));
    assert_true(pthread_equal(set.thread, early));
    refused(TIM_ERR_JSON, TIMSetConfig("{", on_done, &set));
    refused(TIM_ERR_JSON, TIMSetConfig("[]", on_done, &set));
    refused(TIM_ERR_JSON, TIMSetConfig("{\"set_config_log_level\":\"1\"}", on_done, &set));
    refused(TIM_ERR_PARAM, TIMSetConfig("{\"set_config_log_level\":99}", on_done, &set));
    complete(set, 0,
             TIMSetConfig(
                 "{\"set_config_user_config\":{\"user_config_is_read_receipt\":false},"
                 "\"set_config_http_proxy_info\":{\"http_proxy_info_ip\":\"\",\"http_proxy_info_port\":1}}",
                 on_done, &set));
    complete(
        set, 0,
        TIMSetConfig("{\"set_config_user_config\":{},\"set_config_http_proxy_info\":null}", on_done, &set));
    complete(
        set, 0,
        TIMSetConfig("{\"set_config_socks5_proxy_info\":{\"socks5_proxy_info_ip\":\"\"}}", on_done, &set));
    refused(TIM_ERR_JSON, TIMSetConfig("{\"set_config_user_config\":[1]}", on_done, &set));
    /* Settings are merged: the second leaves what the first set. */
    complete(set, 0, TIMSetConfig("{\"set_config_callback_log_level\":5}", on_done, &set));
    complete(set, 0, TIMSetConfig("{\"set_config_log_level\":5,\"unknown\":[]}", on_done, &set));
    TIMSetLogCallback(on_log, &log);
    refused(TIM_ERR_SDKUNINIT, TIMUninit());

    /* They hold after TIMInit, and after the next one too. */
    for (int i = 1; i <= 2; i++) {
        begin("anna");
        int before = set.count;
        complete(set, 0, TIMConvGetConvList(on_done, &set));
        assert_int_equal(set.count, before + 1);
        if (i == 1) assert_true(pthread_equal(set.thread, early));
        refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL));
        await(&log, i);
        refused(TIM_ERR_JSON, TIMSetConfig("{\"set_config_user_config\":[1]}", on_done, &set));
        accepted(TIMUninit());
    }
    TIMSetLogCallback(NULL, NULL);
    complete(set, 0, TIMSetConfig("{\"set_config_callback_log_level\":0}", on_done, &set));
    empty(&set);
    empty(&log);
}

static void init_inside(box *from)
{
    if (from->count > 0) return;
    if (TIMInit(1400000001, config_of("anna"))) trouble(timmsg_last_error());
    if (TIMSetConfig(NULL, on_done, from->extra)) trouble(timmsg_last_error());
    if (TIMLogin("anna", "", on_done, from->extra)) trouble(timmsg_last_error());
}

static void test_init_from_an_early_completion(void **state)
{
    (void)state;
    box answers = {0}, set = {.then = init_inside, .extra = &answers};
    accepted(TIMSetConfig(NULL, on_done, &set));
    await(&answers, 2);
    assert_int_equal(answers.code, 0);
    assert_true(pthread_equal(answers.thread, set.thread));
    accepted(TIMUninit());
    empty(&set);
    empty(&answers);
}

static void init_and_uninit_inside(box *from)
{
    init_inside(from);
    if (from->count > 0) return;
    if (TIMUninit()) trouble(timmsg_last_error());
    if (((box *)from->extra)->count != 2) trouble("not completed by the end of TIMUninit");
}

static void test_init_and_uninit_from_an_early_completion(void **state)
{
    (void)state;
    box answers = {0}, set = {.then = init_and_uninit_inside, .extra = &answers};
    accepted(TIMSetConfig(NULL, on_done, &set));
    await(&set, 1);
    refused(TIM_ERR_SDKUNINIT, TIMUninit());
    assert_int_equal(answers.count, 2);
    begin("anna");
    accepted(TIMUninit());
    empty(&set);
    empty(&answers);
}

/* ---- Callbacks for events ---- */

/* Runs in a callback for new messages: the first time it removes one, the second time it adds one. */
static void change_others(box *from)
{
    if (from->count == 0) TIMRemoveRecvNewMsgCallback(on_json_2);
    if (from->count == 1) TIMAddRecvNewMsgCallback(on_json_3, from->extra);
}

static void test_callbacks_set_before_init_stay_after_uninit(void **state)
{
    (void)state;
    box got = {0}, old = {0};
    TIMAddRecvNewMsgCallback(on_json, &old);
    TIMAddRecvNewMsgCallback(on_json, &got); /* twice is once, with the later user_data */
    TIMAddRecvNewMsgCallback(NULL, NULL);
    for (int i = 1; i <= 2; i++) {
        begin("anna");
        end_peer(start_peer("bert", "send anna", NULL));
        await(&got, i);
        accepted(TIMUninit());
        assert_int_equal(got.count, i);
    }
    assert_int_equal(old.count, 0);
    TIMRemoveRecvNewMsgCallback(on_json);
    TIMRemoveRecvNewMsgCallback(on_json);
    empty(&got);
}

static void test_every_added_callback_gets_every_array(void **state)
{
    (void)state;
    box one = {0}, two = {0}, three = {0};
    TIMAddRecvNewMsgCallback(on_json, &one);
    TIMAddRecvNewMsgCallback(on_json_2, &two);
    TIMAddRecvNewMsgCallback(on_json_3, &three);
    begin("anna");
    end_peer(start_peer("bert", "send anna", NULL));
    await(&three, 1);
    assert_int_equal(one.count, 1);
    assert_int_equal(two.count, 1);
    assert_string_equal(one.json, two.json);
    assert_string_equal(one.json, three.json);
    cJSON *messages = cJSON_Parse(one.json);
    assert_int_equal(cJSON_GetArraySize(messages), 1);
    cJSON *sender = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(messages, 0), kTIMMsgSender);
    assert_string_equal(cJSON_GetStringValue(sender), "bert");
    cJSON_Delete(messages);
    accepted(TIMUninit());
    empty(&one);
    empty(&two);
    empty(&three);
}

static void test_callbacks_removed_and_added_while_an_array_is_handed_round(void **state)
{
    (void)state;
    box three = {0}, two = {0}, one = {.then = change_others, .extra = &three};
    TIMAddRecvNewMsgCallback(on_json, &one);
    TIMAddRecvNewMsgCallback(on_json_2, &two);
    begin("anna");
    end_peer(start_peer("bert", "send anna", NULL));
    await(&one, 1);
    end_peer(start_peer("bert", "send anna", NULL));
    await(&one, 2);
    end_peer(start_peer("bert", "send anna", NULL));
    await(&three, 1); /* it starts with the array after the one that it was added in */
    accepted(TIMUninit());
    assert_int_equal(one.count, 3);
    assert_int_equal(two.count, 0);
    assert_int_equal(three.count, 1);
    empty(&one);
    empty(&three);
}

static void test_null_takes_a_callback_away(void **state)
{
    (void)state;
    box events = {0}, answer = {0};
    begin("anna");
    TIMSetConvEventCallback(on_conv_event, &events);
    complete(answer, 0, TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &answer));
    await(&events, 1);
    TIMSetConvEventCallback(NULL, NULL);
    complete(answer, 0, TIMConvGetConvList(on_done, &answer)); /* what was on its way is through */
    int before = events.count;
    complete(answer, 0, TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &answer));
    accepted(TIMUninit());
    assert_int_equal(events.count, before);
    empty(&events);
    empty(&answer);
}

/* ---- What passes through ---- */

static void test_integers_come_back_exactly(void **state)
{
    (void)state;
    static const char *const values[] = {"9007199254740993", "9223372036854775807", "9223372036854775808",
                                         "18446744073709551615"};
    box answer = {0};
    begin("anna");
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        char message[512], key[64];
        snprintf(
            message, sizeof message,
            "{\"message_seq\":%s,\"message_rand\":7,\"message_server_time\":%d,\"message_sender\":\"bert\","
            "\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"x\"}]}",
            values[i], 1000 + (int)i);
        complete(answer, 0, TIMMsgSaveMsg("bert", kTIMConv_C2C, message, on_done, &answer));
        assert_string_equal(answer.json, "");
        complete(
            answer, 0,
            TIMMsgGetMsgList("bert", kTIMConv_C2C, "{\"msg_getmsglist_param_count\":1}", on_done, &answer));
        snprintf(key, sizeof key, "\"message_seq\":%s,", values[i]);
        if (!strstr(answer.json, key)) fail_msg("%s is not in %s", key, answer.json);
    }
    empty(&answer);
}

/* Sends a message to anna herself; its locator, which the caller frees. */
static char *send_and_locate(box *answer)
{
    empty(answer);
    accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, answer));
    await(answer, 1);
    cJSON *sent = cJSON_Parse(answer->json);
    char *text = tm_format(
        "{\"message_locator_seq\":%.0f,\"message_locator_rand\":%.0f,\"message_locator_is_self\":true,"
        "\"message_locator_time\":%.0f,\"message_locator_is_revoked\":false}",
        cJSON_GetObjectItem(sent, kTIMMsgSeq)->valuedouble,
        cJSON_GetObjectItem(sent, kTIMMsgRand)->valuedouble,
        cJSON_GetObjectItem(sent, kTIMMsgServerTime)->valuedouble);
    cJSON_Delete(sent);
    empty(answer);
    return text;
}

static int list_size(box *answer, const char *param)
{
    empty(answer);
    accepted(TIMMsgGetMsgList("anna", kTIMConv_C2C, param, on_done, answer));
    await(answer, 1);
    cJSON *list = cJSON_Parse(answer->json);
    int size = cJSON_GetArraySize(list);
    cJSON_Delete(list);
    empty(answer);
    return size;
}

static void test_a_locator_stands_for_a_message(void **state)
{
    (void)state;
    box answer = {0};
    begin("anna");
    char *first = send_and_locate(&answer), *second = send_and_locate(&answer);
    assert_int_equal(list_size(&answer, "{}"), 2);
    char *param = tm_format("{\"msg_getmsglist_param_last_msg\":%s}", second);
    assert_int_equal(list_size(&answer, param), 1);
    accepted(TIMMsgReportReaded("anna", kTIMConv_C2C, second, on_done, &answer));
    accepted(TIMMsgRevoke("anna", kTIMConv_C2C, second, on_done, &answer));
    accepted(TIMMsgDelete("anna", kTIMConv_C2C, second, on_done, &answer));
    await(&answer, 3);
    assert_int_equal(answer.code, 0);
    assert_int_equal(list_size(&answer, "{}"), 1);
    refused(TIM_ERR_JSON, TIMMsgDelete("anna", kTIMConv_C2C, "{\"msg\":{}}", NULL, NULL));
    refused(TIM_ERR_JSON, TIMMsgGetMsgList("anna", kTIMConv_C2C,
                                           "{\"msg_getmsglist_param_last_msg\":{\"x\":1}}", NULL, NULL));
    assert_int_equal(list_size(&answer, "{}"), 1);
    tm_free(param);
    tm_free(first);
    tm_free(second);
    accepted(TIMUninit());
}

static void test_a_failed_completion_has_no_json(void **state)
{
    (void)state;
    box answer = {0};
    begin("anna");
    complete(answer, ERR_SVR_GROUP_NOT_FOUND, TIMGroupQuit("nogroup", on_done, &answer));
    assert_string_equal(answer.json, "");
    /* Sending brings the Message in its state. */
    complete(answer, ERR_SVR_MSG_INVALID_ID,
             TIMMsgSendNewMsg("nobody", kTIMConv_C2C, HELLO, on_done, &answer));
    assert_non_null(strstr(answer.json, "\"message_status\":3"));
    empty(&answer);
}

/* ---- How much is done in one transaction ---- */

/* The connections to hubs, and what the largest of their transactions has changed. */
static struct {
    sqlite3 *db;
    int changes; /* at the end of the last one */
} connections[8];
static atomic_int largest_transaction;

static int on_commit(void *connection)
{
    size_t i = 0;
    while (connections[i].db != connection)
        i++;
    int changes = sqlite3_total_changes(connection), more = changes - connections[i].changes;
    connections[i].changes = changes;
    if (more > atomic_load(&largest_transaction)) atomic_store(&largest_transaction, more);
    return 0;
}

static int on_open(sqlite3 *db, char **error, const struct sqlite3_api_routines *api)
{
    (void)error, (void)api;
    const char *name = sqlite3_db_filename(db, "main");
    size_t i = 0;
    if (!name || !strstr(name, "/hub.db")) return SQLITE_OK;
    while (i < sizeof connections / sizeof *connections - 1 && connections[i].db)
        i++;
    connections[i].db = db;
    connections[i].changes = 0;
    sqlite3_commit_hook(db, on_commit, db);
    return SQLITE_OK;
}

static void change_hub(const char *sql)
{
    sqlite3 *db;
    char path[sizeof kit_dir + 16];
    snprintf(path, sizeof path, "%s/hub/hub.db", kit_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, DEADLINE_S * 1000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* anna, on a hub with the users user1 to user1000, whose transactions are watched from now on. */
static void begin_watched(void)
{
    memset(connections, 0, sizeof connections);
    sqlite3_auto_extension((void (*)(void))on_open);
    begin("anna");
    sqlite3_cancel_auto_extension((void (*)(void))on_open);
    change_hub("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000) "
               "INSERT INTO users(name) SELECT 'user' || i FROM c");
    atomic_store(&largest_transaction, 0);
}

/* Rule 6: others wait for one transaction, not for all that this user has called. A message to a user changes five rows at
 * most. */
static void test_batches_are_no_more_than_a_thousand_messages_a_transaction(void **state)
{
    (void)state;
    enum { BATCHES = 12, USERS = 500 };
    box sent = {0};
    cJSON *param = cJSON_CreateObject(),
          *users = cJSON_AddArrayToObject(param, kTIMMsgBatchSendParamIdentifierArray);
    for (int i = 1; i <= USERS; i++) {
        char name[16];
        snprintf(name, sizeof name, "user%d", i);
        cJSON_AddItemToArray(users, cJSON_CreateString(name));
    }
    cJSON_AddItemToObject(param, kTIMMsgBatchSendParamMsg, cJSON_Parse(HELLO));
    char *json = cJSON_PrintUnformatted(param);
    begin_watched();
    for (int i = 0; i < BATCHES; i++)
        accepted(TIMMsgBatchSend(json, on_done, &sent));
    await(&sent, BATCHES);
    assert_int_equal(sent.code, 0);
    assert_in_range(atomic_load(&largest_transaction), USERS, 5 * 1000);
    cJSON_free(json);
    cJSON_Delete(param);
    empty(&sent);
}

/* The same where each message is for many. */
static void test_messages_to_a_large_group_are_several_transactions(void **state)
{
    (void)state;
    enum { MESSAGES = 60, MEMBERS = 1000, ROWS = 10000 };
    box done = {0}, sent = {0};
    begin_watched();
    complete(done, 0,
             TIMGroupCreate(
                 "{\"create_group_param_group_id\":\"crew\",\"create_group_param_group_name\":\"Crew\"}",
                 on_done, &done));
    change_hub(
        "INSERT INTO members(group_id, user, role, joined) SELECT g.id, u.id, 0, 0 FROM groups g, users u "
        "WHERE u.name LIKE 'user%'");
    for (int i = 0; i < MESSAGES; i++)
        accepted(TIMMsgSendNewMsg("crew", kTIMConv_Group, HELLO, on_done, &sent));
    await(&sent, MESSAGES);
    assert_int_equal(sent.code, 0);
    assert_in_range(atomic_load(&largest_transaction), MEMBERS, ROWS + MEMBERS + 5);
    empty(&done);
    empty(&sent);
}

static void test_the_version(void **state)
{
    (void)state;
    assert_int_equal(strncmp(TIMGetSDKVersion(), "timmsg ", 7), 0);
    assert_ptr_equal(TIMGetSDKVersion(), TIMGetSDKVersion());
}

static void test_a_process_may_exit_without_uninit(void **state)
{
    (void)state;
    end_peer(start_peer("bert", "exit", NULL));
    end_peer(start_peer("bert", "flood bert", "exit", NULL));
}

/* What a host forks has copies of all descriptors, also of what the store is locked by. */
static void test_a_forked_child_does_not_keep_a_user(void **state)
{
    (void)state;
    int gate[2];
    char byte;
    begin("anna");
    assert_int_equal(pipe(gate), 0);
    pid_t child = fork();
    if (child == 0) {
        close(gate[1]);
        _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1); /* until the parent lets it go, or has failed */
    }
    assert_true(child > 0);
    accepted(TIMUninit());
    begin("anna");
    close(gate[0]);
    close(gate[1]);
    end_peer(child);
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "peer") == 0) return peer_main(count - 2, arguments + 2);
    char program[4096];
    if (!realpath(arguments[0], program)) return 2;
    kit_program = program; /* as the tests change the directory */
    if (count > 1) cmocka_set_test_filter(arguments[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(before_init_every_call_is_refused),
        TEST(before_login_every_call_but_two_is_refused),
        TEST(bad_arguments_of_every_function),
        TEST(the_sentence_of_a_refused_call),
        TEST(each_thread_has_its_own_sentence),
        TEST(a_refused_call_is_logged),
        TEST(the_log_callback_is_not_told_what_its_own_calls_log),
        TEST(init_takes_null_empty_and_an_object),
        TEST(a_failed_init_leaves_nothing_behind),
        TEST(a_second_init_is_refused),
        TEST(init_and_uninit_again_and_again),
        TEST(uninit_completes_what_is_under_way),
        TEST(logout_completes_what_is_under_way),
        TEST(uninit_from_a_completion),
        TEST(uninit_from_a_new_message),
        TEST(uninit_from_two_threads),
        TEST(uninit_while_a_callback_is_in_calls),
        TEST(completions_of_uninit_may_call),
        TEST(calls_from_eight_threads),
        TEST(calls_that_race_with_uninit),
        TEST(setters_from_threads_while_the_library_comes_and_goes),
        TEST(every_callback_may_be_null),
        TEST(every_call_completes_once),
        TEST(calls_from_inside_every_callback),
        TEST(settings_before_init),
        TEST(init_from_an_early_completion),
        TEST(init_and_uninit_from_an_early_completion),
        TEST(callbacks_set_before_init_stay_after_uninit),
        TEST(every_added_callback_gets_every_array),
        TEST(callbacks_removed_and_added_while_an_array_is_handed_round),
        TEST(null_takes_a_callback_away),
        TEST(integers_come_back_exactly),
        TEST(a_locator_stands_for_a_message),
        TEST(a_failed_completion_has_no_json),
        TEST(batches_are_no_more_than_a_thousand_messages_a_transaction),
        TEST(messages_to_a_large_group_are_several_transactions),
        TEST(the_version),
        TEST(a_process_may_exit_without_uninit),
        TEST(a_forked_child_does_not_keep_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

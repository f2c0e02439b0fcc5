/* Threads test: eight threads on the C face at once. They make every call, set and unset callbacks, and two of
 * them make the library come and go meanwhile. Whatever happens, what was taken completes once.
 *
 * Usage: threads_test [PATTERN]. CALLS=100000 in the environment: so many calls by each thread; SEED=1: others. */
#include "cloud_calls.h"
#include "cloud_kit.h"

#include <stdatomic.h>

#define THREADS 8
#define DEFAULT_CALLS 400
/* How many of them have not been answered at most: a user does not call without end. */
#define AHEAD 100

static char configs[2][512]; /* of anna and bert */

typedef struct caller {
    pthread_t thread;
    unsigned seed, calls;
    bool comes_and_goes; /* makes the library do so */
    size_t taken;        /* calls that are to complete */
    atomic_size_t answered;
    size_t sessions; /* how often it logged in */
} caller;

static unsigned environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static int any(caller *me, size_t below)
{
    return (int)((size_t)rand_r(&me->seed) % below);
}

/* What a call may come to while others end the library; `taken` or not is counted. */
static void note(caller *me, const char *name, int result, bool has_cb)
{
    char text[200];
    if (result == 0 && has_cb) me->taken++;
    if (result == 0 || result == TIM_ERR_SDKUNINIT || result == TIM_ERR_NOTLOGIN) return;
    snprintf(text, sizeof text, "%s: %d (%s)", name, result, timmsg_last_error());
    trouble(text);
}

static void on_answer(int32_t code, const char *desc, const char *json, const void *user_data)
{
    caller *me = (caller *)user_data;
    if (!desc || !json || (code == 0) != (*desc == '\0')) trouble("a completion makes no sense");
    /* the end of a download has all of it, and each of these fails before it begins */
    atomic_fetch_add(&me->answered, 1);
}

static void on_news(const char *json, const void *user_data)
{
    /* from inside, too */
    if (*json != '[') trouble("no array");
    TIMConvGetConvList(NULL, NULL);
    TIMSetKickedOfflineCallback(on_kicked, user_data);
}

static void on_convs(enum TIMConvEvent event, const char *json, const void *user_data)
{
    (void)event, (void)user_data;
    if (*json != '[') trouble("no array");
}

static void on_line(enum TIMLogLevel level, const char *text, const void *user_data)
{
    (void)level, (void)user_data;
    if (!*text) trouble("an empty line");
}

static void use_setters(caller *me)
{
    bool set = any(me, 2);
    switch (any(me, 6)) {
    case 0: set ? TIMAddRecvNewMsgCallback(on_news, NULL) : TIMRemoveRecvNewMsgCallback(on_news); break;
    case 1: TIMSetConvEventCallback(set ? on_convs : NULL, NULL); break;
    case 2: TIMSetMsgRevokeCallback(set ? on_news : NULL, NULL); break;
    case 3: TIMSetMsgReadedReceiptCallback(set ? on_news : NULL, NULL); break;
    case 4: TIMSetLogCallback(set ? on_line : NULL, NULL); break;
    default: TIMSetMsgElemUploadProgressCallback(NULL, NULL); break;
    }
    if (strlen(timmsg_last_error()) > 1000) trouble("no sentence");
}

/* Ends are rare, so that calls find somebody logged in mostly. */
static void come_and_go(caller *me)
{
    int result;
    switch (any(me, 12)) {
    case 0:
        result = TIMUninit();
        if (result && result != TIM_ERR_SDKUNINIT) note(me, "TIMUninit", result, false);
        break;
    case 1: note(me, "TIMLogout", TIMLogout(on_answer, me), true); break;
    default:
        result = TIMInit(1400000001, configs[any(me, 2)]);
        if (result && result != TIM_ERR_PARAM) note(me, "TIMInit", result, false);
        result = TIMLogin(any(me, 4) ? "anna" : "bert", "", on_answer, me);
        note(me, "TIMLogin", result, true);
        if (result == 0) me->sessions++;
        struct timespec pause = {0, 1000000 * (1 + any(me, 10))};
        nanosleep(&pause, NULL);
    }
}

/* A call that takes its time before it is refused: another thread may end the library meanwhile. */
static void call_slowly(void)
{
    static const char end[] = "0";
    size_t size = 400000;
    char *text = malloc(size);
    if (!text) return;
    text[0] = '[';
    for (size_t i = 1; i + sizeof end < size; i += 2) {
        text[i] = '1';
        text[i + 1] = ',';
    }
    memcpy(text + size - sizeof end, end, sizeof end); /* no bracket */
    if (TIMMsgImportMsgList("anna", kTIMConv_C2C, text, NULL, NULL) == TIM_SUCC)
        trouble("broken JSON was taken");
    free(text);
}

static void *make_calls(void *argument)
{
    caller *me = argument;
    /* the last entry logs out: for those who come and go */
    for (unsigned i = 0; i < me->calls; i++) {
        const entry *e = &entries[any(me, ENTRIES - 1)];
        if (me->comes_and_goes && i % 4 == 0)
            come_and_go(me);
        else if (i % 10 == 9)
            use_setters(me);
        else if (i % 40 == 5)
            call_slowly();
        else
            note(me, e->name, good_call(e, on_answer, me), !e->without_cb);
        while (me->taken - atomic_load(&me->answered) > AHEAD)
            usleep(1000);
    }
    return NULL;
}

static void run(caller *callers)
{
    static unsigned round;
    unsigned seed = environment("SEED", 1), calls = environment("CALLS", DEFAULT_CALLS);
    round++;
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i].seed = seed * 1000 + round * 100 + i;
        callers[i].calls = calls;
        assert_int_equal(pthread_create(&callers[i].thread, NULL, make_calls, &callers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(callers[i].thread, NULL);
}

static void expect_all_answered(caller *callers)
{
    for (unsigned i = 0; i < THREADS; i++)
        if (callers[i].taken != callers[i].answered)
            fail_msg("thread %u: %zu calls were taken, %zu answered", i, callers[i].taken,
                     (size_t)callers[i].answered);
}

static int set_up_threads(void **state)
{
    if (set_up(state)) return -1;
    snprintf(configs[0], sizeof configs[0], "%s", config_of("anna"));
    snprintf(configs[1], sizeof configs[1], "%s", config_of("bert"));
    return TIMSetConfig("{\"set_config_callback_log_level\":5}", NULL, NULL);
}

static int tear_down_threads(void **state)
{
    TIMRemoveRecvNewMsgCallback(on_news);
    TIMSetConfig("{\"set_config_callback_log_level\":0}", NULL, NULL);
    return tear_down(state);
}

static void test_eight_threads_make_every_call(void **state)
{
    (void)state;
    static caller callers[THREADS];
    begin("anna");
    run(callers);
    accepted(TIMUninit());
    expect_all_answered(callers);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(callers[i].taken > callers[i].calls / 2); /* it was no idle run */
}

static void test_eight_threads_two_of_which_make_the_library_come_and_go(void **state)
{
    (void)state;
    static caller callers[THREADS];
    callers[0].comes_and_goes = callers[1].comes_and_goes = true;
    run(callers);
    if (TIMUninit() != TIM_SUCC) refused(TIM_ERR_SDKUNINIT, TIMUninit());
    /* a completion of TIMSetConfig from when there was no client may still be on its way: this one is behind it */
    box last = {0};
    complete(last, 0, TIMSetConfig(NULL, on_done, &last));
    expect_all_answered(callers);
    assert_true(callers[0].sessions + callers[1].sessions > 0);
    begin("anna");
    accepted(TIMUninit());
    empty(&last);
}

static void test_eight_threads_all_of_which_make_the_library_come_and_go(void **state)
{
    (void)state;
    static caller callers[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        callers[i].comes_and_goes = true;
    run(callers);
    if (TIMUninit() != TIM_SUCC) refused(TIM_ERR_SDKUNINIT, TIMUninit());
    box last = {0};
    complete(last, 0, TIMSetConfig(NULL, on_done, &last));
    expect_all_answered(callers);
    begin("anna");
    accepted(TIMUninit());
    empty(&last);
}

int main(int count, char **arguments)
{
    if (count > 1) cmocka_set_test_filter(arguments[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up_threads, tear_down_threads)
    const struct CMUnitTest tests[] = {
        TEST(eight_threads_make_every_call),
        TEST(eight_threads_two_of_which_make_the_library_come_and_go),
        TEST(eight_threads_all_of_which_make_the_library_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cycles test: the library set up and ended again and again, by each way in and out. Then there are as many
 * descriptors, threads and bytes as when it was warm.
 *
 * Usage: cycles_test [PATTERN]. CYCLES=1000 in the environment: so many of each kind. */
#include "cloud_kit.h"

#include <dirent.h>
#include <malloc.h>

#define DEFAULT_CYCLES 60
/* What it is compared with comes after these: caches are full then. */
#define WARM 20
/* Less than a byte a cycle. Resident memory is for what malloc does not count; it moves in steps of its own. */
#define SLACK 50
#define RESIDENT_SLACK_KB 1024

typedef struct use {
    size_t descriptors, threads, bytes, resident_kb;
} use;

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static use look(void)
{
    use now = {.descriptors = count_entries("/proc/self/fd"), .threads = count_entries("/proc/self/task")};
    now.bytes = mallinfo2().uordblks;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*u %zu", &now.resident_kb), 1);
    now.resident_kb *= (size_t)sysconf(_SC_PAGESIZE) / 1024;
    fclose(file);
    return now;
}

/* A thread that ended the library from inside has no joiner: it may still be about to end. The next cycle waits for it too:
 * where more threads live at once than before, malloc makes an arena more, and what that takes counts as used for good. */
static use look_when_quiet(size_t threads)
{
    use now = look();
    for (int i = 0; now.threads > threads && i < DEADLINE_S * 100; i++) {
        usleep(10000);
        now = look();
    }
    return now;
}

static void *nothing(void *argument)
{
    return argument;
}

static void repeat(void (*cycle)(void))
{
    const char *text = getenv("CYCLES");
    unsigned long cycles = text ? strtoul(text, NULL, 10) : DEFAULT_CYCLES;
    pthread_t thread; /* with the first one a sanitizer starts one of its own */
    assert_int_equal(pthread_create(&thread, NULL, nothing, NULL), 0);
    pthread_join(thread, NULL);
    use before = look(), warm = before, now;
    for (unsigned long i = 0; i < WARM + cycles; i++) {
        now = look_when_quiet(before.threads);
        if (i == WARM) warm = now;
        cycle();
    }
    now = look_when_quiet(before.threads);
    assert_int_equal(now.descriptors, warm.descriptors);
    assert_int_equal(now.threads, before.threads);
    if (now.bytes > warm.bytes + SLACK)
        fail_msg("%zu bytes more after %lu cycles", now.bytes - warm.bytes, cycles);
    /* sanitizers and valgrind, which count no bytes here, keep what is freed */
    if (now.bytes && now.resident_kb > warm.resident_kb + RESIDENT_SLACK_KB)
        fail_msg("%zu KB more resident after %lu cycles", now.resident_kb - warm.resident_kb, cycles);
}

static void log_in_and_out(void)
{
    box answer = {0};
    begin("anna");
    complete(answer, 0, TIMLogout(on_done, &answer));
    accepted(TIMUninit());
    empty(&answer);
}

static void test_init_login_logout_uninit(void **state)
{
    (void)state;
    repeat(log_in_and_out);
}

static void work(void)
{
    box answer = {0}, news = {0};
    TIMAddRecvNewMsgCallback(on_json, &news);
    TIMSetConvEventCallback(on_conv_event, &news);
    begin("anna");
    accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &answer));
    accepted(TIMMsgSendNewMsg("nobody", kTIMConv_C2C, HELLO, NULL, NULL));
    accepted(TIMMsgGetMsgList("anna", kTIMConv_C2C, "{}", on_done, &answer));
    await(&answer, 2);
    accepted(TIMMsgDelete("anna", kTIMConv_C2C, "{}", NULL, NULL));
    accepted(TIMUninit());
    remove_callbacks();
    empty(&answer);
    empty(&news);
}

static void test_work_between(void **state)
{
    (void)state;
    repeat(work);
}

static void leave_at_once(void)
{
    box answer = {0};
    accepted(TIMInit(1400000001, config_of("anna")));
    accepted(TIMLogin("anna", "", on_done, &answer));
    refused(TIM_ERR_NOTLOGIN, TIMConvGetConvList(on_done, &answer));
    accepted(TIMUninit());
    assert_int_equal(answer.count, 1);
    empty(&answer);
}

static void test_uninit_while_a_login_is_under_way(void **state)
{
    (void)state;
    repeat(leave_at_once);
}

static void end_inside(box *from)
{
    (void)from;
    if (TIMUninit()) trouble("TIMUninit");
}

static void leave_inside(void)
{
    box answer = {.then = end_inside};
    begin("anna");
    accepted(TIMConvGetConvList(on_done, &answer));
    await(&answer, 1);
    refused(TIM_ERR_SDKUNINIT, TIMUninit()); /* waits for it */
    empty(&answer);
}

static void test_uninit_inside_a_callback(void **state)
{
    (void)state;
    repeat(leave_inside);
}

static void fail_everywhere(void)
{
    box answer = {0};
    refused(TIM_ERR_JSON, TIMInit(1400000001, "{"));
    refused(TIM_ERR_PARAM, TIMInit(1400000001, "{\"sdk_config_config_file_path\":\"/dev/null/below\"}"));
    refused(TIM_ERR_PARAM, TIMInit(1400000001, "{\"sdk_config_server\":\"nothing:there\"}"));
    accepted(TIMInit(1400000001, config_of("anna")));
    complete(answer, ERR_SDK_COMM_INVALID_IDENTIFIER,
             TIMLogin("an identifier that is much too long for a user", "", on_done, &answer));
    accepted(TIMUninit());
    empty(&answer);
}

static void test_what_fails(void **state)
{
    (void)state;
    repeat(fail_everywhere);
}

static void set_before(void)
{
    box answer = {0};
    complete(answer, 0, TIMSetConfig("{\"set_config_log_level\":5}", on_done, &answer));
    begin("anna");
    accepted(TIMUninit());
    empty(&answer);
}

static void test_settings_before_init(void **state)
{
    (void)state;
    repeat(set_before);
}

int main(int count, char **arguments)
{
    /* What a thread keeps of freed blocks for itself counts as used: so nothing is kept. This is read at the
     * start. */
    if (!getenv("GLIBC_TUNABLES")) {
        setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
        execvp(arguments[0], arguments);
        return 2;
    }
    if (count > 1) cmocka_set_test_filter(arguments[1]);
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(init_login_logout_uninit), TEST(work_between), TEST(uninit_while_a_login_is_under_way),
        TEST(uninit_inside_a_callback), TEST(what_fails),   TEST(settings_before_init),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Cloud kit: what cloud_test.c, inside_test.c and others stand on. Callbacks that count and keep what came, waits with a deadline, a
 * scratch directory, a session of the default client, and peers: this binary again, as another user in
 * another process.
 *
 * Callbacks run on the library's thread, where cmocka must not be left by its long jump. So they note what is
 * wrong with trouble(), and the end of each test looks whether there was any. */
#ifndef CLOUD_KIT_H
#define CLOUD_KIT_H

#include "timmsg.h"

#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Each test uses what it needs of this. */
#pragma GCC diagnostic ignored "-Wunused-function"

/* Far more than anything here takes, also under a sanitizer. */
#define DEADLINE_S 60

static pthread_mutex_t kit_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t kit_changed = PTHREAD_COND_INITIALIZER;
static char kit_trouble[256];
static pthread_t kit_main;
static char kit_dir[] = "/tmp/timmsg-cloud-XXXXXX";
static const char *kit_program;

static void trouble(const char *text)
{
    pthread_mutex_lock(&kit_lock);
    if (!*kit_trouble) snprintf(kit_trouble, sizeof kit_trouble, "%s", text);
    pthread_mutex_unlock(&kit_lock);
}

/* What a callback brought last, and how often it ran. Guarded by kit_lock. */
typedef struct box {
    int count;
    int32_t code;
    int event;
    char *desc, *json;
    pthread_t thread;
    void (*then)(struct box *box); /* runs inside the callback, before it counts; may be NULL */
    void *extra;
} box;

static void keep(char **copy, const char *text)
{
    free(*copy);
    *copy = text ? strdup(text) : NULL;
    if (!text) trouble("a callback got a null string");
}

/* Every callback ends here. */
static void put(const void *user_data, int event, int32_t code, const char *desc, const char *json)
{
    box *to = (box *)user_data;
    if (!to) return;
    if (pthread_equal(pthread_self(), kit_main)) trouble("a callback ran on the main thread");
    pthread_mutex_lock(&kit_lock);
    to->event = event;
    to->code = code;
    to->thread = pthread_self();
    pthread_mutex_unlock(&kit_lock);
    keep(&to->desc, desc);
    keep(&to->json, json);
    if (to->then) to->then(to);
    pthread_mutex_lock(&kit_lock);
    to->count++;
    pthread_cond_broadcast(&kit_changed);
    pthread_mutex_unlock(&kit_lock);
}

static void on_done(int32_t code, const char *desc, const char *json_params, const void *user_data)
{
    if (desc && (code == 0) != (*desc == '\0')) trouble("desc is for failures, and each has one");
    put(user_data, 0, code, desc, json_params);
}

static void on_json(const char *json, const void *user_data)
{
    put(user_data, 0, 0, "", json);
}

/* A second and a third one, as a callback for new messages is known by its address. */
static void on_json_2(const char *json, const void *user_data)
{
    put(user_data, 2, 0, "", json);
}

static void on_json_3(const char *json, const void *user_data)
{
    put(user_data, 3, 0, "", json);
}

static void on_upload(const char *json, uint32_t index, uint32_t current, uint32_t total,
                      const void *user_data)
{
    if (index != 0 || current > total) trouble("upload progress makes no sense");
    put(user_data, 0, 0, "", json);
}

static void on_conv_event(enum TIMConvEvent event, const char *json, const void *user_data)
{
    put(user_data, (int)event, 0, "", json);
}

static void on_network(enum TIMNetworkStatus status, int32_t code, const char *desc, const void *user_data)
{
    put(user_data, (int)status, code, desc, "");
}

static void on_kicked(const void *user_data)
{
    put(user_data, 0, 0, "", "");
}

static void on_log(enum TIMLogLevel level, const char *text, const void *user_data)
{
    put(user_data, (int)level, 0, "", text);
}

static bool reached(box *of, int count)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += DEADLINE_S;
    int late = 0;
    pthread_mutex_lock(&kit_lock);
    while (of->count < count && !late)
        late = pthread_cond_timedwait(&kit_changed, &kit_lock, &deadline) == ETIMEDOUT;
    pthread_mutex_unlock(&kit_lock);
    return !late;
}

/* Waits until the box has been filled that often. */
#define await(of, number)                                                                                    \
    do {                                                                                                     \
        if (!reached((of), (number)))                                                                        \
            fail_msg("%d of %d callbacks in %d s", (of)->count, (number), DEADLINE_S);                       \
    } while (0)

/* Makes one call with on_done and `&answer`, and waits for its completion with `expected`. */
#define complete(answer, expected, call_)                                                                    \
    do {                                                                                                     \
        int before_ = (answer).count, result_ = (call_);                                                     \
        if (result_) fail_msg("refused with %d: %s", result_, timmsg_last_error());                          \
        await(&(answer), before_ + 1);                                                                       \
        if ((answer).code != (expected))                                                                     \
            fail_msg("completed with %d: %s", (int)(answer).code, (answer).desc);                            \
    } while (0)

/* Makes a call that is refused with `expected`, and says why. */
#define refused(expected, call_)                                                                             \
    do {                                                                                                     \
        int result_ = (call_);                                                                               \
        if (result_ != (expected))                                                                           \
            fail_msg("%s: %d (%s), expected %d", #call_, result_, timmsg_last_error(), (expected));          \
        assert_string_not_equal(timmsg_last_error(), "");                                                    \
    } while (0)

#define accepted(call_)                                                                                      \
    do {                                                                                                     \
        int result_ = (call_);                                                                               \
        if (result_) fail_msg("%s: %d (%s)", #call_, result_, timmsg_last_error());                          \
        assert_string_equal(timmsg_last_error(), "");                                                        \
    } while (0)

static void empty(box *of)
{
    free(of->desc);
    free(of->json);
    *of = (box){0};
}

/* ---- The default client ---- */

/* An SdkConfig for a user's own directory on the hub that all users of this run share. Static storage. */
static const char *config_of(const char *user)
{
    static char config[512];
    snprintf(config, sizeof config,
             "{\"sdk_config_config_file_path\":\"%s/%s\",\"sdk_config_log_file_path\":\"%s/%s/log\","
             "\"sdk_config_server\":\"hub:%s/hub\"}",
             kit_dir, user, kit_dir, user, kit_dir);
    return config;
}

#define begin(user)                                                                                          \
    do {                                                                                                     \
        box login_ = {0};                                                                                    \
        accepted(TIMInit(1400000001, config_of(user)));                                                      \
        complete(login_, 0, TIMLogin(user, "", on_done, &login_));                                           \
        empty(&login_);                                                                                      \
    } while (0)

static void remove_callbacks(void)
{
    TIMRemoveRecvNewMsgCallback(on_json);
    TIMRemoveRecvNewMsgCallback(on_json_2);
    TIMRemoveRecvNewMsgCallback(on_json_3);
    TIMSetMsgReadedReceiptCallback(NULL, NULL);
    TIMSetMsgRevokeCallback(NULL, NULL);
    TIMSetMsgElemUploadProgressCallback(NULL, NULL);
    TIMSetGroupTipsEventCallback(NULL, NULL);
    TIMSetConvEventCallback(NULL, NULL);
    TIMSetNetworkStatusListenerCallback(NULL, NULL);
    TIMSetKickedOfflineCallback(NULL, NULL);
    TIMSetLogCallback(NULL, NULL);
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    *kit_trouble = '\0';
    kit_main = pthread_self();
    snprintf(kit_dir + sizeof kit_dir - 7, 7, "XXXXXX");
    return mkdtemp(kit_dir) ? chdir(kit_dir) : -1;
}

static int tear_down(void **state)
{
    (void)state;
    TIMUninit();
    remove_callbacks();
    if (*kit_trouble) fprintf(stderr, "inside a callback: %s\n", kit_trouble);
    if (chdir("/") || nftw(kit_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS)) perror(kit_dir);
    return *kit_trouble ? -1 : 0;
}

/* ---- Peers ---- */

#define TEXT_MESSAGE                                                                                         \
    "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"%s\"}],\"message_client_time\":"      \
    "1551446728}"

static const char *text_message(const char *text)
{
    static _Thread_local char message[512];
    snprintf(message, sizeof message, TEXT_MESSAGE, text);
    return message;
}

#define HELLO text_message("hello")

/* Steps of a peer, one an argument. Any failure ends it with a status that is not 0. */
static int take_step(const char *step, box *received, box *sent)
{
    char word[16] = "", conv[64] = "";
    box done = {0};
    int number = 0, result = -1;
    if (sscanf(step, "await %d", &number) == 1) return reached(received, number) ? 0 : 1;
    if (sscanf(step, "%15s %63s", word, conv) < 1) return 1;
    if (strcmp(word, "exit") == 0) exit(0); /* with everything open */
    if (strcmp(word, "send") == 0) {
        number = sent->count + 1;
        result = TIMMsgSendNewMsg(conv, kTIMConv_C2C, HELLO, on_done, sent);
        return result || !reached(sent, number) || sent->code;
    }
    if (strcmp(word, "flood") == 0) {
        for (int i = 0; i < 200; i++)
            if (TIMMsgSendNewMsg(conv, kTIMConv_C2C, HELLO, NULL, NULL)) return 1;
        return 0;
    }
    if (strcmp(word, "read") == 0)
        result = TIMMsgReportReaded(conv, kTIMConv_C2C, NULL, on_done, &done);
    else if (strcmp(word, "revoke") == 0)
        result = TIMMsgRevoke(conv, kTIMConv_C2C, sent->json, on_done, &done);
    if (result || !reached(&done, 1)) return 1;
    result = done.code;
    empty(&done);
    return result ? 1 : 0;
}

/* The peer's main: DIR USER STEP... */
static int peer_main(int count, char **arguments)
{
    box received = {0}, login = {0}, sent = {0};
    if (count < 2 || chdir(arguments[0])) return 2;
    snprintf(kit_dir, sizeof kit_dir, "%s", arguments[0]);
    kit_main = pthread_self();
    alarm(DEADLINE_S);
    TIMAddRecvNewMsgCallback(on_json, &received);
    if (TIMInit(1400000001, config_of(arguments[1]))) return 3;
    if (TIMLogin(arguments[1], "", on_done, &login) || !reached(&login, 1) || login.code) return 4;
    for (int i = 2; i < count; i++) {
        if (take_step(arguments[i], &received, &sent)) {
            fprintf(stderr, "peer %s: %s: %s %s\n", arguments[1], arguments[i], timmsg_last_error(),
                    sent.desc ? sent.desc : "");
            return 10 + i;
        }
    }
    if (TIMUninit()) return 5;
    empty(&received);
    empty(&login);
    empty(&sent);
    return *kit_trouble ? 6 : 0;
}

#define MAX_STEPS 8

/* Starts a peer: the user and its steps, the last one NULL. */
static pid_t start_peer(const char *user, ...)
{
    const char *arguments[MAX_STEPS + 5] = {kit_program, "peer", kit_dir, user};
    size_t count = 4;
    va_list steps;
    va_start(steps, user);
    while (count < MAX_STEPS + 4 && (arguments[count] = va_arg(steps, const char *)) != NULL)
        count++;
    va_end(steps);
    pid_t child = 0;
    return posix_spawn(&child, kit_program, NULL, NULL, (char *const *)arguments, environ) ? -1 : child;
}

/* A peer ends by itself: its waits have deadlines, and an alarm stands behind them. */
static void end_peer(pid_t peer)
{
    int status = 0;
    assert_true(peer > 0);
    assert_int_equal(waitpid(peer, &status, 0), peer);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail_msg("the peer ended with status %#x", status);
}

#endif

/* Inside test: what may be done inside callbacks. Inside each kind of event, inside the completion of each
 * call and inside a download's progress: every function of the C API, TIMLogout, TIMLogout with TIMLogin
 * behind it, TIMUninit, and all of that at once. Real core, real hub in a scratch directory.
 *
 * Usage: inside_test [PATTERN], and inside_test peer DIR USER STEP..., as cloud_test. */
#include "cloud_calls.h"
#include "cloud_kit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#define PENDING 20

typedef enum kind { RECV, RECEIPT, REVOKED, UPLOAD, TIPS, CONV, NETWORK, LOG, PROGRESS, KINDS } kind;
static const char *const names[KINDS] = {"recv_new_msg",     "readed_receipt", "revoke",  "upload",
                                         "group_tips",       "conv_event",     "network", "log",
                                         "download progress"};

/* One session and what is done inside one of its callbacks, the first of its kind. */
static struct {
    const char *name; /* of the callback */
    box from;         /* the callback itself */
    box answers[ENTRIES], pending[PENDING], login, logout;
    int results[ENTRIES], pending_results[PENDING], login_result, logout_result;
    void (*act)(void);
    bool begun;  /* TIMUninit inside a callback runs others inside it, perhaps of the same kind */
    bool was_in; /* somebody must be logged in when the callback runs */
} stage;

/* All of it is done in the first callback of its kind, while which others may run. */
static void do_once(box *from)
{
    (void)from;
    if (stage.begun) return;
    stage.begun = true;
    stage.act();
}

static void reset_stage(const char *name, void (*act)(void))
{
    empty(&stage.from);
    empty(&stage.login);
    empty(&stage.logout);
    for (size_t i = 0; i < ENTRIES; i++)
        empty(&stage.answers[i]);
    for (size_t i = 0; i < PENDING; i++)
        empty(&stage.pending[i]);
    memset(&stage, 0, sizeof stage);
    stage.name = name;
    stage.act = act;
    stage.from.then = do_once;
    stage.was_in = true;
    /* what is not called is answered as little as what is refused */
    stage.login_result = stage.logout_result = TIM_ERR_NOTLOGIN;
    for (size_t i = 0; i < ENTRIES; i++)
        stage.results[i] = TIM_ERR_NOTLOGIN;
    for (int i = 0; i < PENDING; i++)
        stage.pending_results[i] = TIM_ERR_NOTLOGIN;
}

/* What is wrong inside the callback, with its name. */
static void wrong(const char *what)
{
    char text[200];
    snprintf(text, sizeof text, "%s: %s (%s)", stage.name, what, timmsg_last_error());
    trouble(text);
}

/* ---- What is done inside ---- */

static void leave_pending(void)
{
    for (int i = 0; i < PENDING; i++) {
        stage.pending_results[i] = TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &stage.pending[i]);
        if (stage.pending_results[i] && (stage.was_in || stage.pending_results[i] != TIM_ERR_NOTLOGIN))
            wrong("a message was refused");
    }
}

static void use_setters(void)
{
    TIMAddRecvNewMsgCallback(on_json_2, NULL);
    TIMRemoveRecvNewMsgCallback(on_json_2);
    TIMSetKickedOfflineCallback(on_kicked, NULL);
    TIMSetKickedOfflineCallback(NULL, NULL);
    if (strncmp(TIMGetSDKVersion(), "timmsg ", 7) != 0) wrong("the version");
}

/* Logging out is the last of the calls. */
static void call_everything(void)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        stage.results[i] = good_call(&entries[i], on_done, &stage.answers[i]);
        if (stage.results[i] && (stage.was_in || stage.results[i] != TIM_ERR_NOTLOGIN))
            wrong(entries[i].name);
        if (!entries[i].json) continue;
        int result = entries[i].call(entries[i].id, kTIMConv_C2C, "{", on_done, NULL);
        if (result != TIM_ERR_JSON && result != TIM_ERR_NOTLOGIN) wrong("bad JSON was not refused");
    }
    use_setters();
    if (TIMInit(1400000001, NULL) != TIM_ERR_PARAM) wrong("a second TIMInit");
}

static void log_out(void)
{
    leave_pending();
    stage.logout_result = TIMLogout(on_done, &stage.logout);
    if (stage.logout_result && (stage.was_in || stage.logout_result != TIM_ERR_NOTLOGIN)) wrong("TIMLogout");
    if (stage.was_in && TIMConvGetConvList(on_done, NULL) != TIM_ERR_NOTLOGIN)
        wrong("a call after TIMLogout");
    if (stage.was_in && TIMLogout(on_done, NULL) != TIM_ERR_NOTLOGIN) wrong("TIMLogout twice");
}

static void log_out_and_in(void)
{
    log_out();
    stage.login_result = TIMLogin("anna", "", on_done, &stage.login);
    if (stage.login_result) wrong("TIMLogin after TIMLogout");
}

static void expect_closing(void)
{
    if (TIMUninit() != TIM_ERR_SDKUNINIT) wrong("TIMUninit twice");
    if (TIMInit(1400000001, NULL) != TIM_ERR_PARAM) wrong("TIMInit before the callback's end");
    for (size_t i = 0; i < ENTRIES; i++)
        if (good_call(&entries[i], on_done, NULL) != TIM_ERR_SDKUNINIT) wrong(entries[i].name);
    use_setters();
}

static void expect_completed(void)
{
    for (int i = 0; i < PENDING; i++)
        if (stage.pending[i].count != !stage.pending_results[i])
            wrong("not completed by the end of TIMUninit");
    if (stage.logout.count != !stage.logout_result) wrong("TIMLogout not completed by the end of TIMUninit");
    if (stage.login.count != !stage.login_result) wrong("TIMLogin not completed by the end of TIMUninit");
}

static void uninit(void)
{
    leave_pending();
    if (TIMUninit()) wrong("TIMUninit");
    expect_completed();
    expect_closing();
}

static void everything_and_uninit(void)
{
    call_everything();
    stage.login_result = TIMLogin("anna", "", on_done, &stage.login);
    if (stage.login_result) wrong("TIMLogin after TIMLogout");
    if (TIMUninit()) wrong("TIMUninit");
    expect_completed();
    for (size_t i = 0; i < ENTRIES; i++)
        if (stage.answers[i].count != (!stage.results[i] && !entries[i].without_cb)) wrong(entries[i].name);
    expect_closing();
}

/* ---- What has become of it ---- */

static void expect_once(const char *call, int result, box *answer)
{
    if (!result && !reached(answer, 1)) fail_msg("inside %s: %s did not complete", stage.name, call);
    if (answer->count > !result)
        fail_msg("inside %s: %s completed %d times", stage.name, call, answer->count);
}

static void expect_all_once(void)
{
    for (size_t i = 0; i < ENTRIES; i++)
        if (!entries[i].without_cb) expect_once(entries[i].name, stage.results[i], &stage.answers[i]);
    for (int i = 0; i < PENDING; i++) {
        box *one = &stage.pending[i];
        expect_once("TIMMsgSendNewMsg", stage.pending_results[i], one);
        if (one->count && one->code && one->code != ERR_USER_CANCELED)
            fail_msg("inside %s: sending completed with %d: %s", stage.name, (int)one->code, one->desc);
    }
    expect_once("TIMLogout", stage.logout_result, &stage.logout);
    expect_once("TIMLogin", stage.login_result, &stage.login);
    if (stage.logout.count && stage.logout.code)
        fail_msg("inside %s: TIMLogout: %s", stage.name, stage.logout.desc);
}

/* The library does all that it did before. */
static void expect_in_order(void (*act)(void))
{
    box answer = {0};
    remove_callbacks(); /* logging in calls that for the network */
    await(&stage.from, 1);
    /* nothing was called when it is not set, and TIMUninit waits for the callback */
    bool ends = act == uninit || act == everything_and_uninit;
    if (ends) refused(TIM_ERR_SDKUNINIT, TIMUninit());
    if (ends) accepted(TIMInit(1400000001, config_of("anna")));
    if (!ends) expect_all_once();
    if (act == log_out_and_in && stage.was_in && stage.login.code)
        fail_msg("inside %s: TIMLogin: %s", stage.name, stage.login.desc);
    complete(answer, 0, TIMLogin("anna", "", on_done, &answer));
    complete(answer, 0, TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, on_done, &answer));
    accepted(TIMUninit());
    expect_all_once();
    empty(&answer);
}

/* ---- Bringing each kind of callback about ---- */

/* Answers one request with the beginning of a file, and holds the rest back until the client is gone. */
static void *serve_slowly(void *listener)
{
    char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n", body[1000] = "", rest[2000];
    int fd = accept(*(int *)listener, NULL, NULL);
    if (fd < 0) return NULL;
    if (read(fd, rest, sizeof rest) > 0 && send(fd, head, sizeof head - 1, MSG_NOSIGNAL) > 0)
        for (int i = 0; i < 10; i++)
            if (send(fd, body, sizeof body, MSG_NOSIGNAL) < 0) break;
    while (read(fd, rest, sizeof rest) > 0)
        ;
    close(fd);
    return NULL;
}

typedef struct server {
    pthread_t thread;
    int listener;
} server;

static void download(server *from)
{
    char param[256];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    from->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(from->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(from->listener, 1), 0);
    assert_int_equal(getsockname(from->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(pthread_create(&from->thread, NULL, serve_slowly, &from->listener), 0);
    snprintf(param, sizeof param,
             "{\"msg_download_elem_param_type\":1,\"msg_download_elem_param_url\":\"http://127.0.0.1:%d/x\"}",
             ntohs(address.sin_port));
    accepted(TIMMsgDownloadElemToPath(param, "slow", on_done, &stage.from));
}

static void set_callback(kind what)
{
    box *from = &stage.from;
    if (what == RECV) TIMAddRecvNewMsgCallback(on_json, from);
    if (what == RECEIPT) TIMSetMsgReadedReceiptCallback(on_json, from);
    if (what == REVOKED) TIMSetMsgRevokeCallback(on_json, from);
    if (what == UPLOAD) TIMSetMsgElemUploadProgressCallback(on_upload, from);
    if (what == TIPS) TIMSetGroupTipsEventCallback(on_json, from);
    if (what == CONV) TIMSetConvEventCallback(on_conv_event, from);
    if (what == NETWORK) TIMSetNetworkStatusListenerCallback(on_network, from);
    if (what == LOG) TIMSetLogCallback(on_log, from);
}

/* Nobody waits for what is done here: it may be cancelled. */
static void bring(kind what)
{
    FILE *file;
    switch (what) {
    case RECV: end_peer(start_peer("bert", "send anna", NULL)); break;
    case RECEIPT:
        accepted(TIMMsgSendNewMsg("bert", kTIMConv_C2C, HELLO, NULL, NULL));
        end_peer(start_peer("bert", "await 1", "read anna", NULL));
        break;
    case REVOKED: end_peer(start_peer("bert", "send anna", "revoke anna", NULL)); break;
    case UPLOAD:
        if (!(file = fopen("file", "w"))) fail();
        fputs("content", file);
        fclose(file);
        accepted(TIMMsgSendNewMsg(
            "bert", kTIMConv_C2C,
            "{\"message_elem_array\":[{\"elem_type\":4,\"file_elem_file_path\":\"file\"}]}", NULL, NULL));
        break;
    case TIPS:
        accepted(TIMGroupCreate("{\"create_group_param_group_name\":\"g\",\"create_group_param_group_member_"
                                "array\":[{\"group_member_info_identifier\":\"bert\"}]}",
                                NULL, NULL));
        break;
    case CONV: accepted(TIMMsgSendNewMsg("anna", kTIMConv_C2C, HELLO, NULL, NULL)); break;
    case LOG: refused(TIM_ERR_CONV, TIMConvCreate("", kTIMConv_C2C, NULL, NULL)); break;
    case NETWORK: /* logging in was enough */
    case PROGRESS:
    case KINDS: break;
    }
}

static void play(kind what, void (*act)(void))
{
    box login = {0};
    server slow;
    reset_stage(names[what], act);
    stage.was_in = what != NETWORK;
    set_callback(what);
    accepted(TIMInit(1400000001, config_of("anna")));
    accepted(TIMLogin("anna", "", on_done, &login));
    await(&login, 1);
    bring(what);
    if (what == PROGRESS) download(&slow);
    await(&stage.from, 1);
    if (what == PROGRESS) { /* logging out has ended the download, whichever way it was done */
        pthread_join(slow.thread, NULL);
        close(slow.listener);
    }
    expect_in_order(act);
    empty(&login);
}

/* Inside each kind of event, and inside each completion. */
static void play_all(void (*act)(void))
{
    end_peer(start_peer("bert", NULL)); /* from now on there is one */
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":5,\"set_config_user_config\":{\"user_config_is_"
                          "read_receipt\":true}}",
                          NULL, NULL));
    for (int what = 0; what < KINDS; what++)
        play((kind)what, act);
    for (size_t i = 0; i < ENTRIES; i++) {
        if (entries[i].without_cb) continue;
        reset_stage(entries[i].name, act);
        stage.was_in = entries[i].call != TIMLogout_;
        begin("anna");
        accepted(good_call(&entries[i], on_done, &stage.from));
        expect_in_order(act);
    }
    accepted(TIMSetConfig("{\"set_config_callback_log_level\":0,\"set_config_user_config\":{\"user_config_is_"
                          "read_receipt\":false}}",
                          NULL, NULL));
    reset_stage("", NULL);
}

static void test_every_call_inside_every_callback(void **state)
{
    (void)state;
    play_all(call_everything);
}

static void test_logout_inside_every_callback(void **state)
{
    (void)state;
    play_all(log_out);
}

static void test_logout_and_login_inside_every_callback(void **state)
{
    (void)state;
    play_all(log_out_and_in);
}

static void test_uninit_inside_every_callback(void **state)
{
    (void)state;
    play_all(uninit);
}

static void test_every_call_and_uninit_inside_every_callback(void **state)
{
    (void)state;
    play_all(everything_and_uninit);
}

/* ---- Before TIMInit ---- */

static void call_everything_early(void)
{
    if (TIMUninit() != TIM_ERR_SDKUNINIT) wrong("TIMUninit before TIMInit");
    for (size_t i = 0; i < ENTRIES; i++) {
        stage.results[i] = good_call(&entries[i], on_done, &stage.answers[i]);
        if (stage.results[i] != (entries[i].call == TIMSetConfig_ ? 0 : TIM_ERR_SDKUNINIT))
            wrong(entries[i].name);
    }
    use_setters();
}

static void test_every_call_inside_an_early_completion(void **state)
{
    (void)state;
    reset_stage("an early completion", call_everything_early);
    accepted(TIMSetConfig(NULL, on_done, &stage.from));
    await(&stage.from, 1);
    for (size_t i = 0; i < ENTRIES; i++)
        expect_once(entries[i].name, stage.results[i], &stage.answers[i]);
    begin("anna");
    accepted(TIMUninit());
    reset_stage("", NULL);
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
        TEST(every_call_inside_every_callback),
        TEST(logout_inside_every_callback),
        TEST(logout_and_login_inside_every_callback),
        TEST(uninit_inside_every_callback),
        TEST(every_call_and_uninit_inside_every_callback),
        TEST(every_call_inside_an_early_completion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Media send: uploads to real servers on 127.0.0.1, and what happens when these refuse, stall or hang up. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the kit has more than is used here */
#include "media_kit.h"

#define SMALL 3000u
#define LARGE (10 * MEGA)

static const char *const no_headers[] = {NULL};

static uint64_t start_send(int port, const char *uri, const char *path, uint64_t size)
{
    char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, uri);
    assert_int_equal(tm_media_send(media, ++last_id, path, size, url, NULL, NULL), 0);
    return last_id;
}

static uint64_t start_put(const char *uri, const char *path)
{
    return start_send(site.port, uri, path, size_of(path));
}

static uint64_t start_odd_put(const char *uri, const char *path)
{
    return start_send(site.odd_port, uri, path, size_of(path));
}

static int32_t code_of(uint64_t id)
{
    return wait_done(id).last.code;
}

static void reopen(uint32_t timeout_ms)
{
    tm_media_free(media);
    media = open_media(timeout_ms);
}

static int make_files(void **state)
{
    if (start_all(state) != 0) return -1;
    make_file(at("small"), SMALL, 1);
    make_file(at("large"), LARGE, 2);
    return 0;
}

/* ---- what arrives ---- */

static void arrives_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 64 * 1024, 700000, LARGE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        make_file(at("mine"), sizes[i], (unsigned)i + 3);
        /* Once it is new (201), once it replaces another (204). */
        unlink(at("put/file"));
        for (int turn = 0; turn < 2; turn++) {
            int status;
            unsigned long bytes;
            seen entry = wait_done(start_put("/put/file", at("mine")));
            assert_int_equal(entry.last.code, 0);
            assert_int_equal(entry.last.total, sizes[i]);
            assert_string_equal(entry.last.hash, "");
            assert_same(at("put/file"), at("mine"));
            assert_true(web_logged(&site, "/put/file", &status, &bytes));
            assert_int_equal(status, turn ? 204 : 201);
        }
    }
    assert_int_equal(code_of(start_put("/fine", at("small"))), 0); /* 200 */
}

static void the_slot_s_headers_arrive(void **state)
{
    (void)state;
    char url[128];
    const char *const headers[] = {"Authorization: Bearer slot", "cookie: a=b; c=d", "EXPIRES: never", NULL};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/put/guarded/file", site.port);
    assert_int_equal(tm_media_send(media, ++last_id, at("small"), SMALL, url, headers, "image/jpeg"), 0);
    assert_int_equal(code_of(last_id), 0);
    assert_same(at("put/guarded/file"), at("small"));
    assert_int_equal(tm_media_send(media, ++last_id, at("small"), SMALL, url, no_headers, "image/jpeg"), 0);
    assert_int_equal(code_of(last_id), ERR_HTTP_REQ_FAILED);

    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", site.odd_port);
    assert_int_equal(tm_media_send(media, ++last_id, at("small"), SMALL, url, headers, "image/jpeg"), 0);
    assert_int_equal(code_of(last_id), 0);
    assert_true(odd_saw(&site, "PUT /file HTTP/1.1\r\n", 1));
    assert_true(odd_saw(&site, "\r\nAuthorization: Bearer slot\r\n", 1));
    assert_true(odd_saw(&site, "\r\ncookie: a=b; c=d\r\n", 1));
    assert_true(odd_saw(&site, "\r\nEXPIRES: never\r\n", 1));
    assert_true(odd_saw(&site, "\r\nContent-Type: image/jpeg\r\n", 1));
    assert_true(odd_saw(&site, "\r\nContent-Length: 3000\r\n", 1));
    assert_false(odd_saw(&site, "Expect", 1));
    assert_false(odd_saw(&site, "Transfer-Encoding", 1));
}

static void other_headers_stay_out(void **state)
{
    (void)state;
    char url[128];
    const char *const headers[] = {"X-Other: 1",
                                   "Content-Length: 1",
                                   "Host: elsewhere",
                                   "Authorization-Other: 2",
                                   "Auth: 3",
                                   "Authorization",
                                   "Cookie : 4",
                                   ": 5",
                                   "",
                                   "Cookie: 6\r\nX-Injected: 6",
                                   "Expires: 7\nX-Injected: 7",
                                   NULL};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", site.odd_port);
    assert_int_equal(
        tm_media_send(media, ++last_id, at("small"), SMALL, url, headers, "a/b\r\nX-Injected: 8"), 0);
    assert_int_equal(code_of(last_id), 0);
    static const char *const absent[] = {"X-Other", "elsewhere",  "Auth",        "Cookie",
                                         "Expires", "X-Injected", "Content-Type"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
        assert_false(odd_saw(&site, absent[i], 1));
    assert_true(odd_saw(&site, "\r\nContent-Length: 3000\r\n", 1));
    assert_same(at("odd.bin"), at("small"));
}

static void a_handful_of_headers(void **state)
{
    (void)state;
    char url[128], lines[12][16];
    const char *headers[13] = {NULL};
    for (int i = 0; i < 12; i++) {
        snprintf(lines[i], sizeof lines[i], "Cookie: n=%d.", i);
        headers[i] = lines[i];
    }
    snprintf(url, sizeof url, "http://127.0.0.1:%d/file", site.odd_port);
    assert_int_equal(tm_media_send(media, ++last_id, at("small"), SMALL, url, headers, NULL), 0);
    assert_int_equal(code_of(last_id), 0);
    assert_true(odd_saw(&site, "Cookie: n=7.\r\n", 1));
    assert_false(odd_saw(&site, "n=8.", 1));
}

static void proxy_is_used(void **state)
{
    (void)state;
    char proxy[64];
    tm_error err = {0};
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", site.port);
    tm_media_options options = {.http_proxy = proxy, .report = on_report, .userdata = &site};
    tm_media *proxied = tm_media_new(&options, &err);
    assert_non_null(proxied);
    unlink(at("put/proxied"));
    assert_int_equal(tm_media_send(proxied, ++last_id, at("small"), SMALL,
                                   "http://no-such.invalid/put/proxied", NULL, NULL),
                     0);
    assert_int_equal(code_of(last_id), 0);
    assert_same(at("put/proxied"), at("small"));
    tm_media_free(proxied);
}

/* A connection that is used once more may just be closing: the upload begins again on a new one. */
static void begins_again_on_a_new_connection(void **state)
{
    (void)state;
    assert_int_equal(code_of(start_odd_put("/again", at("small"))), 0);
    assert_int_equal(code_of(start_odd_put("/again", at("small"))), 0);
    assert_true(odd_saw(&site, "PUT /again ", 2));
    assert_same(at("odd.bin"), at("small"));
}

/* ---- what the server says ---- */

static void refused_by_status(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        int32_t code;
    } cases[] = {{"/put/small/file", ERR_SDK_COMM_FILE_TOO_LARGE},
                 {"/forbidden", ERR_HTTP_REQ_FAILED},
                 {"/gone", ERR_HTTP_REQ_FAILED},
                 {"/fail", ERR_HTTP_REQ_FAILED},
                 {"/accepted", ERR_HTTP_REQ_FAILED},
                 {"/put/guarded/file", ERR_HTTP_REQ_FAILED},
                 {"/put/none/", ERR_HTTP_REQ_FAILED},
                 {"/whole.bin", ERR_HTTP_REQ_FAILED}}; /* 405: no uploads there */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(code_of(start_put(cases[i].uri, at("small"))), cases[i].code);
    assert_false(there(at("put/small/file")));
    /* Far more than fits on the way when the answer comes. */
    make_file(at("mine"), 13 * MEGA, 3);
    seen entry = wait_done(start_put("/put/file", at("mine")));
    assert_int_equal(entry.last.code, ERR_SDK_COMM_FILE_TOO_LARGE);
    assert_non_null(strstr(entry.last.text, at("mine")));
    assert_true(entry.last.current < 13 * MEGA);
}

static void redirects_are_refused(void **state)
{
    (void)state;
    static const char *const uris[] = {"/moved", "/elsewhere", "/loop", "/passwd"};
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++)
        assert_int_equal(code_of(start_put(uris[i], at("small"))), ERR_HTTP_REQ_FAILED);
    assert_false(there(at("put/elsewhere")));
}

static void answers_before_the_last_byte(void **state)
{
    (void)state;
    assert_int_equal(code_of(start_odd_put("/hasty413", at("large"))), ERR_SDK_COMM_FILE_TOO_LARGE);
    assert_int_equal(code_of(start_odd_put("/hasty403", at("large"))), ERR_HTTP_REQ_FAILED);
    assert_int_equal(code_of(start_odd_put("/hasty201", at("large"))), ERR_SDK_NET_DISCONNECT);
}

static void a_long_answer_is_cut_off(void **state)
{
    (void)state;
    assert_int_equal(code_of(start_odd_put("/endless", at("small"))), 0);
    assert_same(at("odd.bin"), at("small"));
}

/* ---- the network ---- */

static void unreachable_port(void **state)
{
    (void)state;
    int port, fd = web_listen(&port);
    close(fd);
    assert_int_equal(code_of(start_send(port, "/file", at("small"), SMALL)), ERR_SDK_NET_DISCONNECT);
}

static void connection_is_broken(void **state)
{
    (void)state;
    assert_int_equal(code_of(start_odd_put("/break", at("large"))), ERR_SDK_NET_DISCONNECT);
}

static void refused_urls(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "file:///tmp/file", "ftp://127.0.0.1/a",  "", "/tmp/file", "http://", "http://127.0.0.1/\na",
        "HTTPS:127.0.0.1",  "http://127.0.0.1/\r"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(tm_media_send(media, ++last_id, at("small"), SMALL, urls[i], NULL, NULL), 0);
        assert_int_equal(code_of(last_id), ERR_FILE_TRANS_UPLOAD_FAILED);
    }
}

static void no_byte_is_a_timeout(void **state)
{
    (void)state;
    static const char *const uris[] = {"/silent", "/stall"};
    reopen(200);
    for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
        uint64_t begin = tm_clock_ms();
        seen entry = wait_done(start_odd_put(uris[i], at("large")));
        assert_int_equal(entry.last.code, ERR_REQUEST_TIMEOUT);
        assert_true(tm_clock_ms() - begin >= 200);
        if (i == 1) assert_true(entry.last.current < LARGE);
    }
    odd_release(&site);
}

/* Far longer in all than the timeout, but never a pause of that length, also at the end: the system must not
 * be busy then with what it took long before. */
static void slow_is_no_timeout(void **state)
{
    (void)state;
    reopen(2500);
    make_file(at("mine"), 5 * MEGA, 3);
    uint64_t begin = tm_clock_ms();
    seen entry = wait_done(start_odd_put("/slow", at("mine")));
    assert_int_equal(entry.last.code, 0);
    assert_true(tm_clock_ms() - begin > 4000);
    assert_true(entry.progress > 10 && entry.progress <= (entry.last_ms - entry.first_ms) / 50 + 2);
    assert_same(at("odd.bin"), at("mine"));
}

/* ---- the file ---- */

static void files_that_cannot_be_sent(void **state)
{
    (void)state;
    unlink(at("put/file"));
    assert_int_equal(mkfifo(at("out/pipe"), 0600), 0);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("none"), SMALL)),
                     ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("small/none"), SMALL)),
                     ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("small"), SMALL + 1)),
                     ERR_FILE_TRANS_UPLOAD_FAILED);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("small"), 0)),
                     ERR_FILE_TRANS_UPLOAD_FAILED);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("out"), SMALL)),
                     ERR_SDK_COMM_FILE_OPEN_FAILED);
    assert_int_equal(code_of(start_send(site.port, "/put/file", at("out/pipe"), 0)),
                     ERR_SDK_COMM_FILE_OPEN_FAILED);
    assert_false(there(at("put/file")));
}

/* The file is changed in the midst of the upload, which is held in its first progress report meanwhile. */
static void a_file_that_changes(void **state)
{
    (void)state;
    for (int shorter = 0; shorter < 2; shorter++) {
        int status;
        unsigned long bytes;
        unlink(at("put/file"));
        make_file(at("mine"), LARGE, 3);
        set_flag(&hold_report, true);
        uint64_t id = start_put("/put/file", at("mine"));
        wait_progress(id);
        overwrite(at("mine"), "something else");
        if (shorter) assert_int_equal(truncate(at("mine"), LARGE - 1), 0);
        set_flag(&hold_report, false);
        assert_int_equal(code_of(id), ERR_FILE_TRANS_UPLOAD_FAILED);
        assert_true(web_logged(&site, "/put/file", &status, &bytes));
        assert_false(there(at("put/file")));
    }
}

/* Its name may go: what is being read stays. */
static void a_file_that_is_removed_meanwhile(void **state)
{
    (void)state;
    make_file(at("mine"), LARGE, 2);
    set_flag(&hold_report, true);
    uint64_t id = start_put("/put/file", at("mine"));
    wait_progress(id);
    unlink(at("mine"));
    set_flag(&hold_report, false);
    assert_int_equal(code_of(id), 0);
    assert_same(at("put/file"), at("large"));
}

/* ---- cancelling and closing ---- */

static void cancel(void **state)
{
    (void)state;
    int status;
    unsigned long bytes;
    unlink(at("put/file"));
    cancel_at_progress = last_id + 1;
    seen entry = wait_done(start_put("/put/file", at("large")));
    assert_int_equal(entry.last.code, ERR_USER_CANCELED);
    assert_true(entry.last.current > 0 && entry.last.current < LARGE);
    assert_true(web_logged(&site, "/put/file", &status, &bytes));
    assert_false(there(at("put/file")));
}

/* Uploads wait for each other only, and are cancelled while they wait too. */
static void a_lane_of_their_own(void **state)
{
    (void)state;
    uint64_t first = last_id + 1;
    for (int i = 0; i < TM_MEDIA_SENDS + 4; i++)
        start_odd_put("/silent", at("small"));
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/whole.bin", site.port);
    uint64_t fetch = last_id + 1, store = last_id + 2, waiting = last_id + 3;
    assert_int_equal(tm_media_fetch(media, ++last_id, url, at("out/file")), 0);
    assert_int_equal(tm_media_store(media, ++last_id, at("small"), SMALL, at("store")), 0);
    start_put("/put/file", at("small"));
    assert_int_equal(code_of(fetch), 0);
    assert_int_equal(code_of(store), 0);
    pthread_mutex_lock(&lock);
    assert_false(reports[waiting].done);
    pthread_mutex_unlock(&lock);
    for (uint64_t id = first; id < fetch; id++)
        tm_media_cancel(media, id);
    for (uint64_t id = first; id < fetch; id++)
        assert_int_equal(code_of(id), ERR_USER_CANCELED);
    assert_int_equal(code_of(waiting), 0);
}

static void free_under_way(void **state)
{
    (void)state;
    uint64_t first = start_odd_put("/stall", at("large"));
    wait_progress(first);
    for (int i = 0; i < 20; i++)
        start_odd_put("/silent", at("small"));
    uint64_t begin = tm_clock_ms();
    tm_media_free(media);
    media = NULL;
    assert_true(tm_clock_ms() - begin < 5000); /* 100, and not what a request may take */
    pthread_mutex_lock(&lock);
    for (uint64_t id = first; id <= last_id; id++)
        assert_false(reports[id].done);
    pthread_mutex_unlock(&lock);
    odd_release(&site);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(arrives_whole),
        CASE(the_slot_s_headers_arrive),
        CASE(other_headers_stay_out),
        CASE(a_handful_of_headers),
        CASE(proxy_is_used),
        CASE(begins_again_on_a_new_connection),
        CASE(refused_by_status),
        CASE(redirects_are_refused),
        CASE(answers_before_the_last_byte),
        CASE(a_long_answer_is_cut_off),
        CASE(unreachable_port),
        CASE(connection_is_broken),
        CASE(refused_urls),
        CASE(no_byte_is_a_timeout),
        CASE(slow_is_no_timeout),
        CASE(files_that_cannot_be_sent),
        CASE(a_file_that_changes),
        CASE(a_file_that_is_removed_meanwhile),
        CASE(cancel),
        CASE(a_lane_of_their_own),
        CASE(free_under_way),
    };
    return cmocka_run_group_tests_name("media_send", tests, make_files, stop_all);
}

/* Media: downloads from real servers on 127.0.0.1, copies in and out of a store, and what happens when they
 * are cut off. */
#pragma GCC diagnostic ignored "-Wunused-function" /* the kit has more than is used here */
#include "media_kit.h"

#include <dlfcn.h>
#include <netdb.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* A user id that is not root's. */
#define SOMEBODY 65534

static bool finish_other; /* set before the media thread comes to it */
static bool hold_fsync, in_fsync, hold_resolver, in_resolver;

/* ---- stand-ins ---- */

/* Stands for a slow disk. */
static void stand_in_wait(bool *hold, bool *inside)
{
    pthread_mutex_lock(&lock);
    if (*hold) {
        *inside = true;
        pthread_cond_broadcast(&changed);
        while (*hold)
            pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
}

int fsync(int fd)
{
    stand_in_wait(&hold_fsync, &in_fsync);
    return (int)syscall(SYS_fsync, fd);
}

/* Stands for another transfer that finishes between our open of its part file and our lock, and for a third
 * that has just made a new one. */
int flock(int fd, int operation)
{
    if (operation & LOCK_EX && finish_other) {
        finish_other = false;
        rename(at("out/.file.timmsg-part"), at("out/other"));
        close(open(at("out/.file.timmsg-part"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    return (int)syscall(SYS_flock, fd, operation);
}

/* Stands for a name server that does not answer. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (node && strcmp(node, "slow.invalid") == 0) {
        stand_in_wait(&hold_resolver, &in_resolver);
        return EAI_FAIL;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, result);
}

static uint64_t start_fetch(const char *uri, const char *path)
{
    char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", site.port, uri);
    assert_int_equal(tm_media_fetch(media, ++last_id, url, path), 0);
    return last_id;
}

static uint64_t start_odd(const char *uri, const char *path)
{
    char url[512];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", site.odd_port, uri);
    assert_int_equal(tm_media_fetch(media, ++last_id, url, path), 0);
    return last_id;
}

static void set_slow(bool slow)
{
    if (slow)
        make_file(at("slow"), 0, 1);
    else
        unlink(at("slow"));
}

/* A download of `uri` to out/file, broken off in its midst: leaves a part file and a side-car. */
static void break_off(const char *uri)
{
    int status;
    unsigned long bytes;
    set_slow(true);
    cancel_at_progress = last_id + 1;
    assert_int_equal(wait_done(start_fetch(uri, at("out/file"))).last.code, ERR_USER_CANCELED);
    cancel_at_progress = 0;
    set_slow(false);
    /* nginx notices when it sends again; its line must not be taken for the next request's. */
    assert_true(web_logged(&site, uri, &status, &bytes));
}

/* Nothing but finished files may be left in out. */
static void assert_left(unsigned count)
{
    assert_int_equal(entries(at("out")), count);
}

/* ---- fetch ---- */

static void whole_file_with_progress(void **state)
{
    (void)state;
    set_slow(true);
    make_file(at("www/half.bin"), MEGA / 2, 3);
    uint64_t id = start_fetch("/half.bin", at("out/file"));
    wait_progress(id);
    assert_false(there(at("out/file")));
    seen entry = wait_done(id);
    assert_int_equal(entry.last.code, 0);
    assert_int_equal(entry.last.total, MEGA / 2);
    assert_true(entry.progress > 0);
    assert_same(at("out/file"), at("www/half.bin"));
    struct stat info;
    assert_int_equal(stat(at("out/file"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_left(1);
}

static void progress_is_not_a_flood(void **state)
{
    (void)state;
    make_file(at("www/big.bin"), 16 * MEGA, 3);
    seen entry = wait_done(start_fetch("/big.bin", at("out/file")));
    assert_int_equal(entry.last.code, 0);
    assert_true(entry.progress > 0 && entry.progress <= (entry.last_ms - entry.first_ms) / 50 + 2);
    unlink(at("www/big.bin"));
}

static void replaces_an_older_file(void **state)
{
    (void)state;
    make_file(at("out/file"), 10, 9);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
}

static void empty_file(void **state)
{
    (void)state;
    assert_int_equal(wait_done(start_fetch("/empty.bin", at("out/file"))).last.code, 0);
    assert_true(there(at("out/file")));
    assert_int_equal(size_of(at("out/file")), 0);
    assert_left(1);
}

static void unknown_size(void **state)
{
    (void)state;
    seen entry = wait_done(start_odd("/chunked", at("out/file")));
    assert_int_equal(entry.last.code, 0);
    assert_int_equal(entry.last.total, 11);
    assert_left(1);
}

static void errors_leave_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *uri;
        int32_t code;
    } cases[] = {{"/missing.bin", ERR_FILE_TRANS_DOWNLOAD_FAILED},
                 {"/gone", ERR_FILE_TRANS_DOWNLOAD_FAILED},
                 {"/fail", ERR_HTTP_REQ_FAILED},
                 {"/forbidden", ERR_HTTP_REQ_FAILED},
                 {"/loop", ERR_FILE_TRANS_DOWNLOAD_FAILED},
                 {"/passwd", ERR_FILE_TRANS_DOWNLOAD_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(wait_done(start_fetch(cases[i].uri, at("out/file"))).last.code, cases[i].code);
        assert_left(0);
    }
    assert_int_equal(wait_done(start_odd("/empty404", at("out/file"))).last.code,
                     ERR_FILE_TRANS_DOWNLOAD_FAILED);
    assert_left(0);
}

static void refused_urls(void **state)
{
    (void)state;
    static const char *const urls[] = {"file:///etc/passwd", "ftp://127.0.0.1/a", "",
                                       "/etc/passwd",        "http://",           "http://127.0.0.1/\na",
                                       "HTTPS:127.0.0.1"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        assert_int_equal(tm_media_fetch(media, ++last_id, urls[i], at("out/file")), 0);
        assert_int_equal(wait_done(last_id).last.code, ERR_FILE_TRANS_DOWNLOAD_FAILED);
        assert_left(0);
    }
}

static void redirect(void **state)
{
    (void)state;
    assert_int_equal(wait_done(start_fetch("/moved", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
}

static void unreachable_port(void **state)
{
    (void)state;
    char url[64];
    int port, fd = web_listen(&port);
    close(fd);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    assert_int_equal(tm_media_fetch(media, ++last_id, url, at("out/file")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_SDK_NET_DISCONNECT);
    assert_left(0);
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
    assert_int_equal(tm_media_fetch(proxied, ++last_id, "http://no-such.invalid/whole.bin", at("out/file")),
                     0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
    tm_media_free(proxied);
}

/* ---- pauses ---- */

static void no_byte_is_a_timeout(void **state)
{
    (void)state;
    tm_media_free(media);
    media = open_media(200);
    uint64_t begin = tm_clock_ms();
    assert_int_equal(wait_done(start_odd("/silent", at("out/file"))).last.code, ERR_REQUEST_TIMEOUT);
    assert_true(tm_clock_ms() - begin >= 200);
    assert_left(0);
    assert_int_equal(wait_done(start_odd("/hang", at("out/file"))).last.code, ERR_REQUEST_TIMEOUT);
    assert_int_equal(size_of(at("out/.file.timmsg-part")), 1000);
    assert_left(2);
}

/* Far longer in all than the timeout, but never a pause of that length. */
static void slow_is_no_timeout(void **state)
{
    (void)state;
    tm_media_free(media);
    media = open_media(3000);
    set_slow(true);
    uint64_t begin = tm_clock_ms();
    assert_int_equal(wait_done(start_fetch("/long.bin", at("out/file"))).last.code, 0);
    assert_true(tm_clock_ms() - begin > 3000);
    assert_same(at("out/file"), at("www/long.bin"));
}

/* What comes while the thread waits for the disk, for another download's end, is not read meanwhile: it is no pause of
 * whoever sends it. */
static void slow_disk_is_no_timeout(void **state)
{
    (void)state;
    tm_media_free(media);
    media = open_media(3000);
    set_slow(true);
    uint64_t slow = start_fetch("/long.bin", at("out/file"));
    wait_progress(slow);
    hold_fsync = true;
    in_fsync = false;
    uint64_t quick = start_odd("/chunked", at("out/quick"));
    wait_flag(&in_fsync);
    for (uint64_t begin = tm_clock_ms(); tm_clock_ms() - begin < 4000;)
        usleep(10000);
    set_flag(&hold_fsync, false);
    assert_int_equal(wait_done(quick).last.code, 0);
    assert_int_equal(wait_done(slow).last.code, 0);
    assert_same(at("out/file"), at("www/long.bin"));
}

static void slow_resolver_is_a_timeout(void **state)
{
    (void)state;
    tm_media_free(media);
    media = open_media(200);
    hold_resolver = true;
    in_resolver = false;
    assert_int_equal(tm_media_fetch(media, ++last_id, "http://slow.invalid/", at("out/file")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_REQUEST_TIMEOUT);
    set_flag(&hold_resolver, false);
}

/* ---- resuming ---- */

static void resumes_with_range(void **state)
{
    (void)state;
    int status;
    unsigned long bytes;
    break_off("/whole.bin");
    assert_false(there(at("out/file")));
    size_t have = size_of(at("out/.file.timmsg-part"));
    assert_true(have > 0 && have < MEGA);
    assert_true(there(at("out/.file.timmsg-part.meta")));
    seen entry = wait_done(start_fetch("/whole.bin", at("out/file")));
    assert_int_equal(entry.last.code, 0);
    assert_int_equal(entry.last.total, MEGA);
    assert_true(!entry.progress || entry.first_current >= have);
    assert_true(web_logged(&site, "/whole.bin", &status, &bytes));
    assert_int_equal(status, 206);
    assert_int_equal(bytes, MEGA - have);
    assert_same(at("out/file"), at("www/whole.bin"));
    assert_left(1);
}

static void starts_over(const char *uri, const char *same_as, int expected)
{
    int status;
    unsigned long bytes;
    assert_int_equal(wait_done(start_fetch(uri, at("out/file"))).last.code, 0);
    assert_true(web_logged(&site, uri, &status, &bytes));
    assert_int_equal(status, expected);
    assert_int_equal(bytes, size_of(same_as));
    assert_same(at("out/file"), same_as);
    assert_left(1);
}

static void changed_content_starts_over(void **state)
{
    (void)state;
    make_file(at("www/changing.bin"), MEGA, 4);
    break_off("/changing.bin");
    make_file(at("www/changing.bin"), MEGA, 5);
    starts_over("/changing.bin", at("www/changing.bin"), 200);
    /* Shorter now than what is there already. */
    unlink(at("out/file"));
    break_off("/changing.bin");
    make_file(at("www/changing.bin"), 1000, 6);
    starts_over("/changing.bin", at("www/changing.bin"), 200);
}

static void server_without_ranges_starts_over(void **state)
{
    (void)state;
    break_off("/norange/whole.bin");
    starts_over("/norange/whole.bin", at("www/whole.bin"), 200);
}

static void other_url_starts_over(void **state)
{
    (void)state;
    break_off("/whole.bin");
    starts_over("/whole.bin?other", at("www/whole.bin"), 200);
}

static void damaged_side_car_starts_over(void **state)
{
    (void)state;
    break_off("/whole.bin");
    overwrite(at("out/.file.timmsg-part.meta"), "nonsense");
    starts_over("/whole.bin", at("www/whole.bin"), 200);
}

/* The process died after the last byte and before the rename. */
static void whole_part_asks_for_its_last_byte(void **state)
{
    (void)state;
    int status;
    unsigned long bytes;
    break_off("/whole.bin");
    int from = open(at("www/whole.bin"), O_RDONLY), to = open(at("out/.file.timmsg-part"), O_WRONLY);
    char *buffer = malloc(MEGA);
    assert_int_equal(read(from, buffer, MEGA), MEGA);
    assert_int_equal(write(to, buffer, MEGA), MEGA);
    free(buffer);
    close(from);
    close(to);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_true(web_logged(&site, "/whole.bin", &status, &bytes));
    assert_int_equal(status, 206);
    assert_int_equal(bytes, 1);
    assert_same(at("out/file"), at("www/whole.bin"));
    assert_left(1);
}

static void gone_in_between_removes_the_part(void **state)
{
    (void)state;
    make_file(at("www/leaving.bin"), MEGA, 6);
    break_off("/leaving.bin");
    unlink(at("www/leaving.bin"));
    assert_int_equal(wait_done(start_fetch("/leaving.bin", at("out/file"))).last.code,
                     ERR_FILE_TRANS_DOWNLOAD_FAILED);
    assert_left(0);
}

/* The first answer ends half way; then the rest is asked for. */
static void half_then_rest(const char *uri, const char *condition, int requests)
{
    seen entry = wait_done(start_odd(uri, at("out/file")));
    assert_int_equal(entry.last.code, ERR_SDK_NET_DISCONNECT);
    assert_int_equal(entry.last.current, ODD_SIZE / 2);
    assert_int_equal(entry.last.total, ODD_SIZE);
    assert_false(there(at("out/file")));
    assert_left(2);
    assert_int_equal(wait_done(start_odd(uri, at("out/file"))).last.code, 0);
    if (condition)
        assert_true(odd_saw(&site, condition, requests));
    else
        assert_false(odd_saw(&site, "Range:", requests));
    assert_odd(at("out/file"));
    assert_left(1);
}

static void broken_off_half_way(void **state)
{
    (void)state;
    half_then_rest("/short", "\r\nIf-Range: \"odd-1\"\r\n", 2);
}

static void weak_etag_uses_last_modified(void **state)
{
    (void)state;
    half_then_rest("/weak", "\r\nIf-Range: Mon, 06 Jan 2020 10:00:00 GMT\r\n", 2);
}

static void range_from_elsewhere_starts_over(void **state)
{
    (void)state;
    half_then_rest("/elsewhere", NULL, 3);
}

static void refused_range_starts_over(void **state)
{
    (void)state;
    half_then_rest("/refused", NULL, 3);
}

/* A 206 that holds more or less than it says is no reason to lose what is there. */
static void range_of_the_wrong_length(void **state)
{
    (void)state;
    static const char *const uris[] = {"/more", "/less"};
    for (int i = 0; i < 2; i++) {
        odd_forget(&site);
        unlink(at("out/file"));
        assert_int_equal(wait_done(start_odd(uris[i], at("out/file"))).last.code, ERR_SDK_NET_DISCONNECT);
        assert_int_equal(wait_done(start_odd(uris[i], at("out/file"))).last.code, ERR_SDK_NET_DISCONNECT);
        assert_left(2);
        assert_int_equal(wait_done(start_odd(uris[i], at("out/file"))).last.code, 0);
        assert_true(odd_saw(&site, "\r\nRange:", 3));
        assert_odd(at("out/file"));
    }
}

static void without_validator_nothing_is_kept(void **state)
{
    (void)state;
    static const char *const uris[] = {"/bare", "/fresh"};
    for (int i = 0; i < 2; i++) {
        odd_forget(&site);
        unlink(at("out/file"));
        assert_int_equal(wait_done(start_odd(uris[i], at("out/file"))).last.code, ERR_SDK_NET_DISCONNECT);
        assert_left(0);
        assert_int_equal(wait_done(start_odd(uris[i], at("out/file"))).last.code, 0);
        assert_false(odd_saw(&site, "Range:", 2));
        assert_odd(at("out/file"));
    }
}

static void error_page_stays_out_of_the_part(void **state)
{
    (void)state;
    assert_int_equal(wait_done(start_odd("/down", at("out/file"))).last.code, ERR_SDK_NET_DISCONNECT);
    assert_int_equal(wait_done(start_odd("/down", at("out/file"))).last.code, ERR_HTTP_REQ_FAILED);
    assert_int_equal(size_of(at("out/.file.timmsg-part")), ODD_SIZE / 2);
    assert_int_equal(wait_done(start_odd("/down", at("out/file"))).last.code, 0);
    assert_true(odd_saw(&site, "\r\nRange: bytes=100000-\r\n", 3));
    assert_odd(at("out/file"));
}

/* ---- paths ---- */

static void paths_that_cannot_be_written(void **state)
{
    (void)state;
    make_file(at("out/plain"), 5, 1);
    mkdir(at("out/folder"), 0700);
    static const char *const names[] = {"out/no/such", "out/folder", "out/folder/", "out/plain/file",
                                        "out/new/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        seen entry = wait_done(start_fetch("/whole.bin", at(names[i])));
        assert_int_equal(entry.last.code, ERR_IO_OPERATION_FAILED);
        assert_non_null(strstr(entry.last.text, at(names[i])));
    }
    assert_int_equal(wait_done(start_fetch("/whole.bin", "")).last.code, ERR_IO_OPERATION_FAILED);
    assert_left(2);
}

/* Root goes on as a user who may not do everything, until after_somebody. */
static void become_somebody(void)
{
    assert_int_equal(chmod(directory, 0711), 0);
    assert_int_equal(seteuid(SOMEBODY), 0);
}

static int after_somebody(void **state)
{
    if (seteuid(getuid()) != 0 || chmod(at("out"), 0700) != 0) return -1;
    return after_each(state);
}

/* A drop box: who cannot read it cannot sync it, and the file is there all the same. */
static void directory_that_cannot_be_read(void **state)
{
    (void)state;
    assert_int_equal(chmod(at("out"), 0300), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(at("out"), SOMEBODY, SOMEBODY), 0);
        become_somebody();
    }
    assert_int_not_equal(faccessat(AT_FDCWD, at("out"), R_OK, AT_EACCESS), 0);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
}

/* Where another user's file cannot be removed, nothing is written into it. */
static void part_of_another_user_that_stays(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    make_file(at("out/.file.timmsg-part"), 0, 1);
    assert_int_equal(chmod(at("out/.file.timmsg-part"), 0666), 0);
    assert_int_equal(chmod(at("out"), 01777), 0);
    become_somebody();
    seen entry = wait_done(start_fetch("/whole.bin", at("out/file")));
    assert_int_equal(entry.last.code, ERR_IO_OPERATION_FAILED);
    assert_int_equal(size_of(at("out/.file.timmsg-part")), 0);
    assert_left(1);
}

/* One that cannot even be opened is in nobody's way, if it can be removed. */
static void closed_part_of_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0) skip();
    make_file(at("out/.file.timmsg-part"), 0, 1);
    assert_int_equal(chmod(at("out"), 0777), 0);
    become_somebody();
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
}

static void full_disk(void **state)
{
    (void)state;
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 64 * 1024;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    uint64_t id = start_fetch("/whole.bin", at("out/file"));
    seen entry = wait_done(id);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(entry.last.code, ERR_IO_OPERATION_FAILED);
    assert_false(there(at("out/file")));
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
}

static void long_names(void **state)
{
    (void)state;
    char name[300] = "out/";
    memset(name + 4, 'n', 255);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at(name))).last.code, 0);
    assert_same(at(name), at("www/whole.bin"));
    assert_left(1);
    unlink(at(name));
    strcat(name, "n");
    assert_int_equal(wait_done(start_fetch("/whole.bin", at(name))).last.code, ERR_IO_OPERATION_FAILED);
    assert_left(0);
    /* The part file's name is cut between characters. */
    name[4] = '\0';
    for (int i = 0; i < 80; i++)
        strcat(name, "\xe6\xb6\x88");
    cancel_at_progress = last_id + 1;
    set_slow(true);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at(name))).last.code, ERR_USER_CANCELED);
    set_slow(false);
    DIR *dir = opendir(at("out"));
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t cut = strspn(entry->d_name, ".\xe6\xb6\x88");
        if (cut > 2) assert_int_equal(cut, 1 + 78);
    }
    closedir(dir);
    assert_left(2);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at(name))).last.code, 0);
    assert_left(1);
}

static void planted_link_is_not_followed(void **state)
{
    (void)state;
    make_file(at("victim"), 100, 1);
    assert_int_equal(symlink(at("victim"), at("out/.file.timmsg-part")), 0);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, ERR_IO_OPERATION_FAILED);
    assert_int_equal(size_of(at("victim")), 100);
    unlink(at("out/.file.timmsg-part"));
    assert_int_equal(link(at("victim"), at("out/.file.timmsg-part")), 0);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, ERR_IO_OPERATION_FAILED);
    assert_int_equal(size_of(at("victim")), 100);
}

static void finished_by_another_meanwhile(void **state)
{
    (void)state;
    make_file(at("out/.file.timmsg-part"), 100, 8);
    finish_other = true;
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_same(at("out/file"), at("www/whole.bin"));
    assert_int_equal(size_of(at("out/other")), 100);
}

static void one_transfer_a_path(void **state)
{
    (void)state;
    set_slow(true);
    uint64_t first = start_fetch("/whole.bin", at("out/file"));
    wait_progress(first);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, ERR_IO_OPERATION_FAILED);
    tm_media *other = open_media(10000);
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/whole.bin", site.port);
    assert_int_equal(tm_media_fetch(other, ++last_id, url, at("out/file")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_IO_OPERATION_FAILED);
    tm_media_free(other);
    tm_media_cancel(media, first);
    assert_int_equal(wait_done(first).last.code, ERR_USER_CANCELED);
    set_slow(false);
    assert_int_equal(wait_done(start_fetch("/whole.bin", at("out/file"))).last.code, 0);
    assert_left(1);
}

/* ---- cancelling and closing ---- */

static void cancel(void **state)
{
    (void)state;
    uint64_t hanging = start_odd("/hang", at("out/hanging"));
    wait_progress(hanging);
    tm_media_cancel(media, hanging);
    tm_media_cancel(media, hanging);
    tm_media_cancel(media, 99999);
    assert_int_equal(wait_done(hanging).last.code, ERR_USER_CANCELED);
    /* More than may run at once: some are cancelled while they wait. */
    uint64_t first = last_id + 1;
    for (int i = 0; i < TM_MEDIA_FETCHES + 8; i++) {
        char name[32];
        snprintf(name, sizeof name, "out/%d", i);
        start_odd("/silent", at(name));
    }
    /* A copy has a lane of its own; that it is done says that as many fetches as may have started. */
    make_file(at("www/small.bin"), 3000, 7);
    assert_int_equal(tm_media_store(media, last_id + 1, at("www/small.bin"), 3000, at("store")), 0);
    wait_done(last_id + 1);
    assert_left(2 + TM_MEDIA_FETCHES);
    for (uint64_t id = last_id; id >= first; id--)
        tm_media_cancel(media, id);
    for (uint64_t id = first; id <= last_id; id++) {
        assert_int_equal(wait_done(id).last.code, ERR_USER_CANCELED);
    }
    last_id++;
    assert_left(2);
}

static void a_flood_is_worked_off(void **state)
{
    (void)state;
    make_file(at("www/small.bin"), 3000, 7);
    uint64_t first = last_id + 1;
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "out/%d", i);
        if (i % 10 == 3)
            assert_int_equal(tm_media_fetch(media, ++last_id, "gopher:", at(name)), 0);
        else if (i % 3)
            start_fetch("/small.bin", at(name));
        else
            assert_int_equal(tm_media_store(media, ++last_id, at("www/small.bin"), 3000, at("store")), 0);
    }
    for (uint64_t id = first; id <= last_id; id++) {
        assert_int_equal(wait_done(id).last.code,
                         (id - first) % 10 == 3 ? ERR_FILE_TRANS_DOWNLOAD_FAILED : 0);
    }
}

/* Ends the media; true if that was quick and no report came of it. */
static bool closes_quietly(uint64_t first_id)
{
    uint64_t begin = tm_clock_ms();
    tm_media_free(media);
    media = NULL;
    bool quick = tm_clock_ms() - begin < 5000; /* 100, and not what a request may take */
    pthread_mutex_lock(&lock);
    for (uint64_t id = first_id; id <= last_id; id++)
        quick = quick && !reports[id].done;
    pthread_mutex_unlock(&lock);
    return quick;
}

static void free_under_way(void **state)
{
    (void)state;
    set_slow(true);
    uint64_t first = start_fetch("/whole.bin", at("out/slow"));
    wait_progress(first);
    wait_progress(start_odd("/hang", at("out/hanging")));
    for (int i = 0; i < 50; i++) {
        char name[32];
        snprintf(name, sizeof name, "out/%d", i);
        start_odd("/silent", at(name));
    }
    assert_true(closes_quietly(first));
    assert_true(size_of(at("out/.slow.timmsg-part")) > 0);
    assert_left(4);
}

static void free_while_a_name_is_looked_up(void **state)
{
    (void)state;
    hold_resolver = true;
    in_resolver = false;
    assert_int_equal(tm_media_fetch(media, ++last_id, "http://slow.invalid/", at("out/file")), 0);
    wait_flag(&in_resolver);
    assert_true(closes_quietly(last_id));
    set_flag(&hold_resolver, false);
}

static void free_while_the_disk_is_slow(void **state)
{
    (void)state;
    make_file(at("www/small.bin"), 3000, 7);
    hold_fsync = true;
    in_fsync = false;
    assert_int_equal(tm_media_store(media, ++last_id, at("www/small.bin"), 3000, at("store")), 0);
    wait_flag(&in_fsync);
    uint64_t begin = tm_clock_ms();
    assert_true(closes_quietly(last_id));
    assert_true(tm_clock_ms() - begin >= 99);
    set_flag(&hold_fsync, false);
}

/* Longer than free would wait for anything else: the report's userdata must not be freed under it. */
static void free_waits_for_a_report(void **state)
{
    (void)state;
    slow_report = true;
    assert_int_equal(tm_media_fetch(media, ++last_id, "", at("out/file")), 0);
    wait_flag(&in_report);
    tm_media_free(media);
    media = NULL;
    slow_report = false;
    assert_false(in_report);
}

static void free_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        tm_media_free(media);
        media = open_media(1000);
        start_fetch("/whole.bin", at("out/file"));
    }
    tm_media_free(NULL);
}

/* ---- copies ---- */

static void assert_stored(const char *path, char stored[512])
{
    char hash[TM_MEDIA_HASH], name[128];
    hash_of(path, hash);
    snprintf(name, sizeof name, "store/%.2s/%s", hash, hash);
    strcpy(stored, at(name));
    assert_same(stored, path);
    assert_int_equal(entries(at("store/tmp")), 0);
}

static void store_and_copy_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 256 * 1024, 700000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char stored[512], hash[TM_MEDIA_HASH];
        struct stat info, again;
        make_file(at("www/mine.bin"), sizes[i], (unsigned)i);
        assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), sizes[i], at("store")), 0);
        seen entry = wait_done(last_id);
        assert_int_equal(entry.last.code, 0);
        assert_int_equal(entry.last.total, sizes[i]);
        hash_of(at("www/mine.bin"), hash);
        assert_string_equal(entry.last.hash, hash);
        assert_stored(at("www/mine.bin"), stored);
        assert_int_equal(stat(stored, &info), 0);
        assert_int_equal(info.st_mode & 07777, 0600);
        /* Once more: kept as it is. */
        assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), sizes[i], at("store")), 0);
        assert_int_equal(wait_done(last_id).last.code, 0);
        assert_int_equal(stat(stored, &again), 0);
        assert_int_equal(info.st_ino, again.st_ino);

        assert_int_equal(tm_media_copy(media, ++last_id, stored, hash, at("out/copy")), 0);
        assert_int_equal(wait_done(last_id).last.code, 0);
        assert_same(at("out/copy"), at("www/mine.bin"));
        assert_left(1);
    }
}

static void store_refusals(void **state)
{
    (void)state;
    make_file(at("www/mine.bin"), 100, 1);
    make_file(at("store"), 5, 1);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/none.bin"), 100, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 99, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_FILE_TRANS_UPLOAD_FAILED);
    assert_int_equal(tm_media_store(media, ++last_id, at("www"), 99, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_SDK_COMM_FILE_OPEN_FAILED);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 100, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_FILE_TRANS_UPLOAD_FAILED);
    unlink(at("store"));
}

/* The file is changed in the midst of the copy, which is held in its first progress report meanwhile. */
static void store_of_a_file_that_changes(void **state)
{
    (void)state;
    for (int shorter = 0; shorter < 2; shorter++) {
        make_file(at("www/mine.bin"), 2 * MEGA, 1);
        uint64_t id = ++last_id;
        struct timespec until = patience(WEB_PATIENCE_MS);
        pthread_mutex_lock(&lock);
        hold_report = true;
        pthread_mutex_unlock(&lock);
        assert_int_equal(tm_media_store(media, id, at("www/mine.bin"), 2 * MEGA, at("store")), 0);
        pthread_mutex_lock(&lock);
        while (!reports[id].progress && wait_change(&until)) {
        }
        pthread_mutex_unlock(&lock);
        overwrite(at("www/mine.bin"), "something else");
        if (shorter) assert_int_equal(truncate(at("www/mine.bin"), 2 * MEGA - 1), 0);
        set_flag(&hold_report, false);
        assert_int_equal(wait_done(id).last.code, ERR_FILE_TRANS_UPLOAD_FAILED);
        assert_int_equal(entries(at("store/tmp")), 0);
        assert_int_equal(entries(at("store")), 1);
    }
}

static void store_cancelled(void **state)
{
    (void)state;
    make_file(at("www/mine.bin"), 2 * MEGA, 1);
    cancel_at_progress = ++last_id;
    assert_int_equal(tm_media_store(media, last_id, at("www/mine.bin"), 2 * MEGA, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_USER_CANCELED);
    assert_int_equal(entries(at("store")), 1);
    assert_int_equal(entries(at("store/tmp")), 0);
}

/* What a process that died left on its way in was there for ever. */
static void store_after_a_crash(void **state)
{
    (void)state;
    make_file(at("www/mine.bin"), 100, 1);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 100, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    make_file(at("store/tmp/dead"), 10, 1);
    make_file(at("store/tmp/alive"), 10, 1);
    int fd = open(at("store/tmp/alive"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 100, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_int_equal(access(at("store/tmp/alive"), F_OK), 0);
    assert_int_equal(entries(at("store/tmp")), 1);
    close(fd);
}

/* Stores a file, and breaks off a copy of it to out/copy. */
static void break_off_copy(char stored[512], char hash[TM_MEDIA_HASH])
{
    make_file(at("www/mine.bin"), 2 * MEGA, 1);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 2 * MEGA, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_stored(at("www/mine.bin"), stored);
    hash_of(stored, hash);
    cancel_at_progress = ++last_id;
    assert_int_equal(tm_media_copy(media, last_id, stored, hash, at("out/copy")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_USER_CANCELED);
    cancel_at_progress = 0;
    size_t have = size_of(at("out/.copy.timmsg-part"));
    assert_true(have > 0 && have < 2 * MEGA);
    assert_left(2);
}

static void copy_resumes(void **state)
{
    (void)state;
    char stored[512], hash[TM_MEDIA_HASH];
    break_off_copy(stored, hash);
    /* The beginning is not read again from there: a damage to it goes unnoticed. */
    overwrite(stored, "damage");
    assert_int_equal(tm_media_copy(media, ++last_id, stored, hash, at("out/copy")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_same(at("out/copy"), at("www/mine.bin"));
    assert_left(1);
}

static void damaged_part_starts_over(void **state)
{
    (void)state;
    char stored[512], hash[TM_MEDIA_HASH];
    break_off_copy(stored, hash);
    overwrite(at("out/.copy.timmsg-part"), "damage");
    assert_int_equal(tm_media_copy(media, ++last_id, stored, hash, at("out/copy")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_same(at("out/copy"), at("www/mine.bin"));
    assert_left(1);
}

static void damaged_or_missing_stored_file(void **state)
{
    (void)state;
    char stored[512], hash[TM_MEDIA_HASH];
    break_off_copy(stored, hash);
    overwrite(stored, "damage");
    overwrite(at("out/.copy.timmsg-part"), "damage");
    assert_int_equal(tm_media_copy(media, ++last_id, stored, hash, at("out/copy")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_FILE_TRANS_DOWNLOAD_FAILED);
    assert_left(0);
    unlink(stored);
    assert_int_equal(tm_media_copy(media, ++last_id, stored, hash, at("out/copy")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_FILE_TRANS_DOWNLOAD_FAILED);
    assert_int_equal(tm_media_copy(media, ++last_id, at("www/mine.bin"), hash, at("out/no/such")), 0);
    assert_int_equal(wait_done(last_id).last.code, ERR_IO_OPERATION_FAILED);
    assert_left(0);
}

/* A file of the right name but the wrong size is replaced. */
static void store_replaces_a_short_file(void **state)
{
    (void)state;
    char stored[512], hash[TM_MEDIA_HASH];
    break_off_copy(stored, hash);
    assert_int_equal(truncate(stored, 10), 0);
    assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 2 * MEGA, at("store")), 0);
    assert_int_equal(wait_done(last_id).last.code, 0);
    assert_stored(at("www/mine.bin"), stored);
}

/* So is one of the right size that has other bytes, wherever they are. */
static void store_replaces_a_damaged_file(void **state)
{
    (void)state;
    char stored[512], hash[TM_MEDIA_HASH];
    break_off_copy(stored, hash);
    const long places[] = {0, MEGA + 4711, 2 * MEGA - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        FILE *file = fopen(stored, "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, places[i], SEEK_SET), 0);
        int byte = fgetc(file);
        assert_int_equal(fseek(file, places[i], SEEK_SET), 0);
        assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(tm_media_store(media, ++last_id, at("www/mine.bin"), 2 * MEGA, at("store")), 0);
        assert_int_equal(wait_done(last_id).last.code, 0);
        assert_stored(at("www/mine.bin"), stored);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, before_each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(whole_file_with_progress),
        CASE(progress_is_not_a_flood),
        CASE(replaces_an_older_file),
        CASE(empty_file),
        CASE(unknown_size),
        CASE(errors_leave_nothing),
        CASE(refused_urls),
        CASE(redirect),
        CASE(unreachable_port),
        CASE(proxy_is_used),
        CASE(no_byte_is_a_timeout),
        CASE(slow_is_no_timeout),
        CASE(slow_disk_is_no_timeout),
        CASE(slow_resolver_is_a_timeout),
        CASE(resumes_with_range),
        CASE(changed_content_starts_over),
        CASE(server_without_ranges_starts_over),
        CASE(other_url_starts_over),
        CASE(damaged_side_car_starts_over),
        CASE(whole_part_asks_for_its_last_byte),
        CASE(gone_in_between_removes_the_part),
        CASE(broken_off_half_way),
        CASE(weak_etag_uses_last_modified),
        CASE(range_from_elsewhere_starts_over),
        CASE(refused_range_starts_over),
        CASE(range_of_the_wrong_length),
        CASE(without_validator_nothing_is_kept),
        CASE(error_page_stays_out_of_the_part),
        CASE(paths_that_cannot_be_written),
        cmocka_unit_test_setup_teardown(directory_that_cannot_be_read, before_each, after_somebody),
        cmocka_unit_test_setup_teardown(part_of_another_user_that_stays, before_each, after_somebody),
        cmocka_unit_test_setup_teardown(closed_part_of_another_user, before_each, after_somebody),
        CASE(full_disk),
        CASE(long_names),
        CASE(planted_link_is_not_followed),
        CASE(finished_by_another_meanwhile),
        CASE(one_transfer_a_path),
        CASE(cancel),
        CASE(a_flood_is_worked_off),
        CASE(free_under_way),
        CASE(free_while_a_name_is_looked_up),
        CASE(free_while_the_disk_is_slow),
        CASE(free_waits_for_a_report),
        CASE(free_at_once),
        CASE(store_and_copy_out),
        CASE(store_refusals),
        CASE(store_of_a_file_that_changes),
        CASE(store_cancelled),
        CASE(store_after_a_crash),
        CASE(copy_resumes),
        CASE(damaged_part_starts_over),
        CASE(damaged_or_missing_stored_file),
        CASE(store_replaces_a_short_file),
        CASE(store_replaces_a_damaged_file),
    };
    return cmocka_run_group_tests_name("media", tests, start_all, stop_all);
}

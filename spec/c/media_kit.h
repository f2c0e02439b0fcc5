/* Media kit: what media_test.c and media_send_test.c stand on. One media whose reports are kept and waited
 * for, a scratch directory with files of known content, and the servers of web.h. */
#ifndef MEDIA_KIT_H
#define MEDIA_KIT_H

#include "../../csrc/clock.h"
#include "../../csrc/include/TIMCloudDef.h"
#include "../../csrc/media.h"
#include "web.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <sha256.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#define IDS 512
#define MEGA (1024u * 1024u)

static web site;
static char directory[32];
static tm_media *media;
static uint64_t last_id;

/* A path under the test's directory; one of the last eight is valid at a time. */
static const char *at(const char *name)
{
    static _Thread_local char paths[8][512];
    static _Thread_local unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

/* ---- what the media thread said ---- */

typedef struct seen {
    bool done;
    unsigned progress, dones;
    uint64_t first_ms, last_ms; /* of the progress reports */
    uint64_t first_current;
    bool wrong; /* a report that must not be: progress after the end, or not below the total */
    tm_media_report last;
} seen;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static seen reports[IDS];
static uint64_t cancel_at_progress; /* an id: cancelled from inside its first progress report */
static bool slow_report, hold_report, in_report;

/* With the lock held: waits for a change; false when patience has run out. */
static bool wait_change(const struct timespec *until)
{
    return pthread_cond_timedwait(&changed, &lock, until) == 0;
}

static struct timespec patience(unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return until;
}

static void on_report(void *userdata, const tm_media_report *report)
{
    pthread_mutex_lock(&lock);
    seen *entry = &reports[report->id];
    if (entry->done || userdata != &site) entry->wrong = true;
    if (report->done) {
        entry->done = true;
        entry->dones++;
    } else {
        if (report->code || (report->total && report->current >= report->total)) entry->wrong = true;
        entry->last_ms = tm_clock_ms();
        if (!entry->progress++) {
            entry->first_ms = entry->last_ms;
            entry->first_current = report->current;
        }
    }
    entry->last = *report;
    bool cancel = !report->done && cancel_at_progress == report->id;
    pthread_cond_broadcast(&changed);
    struct timespec until = patience(slow_report ? 200 : WEB_PATIENCE_MS);
    in_report = true;
    while ((hold_report || slow_report) && wait_change(&until)) {
    }
    in_report = false;
    pthread_mutex_unlock(&lock);
    if (cancel) tm_media_cancel(media, report->id);
}

static seen wait_done(uint64_t id)
{
    struct timespec until = patience(WEB_PATIENCE_MS);
    pthread_mutex_lock(&lock);
    while (!reports[id].done && wait_change(&until)) {
    }
    seen entry = reports[id];
    pthread_mutex_unlock(&lock);
    assert_true(entry.done);
    assert_int_equal(entry.dones, 1);
    assert_false(entry.wrong);
    if (entry.last.code == 0) {
        assert_true(entry.last.current == entry.last.total);
        assert_string_equal(entry.last.text, "");
    } else {
        assert_string_not_equal(entry.last.text, "");
    }
    return entry;
}

static void wait_flag(const bool *flag)
{
    struct timespec until = patience(WEB_PATIENCE_MS);
    pthread_mutex_lock(&lock);
    while (!*flag && wait_change(&until)) {
    }
    bool set = *flag;
    pthread_mutex_unlock(&lock);
    assert_true(set);
}

static void wait_progress(uint64_t id)
{
    struct timespec until = patience(WEB_PATIENCE_MS);
    pthread_mutex_lock(&lock);
    while (!reports[id].progress && !reports[id].done && wait_change(&until)) {
    }
    bool moving = reports[id].progress && !reports[id].done;
    pthread_mutex_unlock(&lock);
    assert_true(moving);
}

static void set_flag(bool *flag, bool value)
{
    pthread_mutex_lock(&lock);
    *flag = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* ---- files ---- */

static bool there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

static size_t size_of(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (size_t)info.st_size : 0;
}

/* Different seeds make different contents; the time of change is far back, and differs too. */
static void make_file(const char *path, size_t size, unsigned seed)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    uint32_t state = seed * 2654435761u + 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        putc((int)(state >> 24), file);
    }
    assert_int_equal(fclose(file), 0);
    struct timespec times[2] = {{.tv_sec = 1500000000 + (time_t)seed}, {.tv_sec = 1500000000 + (time_t)seed}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void hash_of(const char *path, char hash[TM_MEDIA_HASH])
{
    assert_non_null(SHA256File(path, hash));
}

static void assert_same(const char *a, const char *b)
{
    char hash_a[TM_MEDIA_HASH], hash_b[TM_MEDIA_HASH];
    hash_of(a, hash_a);
    hash_of(b, hash_b);
    assert_string_equal(hash_a, hash_b);
}

static void assert_odd(const char *path)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    for (size_t i = 0; i < ODD_SIZE; i++) {
        if (getc(file) != odd_byte(i)) fail_msg("%s differs at byte %zu", path, i);
    }
    assert_int_equal(getc(file), EOF);
    fclose(file);
}

static unsigned entries(const char *path)
{
    unsigned count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void overwrite(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

/* ---- before and after ---- */

static tm_media *open_media(uint32_t timeout_ms)
{
    tm_error err = {0};
    tm_media_options options = {.timeout_ms = timeout_ms, .report = on_report, .userdata = &site};
    tm_media *made = tm_media_new(&options, &err);
    assert_non_null(made);
    return made;
}

static int start_all(void **state)
{
    (void)state;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &monotonic);
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* not to be looked at */
    strcpy(directory, "/tmp/timmsg-media-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    mkdir(at("www"), 0755);
    mkdir(at("put"), 0755);
    mkdir(at("put/small"), 0755);
    mkdir(at("put/guarded"), 0755);
    make_file(at("www/whole.bin"), MEGA, 1);
    make_file(at("www/empty.bin"), 0, 2);
    make_file(at("www/long.bin"), 5 * MEGA / 4, 8); /* when nginx is slow, more than 4 seconds' */
    return web_start(&site, directory) ? 0 : -1;
}

static int stop_all(void **state)
{
    (void)state;
    web_stop(&site);
    nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static int before_each(void **state)
{
    (void)state;
    nftw(at("out"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    nftw(at("store"), remove_one, 16, FTW_DEPTH | FTW_PHYS);
    unlink(at("slow"));
    mkdir(at("out"), 0700);
    odd_forget(&site);
    web_forget_log(&site);
    cancel_at_progress = 0;
    media = open_media(10000);
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    tm_media_free(media);
    media = NULL;
    return 0;
}

#endif

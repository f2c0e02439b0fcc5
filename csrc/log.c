/* Log: see log.h. */
#include "log.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct tm_log {
    pthread_mutex_t lock; /* held while a line is written, so that lines keep their order and stay whole */
    int fd;               /* -1: no file */
    tm_log_sink sink;
    void *userdata;
    /* Read on every call, most of which they end; nothing else depends on when a change is seen. */
    atomic_int file_level;
    atomic_int sink_level;
    atomic_bool console;
};

tm_log *tm_log_new(const char *directory, tm_log_sink sink, void *userdata, tm_error *err)
{
    char *path = NULL;
    tm_log *log = tm_calloc(1, sizeof *log);
    if (!log) {
        tm_fail_memory(err);
        return NULL;
    }
    pthread_mutex_init(&log->lock, NULL);
    log->fd = -1;
    log->sink = sink;
    log->userdata = userdata;
    atomic_init(&log->file_level, kTIMLog_Info);
    atomic_init(&log->sink_level, kTIMLog_Info);
    atomic_init(&log->console, false);
    if (!directory) return log;

    if (tm_path_make_directory(directory, err)) goto fail;
    path = tm_path_join(directory, "timmsg.log");
    if (!path) {
        tm_fail_memory(err);
        goto fail;
    }
    log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (log->fd < 0) {
        tm_path_fail(err, ERR_IO_OPERATION_FAILED, path, errno);
        goto fail;
    }
    tm_free(path);
    return log;

fail:
    tm_free(path);
    tm_log_free(log);
    return NULL;
}

void tm_log_free(tm_log *log)
{
    if (!log) return;
    if (log->fd >= 0) close(log->fd);
    pthread_mutex_destroy(&log->lock);
    tm_free(log);
}

void tm_log_set_levels(tm_log *log, enum TIMLogLevel file_level, enum TIMLogLevel sink_level, bool console)
{
    if (!log) return;
    atomic_store_explicit(&log->file_level, (int)file_level, memory_order_relaxed);
    atomic_store_explicit(&log->sink_level, (int)sink_level, memory_order_relaxed);
    atomic_store_explicit(&log->console, console, memory_order_relaxed);
}

static bool passes(const atomic_int *threshold, enum TIMLogLevel level)
{
    int lowest = atomic_load_explicit(threshold, memory_order_relaxed);
    return lowest != kTIMLog_Off && (int)level >= lowest;
}

static const char *level_name(enum TIMLogLevel level)
{
    static const char *const names[] = {"OFF", "VERBOSE", "DEBUG", "INFO", "WARN", "ERROR", "ASSERT"};
    size_t index = (size_t)level;
    return index < sizeof names / sizeof *names ? names[index] : "ERROR";
}

/* Peers' text gets into the log: a newline would let it forge lines, an escape character steer a terminal. */
static void flatten(char *text)
{
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == 0x7f) *text = ' ';
    }
}

/* Failures have nowhere to go: a log that cannot be written must not stop what it tells about. */
static void write_all(int fd, const char *text, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, text, length);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        text += n;
        length -= (size_t)n;
    }
}

static void write_line(tm_log *log, enum TIMLogLevel level, const char *text, bool console)
{
    struct timespec now;
    struct tm utc;
    char when[96];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    snprintf(when, sizeof when, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1,
             utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, now.tv_nsec / 1000000);
    char *line = tm_format("%s %s %s\n", when, level_name(level), text);
    if (!line) return;
    size_t length = strlen(line);
    pthread_mutex_lock(&log->lock);
    if (log->fd >= 0) write_all(log->fd, line, length);
    if (console) write_all(STDERR_FILENO, line, length);
    pthread_mutex_unlock(&log->lock);
    tm_free(line);
}

static bool to_file_or_console(const tm_log *log, enum TIMLogLevel level)
{
    bool console = atomic_load_explicit(&log->console, memory_order_relaxed);
    return (log->fd >= 0 || console) && passes(&log->file_level, level);
}

static bool to_sink(const tm_log *log, enum TIMLogLevel level)
{
    return log->sink && passes(&log->sink_level, level);
}

bool tm_log_wants(const tm_log *log, enum TIMLogLevel level)
{
    return log && level != kTIMLog_Off && (to_file_or_console(log, level) || to_sink(log, level));
}

static void write_text(tm_log *log, bool quiet, enum TIMLogLevel level, const char *format, va_list args)
{
    if (!log || level == kTIMLog_Off) return;
    bool lined = to_file_or_console(log, level), told = !quiet && to_sink(log, level);
    if (!lined && !told) return;

    int number = errno;
    char *text = tm_vformat(format, args);
    if (text) {
        flatten(text);
        if (lined) write_line(log, level, text, atomic_load_explicit(&log->console, memory_order_relaxed));
        if (told) log->sink(log->userdata, level, text);
        tm_free(text);
    }
    errno = number;
}

void tm_log_write(tm_log *log, enum TIMLogLevel level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_text(log, false, level, format, args);
    va_end(args);
}

void tm_log_tell(tm_log *log, bool quiet, enum TIMLogLevel level, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_text(log, quiet, level, format, args);
    va_end(args);
}

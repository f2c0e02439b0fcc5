/* Log: lines, levels, threads. */
#include "../../csrc/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define THREADS 4
#define LINES 500

static char directory[40], inner[64], file[96];
static char last_text[256];
static enum TIMLogLevel last_level;
static atomic_int calls;

static int start(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/timmsg-log-XXXXXX");
    if (!mkdtemp(directory)) return -1;
    snprintf(inner, sizeof inner, "%s/new", directory);
    snprintf(file, sizeof file, "%s/timmsg.log", inner);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    unlink(file);
    rmdir(inner);
    return rmdir(directory);
}

static void sink(void *userdata, enum TIMLogLevel level, const char *text)
{
    assert_ptr_equal(userdata, directory);
    snprintf(last_text, sizeof last_text, "%s", text);
    last_level = level;
    atomic_fetch_add(&calls, 1);
}

static void count(void *userdata, enum TIMLogLevel level, const char *text)
{
    (void)userdata, (void)level, (void)text;
    atomic_fetch_add(&calls, 1);
}

/* The file's lines, the last of them in `last`. */
static unsigned read_lines(char last[512])
{
    unsigned lines = 0;
    FILE *in = fopen(file, "r");
    assert_non_null(in);
    while (fgets(last, 512, in))
        lines++;
    fclose(in);
    return lines;
}

static void one_call_is_one_line(void **state)
{
    (void)state;
    char line[512], text[512], name[16];
    int year, month, day, hour, minute, second, ms;
    tm_error err = {0};
    tm_log *log = tm_log_new(inner, sink, directory, &err);
    assert_non_null(log);
    errno = EAGAIN;
    tm_log_write(log, kTIMLog_Error, "two\nlines, a %s and \x1b[31m\xe6\xb6\x88 %d", "\ttab\r", 5);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(read_lines(line), 1);
    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %15s %[^\n]", &year, &month, &day, &hour,
                            &minute, &second, &ms, name, text),
                     9);
    assert_int_equal(strcspn(line, " "), strlen("2026-01-02T03:04:05.678Z"));
    assert_string_equal(name, "ERROR");
    assert_string_equal(text, "two lines, a  tab  and  [31m\xe6\xb6\x88 5");
    assert_string_equal(last_text, text);
    assert_int_equal(last_level, kTIMLog_Error);
    struct stat info;
    assert_int_equal(stat(file, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    tm_log_free(log);
}

static void levels_decide(void **state)
{
    (void)state;
    char line[512];
    tm_log *log = tm_log_new(inner, sink, directory, NULL);
    assert_non_null(log);
    unsigned lines = read_lines(line); /* appended to, not begun anew */
    assert_int_equal(lines, 1);
    atomic_store(&calls, 0);
    tm_log_write(log, kTIMLog_Debug, "below the default");
    tm_log_set_levels(log, kTIMLog_Warn, kTIMLog_Verbose, false);
    tm_log_write(log, kTIMLog_Info, "sink only");
    assert_int_equal(read_lines(line), lines);
    assert_int_equal(atomic_load(&calls), 1);
    tm_log_set_levels(log, kTIMLog_Verbose, kTIMLog_Off, false);
    tm_log_write(log, kTIMLog_Verbose, "file only");
    assert_int_equal(read_lines(line), lines + 1);
    assert_non_null(strstr(line, "Z VERBOSE file only\n"));
    tm_log_set_levels(log, kTIMLog_Off, kTIMLog_Verbose, false);
    tm_log_tell(log, true, kTIMLog_Error, "nowhere");
    tm_log_tell(log, false, kTIMLog_Error, "sink %s", "only");
    assert_int_equal(read_lines(line), lines + 1);
    assert_int_equal(atomic_load(&calls), 2);
    tm_log_set_levels(log, kTIMLog_Verbose, kTIMLog_Verbose, false);
    tm_log_tell(log, true, kTIMLog_Error, "file %s", "alone");
    assert_int_equal(read_lines(line), lines + 2);
    assert_non_null(strstr(line, "Z ERROR file alone\n"));
    tm_log_set_levels(log, kTIMLog_Off, kTIMLog_Off, true);
    tm_log_write(log, kTIMLog_Assert, "nowhere");
    tm_log_write(log, kTIMLog_Off, "nowhere");
    assert_int_equal(read_lines(line), lines + 2);
    assert_int_equal(atomic_load(&calls), 2);
    tm_log_free(log);
}

static void console_is_stderr(void **state)
{
    (void)state;
    int ends[2], before = dup(STDERR_FILENO);
    char text[256];
    assert_int_equal(pipe(ends), 0);
    tm_log *log = tm_log_new(NULL, NULL, NULL, NULL);
    assert_non_null(log);
    tm_log_set_levels(log, kTIMLog_Info, kTIMLog_Off, true);
    dup2(ends[1], STDERR_FILENO);
    tm_log_write(log, kTIMLog_Warn, "hello");
    dup2(before, STDERR_FILENO);
    ssize_t n = read(ends[0], text, sizeof text - 1);
    assert_true(n > 0);
    text[n] = '\0';
    assert_non_null(strstr(text, "Z WARN hello\n"));
    close(ends[0]);
    close(ends[1]);
    close(before);
    tm_log_free(log);
}

static void *write_many(void *argument)
{
    for (int i = 0; i < LINES; i++) {
        tm_log_write(argument, kTIMLog_Info, "%0*d", 200, i);
        tm_log_set_levels(argument, kTIMLog_Info, kTIMLog_Info, false);
    }
    return NULL;
}

static void threads_do_not_mix_lines(void **state)
{
    (void)state;
    char line[512];
    pthread_t threads[THREADS];
    tm_log *log = tm_log_new(inner, count, NULL, NULL);
    assert_non_null(log);
    unsigned before = read_lines(line);
    atomic_store(&calls, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(read_lines(line) - before, THREADS * LINES);
    assert_int_equal(atomic_load(&calls), THREADS * LINES);
    FILE *in = fopen(file, "r");
    for (unsigned i = 0; fgets(line, sizeof line, in); i++) {
        if (i >= before) assert_int_equal(strlen(line), strlen("2026-01-02T03:04:05.678Z INFO ") + 200 + 1);
    }
    fclose(in);
    tm_log_free(log);
}

static void no_log_is_silent(void **state)
{
    (void)state;
    tm_error err = {0};
    tm_log_write(NULL, kTIMLog_Error, "x");
    tm_log_set_levels(NULL, kTIMLog_Info, kTIMLog_Info, true);
    tm_log_free(NULL);
    assert_null(tm_log_new("/dev/null/no", NULL, NULL, &err));
    assert_int_equal(err.code, ERR_IO_OPERATION_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_call_is_one_line), cmocka_unit_test(levels_decide),
        cmocka_unit_test(console_is_stderr),    cmocka_unit_test(threads_do_not_mix_lines),
        cmocka_unit_test(no_log_is_silent),
    };
    return cmocka_run_group_tests_name("log", tests, start, stop);
}

/* Path: names and directories. */
#include "../../csrc/include/TIMCloudDef.h"
#include "../../csrc/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char directory[32];

static const char *at(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info, (void)type, (void)walk;
    return remove(path);
}

static int start(void **state)
{
    (void)state;
    strcpy(directory, "/tmp/timmsg-path-XXXXXX");
    return mkdtemp(directory) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    return nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_file(const char *name, const char *text)
{
    FILE *file = fopen(at(name), "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void joins_with_one_slash(void **state)
{
    (void)state;
    static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"},    {"a//", "/b", "a/b"},
                                           {"/", "b", "/b"},  {"a", "b/c", "a/b/c"}, {"", "b", "b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = tm_path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
        tm_free(path);
    }
}

static void escapes_all_but_the_harmless(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"user-1_a", "user-1_a"}, {"User", "%55ser"},       {"..", "%2e%2e"},
        {"a/b c", "a%2fb%20c"},   {"%2f", "%252f"},         {"\xe6\xb6\x88", "%e6%b6%88"},
        {"a@b.c", "a%40b%2ec"},   {"CON:", "%43%4f%4e%3a"}, {"~\x7f", "%7e%7f"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *name = tm_path_escape(cases[i][0]);
        assert_string_equal(name, cases[i][1]);
        tm_free(name);
    }
}

static void base_is_behind_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(tm_path_base("a/b"), "b");
    assert_string_equal(tm_path_base("b"), "b");
    assert_string_equal(tm_path_base("a/"), "");
}

static void makes_directories(void **state)
{
    (void)state;
    tm_error err = {0};
    struct stat info;
    static const char *const names[] = {"one", "one", "one/", "a/b/c", "a//b/d//", "one/two"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(tm_path_make_directory(at(names[i]), &err), 0);
        assert_int_equal(stat(at(names[i]), &info), 0);
        assert_true(S_ISDIR(info.st_mode));
        assert_int_equal(info.st_mode & 077, 0);
    }
    assert_int_equal(tm_path_make_directory("/", &err), 0);
    make_file("plain", "x");
    static const char *const bad[] = {"plain", "plain/a", "plain/a/b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tm_path_make_directory(at(bad[i]), &err), ERR_IO_OPERATION_FAILED);
        assert_non_null(strstr(err.text, "Not a directory"));
    }
    assert_int_equal(tm_path_make_directory("", &err), ERR_IO_OPERATION_FAILED);
    assert_int_equal(tm_path_make_directory("/proc/none/here", &err), ERR_IO_OPERATION_FAILED);
    assert_non_null(strstr(err.text, "/proc/none"));
}

static void sizes_of_files(void **state)
{
    (void)state;
    tm_error err = {0};
    uint64_t size = 0;
    make_file("five", "12345");
    assert_int_equal(tm_path_file_size(at("five"), &size, &err), 0);
    assert_int_equal(size, 5);
    assert_int_equal(tm_path_file_size(at("none"), &size, &err), ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(tm_path_file_size(at("five/none"), &size, &err), ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(tm_path_file_size("", &size, &err), ERR_SDK_COMM_FILE_NOT_FOUND);
    assert_int_equal(tm_path_file_size(at(""), &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
    assert_int_equal(tm_path_file_size("/dev/null", &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
    if (geteuid() != 0) { /* who may read everything cannot try this */
        chmod(at("five"), 0);
        assert_int_equal(tm_path_file_size(at("five"), &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
    }
}

/* Closing another descriptor of a database would drop SQLite's locks on it: it is not even opened. */
static void open_databases_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"hub.db",   "u.db-wal",     "u.db-shm",
                                        "u.mirror", "u.mirror-wal", "u.mirror-shm"};
    tm_error err = {0};
    uint64_t size = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        make_file(names[i], "x");
        assert_int_equal(tm_path_file_size(at(names[i]), &size, &err), 0);
        int fd = open(at(names[i]), O_RDONLY);
        assert_int_equal(tm_path_file_size(at(names[i]), &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
        char other[600]; /* by whatever name it goes */
        snprintf(other, sizeof other, "%s/link-%d", directory, (int)i);
        assert_int_equal(link(at(names[i]), other), 0);
        assert_int_equal(tm_path_file_size(other, &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
        remove(other);
        assert_int_equal(symlink(at(names[i]), other), 0);
        assert_int_equal(tm_path_file_size(other, &size, &err), ERR_SDK_COMM_FILE_OPEN_FAILED);
        close(fd);
    }
    make_file("plain.txt", "x");
    int fd = open(at("plain.txt"), O_RDONLY);
    assert_int_equal(tm_path_file_size(at("plain.txt"), &size, &err), 0);
    close(fd);
}

static void syncs_parents(void **state)
{
    (void)state;
    tm_error err = {0};
    assert_int_equal(tm_path_sync_parent(at("whatever"), &err), 0);
    assert_int_equal(tm_path_sync_parent("whatever", &err), 0);
    assert_int_equal(tm_path_sync_parent(at("no/such"), &err), ERR_IO_OPERATION_FAILED);
}

/* However long the path is, what the system says about it is not cut off. */
static void long_paths_keep_the_sentence(void **state)
{
    (void)state;
    tm_error err = {0};
    char path[2000] = "";
    for (int i = 0; i < 500; i++)
        strcat(path, "\xe6\xb6\x88");
    assert_int_equal(tm_path_fail(&err, ERR_IO_OPERATION_FAILED, path, ENOSPC), ERR_IO_OPERATION_FAILED);
    assert_non_null(strstr(err.text, "\x88: No space left on device"));
    assert_int_equal(strncmp(err.text, "...\xe6\xb6\x88", 6), 0);
    assert_int_equal(tm_path_fail(NULL, ERR_IO_OPERATION_FAILED, path, 99999), ERR_IO_OPERATION_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_with_one_slash),
        cmocka_unit_test(escapes_all_but_the_harmless),
        cmocka_unit_test(base_is_behind_the_last_slash),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(sizes_of_files),
        cmocka_unit_test(open_databases_are_refused),
        cmocka_unit_test(syncs_parents),
        cmocka_unit_test(long_paths_keep_the_sentence),
    };
    return cmocka_run_group_tests_name("path", tests, start, stop);
}

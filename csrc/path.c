/* Path: see path.h. */
#include "path.h"

#include "include/TIMCloudDef.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More of a path than this is not shown, so that the system's sentence behind it fits into the error. */
#define PATH_SHOWN 320

/* strerror's texts follow the locale and may share a buffer; glibc has the plain English ones since 2.32. */
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 32)
#define system_sentence strerrordesc_np
#endif
#endif
#ifndef system_sentence
#define system_sentence strerror
#endif

int32_t tm_path_fail(tm_error *err, int32_t code, const char *path, int number)
{
    size_t length = strlen(path);
    const char *sentence = system_sentence(number);
    if (!sentence) sentence = "unknown error";
    if (length <= PATH_SHOWN) return tm_fail(err, code, "%s: %s", path, sentence);
    /* The end says more than the beginning; it must not start inside a character. */
    path += length - PATH_SHOWN;
    while (((unsigned char)*path & 0xc0) == 0x80)
        path++;
    return tm_fail(err, code, "...%s: %s", path, sentence);
}

char *tm_path_join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    if (length == 0) return tm_strdup(name);
    while (length > 0 && directory[length - 1] == '/')
        length--;
    while (*name == '/')
        name++;
    size_t rest = strlen(name);
    char *path = tm_malloc(length + 1 + rest + 1);
    if (!path) return NULL;
    memcpy(path, directory, length);
    path[length] = '/';
    memcpy(path + length + 1, name, rest + 1);
    return path;
}

char *tm_path_absolute(const char *path, tm_error *err)
{
    char *here = NULL, *joined = NULL;
    bool known = *path == '/';
    for (size_t size = 256; !known; size *= 2) {
        char *grown = tm_realloc(here, size);
        if (!grown) break;
        here = grown;
        known = getcwd(here, size) != NULL;
        if (known || errno == ERANGE) continue;
        tm_path_fail(err, ERR_IO_OPERATION_FAILED, path, errno);
        tm_free(here);
        return NULL;
    }
    if (known) joined = here ? tm_path_join(here, path) : tm_strdup(path);
    if (!joined) tm_fail_memory(err);
    tm_free(here);
    return joined;
}

char *tm_path_escape(const char *id)
{
    static const char digits[] = "0123456789abcdef";
    char *name = tm_malloc(strlen(id) * 3 + 1);
    if (!name) return NULL;
    char *to = name;
    for (; *id; id++) {
        unsigned char byte = (unsigned char)*id;
        /* Not isalnum: its answer depends on the locale. */
        bool plain =
            (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
        if (plain) {
            *to++ = (char)byte;
        } else {
            *to++ = '%';
            *to++ = digits[byte >> 4];
            *to++ = digits[byte & 15];
        }
    }
    *to = '\0';
    return name;
}

const char *tm_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* mkdir that is content with a directory made before, or by someone else just now. */
static int make_one(const char *path)
{
    struct stat info;
    tm_error unsynced;
    if (mkdir(path, 0700) == 0) {
        /* What is synced in it would go with its name. That it cannot be is no reason to do without. */
        tm_path_sync_parent(path, &unsynced);
        return 0;
    }
    int number = errno;
    /* mkdir may say EROFS or EACCES about one that exists, so ask whatever it said. */
    if (stat(path, &info) != 0) return number;
    return S_ISDIR(info.st_mode) ? 0 : ENOTDIR;
}

int32_t tm_path_make_directory(const char *path, tm_error *err)
{
    int number = make_one(path);
    if (number == 0) return 0;
    if (number != ENOENT || !*path) return tm_path_fail(err, ERR_IO_OPERATION_FAILED, path, number);

    char *copy = tm_strdup(path);
    if (!copy) return tm_fail_memory(err);
    int32_t code = 0;
    for (char *end = copy; code == 0 && end;) {
        end += strspn(end, "/");
        end = strchr(end, '/');
        if (end) *end = '\0';
        number = make_one(copy);
        if (number) code = tm_path_fail(err, ERR_IO_OPERATION_FAILED, copy, number);
        if (end) *end++ = '/';
    }
    tm_free(copy);
    return code;
}

static bool ends_with(const char *text, size_t length, const char *end)
{
    size_t count = strlen(end);
    return length >= count && memcmp(text + length - count, end, count) == 0;
}

/* Whether the process has the file open as a database, or as what SQLite keeps beside one: whoever closed another
 * descriptor of it would give up the locks that SQLite has on it. Only Linux tells. */
static bool is_open_database(const struct stat *info)
{
    static const char *const ends[] = {".db",     ".db-wal",     ".db-shm",     ".db-journal",
                                       ".mirror", ".mirror-wal", ".mirror-shm", ".mirror-journal"};
    char name[32], target[4096];
    struct stat open_file;
    bool found = false;
    DIR *all = opendir("/proc/self/fd");
    for (struct dirent *entry; all && !found && (entry = readdir(all));) {
        if (snprintf(name, sizeof name, "/proc/self/fd/%s", entry->d_name) >= (int)sizeof name) continue;
        if (fstatat(dirfd(all), entry->d_name, &open_file, 0) || open_file.st_ino != info->st_ino ||
            open_file.st_dev != info->st_dev)
            continue;
        ssize_t length = readlink(name, target, sizeof target);
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
            found |= length > 0 && ends_with(target, (size_t)length, ends[i]);
    }
    if (all) closedir(all);
    return found;
}

int32_t tm_path_file_size(const char *path, uint64_t *size, tm_error *err)
{
    /* stat comes first because opening something that is no file, a tape or a terminal, can change it. */
    struct stat info;
    if (stat(path, &info) != 0) {
        bool missing = errno == ENOENT || errno == ENOTDIR;
        return tm_path_fail(err, missing ? ERR_SDK_COMM_FILE_NOT_FOUND : ERR_SDK_COMM_FILE_OPEN_FAILED, path,
                            errno);
    }
    if (!S_ISREG(info.st_mode))
        return tm_fail(err, ERR_SDK_COMM_FILE_OPEN_FAILED, "%s: not a regular file", path);
    if (is_open_database(&info))
        return tm_fail(err, ERR_SDK_COMM_FILE_OPEN_FAILED, "%s: a database that this process has open", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return tm_path_fail(err, ERR_SDK_COMM_FILE_OPEN_FAILED, path, errno);
    close(fd);
    *size = (uint64_t)info.st_size;
    return 0;
}

int32_t tm_path_sync_parent(const char *path, tm_error *err)
{
    size_t length = (size_t)(tm_path_base(path) - path);
    char *directory = length ? tm_strndup(path, length) : tm_strdup(".");
    if (!directory) return tm_fail_memory(err);
    int32_t code = 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        /* EACCES: who may write into a directory but not read it cannot sync it. What was done in it is done. */
        if (errno != EACCES) code = tm_path_fail(err, ERR_IO_OPERATION_FAILED, directory, errno);
    } else {
        /* EINVAL: this file system cannot sync directories, and has nothing to gain from it. */
        if (fsync(fd) != 0 && errno != EINVAL) {
            code = tm_path_fail(err, ERR_IO_OPERATION_FAILED, directory, errno);
        }
        close(fd);
    }
    tm_free(directory);
    return code;
}

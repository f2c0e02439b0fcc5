/* Disk calls: the library's calls that change files, told to the disk (disk.h). The linker's --wrap leads them here. What is
 * not a file below the recorded root (the log, sockets, eventfds) passes by. */
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DESCRIPTORS 4096

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_pwrite(int fd, const void *data, size_t length, off_t offset);
ssize_t __real_write(int fd, const void *data, size_t length);
int __real_ftruncate(int fd, off_t size);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_mkdir(const char *path, mode_t mode);
int __real_mknod(const char *path, mode_t mode, dev_t device);
int __real_mkstemp(char *path);
int __real_mkostemp(char *path, int flags);

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_pwrite(int fd, const void *data, size_t length, off_t offset);
ssize_t __wrap_write(int fd, const void *data, size_t length);
int __wrap_ftruncate(int fd, off_t size);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_mknod(const char *path, mode_t mode, dev_t device);
int __wrap_mkstemp(char *path);
int __wrap_mkostemp(char *path, int flags);

/* What each descriptor is open on, by its name: a directory's is needed to sync it. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    char *path;      /* owned; NULL: it is none of ours */
    disk_file *file; /* borrowed; NULL: nothing is recorded */
} table[DESCRIPTORS];

static void remember(int fd, const char *path, disk_file *file)
{
    struct stat info;
    if (fd < 0 || fd >= DESCRIPTORS || fstat(fd, &info) != 0 ||
        !(S_ISREG(info.st_mode) || S_ISDIR(info.st_mode)))
        return;
    pthread_mutex_lock(&table_lock);
    free(table[fd].path);
    table[fd].path = path ? strdup(path) : NULL;
    table[fd].file = file;
    pthread_mutex_unlock(&table_lock);
}

/* Whether it is a file or directory; its name. */
static bool known(int fd, char name[PATH_MAX], disk_file **file)
{
    if (fd < 0 || fd >= DESCRIPTORS) return false;
    pthread_mutex_lock(&table_lock);
    bool found = table[fd].path != NULL;
    snprintf(name, PATH_MAX, "%s", found ? table[fd].path : "");
    if (name[0] && name[1] && name[strlen(name) - 1] == '/') name[strlen(name) - 1] = '\0';
    *file = table[fd].file;
    pthread_mutex_unlock(&table_lock);
    return found;
}

static int opened(int fd, const char *path, int flags, bool is_new)
{
    if (fd >= 0) {
        disk_file *file = is_new ? disk_create(path, false) : disk_find(path);
        if (flags & O_TRUNC && !is_new) disk_truncate(file, 0);
        remember(fd, path, file);
    }
    return fd;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) return disk_boot_id();
    if (flags & O_APPEND) return __real_open(path, flags, mode); /* the log */
    disk_fate fate = disk_next(DISK_OPEN);
    if (disk_enter(DISK_OPEN, path)) {
        bool is_new = flags & O_CREAT && access(path, F_OK) != 0;
        int fd = opened(__real_open(path, flags, mode), path, flags, is_new), number = errno;
        disk_leave();
        disk_done(fate);
        errno = number;
        return fd;
    }
    int fd = __real_open(path, flags, mode), number = errno;
    remember(fd, path, NULL);
    disk_done(fate);
    errno = number;
    return fd;
}

static int opened_temporary(int fd, const char *path)
{
    int number = errno;
    if (fd >= 0 && disk_enter(DISK_OPEN, path)) {
        opened(fd, path, 0, true);
        disk_leave();
    } else {
        remember(fd, path, NULL);
    }
    errno = number;
    return fd;
}

int __wrap_mkstemp(char *path)
{
    disk_fate fate = disk_next(DISK_OPEN);
    int fd = opened_temporary(__real_mkstemp(path), path);
    disk_done(fate);
    return fd;
}

int __wrap_mkostemp(char *path, int flags)
{
    disk_fate fate = disk_next(DISK_OPEN);
    int fd = opened_temporary(__real_mkostemp(path, flags), path);
    disk_done(fate);
    return fd;
}

int __wrap_close(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS) {
        pthread_mutex_lock(&table_lock);
        free(table[fd].path);
        table[fd].path = NULL;
        table[fd].file = NULL;
        pthread_mutex_unlock(&table_lock);
    }
    return __real_close(fd);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t length, off_t offset)
{
    char name[PATH_MAX];
    disk_file *file;
    if (!known(fd, name, &file)) return __real_pwrite(fd, data, length, offset);
    disk_fate fate = disk_next(DISK_WRITE);
    bool entered = disk_enter(DISK_WRITE, name);
    ssize_t done = __real_pwrite(fd, data, fate == DISK_DIES_WITHIN ? length / 2 : length, offset);
    if (entered && done > 0) disk_write(file, (uint64_t)offset, data, (size_t)done);
    if (entered) disk_leave();
    disk_done(fate);
    return done;
}

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    char name[PATH_MAX];
    disk_file *file;
    if (!known(fd, name, &file)) return __real_write(fd, data, length);
    disk_fate fate = disk_next(DISK_WRITE);
    bool entered = disk_enter(DISK_WRITE, name);
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = __real_write(fd, data, fate == DISK_DIES_WITHIN ? length / 2 : length);
    if (entered && done > 0 && offset >= 0) disk_write(file, (uint64_t)offset, data, (size_t)done);
    if (entered) disk_leave();
    disk_done(fate);
    return done;
}

int __wrap_ftruncate(int fd, off_t size)
{
    char name[PATH_MAX];
    disk_file *file;
    if (!known(fd, name, &file)) return __real_ftruncate(fd, size);
    disk_fate fate = disk_next(DISK_WRITE);
    bool entered = disk_enter(DISK_WRITE, name);
    int result = __real_ftruncate(fd, size);
    if (entered && result == 0) disk_truncate(file, (uint64_t)size);
    if (entered) disk_leave();
    disk_done(fate);
    return result;
}

int __wrap_fsync(int fd)
{
    char name[PATH_MAX];
    disk_file *file;
    if (!known(fd, name, &file)) return __real_fsync(fd);
    disk_fate fate = disk_next(DISK_SYNC);
    int result = 0;
    if (disk_enter(DISK_SYNC, name)) {
        struct stat info;
        if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
            strcat(name, "/."); /* what has this for its parent */
            disk_sync_parent(name);
        } else {
            disk_sync(file);
        }
        disk_leave();
    } else if (!disk_is_lazy()) {
        result = __real_fsync(fd);
    }
    disk_done(fate);
    return result;
}

int __wrap_rename(const char *from, const char *to)
{
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, to);
    int result = __real_rename(from, to), number = errno;
    if (entered && result == 0) disk_rename(from, to);
    if (entered) disk_leave();
    disk_done(fate);
    errno = number;
    return result;
}

int __wrap_link(const char *from, const char *to)
{
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, to);
    int result = __real_link(from, to), number = errno;
    if (entered && result == 0) disk_link(from, to);
    if (entered) disk_leave();
    disk_done(fate);
    errno = number;
    return result;
}

int __wrap_unlink(const char *path)
{
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, path);
    int result = __real_unlink(path), number = errno;
    if (entered && result == 0) disk_unlink(path);
    if (entered) disk_leave();
    disk_done(fate);
    errno = number;
    return result;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s", path);
    if (name[0] && name[1] && name[strlen(name) - 1] == '/') name[strlen(name) - 1] = '\0';
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, name);
    int result = __real_mkdir(path, mode), number = errno;
    if (entered && result == 0) disk_create(name, true);
    if (entered) disk_leave();
    disk_done(fate);
    errno = number;
    return result;
}

int __wrap_mknod(const char *path, mode_t mode, dev_t device)
{
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, path);
    int result = __real_mknod(path, mode, device), number = errno;
    if (entered && result == 0) disk_create(path, false);
    if (entered) disk_leave();
    disk_done(fate);
    errno = number;
    return result;
}

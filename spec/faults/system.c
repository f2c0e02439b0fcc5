/* System: what the library itself asks of the system, of which one call fails: files and directories, sockets, descriptors,
 * chance, threads. Its calls are linked to these (the Makefile's SYSTEM_CALLS); other libraries' are not. See trouble.h. */
#include "trouble.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static trouble calls = {.name = "system", .is_on_disk = true};
trouble *const system_troubles[SYSTEM_TROUBLES] = {&calls};

static bool passes(const char *name)
{
    if (trouble_passes(&calls)) return true;
    calls.what = name;
    return false;
}

/* A call that answers -1 and errno, and what it fails with. */
#define WRAP(error, type, name, parameters, ...)                                                             \
    type __real_##name parameters;                                                                           \
    type __wrap_##name parameters;                                                                           \
    type __wrap_##name parameters                                                                            \
    {                                                                                                        \
        if (passes(#name)) return __real_##name(__VA_ARGS__);                                                \
        errno = error;                                                                                       \
        return (type)-1;                                                                                     \
    }

WRAP(EACCES, int, access, (const char *path, int mode), path, mode)
WRAP(EACCES, int, mkdir, (const char *path, mode_t mode), path, mode)
WRAP(EPERM, int, mknod, (const char *path, mode_t mode, dev_t device), path, mode, device)
WRAP(EMFILE, int, mkstemp, (char *path), path)
WRAP(EMFILE, int, mkostemp, (char *path, int flags), path, flags)
WRAP(EIO, int, fstat, (int fd, struct stat *info), fd, info)
WRAP(EIO, int, stat, (const char *path, struct stat *info), path, info)
WRAP(EIO, int, lstat, (const char *path, struct stat *info), path, info)
WRAP(EIO, int, fstatat, (int dir, const char *path, struct stat *info, int flags), dir, path, info, flags)
WRAP(EPERM, int, fchmodat, (int dir, const char *path, mode_t mode, int flags), dir, path, mode, flags)
WRAP(EIO, int, fsync, (int fd), fd)
WRAP(ENOSPC, int, ftruncate, (int fd, off_t size), fd, size)
WRAP(EIO, ssize_t, pread, (int fd, void *to, size_t size, off_t at), fd, to, size, at)
WRAP(ENOSPC, ssize_t, pwrite, (int fd, const void *from, size_t size, off_t at), fd, from, size, at)
WRAP(EIO, ssize_t, readlink, (const char *path, char *to, size_t size), path, to, size)
WRAP(EIO, int, rename, (const char *from, const char *to), from, to)
WRAP(EMLINK, int, link, (const char *from, const char *to), from, to)
WRAP(EIO, int, unlink, (const char *path), path)
WRAP(EIO, int, unlinkat, (int dir, const char *path, int flags), dir, path, flags)
WRAP(ENOLCK, int, flock, (int fd, int how), fd, how)
WRAP(EMFILE, int, eventfd, (unsigned first, int flags), first, flags)
WRAP(EMFILE, int, socket, (int domain, int type, int protocol), domain, type, protocol)
WRAP(EADDRINUSE, int, bind, (int fd, const struct sockaddr *to, socklen_t size), fd, to, size)
WRAP(EPERM, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t size), fd, level,
     name, value, size)
WRAP(ENOBUFS, ssize_t, sendto,
     (int fd, const void *from, size_t size, int flags, const struct sockaddr *to, socklen_t length), fd,
     from, size, flags, to, length)
WRAP(EIO, ssize_t, recv, (int fd, void *to, size_t size, int flags), fd, to, size, flags)
WRAP(ENOMEM, int, poll, (struct pollfd * fds, nfds_t count, int timeout), fds, count, timeout)
WRAP(ENOSYS, ssize_t, getrandom, (void *to, size_t size, unsigned flags), to, size, flags)
WRAP(EIO, int, fseek, (FILE * file, long to, int from), file, to, from)

/* ---- those that fail in another way ---- */

int __real_fstat(int fd, struct stat *info);

/* What wakes a thread is an eventfd, which neither fills up nor breaks. */
static bool is_file(int fd)
{
    struct stat info;
    return __real_fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

ssize_t __real_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size);
ssize_t __wrap_read(int fd, void *to, size_t size)
{
    if (!is_file(fd) || passes("read")) return __real_read(fd, to, size);
    errno = EIO;
    return -1;
}

ssize_t __real_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size);
ssize_t __wrap_write(int fd, const void *from, size_t size)
{
    if (!is_file(fd) || passes("write")) return __real_write(fd, from, size);
    errno = ENOSPC;
    return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (passes("open")) return __real_open(path, flags, mode);
    errno = EMFILE;
    return -1;
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (passes("openat")) return __real_openat(dir, path, flags, mode);
    errno = EMFILE;
    return -1;
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    va_list rest;
    va_start(rest, what);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (passes("fcntl")) return __real_fcntl(fd, what, argument);
    errno = EINVAL;
    return -1;
}

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
DIR *__wrap_opendir(const char *path)
{
    if (passes("opendir")) return __real_opendir(path);
    errno = EMFILE;
    return NULL;
}

DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd)
{
    if (passes("fdopendir")) return __real_fdopendir(fd);
    errno = ENOMEM;
    return NULL;
}

struct dirent *__real_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir);
struct dirent *__wrap_readdir(DIR *dir)
{
    if (passes("readdir")) return __real_readdir(dir);
    errno = EIO;
    return NULL;
}

FILE *__real_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode)
{
    if (passes("fdopen")) return __real_fdopen(fd, mode);
    errno = ENOMEM;
    return NULL;
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                          void *argument)
{
    return passes("pthread_create") ? __real_pthread_create(thread, attributes, body, argument) : EAGAIN;
}

/* ---- descriptors and threads that are left ---- */

static long entries(const char *path)
{
    long count = 0;
    DIR *dir = __real_opendir(path);
    while (dir && __real_readdir(dir))
        count++;
    if (dir) closedir(dir);
    return count;
}

void system_count(void)
{
    calls.live = entries("/proc/self/fd") + entries("/proc/self/task");
}

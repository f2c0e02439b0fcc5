/* Media source: the file that a transfer reads from. See media_internal.h for the functions. */
#include "media_internal.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int32_t tm_source_open(tm_source *source, const char *path, int32_t missing, int32_t unreadable,
                       tm_error *err)
{
    /* O_NONBLOCK: a pipe of that name must not hold the thread. */
    source->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (source->fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return tm_path_fail(err, missing, path, errno);
    if (source->fd < 0 || fstat(source->fd, &source->info) != 0)
        return tm_path_fail(err, unreadable, path, errno);
    if (!S_ISREG(source->info.st_mode)) return tm_fail(err, unreadable, "%s: not a regular file", path);
    return 0;
}

int32_t tm_source_open_sized(tm_source *source, const char *path, uint64_t size, tm_error *err)
{
    int32_t code =
        tm_source_open(source, path, ERR_SDK_COMM_FILE_NOT_FOUND, ERR_SDK_COMM_FILE_OPEN_FAILED, err);
    if (code == 0 && (uint64_t)source->info.st_size != size)
        return tm_fail(err, ERR_FILE_TRANS_UPLOAD_FAILED, "%s: its size has changed", path);
    return code;
}

ssize_t tm_source_read(int fd, void *buffer, size_t length, uint64_t offset)
{
    size_t have = 0;
    while (have < length) {
        ssize_t n = pread(fd, (char *)buffer + have, length - have, (off_t)(offset + have));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        have += (size_t)n;
    }
    return (ssize_t)have;
}

int32_t tm_source_check(const tm_source *source, const char *path, tm_error *err)
{
    const struct stat *then = &source->info;
    struct stat now;
    if (fstat(source->fd, &now) == 0 && now.st_size == then->st_size &&
        now.st_mtim.tv_sec == then->st_mtim.tv_sec && now.st_mtim.tv_nsec == then->st_mtim.tv_nsec)
        return 0;
    return tm_fail(err, ERR_FILE_TRANS_UPLOAD_FAILED, "%s: has changed while it was read", path);
}

void tm_source_close(tm_source *source)
{
    if (source->fd >= 0) close(source->fd);
    source->fd = -1;
}

/* Wake: see wake.h. */
#include "wake.h"

#include "include/TIMCloudDef.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/eventfd.h>
#endif

#if defined(__linux__)
static int open_pair(int pair[2])
{
    pair[0] = pair[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return pair[0] < 0 ? -1 : 0;
}
#else
static int open_pair(int pair[2])
{
    if (pipe(pair)) return -1;
    for (int i = 0; i < 2; i++) {
        int flags = fcntl(pair[i], F_GETFL);
        if (flags >= 0 && fcntl(pair[i], F_SETFL, flags | O_NONBLOCK) == 0 &&
            fcntl(pair[i], F_SETFD, FD_CLOEXEC) == 0)
            continue;
        int reason = errno;
        close(pair[0]);
        close(pair[1]);
        errno = reason;
        return -1;
    }
    return 0;
}
#endif

int32_t tm_wake_open(tm_wake *wake, tm_error *err)
{
    int pair[2];
    wake->read_fd = wake->write_fd = -1;
    if (open_pair(pair)) {
        int reason = errno;
        return tm_fail(err, ERR_IO_OPERATION_FAILED, "can't make a wake-up descriptor: %s", strerror(reason));
    }
    wake->read_fd = pair[0];
    wake->write_fd = pair[1];
    return 0;
}

void tm_wake_close(tm_wake *wake)
{
    if (wake->write_fd >= 0 && wake->write_fd != wake->read_fd) close(wake->write_fd);
    if (wake->read_fd >= 0) close(wake->read_fd);
    wake->read_fd = wake->write_fd = -1;
}

void tm_wake_signal(const tm_wake *wake)
{
    /* 8 bytes are what an eventfd takes. Full (EAGAIN) means readable already, which is all that is
     * wanted. */
    const uint64_t one = 1;
    int reason = errno;
    while (write(wake->write_fd, &one, sizeof one) < 0 && errno == EINTR)
        continue;
    errno = reason;
}

void tm_wake_clear(const tm_wake *wake)
{
    /* One read empties an eventfd; a pipe is empty when a read brings less than it could. */
    uint64_t bytes[64];
    int reason = errno;
    for (;;) {
        ssize_t length = read(wake->read_fd, bytes, sizeof bytes);
        if (length < 0 && errno == EINTR) continue;
        if (length < (ssize_t)sizeof bytes) break;
    }
    errno = reason;
}

int tm_wake_fd(const tm_wake *wake)
{
    return wake->read_fd;
}

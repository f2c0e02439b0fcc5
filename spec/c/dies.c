/* The process dies, as by kill -9, where it would send its first datagram (LD_PRELOAD): on a hub, between a commit and the
 * waking of those whom it concerns. */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t sendto(int fd, const void *data, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
    (void)fd, (void)data, (void)length, (void)flags, (void)to, (void)size;
    kill(getpid(), SIGKILL);
    return -1;
}

/* XMPP handshake: see xmpp_handshake.h. */
#include "xmpp_handshake.h"

#include "clock.h"
#include "mem.h"
#include "wake.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct tm_handshake {
    pthread_t thread;
    int fd; /* a duplicate: libstrophe may have closed its own, and another socket have the number */
    uint64_t deadline;
    tm_wake over;
    bool late; /* the thread's, until it is joined */
};

/* Whether the handshake is over before its time is. */
static bool wait_for_end(const tm_handshake *handshake)
{
    struct pollfd over = {.fd = tm_wake_fd(&handshake->over), .events = POLLIN};
    for (;;) {
        uint64_t now = tm_clock_ms(), left = handshake->deadline > now ? handshake->deadline - now : 0;
        if (poll(&over, 1, left < INT_MAX ? (int)left : INT_MAX) > 0) return true;
        if (left == 0) return false;
    }
}

static void *watch(void *argument)
{
    tm_handshake *handshake = argument;
    if (wait_for_end(handshake)) return NULL;
    handshake->late = true;
    shutdown(handshake->fd, SHUT_RDWR);
    return NULL;
}

static void free_handshake(tm_handshake *handshake)
{
    if (handshake->fd >= 0) close(handshake->fd);
    tm_wake_close(&handshake->over);
    tm_free(handshake);
}

tm_handshake *tm_handshake_begin(int fd, uint64_t limit_ms)
{
    tm_error err = {0, ""};
    tm_handshake *handshake = tm_calloc(1, sizeof *handshake);
    if (!handshake) return NULL;
    handshake->deadline = tm_clock_ms() + limit_ms;
    handshake->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (!tm_wake_open(&handshake->over, &err) && handshake->fd >= 0 &&
        !pthread_create(&handshake->thread, NULL, watch, handshake))
        return handshake;
    free_handshake(handshake);
    return NULL;
}

bool tm_handshake_end(tm_handshake *handshake)
{
    if (!handshake) return false;
    tm_wake_signal(&handshake->over);
    pthread_join(handshake->thread, NULL);
    bool late = handshake->late;
    free_handshake(handshake);
    return late;
}

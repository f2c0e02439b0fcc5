/* Hub bell: see hub_bell.h. */
#include "hub_bell.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "message.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct hub_bell {
    char *directory;
    int directory_fd;
    int fd; /* sends always; receives unless deaf */
    bool deaf;
    uint64_t impatient_until; /* somebody's queue stayed full: do not wait before this time (ms) */
    char name[HUB_BELL_NAME];
};

/* A datagram queue holds few datagrams: how long to wait for a receiver that is just behind. */
#define RING_PATIENCE_MS 20
#define IMPATIENCE_MS 1000

/* A socket's path may have 108 bytes only; through the directory's descriptor it is always short. */
static bool make_address(const hub_bell *bell, const char *name, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length;
#ifdef __linux__
    length = snprintf(address->sun_path, sizeof address->sun_path, "/proc/self/fd/%d/%s", bell->directory_fd,
                      name);
#else
    length = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", bell->directory, name);
#endif
    return length > 0 && (size_t)length < sizeof address->sun_path;
}

static void bind_socket(hub_bell *bell, tm_log *log)
{
    struct sockaddr_un address;
    snprintf(bell->name, sizeof bell->name, "%08llx%08llx", (unsigned long long)tm_message_random(),
             (unsigned long long)tm_message_random());
    bell->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bell->fd >= 0) {
        struct timeval patience = {0, RING_PATIENCE_MS * 1000};
        fcntl(bell->fd, F_SETFD, FD_CLOEXEC);
        setsockopt(bell->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        /* the directory (0700) is what keeps others out; the mode is set for tools that look at it */
        if (make_address(bell, bell->name, &address) &&
            bind(bell->fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            fchmodat(bell->directory_fd, bell->name, 0600, 0);
            return;
        }
    }
    tm_log_write(log, kTIMLog_Warn, "hub: no socket in %s (%s): looking for messages every %d ms instead",
                 bell->directory, strerror(errno), HUB_BELL_INTERVAL_MS);
    bell->deaf = true;
    bell->name[0] = '\0';
}

hub_bell *hub_bell_open(const char *directory, tm_log *log, tm_error *err)
{
    hub_bell *bell = tm_calloc(1, sizeof *bell);
    if (!bell || !(bell->directory = tm_path_join(directory, "bells"))) {
        tm_fail_memory(err);
        tm_free(bell);
        return NULL;
    }
    bell->fd = bell->directory_fd = -1;
    if (tm_path_make_directory(bell->directory, err)) goto fail;
    bell->directory_fd = open(bell->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bell->directory_fd < 0) {
        tm_fail(err, ERR_IO_OPERATION_FAILED, "cannot open %s: %s", bell->directory, strerror(errno));
        goto fail;
    }
    bind_socket(bell, log);
    return bell;
fail:
    hub_bell_close(bell);
    return NULL;
}

void hub_bell_close(hub_bell *bell)
{
    if (!bell) return;
    if (bell->fd >= 0) {
        if (!bell->deaf) hub_bell_remove(bell, bell->name);
        close(bell->fd);
    }
    if (bell->directory_fd >= 0) close(bell->directory_fd);
    tm_free(bell->directory);
    tm_free(bell);
}

const char *hub_bell_name(const hub_bell *bell)
{
    return bell->name;
}

int hub_bell_fd(const hub_bell *bell)
{
    return bell->deaf ? -1 : bell->fd;
}

bool hub_bell_ring(hub_bell *bell, const char *name, const void *data, size_t length)
{
    struct sockaddr_un address;
    if (bell->fd < 0 || !make_address(bell, name, &address)) return true;
    /* a wake-up that finds the queue full is not needed; a message is worth a short wait */
    bool wait = length > 0 && tm_clock_ms() >= bell->impatient_until;
    ssize_t sent;
    do {
        sent = sendto(bell->fd, data, length, (wait ? 0 : MSG_DONTWAIT) | MSG_NOSIGNAL,
                      (const struct sockaddr *)&address, sizeof address);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && wait && (errno == EAGAIN || errno == EWOULDBLOCK))
        bell->impatient_until = tm_clock_ms() + IMPATIENCE_MS;
    return sent >= 0 || (errno != ECONNREFUSED && errno != ENOENT);
}

long hub_bell_take(hub_bell *bell, char *buffer, size_t size)
{
    if (bell->deaf) return -1;
    ssize_t got;
    do {
        got = recv(bell->fd, buffer, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return (long)got;
}

void hub_bell_remove(hub_bell *bell, const char *name)
{
    unlinkat(bell->directory_fd, name, 0);
}

bool hub_guests_add(hub_guests *guests, const char *name)
{
    for (size_t i = 0; i < guests->count; i++)
        if (strcmp(guests->names[i], name) == 0) return true;
    if (guests->count == guests->size) {
        size_t size = guests->size ? guests->size * 2 : 16;
        char(*grown)[HUB_BELL_NAME] = tm_realloc(guests->names, size * sizeof *grown);
        if (!grown) return false;
        guests->names = grown;
        guests->size = size;
    }
    snprintf(guests->names[guests->count++], HUB_BELL_NAME, "%s", name);
    return true;
}

void hub_guests_clear(hub_guests *guests)
{
    tm_free(guests->names);
    memset(guests, 0, sizeof *guests);
}

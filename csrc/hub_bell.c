/* Hub bell: see hub_bell.h. */
#include "hub_bell.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "message.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* What is on its way to a bell of a test world. */
typedef struct datagram {
    struct datagram *next;
    size_t length;
    char data[];
} datagram;

struct tm_hub_bell {
    tm_world *world;                  /* borrowed; NULL: the system, and then there is a socket */
    tm_actor *actor;                  /* borrowed: whom the world wakes when it is rung */
    struct tm_hub_bell *next;         /* in the world's list */
    datagram *first_here, *last_here; /* in a test world: what was not taken yet; owned */
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
#define ABANDONED_S 60

/* A socket's path may have 108 bytes only; through the directory's descriptor it is always short. */
static bool make_address(const tm_hub_bell *bell, const char *name, struct sockaddr_un *address)
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

static void bind_socket(tm_hub_bell *bell, tm_log *log)
{
    struct sockaddr_un address;
    snprintf(bell->name, sizeof bell->name, "%08llx%08llx", (unsigned long long)tm_message_random(),
             (unsigned long long)tm_message_random());
    bell->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bell->fd >= 0) {
        struct timeval patience = {0, RING_PATIENCE_MS * 1000};
        setsockopt(bell->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        /* the directory (0700) is what keeps others out; the mode is set for tools that look at it */
        if (make_address(bell, bell->name, &address) &&
            bind(bell->fd, (const struct sockaddr *)&address, sizeof address) == 0) {
            fchmodat(bell->directory_fd, bell->name, 0600, 0);
            bell->deaf = false;
            return;
        }
    }
    if (!bell->deaf)
        tm_log_write(log, kTIMLog_Warn, "hub: no socket in %s (%s): looking for messages every %d ms instead",
                     bell->directory, strerror(errno), HUB_BELL_INTERVAL_MS);
    bell->deaf = true;
    bell->name[0] = '\0';
}

/* Whether it is a name that bind_socket makes. Others come from the database, where any process may have put them: they
 * must not lead out of the directory. */
static bool is_bell(const char *name)
{
    return strlen(name) == HUB_BELL_NAME - 1 && strspn(name, "0123456789abcdef") == HUB_BELL_NAME - 1;
}

/* Whether a name is one that bind_socket makes, of a session that died some time ago. A young one may be on its way to
 * be bound. */
static bool is_abandoned(const tm_hub_bell *bell, int fd, const char *name)
{
    struct stat info;
    struct sockaddr_un address;
    if (!is_bell(name) || fstatat(bell->directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISSOCK(info.st_mode))
        return false;
    if (info.st_mtime > time(NULL) - ABANDONED_S || !make_address(bell, name, &address)) return false;
    return connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 && errno == ECONNREFUSED;
}

/* A session that was killed leaves its socket behind, and perhaps nobody rings it any more. */
static void remove_abandoned(tm_hub_bell *bell)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int again = openat(bell->directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again >= 0 ? fdopendir(again) : NULL;
    for (struct dirent *entry; fd >= 0 && list && (entry = readdir(list));)
        if (is_abandoned(bell, fd, entry->d_name)) tm_hub_bell_remove(bell, entry->d_name);
    if (list)
        closedir(list);
    else if (again >= 0)
        close(again);
    if (fd >= 0) close(fd);
}

/* ---- in a test world ---- */

static void hang_up(tm_hub_bell *bell)
{
    snprintf(bell->name, sizeof bell->name, "%08llx%08llx", (unsigned long long)tm_world_random(bell->world),
             (unsigned long long)tm_world_random(bell->world));
    tm_hub_bell **bells = tm_world_bells(bell->world);
    bell->next = *bells;
    *bells = bell;
}

static void take_down(tm_hub_bell *bell)
{
    tm_hub_bell **at = tm_world_bells(bell->world);
    while (*at != bell)
        at = &(*at)->next;
    *at = bell->next;
    while (bell->first_here) {
        datagram *one = bell->first_here;
        bell->first_here = one->next;
        tm_free(one);
    }
}

static bool ring_in_world(const tm_hub_bell *from, const char *name, const void *data, size_t length)
{
    tm_hub_bell *bell = *tm_world_bells(from->world);
    while (bell && strcmp(bell->name, name) != 0)
        bell = bell->next;
    if (!bell) return false;
    datagram *one = tm_malloc(sizeof *one + length);
    if (!one) return true; /* as if its queue were full */
    one->next = NULL;
    one->length = length;
    memcpy(one->data, data, length);
    if (bell->last_here)
        bell->last_here->next = one;
    else
        bell->first_here = one;
    bell->last_here = one;
    tm_world_wake(bell->world, bell->actor);
    return true;
}

static long take_in_world(tm_hub_bell *bell, char *buffer, size_t size)
{
    datagram *one = bell->first_here;
    if (!one) return -1;
    bell->first_here = one->next;
    if (!bell->first_here) bell->last_here = NULL;
    size_t length = one->length < size ? one->length : size;
    memcpy(buffer, one->data, length);
    tm_free(one);
    return (long)length;
}

/* ---- all of them ---- */

static int open_directory(const tm_hub_bell *bell)
{
    return open(bell->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

tm_hub_bell *tm_hub_bell_open(const char *directory, const tm_backend_host *host, tm_error *err)
{
    tm_hub_bell *bell = tm_calloc(1, sizeof *bell);
    if (!bell || !(bell->directory = tm_path_join(directory, "bells"))) {
        tm_fail_memory(err);
        tm_free(bell);
        return NULL;
    }
    bell->fd = bell->directory_fd = -1;
    if (host->world) {
        bell->world = host->world;
        bell->actor = host->actor;
        hang_up(bell);
        return bell;
    }
    if (tm_path_make_directory(bell->directory, err)) goto fail;
    bell->directory_fd = open_directory(bell);
    if (bell->directory_fd < 0) {
        tm_fail(err, ERR_IO_OPERATION_FAILED, "cannot open %s: %s", bell->directory, strerror(errno));
        goto fail;
    }
    remove_abandoned(bell);
    bind_socket(bell, host->log);
    return bell;
fail:
    tm_hub_bell_close(bell);
    return NULL;
}

void tm_hub_bell_close(tm_hub_bell *bell)
{
    if (!bell) return;
    if (bell->world) take_down(bell);
    if (bell->fd >= 0) {
        if (!bell->deaf) tm_hub_bell_remove(bell, bell->name);
        close(bell->fd);
    }
    if (bell->directory_fd >= 0) close(bell->directory_fd);
    tm_free(bell->directory);
    tm_free(bell);
}

const char *tm_hub_bell_name(const tm_hub_bell *bell)
{
    return bell->name;
}

int tm_hub_bell_fd(const tm_hub_bell *bell)
{
    return bell->deaf ? -1 : bell->fd;
}

bool tm_hub_bell_is_deaf(const tm_hub_bell *bell)
{
    return bell->deaf;
}

bool tm_hub_bell_is_bound(const tm_hub_bell *bell)
{
    struct stat info;
    return fstatat(bell->directory_fd, bell->name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(info.st_mode);
}

void tm_hub_bell_rebind(tm_hub_bell *bell, tm_log *log)
{
    if (bell->fd >= 0) close(bell->fd);
    mkdir(bell->directory, 0700); /* it may be gone, or be another one: fails where it is there */
    int directory = open_directory(bell);
    if (directory >= 0) {
        close(bell->directory_fd);
        bell->directory_fd = directory;
    }
    bind_socket(bell, log);
}

/* Whether a socket file is gone. Where the sandbox has no /proc, an address through that is never found. */
static bool is_gone(const tm_hub_bell *bell, const char *name)
{
    struct stat info;
    return fstatat(bell->directory_fd, name, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool tm_hub_bell_ring(tm_hub_bell *bell, const char *name, const void *data, size_t length)
{
    struct sockaddr_un address;
    if (bell->world) return ring_in_world(bell, name, data, length);
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
    return sent >= 0 || (errno == ENOENT ? !is_gone(bell, name) : errno != ECONNREFUSED);
}

long tm_hub_bell_take(tm_hub_bell *bell, char *buffer, size_t size)
{
    if (bell->world) return take_in_world(bell, buffer, size);
    if (bell->deaf) return -1;
    ssize_t got;
    do {
        got = recv(bell->fd, buffer, size, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return (long)got;
}

void tm_hub_bell_remove(tm_hub_bell *bell, const char *name)
{
    if (!bell->world) unlinkat(bell->directory_fd, name, 0);
}

bool tm_hub_guests_add(tm_hub_guests *guests, const char *name)
{
    if (!is_bell(name)) return true;
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

void tm_hub_guests_clear(tm_hub_guests *guests)
{
    tm_free(guests->names);
    memset(guests, 0, sizeof *guests);
}

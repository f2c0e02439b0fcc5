/* Hub bell: how sessions on one machine wake each other. Each session binds a Unix datagram socket in the
 * hub's `bells` directory. A datagram is a wake-up; a longer one carries an online-only message; a socket
 * that refuses belongs to nobody any more. Nothing polls where sockets work; but a process may die when it has
 * written into the log and not rung yet, and so each session looks now and then (HUB_IDLE_CHECK_MS).
 *
 * Where sockets cannot be bound (a file system without them, a path too long outside Linux) the bell is deaf:
 * others cannot wake this session, and it looks at the log itself every HUB_BELL_INTERVAL_MS, until binding again
 * succeeds. Worker thread only.
 *
 * In a test world the bells are queues in memory, without a descriptor. */
#ifndef TM_HUB_BELL_H
#define TM_HUB_BELL_H

#include "backend.h"

#include <stdbool.h>
#include <stddef.h>

#define HUB_BELL_INTERVAL_MS 50
#define HUB_BELL_NAME 17 /* sixteen hexadecimal digits and the NUL */
/* The longest datagram: an online-only message with its frame. */
#define HUB_BELL_MAX 65536

typedef struct tm_hub_bell tm_hub_bell;

/* Whom to ring: a set of names. */
typedef struct tm_hub_guests {
    char (*names)[HUB_BELL_NAME];
    size_t count, size;
} tm_hub_guests;

/* Binds a socket of a fresh random name in `directory`/bells, and removes those of the dead; in the host's test world
 * makes a queue. Owned by the caller. NULL: memory is short or the directory cannot be made. */
tm_hub_bell *tm_hub_bell_open(const char *directory, const tm_backend_host *host, tm_error *err);
/* Unbinds and frees. */
void tm_hub_bell_close(tm_hub_bell *bell);
/* The name for others to ring by; "" if the bell is deaf. */
const char *tm_hub_bell_name(const tm_hub_bell *bell);
int tm_hub_bell_fd(const tm_hub_bell *bell); /* -1 if there is none */
/* Whether others cannot wake this session. */
bool tm_hub_bell_is_deaf(const tm_hub_bell *bell);

/* Whether its socket is where others look for it. */
bool tm_hub_bell_is_bound(const tm_hub_bell *bell);
/* Binds another one, of another name. It may be deaf then; or one that was deaf hears again. */
void tm_hub_bell_rebind(tm_hub_bell *bell, tm_log *log);

/* Sends `length` bytes to a session; never blocks. False: nobody is there (a full queue counts as being
 * there). */
bool tm_hub_bell_ring(tm_hub_bell *bell, const char *name, const void *data, size_t length);
/* Takes the next datagram. Its length (0 for a mere wake-up), or -1 if there is none. */
long tm_hub_bell_take(tm_hub_bell *bell, char *buffer, size_t size);
/* Removes the socket file of a session that is gone. */
void tm_hub_bell_remove(tm_hub_bell *bell, const char *name);

/* Names that no bell has are left out. False: memory is short. */
bool tm_hub_guests_add(tm_hub_guests *guests, const char *name);
void tm_hub_guests_clear(tm_hub_guests *guests);

#endif

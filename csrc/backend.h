/* Backend: what carries messages between users. One struct of functions, which the hub and XMPP implement.
 *
 * Everything here runs on the client's worker thread and does not wait for a network. Work is handed over as
 * operations: `submit` takes one, `flush` starts those submitted since the last flush together, and each is
 * answered exactly once through `answer`, from inside flush or later. What others did comes as events through
 * `receive`. */
#ifndef TM_BACKEND_H
#define TM_BACKEND_H

#include "log.h"
#include "media.h"
#include "operation.h"
#include "world.h"

#include <stdatomic.h>

typedef struct tm_backend tm_backend;

typedef struct tm_backend_host {
    void *worker;
    /* An operation is through; the worker frees it. Called on the worker thread only. */
    void (*answer)(void *worker, tm_op *op);
    /* An online-only message came. Taken over. */
    void (*online)(void *worker, tm_event *event);
    tm_media *(*media)(void *worker, tm_error *err); /* started when first asked for */
    /* A number for a media transfer of this operation: its reports lead to `transferred`. */
    uint64_t (*transfer)(void *worker, tm_op *op);  /* 0: memory is short */
    void (*no_transfer)(void *worker, uint64_t id); /* it was not started after all */
    /* The connection to the server went down, or is there again; `kicked`: for good, another session has taken
     * this one's place. `err`: why it is down. Called on the worker thread, from inside `ready`. */
    void (*network)(void *worker, bool up, bool kicked, const tm_error *err);
    const char *directory; /* of the stores, for what a backend keeps beside them; borrowed until close */
    tm_log *log;
    tm_world *world;         /* borrowed until close; NULL: the system */
    tm_actor *actor;         /* in a test world: whom events wake; borrowed until close */
    const atomic_bool *stop; /* ends waits */
    uint32_t timeout_ms;
    uint32_t revoke_window_s;
} tm_backend_host;

struct tm_backend {
    void (*submit)(tm_backend *self, tm_op *op); /* taken over until answered */
    void (*flush)(tm_backend *self);
    /* Reads up to `limit` events behind the cursor. *list is owned by the caller, oldest first; *cursor
     * (owned by the caller, tm_free) is where the device stands with them, NULL if it did not move. *more:
     * there may be more now. */
    int32_t (*receive)(tm_backend *self, int limit, tm_event **list, char **cursor, bool *more,
                       tm_error *err);
    /* The worker has stored what the last `receive` brought. Without this call the next one brings it
     * again. */
    void (*stored)(tm_backend *self);
    /* *cursor (owned by the caller): where the answers of the last flush moved to, NULL if nowhere. What a call could
     * not tell the next one does. */
    int32_t (*moved)(tm_backend *self, char **cursor, tm_error *err);
    /* A transfer of an operation of this backend is done without error: fill in the answer. */
    void (*transferred)(tm_backend *self, tm_op *op, const tm_media_report *report);
    /* A path for a url or id of the backend's own files (owned by the caller) with the content's hash, or
     * NULL if it is none. */
    char *(*file)(tm_backend *self, const char *url, const char *id, char hash[TM_MEDIA_HASH]);
    int (*fd)(tm_backend *self); /* readable: call `ready`; -1: none */
    /* The descriptor is readable, or the interval is over. Returns true if there may be events to receive. */
    bool (*ready)(tm_backend *self, bool drop_online);
    int (*interval_ms)(tm_backend *self); /* call `ready` at least this often; -1: never */
    /* Logs out, answers what is outstanding with ERR_USER_CANCELED, and frees. */
    void (*close)(tm_backend *self);
};

/* Whether an address names a backend that this library has: 0 or TIM_ERR_PARAM. Any thread. */
int32_t tm_backend_check(const char *address, tm_error *err);
/* A good address whose path, if it has one, is the same from every working directory. Owned by the caller; NULL on failure.
 * Any thread. */
char *tm_backend_absolute(const char *address, tm_error *err);
/* Opens a backend for one login by its address ("hub:DIR", "xmpp://DOMAIN"). NULL on failure. `host` is copied. */
tm_backend *tm_backend_open(const char *address, const tm_backend_host *host, tm_error *err);

#endif

/* Client internals: the handle, its requests, and what callers and the worker share. */
#ifndef TM_CLIENT_INTERNAL_H
#define TM_CLIENT_INTERNAL_H

#include "client.h"
#include "log.h"
#include "media.h"
#include "message.h"
#include "wake.h"

#include <pthread.h>
#include <stdatomic.h>

/* Past this many operations under way or not taken by the host, calls complete with 9507 (rule 43). */
#define TM_MAX_IN_FLIGHT 10000
/* No more events than this are read ahead of the host (rule 43). */
#define TM_MAX_EVENTS_AHEAD 10000

typedef struct tm_sending tm_sending;
typedef struct tm_import tm_import;
typedef struct tm_alarm tm_alarm;
typedef struct tm_fault tm_fault;

/* One call on its way. The caller's thread makes it, the worker owns it from the queue on. */
typedef struct tm_request {
    struct tm_request *next;
    tm_call_kind kind;
    tm_args args;
    bool quiet;        /* as in the arguments, which may be freed early */
    bool again;        /* a log-in of the user who was in when it was called */
    uint64_t login;    /* the number of a log-in that is none such */
    int64_t heard;     /* the client's `heard` when it was called */
    tm_letter *letter; /* owned: the completion, made with the call so that it cannot fail later */
    /* worker only: */
    struct tm_request *previous; /* in the list of those that wait */
    bool waits;                  /* is in that list */
    int outstanding;             /* operations not answered yet */
    bool keep;                   /* its outcome stands even if the local commit fails: the backend has it */
    bool refused;                /* over the limit: completes with 9507 */
    cJSON *result;               /* owned */
    tm_messages *messages;       /* owned; instead of `result` */
    int32_t code;                /* the outcome, with */
    char *desc;                  /* owned; NULL: "" */
    int step;
    tm_sending *sendings; /* sending.c: owned */
    size_t sending_count;
    cJSON *elems;       /* sending.c: the elements while files are uploaded; owned */
    tm_import *import;  /* keeping.c: owned */
    tm_message message; /* what an operation is about; owned */
    const void *drops;  /* job.c: it is no download, but ends the one with this token */
    uint64_t transfer;  /* job.c: its transfer; 0: none */
    uint64_t due;       /* job.c: in a test world: the download begins then (tm_world_ms); 0: it has begun */
} tm_request;

typedef enum tm_session {
    TM_SESSION_OUT,
    TM_SESSION_LOGGING_IN,
    TM_SESSION_IN,
    TM_SESSION_LOGGING_OUT,
} tm_session;

/* A report of the media thread, on its way to the worker. */
typedef struct tm_report {
    struct tm_report *next;
    tm_media_report media;
} tm_report;

struct tm_client {
    /* fixed after tm_client_new */
    int index_base;
    char *directory; /* of stores */
    char *server;    /* backend address */
    uint32_t timeout_ms, revoke_window_s;
    tm_mailbox *mailbox;
    tm_log *log;
    tm_world *world;          /* held; NULL: the system */
    struct tm_worker *worker; /* in a test world; else it is the thread's own */
    tm_fault *faults;         /* in a test world: what is to go wrong, in its order; owned */
    bool offline;             /* in a test world: there is no way to the server */
    pthread_t thread;         /* not in a test world */
    tm_wake wake;             /* likewise */

    atomic_bool stop;          /* closing: ends waits and long queries */
    atomic_bool called;        /* there are requests to take */
    atomic_uint want;          /* 1 << tm_letter_kind */
    atomic_bool want_receipts; /* user_config_is_read_receipt */
    /* no message that is here, and unread, has a greater position */
    _Atomic int64_t heard;

    /* shared between callers and the worker */
    pthread_mutex_t lock;
    tm_request *first, *last;
    tm_report *first_report, *last_report;
    tm_alarm *alarms; /* a tree by their times; owned */
    uint64_t last_alarm;
    bool asleep;  /* the worker waits for `wake` */
    bool drained; /* the host took events: there is room again */
    bool closed;
    tm_session session;
    uint64_t logins;            /* how many were begun */
    char user[TM_USER_ID_SIZE]; /* logged in, or logging in */
    char *proxy;                /* for media; owned */
};

/* ---- for the worker ---- */
/* Takes what callers queued and the media thread reported; both lists are the caller's, either may
 * come back NULL. */
void tm_client_take(tm_client *client, tm_request **requests, tm_report **reports);
/* Whether there is nothing to take; then the next who queues something signals `wake`. */
bool tm_client_sleep(tm_client *client);
/* Signals the worker if it sleeps: a burst of calls costs one wake-up. The lock is held. */
void tm_client_wake_worker(tm_client *client);
/* Called on any thread: queues a report, or (NULL) just wakes the worker. */
void tm_client_notify(tm_client *client, tm_report *report);
/* Moves the session on; on TM_SESSION_OUT the user is forgotten. A log-out that was asked for meanwhile is
 * kept. */
void tm_client_set_session(tm_client *client, tm_session from, tm_session to);
/* A log-in was done, or failed: moves the session on, if that is still the log-in that it waits for. */
void tm_client_end_login(tm_client *client, const tm_request *request, bool is_in);
/* Frees what the call was to bring. */
void tm_request_drop_result(tm_request *request);
/* Completes a request: its letter goes out, the rest is freed. */
void tm_request_complete(tm_client *client, tm_request *request);

/* The worker (worker.c): its thread, with `client` as the argument; */
void *tm_worker_main(void *client);
/* or, in a test world, one that works when the world is pumped. NULL: memory. */
struct tm_worker *tm_worker_new(tm_client *client, tm_error *err);
/* There is something to do for it. */
void tm_worker_wake(struct tm_worker *worker);
/* Ends what is under way (client->stop is set), and frees. */
void tm_worker_free(struct tm_worker *worker);

#endif

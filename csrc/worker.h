/* Worker: one thread a client, which owns the store, the backend and all that is under way. Requests come in
 * through the client's queue, letters go out through its mailbox. Everything declared here is for the worker
 * thread only.
 *
 * A request is handled by its kind's handler in one or more steps: `start`, then `resume` for each operation
 * that the backend answers. Each step runs inside a transaction of the store, under a savepoint of its own;
 * what steps have to tell goes out after the commit. */
#ifndef TM_WORKER_H
#define TM_WORKER_H

#include "backend.h"
#include "client_internal.h"
#include "store.h"

typedef struct tm_job tm_job;
typedef struct tm_unsaved tm_unsaved;

/* What the store could not take (a full disk, say) is tried again after this time. */
#define RETRY_MS 1000

/* A message on its way out: a send has one, a batch one for each identifier. */
struct tm_sending {
    int64_t row;          /* in the store; 0: none (online-only) */
    tm_message message;   /* as the caller sees it; owned */
    tm_message wire;      /* as it travels: elements without this device's own keys; owned */
    int32_t code;         /* the outcome */
    char *desc;           /* owned; NULL: "" */
    tm_position position; /* of what was sent */
    bool done;
};

typedef struct tm_worker {
    tm_client *client;
    tm_world *world;     /* the client's; NULL is the system */
    tm_actor actor;      /* in a test world: how the worker works there */
    tm_store *store;     /* NULL: nobody is logged in */
    tm_backend *backend; /* NULL: likewise */
    bool proxy_changed;  /* since `media` was started */
    tm_media *media;     /* started when first needed */
    char user[TM_USER_ID_SIZE];
    bool importing;            /* a long import goes on */
    bool online;               /* the log-in is through: events are handled */
    bool more_events;          /* the backend may have some */
    bool kicked;               /* the backend's session is over: see tm_worker_kicked */
    uint64_t retry_at;         /* what the store could not take is tried again (tm_clock_ms); 0: nothing */
    uint64_t look_at;          /* a backend that cannot wake us is looked at (tm_clock_ms) */
    bool quick;                /* what was done last was to read from the store: see spin.h */
    bool must_sync;            /* this transaction holds what nobody could give back */
    tm_request *waiting;       /* under way: operations or transfers are out */
    tm_op *asked, *last_asked; /* operations for the backend, after the commit */
    tm_op *answered, *last_answered;      /* answers to be handled in the next transaction */
    tm_request *finished, *last_finished; /* in this transaction; completed after its commit */
    tm_letter *letters, *last_letter;     /* likewise */
    bool answering;                       /* this transaction is that of answers */
    tm_unsaved *unsaved;                  /* owned: unsaved.c */
    tm_job *jobs;                         /* what the media thread moves for requests */
    int file_level, sink_level;           /* of the log, as TIMSetConfig left them */
    bool console;
    uint64_t last_job;
    uint32_t rand_counter; /* see tm_message_rand; starts anywhere */
} tm_worker;

/* How a kind of request is handled. */
typedef enum tm_class {
    TM_CLASS_LOCAL,  /* the store alone: runs of them share one transaction */
    TM_CLASS_REMOTE, /* asks the backend: runs of them share one flush */
    TM_CLASS_SOLO,   /* manages its own transactions: log-in, log-out, settings, transfers */
} tm_class;

typedef struct tm_handler_type {
    tm_class class;
    /* Its commit waits for the disk: nobody could give back what it changes. */
    bool synced;
    /* 0: done if nothing is outstanding, else waiting. A code: failed, and undone. */
    int32_t (*start)(tm_worker *worker, tm_request *request, tm_error *err);
    /* An operation was answered; op->error tells how. The worker frees it after. */
    int32_t (*resume)(tm_worker *worker, tm_request *request, tm_op *op, tm_error *err);
    void (*cancel)(tm_worker *worker, tm_request *request); /* frees what is the kind's own; may be NULL */
} tm_handler_type;

/* ---- request.c, for the loop ---- */
/* Handles what callers queued (taken over), in their order. */
void tm_worker_handle(tm_worker *worker, tm_request *list);

/* ---- request.c, for the handlers ---- */
/* A new operation for the request, to be handed to the backend after the commit. Owned by the worker. NULL:
 * memory (err is set). */
tm_op *tm_worker_ask(tm_worker *worker, tm_request *request, tm_op_kind kind, tm_error *err);
/* Sets the outcome of a request whose step succeeds all the same: a send that the backend refused, say. */
void tm_request_fail(tm_request *request, int32_t code, const char *text);
/* A letter for after the commit (taken over; NULL is a failure that is only logged). */
void tm_worker_tell(tm_worker *worker, tm_letter *letter);
/* True if the host has a handler for such letters. */
bool tm_worker_wanted(const tm_worker *worker, tm_letter_kind kind);
/* An operation is through (taken over): its answer is handled in the next transaction. */
void tm_worker_answer(tm_worker *worker, tm_op *op);
/* Completes a request that is not part of a transaction. */
void tm_worker_finish(tm_worker *worker, tm_request *request);
/* Puts a request into the list of those that wait. */
void tm_worker_wait(tm_worker *worker, tm_request *request);
/* Ends a transaction that a SOLO handler began with tm_store_begin: commits, and tells of the conversations
 * it changed. */
int32_t tm_worker_end_transaction(tm_worker *worker, tm_error *err);
/* Takes a request out of the list of those that wait. */
void tm_worker_stop_waiting(tm_worker *worker, tm_request *request);
/* Submits what was asked, and handles the answers, until nothing moves. */
void tm_worker_pump(tm_worker *worker);
/* The conversation a request names. `make`: adds it. */
int32_t tm_worker_conv(tm_worker *worker, const tm_request *request, bool make, tm_conv *conv, tm_error *err);
/* Finds the message that a Message tree names, in the conversation. out->id 0: there is none. */
int32_t tm_worker_find(tm_worker *worker, const tm_conv *conv, const cJSON *tree, tm_stored *out,
                       tm_error *err);

/* ---- session.c ---- */
/* Ends all that is under way with ERR_USER_CANCELED, logs out and closes the store. */
void tm_worker_end_session(tm_worker *worker);
/* Another session took this one's place: ends it and tells of it. */
void tm_worker_kicked(tm_worker *worker);

/* ---- job.c: what the media thread moves ---- */
/* The media thread, started if need be. NULL on failure. */
tm_media *tm_worker_media(tm_worker *worker, tm_error *err);
struct tm_job {
    tm_job *next;
    uint64_t id;
    tm_op *op;           /* an upload; owned by the backend's answer */
    tm_request *request; /* whom it is for */
};
uint64_t tm_job_add(tm_worker *worker, tm_op *op, tm_request *request);
/* Takes a job that was not started off the list. */
void tm_job_forget(tm_worker *worker, uint64_t id);
void tm_job_report(tm_worker *worker, const tm_media_report *report);
void tm_job_cancel_all(tm_worker *worker);
/* In a test world, where a download may have to begin late: begins those whose time is there (false: none), */
bool tm_job_start_due(tm_worker *worker);
/* and says when the next is due (tm_world_ms; 0: none). */
uint64_t tm_job_next_due(const tm_worker *worker);

/* ---- unsaved.c: what became of messages, where the store could not take that ---- */
/* Remembers the outcome of a request's messages, which was not written; what is not done has failed. */
void tm_unsaved_note(tm_worker *worker, const tm_request *request);
/* The same of a request that is under way still, for those of its messages whose outcome is known. */
void tm_unsaved_note_done(tm_worker *worker, const tm_request *request);
/* Tries to write it. */
void tm_unsaved_save(tm_worker *worker);
void tm_unsaved_drop(tm_worker *worker);

/* ---- handlers: each kind's file ---- */
extern const tm_handler_type tm_handle_login, tm_handle_logout;                             /* session.c */
extern const tm_handler_type tm_handle_set_config;                                          /* settings.c */
extern const tm_handler_type tm_handle_send, tm_handle_batch_send;                          /* sending.c */
extern const tm_handler_type tm_handle_import, tm_handle_save;                              /* keeping.c */
extern const tm_handler_type tm_handle_get_list, tm_handle_get_list_remote, tm_handle_find; /* history.c */
extern const tm_handler_type tm_handle_report_readed;                                       /* reading.c */
extern const tm_handler_type tm_handle_revoke;                                              /* revoking.c */
extern const tm_handler_type tm_handle_delete;                                              /* deleting.c */
extern const tm_handler_type tm_handle_download;                                            /* job.c */
extern const tm_handler_type tm_handle_conv_create, tm_handle_conv_delete, tm_handle_conv_list,
    tm_handle_set_draft, tm_handle_cancel_draft; /* conversation.c */
extern const tm_handler_type tm_handle_group;    /* grouping.c */

/* ---- sending.c ---- */
/* Frees the sendings of a request. */
void tm_sendings_free(tm_request *request);
void tm_sending_progress(tm_worker *worker, tm_request *request, const tm_op *op,
                         const tm_media_report *report);
/* ---- keeping.c: a long import is prepared in slices ---- */
bool tm_import_slice(tm_worker *worker);
/* ---- incoming.c: what others did ---- */
/* Reads a batch of events, stores it and tells of it. */
void tm_incoming_receive(tm_worker *worker);
/* An online-only message (taken over). */
void tm_incoming_online(tm_worker *worker, tm_event *event);
/* Puts a message from the backend's history into the store, without telling. Or what was revoked by that: what is here is
 * told of. */
int32_t tm_incoming_store(tm_worker *worker, tm_conv *conv, const tm_event *event, tm_error *err);

#endif

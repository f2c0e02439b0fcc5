/* Operation: what a backend is asked to do, and its answer. */
#ifndef TM_OPERATION_H
#define TM_OPERATION_H

#include "call.h"
#include "event.h"

typedef enum tm_op_kind {
    TM_OP_LOGIN, /* text: user id, second: user_sig, third: device; cursor: where the device stopped, "" if it
                    is new; want: how many messages SETTLE will be asked about then */
    TM_OP_SEND,  /* message; also those that are is_online. Answer: server_time, seq, position */
    TM_OP_SETTLE,  /* message of an earlier attempt. Answer: found, and then as SEND */
    TM_OP_REVOKE,  /* message: identity and conversation */
    TM_OP_READ,    /* message: conversation only; position, time: read up to here */
    TM_OP_HISTORY, /* message: conversation; low, high, want, forward. Answer: events (messages, in any
                      order, and before them what was revoked of those that the device may have), low, high:
                      the seconds that are complete now, my_read and peer_read */
    TM_OP_GROUP,   /* call, param, text: group id, second: hello. Answer: result */
    TM_OP_UPLOAD,  /* text: path, size. Answer: id, url */
} tm_op_kind;

typedef struct tm_op {
    struct tm_op *next;
    tm_op_kind kind;
    void *owner;                                /* the asker's */
    int32_t slot;                               /* the asker's */
    tm_message *message;                        /* borrowed until the answer */
    const char *text, *second, *third, *cursor; /* borrowed until the answer */
    const cJSON *param;                         /* borrowed until the answer */
    char *path;                                 /* what `text` is, where nobody else keeps it; owned */
    tm_call_kind call;
    uint64_t size, time;
    uint64_t low, high; /* seconds, both included */
    uint32_t want;
    bool forward;
    bool unheard; /* a test loses the answer: what is done comes as events only */
    tm_position position;
    /* the answer */
    tm_error error; /* code 0: done */
    uint64_t server_time, seq;
    bool found;
    tm_event *events; /* owned */
    tm_position my_read, peer_read;
    cJSON *result;  /* owned; NULL for none */
    char *id, *url; /* owned */
} tm_op;

/* Frees an operation and what it owns. */
void tm_op_free(tm_op *op);

#endif

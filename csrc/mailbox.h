/* Mailbox: what a client has to tell its host, in order, until the host takes it. The client's worker puts
 * letters in; whoever runs the host's callbacks (the C face's logic thread, Lua's poll) takes them out. Made
 * and freed by the host, and outlives the client. */
#ifndef TM_MAILBOX_H
#define TM_MAILBOX_H

#include "error.h"
#include "messages.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct tm_mailbox tm_mailbox;

typedef enum tm_letter_kind {
    TM_LETTER_RESULT,          /* the completion of a call: the last letter with its token */
    TM_LETTER_PROGRESS,        /* a download's progress: more letters with this token follow */
    TM_LETTER_RECV_NEW_MSG,    /* messages */
    TM_LETTER_READED_RECEIPT,  /* json: array of MessageReceipt */
    TM_LETTER_REVOKE,          /* json: array of MsgLocator */
    TM_LETTER_UPLOAD_PROGRESS, /* json: Message; index (from 0), current, total */
    TM_LETTER_GROUP_TIPS,      /* json: array of GroupTipsElem */
    TM_LETTER_CONV_EVENT,      /* event: TIMConvEvent; json: array of ConvInfo */
    TM_LETTER_NETWORK_STATUS,  /* event: TIMNetworkStatus; code, desc */
    TM_LETTER_KICKED_OFFLINE,
    TM_LETTER_LOG, /* event: TIMLogLevel; desc: the line */
} tm_letter_kind;

typedef struct tm_letter {
    struct tm_letter *next;
    tm_letter_kind kind;
    void *token;           /* RESULT and PROGRESS: what the host gave with the call */
    int32_t code;          /* 0 or an error code */
    char *desc;            /* owned; never NULL, "" on success */
    cJSON *json;           /* owned; NULL stands for "" */
    tm_messages *messages; /* owned; instead of `json` */
    int32_t event;
    uint32_t index, current, total;
    bool expected; /* tm_mailbox_expect counts it */
    bool quick;    /* RESULT: read from the store; if another follows, it follows soon */
} tm_letter;

/* Owned by the host. */
tm_mailbox *tm_mailbox_new(tm_error *err);
/* Frees what was not taken. No other thread may use the mailbox any more. */
void tm_mailbox_free(tm_mailbox *mailbox);

/* A letter with `desc` (copied; NULL is "") and `json` (taken over, freed on failure). NULL: no memory. */
tm_letter *tm_letter_new(tm_letter_kind kind, const char *desc, cJSON *json);
void tm_letter_free(tm_letter *letter);
/* Makes `json` of `messages`, if the letter has these. False: no memory. */
bool tm_letter_unpack(tm_letter *letter);

/* Puts a letter in (taken over). Any thread. */
void tm_mailbox_put(tm_mailbox *mailbox, tm_letter *letter);
/* The oldest letter, which stays there, or NULL: for the one thread that takes. */
const tm_letter *tm_mailbox_first(tm_mailbox *mailbox);
/* Takes the oldest letter (the caller frees it with tm_letter_free), or NULL if there is none. Any thread. */
tm_letter *tm_mailbox_take(tm_mailbox *mailbox);
/* Blocks until a letter is there or the time is over (negative: no limit). Any thread. True if a letter is there. Behind a
 * quick letter it looks for a moment before it sleeps: see spin.h. */
bool tm_mailbox_wait(tm_mailbox *mailbox, int timeout_ms);
/* The same on the descriptor, which is made then, for a host that handles signals: one whose handler ran on this thread ends
 * the wait, and `*interrupted` becomes true. (A condition cannot tell.) */
bool tm_mailbox_wait_or_signal(tm_mailbox *mailbox, int timeout_ms, bool *interrupted);
/* Keeps the descriptor readable also without a letter, until that is taken back: for who takes and has not done with
 * what was taken. Any thread. */
void tm_mailbox_hold(tm_mailbox *mailbox, bool held);
/* A descriptor that is readable while letters are there (or it is held so); owned by the mailbox; never read from it. It is made when
 * first asked for: a host that asks each frame needs none. -1: it could not be made (err is set). Any thread. */
int tm_mailbox_fd(tm_mailbox *mailbox, tm_error *err);
/* How many events wait, a RECV_NEW_MSG counting as many as it has messages: the worker stops reading ahead at
 * its limit. Results and progress are none. Any thread. */
size_t tm_mailbox_events(tm_mailbox *mailbox);
/* The letter will be put in: counts it from now until it is taken, and returns how many were counted
 * before. One count for all stages, so that none counts twice on its way from one to the next. Any thread. */
size_t tm_mailbox_expect(tm_mailbox *mailbox, tm_letter *letter);
/* The letter will not come after all. */
void tm_mailbox_unexpect(tm_mailbox *mailbox, tm_letter *letter);
/* `drained` is called (on the thread that takes, with the mailbox's lock held: it must not use the
 * mailbox) when the events waiting fall to `low`. NULL ends that: no call of it runs any more on return.
 * Any thread. */
void tm_mailbox_on_drained(tm_mailbox *mailbox, size_t low, void (*drained)(void *userdata), void *userdata);

#endif

/* Logic: the thread that runs the C API's callbacks, one after the other, and the register of those
 * callbacks.
 *
 * No lock is held while a callback runs, so a callback may call anything, also what changes the register or
 * ends the thread. Only cloud_state.c uses this. */
#ifndef TM_LOGIC_H
#define TM_LOGIC_H

#include "include/TIMCloudCallback.h"
#include "mailbox.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Any callback's type; the letter's kind says which it really is. */
typedef void (*tm_any_callback)(void);

typedef struct tm_handler {
    tm_any_callback cb; /* NULL: none */
    const void *user_data;
} tm_handler;

/* The register. It outlives the threads that read it. Members: for the functions below only. */
typedef struct tm_handlers {
    pthread_mutex_t mutex;
    tm_handler single[TM_LETTER_LOG + 1]; /* by tm_letter_kind; those of which there is one */
    struct tm_recv_handler *recv;         /* oldest first, owned */
    uint64_t last_id;
} tm_handlers;

#define TM_HANDLERS_INIT                                                                                     \
    {                                                                                                        \
        .mutex = PTHREAD_MUTEX_INITIALIZER                                                                   \
    }

/* Sets the callback for letters of a kind other than RESULT, PROGRESS and RECV_NEW_MSG; NULL removes. Any
 * thread. */
void tm_handlers_set(tm_handlers *handlers, tm_letter_kind kind, tm_any_callback cb, const void *user_data);
/* Adds a callback for new messages; one that is there gets the new user_data and keeps its place. One added
 * while an array is handed round starts with the next. False when memory is short. Any thread. */
bool tm_handlers_add_recv(tm_handlers *handlers, TIMRecvNewMsgCallback cb, const void *user_data);
/* Removes it: it is not called any more, also not for an array that is being handed round; a call of it that
 * runs on the logic thread is not waited for. Any thread. */
void tm_handlers_remove_recv(tm_handlers *handlers, TIMRecvNewMsgCallback cb);
/* What tm_client_want wants to know. Any thread. */
unsigned tm_handlers_wanted(tm_handlers *handlers);

/* The token of a call: whom its completion goes to. Delivery frees it; for a refused call tm_free does. */
typedef struct tm_token {
    TIMCommCallback cb;
    const void *user_data;
} tm_token;

/* Owned by the caller, NULL when memory is short. */
tm_token *tm_token_new(TIMCommCallback cb, const void *user_data);

typedef struct tm_logic tm_logic;

/* Starts a thread that delivers the letters of `mailbox` (taken over on success). `handlers` is borrowed
 * until tm_logic_free. Owned by the caller. NULL on failure. */
tm_logic *tm_logic_start(tm_handlers *handlers, tm_mailbox *mailbox, tm_error *err);
/* Frees one that was stopped, with its mailbox. NULL is fine. */
void tm_logic_free(tm_logic *logic);

/* The functions from here on are called by one thread at a time; the lock for that is the caller's, and is
 * held at tm_logic_start too. */

/* True on the logic thread itself, which is: inside a callback. */
bool tm_logic_is_current(const tm_logic *logic);
/* True inside the callback for lines of the log. */
bool tm_logic_is_logging(const tm_logic *logic);
/* Puts a letter (taken over) into the mailbox. */
void tm_logic_put(tm_logic *logic, tm_letter *letter);
/* Lets the thread go over to another mailbox (taken over on success) when it has delivered what is in the
 * present one. Once at most. 0 or a code. */
int32_t tm_logic_move(tm_logic *logic, tm_mailbox *mailbox, tm_error *err);

/* Delivers what is in the mailbox, then ends the thread; back when it has ended. Waits for a callback that
 * runs, so not on the logic thread. */
void tm_logic_stop(tm_logic *logic);
/* The first half of that for the logic thread itself: delivers what is there from inside the callback that
 * runs, and before it the rest of an array that is being handed round. */
void tm_logic_drain(tm_logic *logic);
/* The second half: when the callback that runs has returned the thread calls `ended`, frees `logic`, and ends
 * by itself. */
void tm_logic_stop_inside(tm_logic *logic, void (*ended)(void));

#endif

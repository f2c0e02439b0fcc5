/* Fault: what a test wants to go wrong with a client of a test world. The line (line.h) and the jobs (job.c) ask for it.
 * The world's thread only. */
#ifndef TM_FAULT_H
#define TM_FAULT_H

#include "client.h"

#include <stdbool.h>

typedef enum tm_fault_kind {
    TM_FAULT_FAIL, /* it is not done, and ends with the code */
    TM_FAULT_SLOW, /* it begins so many milliseconds later */
    TM_FAULT_CUT, /* the connection breaks: it is done but the answer is lost; of a download, half of it is done */
} tm_fault_kind;

typedef struct tm_fault {
    struct tm_fault *next;
    tm_call_kind call;
    tm_fault_kind kind;
    int32_t code;
    char *desc; /* owned */
    uint64_t ms;
} tm_fault;

/* The next operation of a `call` that nothing is in store for yet. `desc` is copied. 0, or ERR_OUT_OF_MEMORY. */
int32_t tm_fault_add(tm_client *client, tm_call_kind call, tm_fault_kind kind, int32_t code, const char *desc,
                     uint64_t ms, tm_error *err);
/* What is in store for the call's next operation, owned by the caller (tm_fault_free); NULL: nothing. */
tm_fault *tm_fault_take(tm_client *client, tm_call_kind call);
void tm_fault_free(tm_fault *fault);
void tm_fault_free_all(tm_client *client);

/* The client has no way to its server from now on, or has one again. */
void tm_client_set_offline(tm_client *client, bool offline);
bool tm_client_is_offline(const tm_client *client);

#endif

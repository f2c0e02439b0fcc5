/* Alarm: completions that come when their time is there: what a host waits for with a deadline, or lets pass. The
 * worker, which waits anyway, puts them into the mailbox. Any thread, but for what says otherwise. */
#ifndef TM_ALARM_H
#define TM_ALARM_H

#include "client.h"

#include <stdbool.h>

/* Which alarm of a client: when it is due (tm_clock_ms), and which of all that were set. */
typedef struct tm_alarm_id {
    uint64_t at, serial;
} tm_alarm_id;

/* A TM_LETTER_RESULT with `token` comes in `ms` milliseconds (code 0), or when the client is closed before (6222).
 * Returns a TIMResult; if it is not 0 none comes, and `*id` is not set. */
int32_t tm_client_after(tm_client *client, uint64_t ms, void *token, tm_alarm_id *id, tm_error *err);
/* Takes an alarm back: its letter will not come, and `*token` is what it would have brought. False: the letter has come, or
 * is on its way. */
bool tm_client_never_mind(tm_client *client, tm_alarm_id id, void **token);

/* ---- for the worker: its thread only ---- */
/* When the next is due (tm_clock_ms); 0: there is none. */
uint64_t tm_alarm_next(tm_client *client);
/* Those that are due go out. False: none was. */
bool tm_alarm_ring(tm_client *client);
/* The client closes: all go out, cancelled. */
void tm_alarm_cancel(tm_client *client);

#endif

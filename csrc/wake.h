/* Wake: a descriptor that any thread can make readable, so that a loop that polls descriptors can be
 * woken. */
#ifndef TM_WAKE_H
#define TM_WAKE_H

#include "error.h"

/* One eventfd where there are such (both descriptors are it), else a pipe. Non-blocking, closed by exec. */
typedef struct tm_wake {
    int read_fd, write_fd; /* -1: not open */
} tm_wake;

/* Opens it. 0, or ERR_IO_OPERATION_FAILED: then both descriptors are -1. */
int32_t tm_wake_open(tm_wake *wake, tm_error *err);
/* Closes it; no other thread may use it any more. Once closed or never opened (-1) is fine. */
void tm_wake_close(tm_wake *wake);
/* Makes the descriptor readable; twice is the same as once. Never blocks. Any thread, signal handlers too. */
void tm_wake_signal(const tm_wake *wake);
/* Makes it not readable, whatever number of signals there were. Never blocks. Any thread. */
void tm_wake_clear(const tm_wake *wake);
/* The descriptor to poll for reading. Owned by the wake. */
int tm_wake_fd(const tm_wake *wake);

#endif

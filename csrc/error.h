/* Error: a code and one English sentence, carried from where something went wrong to whoever reports it. */
#ifndef TM_ERROR_H
#define TM_ERROR_H

#include "mem.h"

#include <stdint.h>

/* Room for one sentence; longer ones are cut at a character. */
#define TM_ERROR_TEXT 512

typedef struct tm_error {
    int32_t code; /* 0: no error. A TIMResult (negative) or a TIMErrCode (positive) */
    char text[TM_ERROR_TEXT];
} tm_error;

/* Writes code and sentence and returns the code, so that a failure is one `return`. `err` may be NULL. */
int32_t tm_fail(tm_error *err, int32_t code, const char *format, ...) TM_PRINTF(3, 4);
/* The same for memory that ran out: ERR_OUT_OF_MEMORY. */
int32_t tm_fail_memory(tm_error *err);
/* Puts `prefix` ("message_elem_array[2].") before the sentence, which is how paths grow from the inside
 * out. */
void tm_error_prefix(tm_error *err, const char *prefix);

#endif

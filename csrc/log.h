/* Log: leveled lines to a file, the console and a callback. Message text and signatures go in at Verbose
 * only. */
#ifndef TM_LOG_H
#define TM_LOG_H

#include "error.h"
#include "include/TIMCloudDef.h"

#include <stdbool.h>

typedef struct tm_log tm_log;

/* Called on whatever thread logs, with the log's lock not held; must not block. `text` (one line, without
 * time and level) is borrowed until return. */
typedef void (*tm_log_sink)(void *userdata, enum TIMLogLevel level, const char *text);

/* `directory` (may be NULL: no file) is made if missing and gets a file timmsg.log (0600), to which lines
 * like "2026-01-02T03:04:05.678Z ERROR text" are appended. `sink` may be NULL. Levels start at Info, the
 * console off. Owned by the caller; NULL and ERR_IO_OPERATION_FAILED or ERR_OUT_OF_MEMORY on failure. */
tm_log *tm_log_new(const char *directory, tm_log_sink sink, void *userdata, tm_error *err);
/* NULL is fine. No other thread may be using the log. */
void tm_log_free(tm_log *log);
/* What goes where: lines of this level and above, kTIMLog_Off for nothing. The console (stderr) gets what the
 * file's level lets through. Any thread. */
void tm_log_set_levels(tm_log *log, enum TIMLogLevel file_level, enum TIMLogLevel sink_level, bool console);
/* Whether a line of this level would go anywhere. Any thread. */
bool tm_log_wants(const tm_log *log, enum TIMLogLevel level);
/* One line: control characters in it, newlines too, become spaces. A NULL log is silent. Leaves errno alone.
 * Any thread. */
void tm_log_write(tm_log *log, enum TIMLogLevel level, const char *format, ...) TM_PRINTF(3, 4);
/* The same; `quiet`: the sink does not get it. */
void tm_log_tell(tm_log *log, bool quiet, enum TIMLogLevel level, const char *format, ...) TM_PRINTF(4, 5);

#endif

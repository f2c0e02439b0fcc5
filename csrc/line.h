/* Line: the way of a test world's client to its backend. It passes on what is asked and answered, unless the test wants it
 * otherwise (fault.h): the next operation fails, begins late, or its answer is lost; or there is no way at all for a while,
 * and then operations wait as they do on a lost connection. */
#ifndef TM_LINE_H
#define TM_LINE_H

#include "backend.h"
#include "client.h"

/* As tm_backend_open, with a line before it. The world's thread. */
tm_backend *tm_line_open(const char *address, const tm_backend_host *host, tm_client *client, tm_error *err);

#endif

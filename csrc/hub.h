/* Hub: the embedded backend: a directory that any number of processes on one machine share. See hub.c. */
#ifndef TM_HUB_H
#define TM_HUB_H

#include "backend.h"

/* Opens (and if need be makes) a hub. NULL on failure. Worker thread. */
tm_backend *tm_hub_open(const char *directory, const tm_backend_host *host, tm_error *err);

#endif

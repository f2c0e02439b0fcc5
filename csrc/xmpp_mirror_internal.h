/* XMPP mirror internals: what its files share. */
#ifndef TM_XMPP_MIRROR_INTERNAL_H
#define TM_XMPP_MIRROR_INTERNAL_H

#include "xmpp_mirror.h"

#include <stdio.h>

struct tm_mirror {
    tm_sql *sql;
    char *path; /* owned */
};

/* The kind of a row that no item made. */
#define TM_MIRROR_MEMBERSHIP 100

/* When a letter is due that is kept for the case that its message shows in the archive. */
#define TM_LETTER_HELD INT64_MAX

#endif

/* Store internals: what the store's files share. */
#ifndef TM_STORE_INTERNAL_H
#define TM_STORE_INTERNAL_H

#include "store.h"

typedef struct tm_touched {
    int64_t conv;
    bool was_listed;
} tm_touched;

struct tm_store {
    tm_sql *sql;
    int lock;        /* descriptor of the locked file; -1: none */
    tm_world *world; /* borrowed; NULL: the system */
    char *locked;    /* in a test world: the database's name there; owned */
    char user[33];
    /* conversations that this transaction changes */
    tm_touched *touched;
    size_t touched_count, touched_size;
    size_t touched_mark; /* how many there were at the savepoint */
    /* the one that this transaction made the most active, and since when; 0: none */
    int64_t top_conv;
    uint64_t top_time;
};

/* The same by its row; conv->id 0: there is none. */
int32_t tm_store_conv_by_id(tm_store *store, int64_t id, tm_conv *conv, tm_error *err);

#endif

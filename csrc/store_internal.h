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
    char *path;      /* of the file, once it is open; owned; NULL in a test world */
    char *locked;    /* in a test world: the database's name there; owned */
    char user[33];
    /* conversations that this transaction changes */
    tm_touched *touched;
    size_t touched_count, touched_size;
    size_t touched_mark; /* how many there were at the savepoint */
    /* what this transaction need not ask or say again (tm_store_forget); 0: nothing */
    tm_conv recent;    /* the conversation that was looked up last, as it is now */
    int64_t top_conv;  /* the one that was made the most active, */
    uint64_t top_time; /* and since when */
};

/* For whoever begins a transaction, takes a part of it back, or changes a conversation's row by itself. */
void tm_store_forget(tm_store *store);

/* The same by its row; conv->id 0: there is none. */
int32_t tm_store_conv_by_id(tm_store *store, int64_t id, tm_conv *conv, tm_error *err);

#endif

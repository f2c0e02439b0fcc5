/* World internals: what the files of a test world share. See world.h. */
#ifndef TM_WORLD_INTERNAL_H
#define TM_WORLD_INTERNAL_H

#include "world.h"

typedef struct tm_database tm_database;

struct tm_world {
    int holders;
    uint64_t random; /* the state of splitmix64 */
    uint64_t start;  /* Unix seconds, when `ms` was START_MS */
    uint64_t ms;
    tm_actor *actors;       /* all of them */
    tm_actor *first, *last; /* those that have something to do */
    tm_actor *outside;      /* those that wait for what is to come from outside */
    tm_database *databases;
    char *directory;           /* of files; owned */
    struct tm_hub_bell *bells; /* those that can be rung: hub_bell.c's */
};

/* world_disk.c: frees the databases, removes the files. */
void tm_world_wipe(tm_world *world);

#endif

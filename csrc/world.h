/* World: what clients get from outside themselves: time, chance, a place for databases and files, a thread. To most of
 * them that is the system (world NULL). In a test world the clock stands still until it is moved, chance follows from a
 * seed, databases lie in memory, and nothing has a thread of its own: all that its clients do they do inside
 * tm_world_pump, one after the other. So what a test sees is the same each time. All else is the code
 * that everybody runs.
 *
 * A test world and its clients belong to one thread. It goes when its maker and all its clients have let go of it. */
#ifndef TM_WORLD_H
#define TM_WORLD_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tm_world tm_world;

/* A test world. `seconds`: the Unix time at which its clock stands. Held once, by the caller. NULL: memory. */
tm_world *tm_world_new(uint64_t seed, uint64_t seconds, tm_error *err);
tm_world *tm_world_hold(tm_world *world);
/* The last one to let go frees it, the databases and the files. NULL is fine. */
void tm_world_release(tm_world *world);

/* ---- what clients ask; NULL is the system, and then any thread may ---- */
/* As in clock.h. */
uint64_t tm_world_seconds(const tm_world *world);
uint64_t tm_world_ms(const tm_world *world);
/* 32 random bits, never 0. */
uint64_t tm_world_random(tm_world *world);

/* Sets the clock of a test world, as a user may: what waits goes on waiting as long as before. */
void tm_world_set_seconds(tm_world *world, uint64_t seconds);

/* ---- what clients ask of a test world ---- */
/* The name of a database there, for SQLite's memdb. It is kept until the world goes, whoever closes it. Owned by the
 * caller. */
char *tm_world_database(tm_world *world, const char *path, tm_error *err);
/* Takes a database for one holder. False: another has it. */
bool tm_world_lock(tm_world *world, const char *name);
void tm_world_unlock(tm_world *world, const char *name);
/* Where what is sent with messages lies: a directory of the system's. Whoever writes there makes it; the world removes it.
 * Borrowed. NULL: memory. */
char *tm_world_directory(tm_world *world, tm_error *err);
/* The first of the bells there: hub_bell.c's. */
struct tm_hub_bell **tm_world_bells(tm_world *world);

/* ---- its clients ---- */
typedef enum tm_turn {
    TM_TURN_IDLE,    /* there was nothing to do */
    TM_TURN_MOVED,   /* something was done: there may be more */
    TM_TURN_OUTSIDE, /* something is to come from outside the world */
} tm_turn;

/* Who works there. What follows `next` is the world's. */
typedef struct tm_actor {
    void *self;
    tm_turn (*turn)(void *self);           /* does what can be done now */
    void (*wait)(void *self);              /* waits a moment for what is to come from outside */
    uint64_t (*next)(void *self);          /* the time until which it waits (tm_world_ms); 0: for none */
    struct tm_actor *previous, *following; /* of all */
    struct tm_actor *behind;               /* in the queue that it is in */
    bool queued;
} tm_actor;

/* Borrowed until it leaves. */
void tm_world_join(tm_world *world, tm_actor *actor);
void tm_world_leave(tm_world *world, tm_actor *actor);
/* There is something to do for it: it gets its turn with the next pump. */
void tm_world_wake(tm_world *world, tm_actor *actor);

/* ---- what tests ask ---- */
/* Lets all work until nothing moves. */
void tm_world_pump(tm_world *world);
/* Moves the clock on to the next time that somebody waits for, but by `ms` at most, and pumps. Returns by how much it
 * moved: it is called again for the rest, with the host's callbacks in between. */
uint64_t tm_world_advance(tm_world *world, uint64_t ms);

#endif

/* Trouble: something of which one call fails, another one in each run. */
#ifndef TM_FAULTS_TROUBLE_H
#define TM_FAULTS_TROUBLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct trouble {
    const char *name;
    bool is_on_disk;   /* plays on a hub in a directory, with threads; else in a test world */
    atomic_long asked; /* calls of this run, from 1 */
    long fail_at;      /* which one fails; 0: none */
    atomic_long live;  /* allocators: blocks that are not freed yet; else what else may leak */
    atomic_bool failed;
    const char *what; /* what it was that failed; NULL: there is no more to say than the name */
} trouble;

/* While it is set calls are counted, and one may fail. */
extern atomic_bool trouble_is_on;
/* Counts a call. False: it is the one that fails. */
bool trouble_passes(trouble *of);

/* ---- memory.c ---- */
enum { MEMORY_TROUBLES = 4 };
extern trouble *const memory_troubles[MEMORY_TROUBLES];
/* Before SQLite and cJSON are used. */
void memory_hook_up(void);
/* As lua_newstate wants it. */
void *memory_for_lua(void *self, void *block, size_t before, size_t size);

/* ---- files.c ---- */
enum { FILE_TROUBLES = 5 };
extern trouble *const file_troubles[FILE_TROUBLES];
/* Before a database is opened. */
void files_hook_up(void);

/* ---- system.c ---- */
enum { SYSTEM_TROUBLES = 1 };
extern trouble *const system_troubles[SYSTEM_TROUBLES];
/* Counts open descriptors and threads as what is live. */
void system_count(void);

#endif

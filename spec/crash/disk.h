/* Disk: what of files and of their names a power loss would leave, and a death at a chosen operation.
 *
 * The library's own calls (disk_calls.c, linked in by --wrap) and SQLite's (disk_vfs.c) are done as ever and told to this
 * model. It knows what was synced, and what was written or named since. So at any moment it can write an image: a
 * directory as a power loss just then might leave it. What was synced is there. Of the rest none, all, or some is, by the
 * sector: out of order, and torn. A file's name lasts only once its directory was synced.
 *
 * A process of its own has one disk; functions may be called on any thread. Paths are absolute. */
#ifndef DISK_H
#define DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- death ---- */

typedef enum disk_kind { DISK_OPEN, DISK_WRITE, DISK_SYNC, DISK_NAME, DISK_LOCK, DISK_KINDS } disk_kind;
typedef enum disk_fate { DISK_LIVES, DISK_DIES_WITHIN, DISK_DIES_AFTER } disk_fate;

/* The process dies, as by kill -9, at its `count`-th operation from now on of one of `kinds` (bits): before it, within it
 * (of a write the first half is done) or after it, as `count` has it. 0: it lives. */
void disk_doom(unsigned kinds, uint64_t count);
/* The process dies when so many microseconds are over, whatever it does then. False: the system can't. */
bool disk_doom_after(uint64_t microseconds);
/* One more operation; whoever does not return from here has died before it. */
disk_fate disk_next(disk_kind kind);
/* The operation is done: dies, or passes `result` on. */
void disk_done(disk_fate fate);
/* All operations so far. */
uint64_t disk_count(void);

/* ---- what lasts ---- */

typedef struct disk_file disk_file;

typedef struct disk_options {
    const char *root;   /* what is below is recorded; what is there already lasts */
    const char *images; /* an existing directory: images go to <images>/<number>, from 1 */
    uint64_t seed;      /* what else decides */
    /* that there is an image of the moment before such an operation, or after a note */
    double chance_of_sync, chance_of_other, chance_of_note;
    int limit; /* images at most */
    double data,
        names; /* how much of what was not synced is in them all the same, 0 to 1; -1: now so, now so */
} disk_options;

/* Begins to record. False: the root can't be read. */
bool disk_record(const disk_options *options);
/* Ends that, and forgets; the number of images. */
int disk_stop(void);
/* Other chances from now on. */
void disk_set_chances(double of_sync, double of_other, double of_note);
/* Makes an image now, whatever the chances are; the number of images. */
int disk_snap(void);
/* From now on nothing is synced in truth, also when nothing is recorded: that only takes time. */
void disk_be_lazy(void);
bool disk_is_lazy(void);
/* From now on the system has another boot id. */
void disk_reboot(void);
/* A descriptor that the boot id can be read from. */
int disk_boot_id(void);
/* A line for all later images: <images>/<number>.notes has those up to its moment. */
void disk_note(const char *text);

/* Between these two stand an operation and its telling. `what`: for the image's notes; kind as in disk_next. enter: an image
 * may be made. False: nothing is recorded, and there is nothing to leave. */
bool disk_enter(disk_kind kind, const char *what);
void disk_leave(void);

/* The file or directory of that name now; NULL: there is none, or it is elsewhere. Borrowed until disk_stop. */
disk_file *disk_find(const char *path);
/* A new one has that name; NULL: it is elsewhere. */
disk_file *disk_create(const char *path, bool is_directory);
void disk_write(disk_file *file, uint64_t offset, const void *data, size_t length);
void disk_truncate(disk_file *file, uint64_t size);
void disk_sync(disk_file *file);
void disk_sync_parent(const char *path);
void disk_link(const char *from, const char *to);
void disk_unlink(const char *path);
void disk_rename(const char *from, const char *to);

/* Registers the VFS that tells all of it; SQLite uses it from then on. */
int disk_vfs_register(void);

#endif

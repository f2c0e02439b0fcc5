/* Disk's inside, for disk.c and disk_image.c: the model. Guarded by the lock that disk_enter takes. */
#ifndef DISK_INTERNAL_H
#define DISK_INTERNAL_H

#include "disk.h"

typedef struct disk_bytes {
    unsigned char *data; /* owned */
    uint64_t size, room;
} disk_bytes;

/* A write that was not synced yet, or a new size (`offset`). */
typedef struct disk_change {
    struct disk_change *next;
    uint64_t offset;
    size_t length;
    bool is_cut;
    unsigned char data[];
} disk_change;

struct disk_file {
    disk_file *next;
    bool is_directory;
    disk_bytes kept;           /* as it was when it was synced */
    disk_change *first, *last; /* since then */
};

typedef struct disk_name {
    struct disk_name *next;
    char *path; /* below the root, with a / before it; owned */
    disk_file *now, *kept,
        *left; /* now; once all is lost that was not synced; in the image that is being made */
} disk_name;

/* Up to two names that changed together, oldest first. */
typedef struct disk_renaming {
    struct disk_renaming *next;
    disk_name *names[2]; /* NULL: none, or its directory was synced */
    disk_file *files[2];
} disk_renaming;

typedef struct disk_state {
    char *root, *images;
    uint64_t random;
    double chance_of_sync, chance_of_other, chance_of_note, data, share_of_names;
    int limit, count;
    disk_file *files;
    disk_name *names;
    disk_renaming *renamings;
    disk_bytes notes;
} disk_state;

extern disk_state disk;

void *disk_memory(void *block);
double disk_random(void);
void disk_bytes_write(disk_bytes *bytes, uint64_t offset, const void *data, size_t length);
void disk_bytes_cut(disk_bytes *bytes, uint64_t size);
void disk_sync_directory(const char *path);
/* Writes an image of this moment. */
void disk_image(const char *what);

#endif

/* Disk image: writes what a power loss might leave. See disk.h. */
#include "disk_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The system's: mkdir here would be recorded. */
int __real_mkdir(const char *path, mode_t mode);

/* What a disk writes whole. */
#define SECTOR 512

/* How much of what was not synced is there all the same; and of those sectors, how many are torn. */
typedef struct loss {
    double data, names, torn;
} loss;

static const double shares[] = {0, 0, 0.5, 0.9, 1};

static double share(double given)
{
    return given >= 0 ? given : shares[(size_t)(disk_random() * (double)(sizeof shares / sizeof *shares))];
}

static void keep_sector(disk_bytes *bytes, const disk_change *change, uint64_t from, size_t length,
                        const loss *how)
{
    unsigned char sector[SECTOR];
    memcpy(sector, change->data + (from - change->offset), length);
    if (disk_random() < how->torn)
        for (size_t i = (size_t)(disk_random() * (double)length); i < length; i++)
            sector[i] = (unsigned char)(disk_random() * 256);
    disk_bytes_write(bytes, from, sector, length);
}

static void keep_some(disk_bytes *bytes, const disk_change *change, const loss *how)
{
    if (change->is_cut) {
        if (disk_random() < how->data) disk_bytes_cut(bytes, change->offset);
        return;
    }
    uint64_t end = change->offset + change->length;
    for (uint64_t from = change->offset, to; from < end; from = to) {
        to = (from / SECTOR + 1) * SECTOR;
        if (to > end) to = end;
        if (disk_random() < how->data) keep_sector(bytes, change, from, (size_t)(to - from), how);
    }
}

static void write_bytes(const char *path, const disk_bytes *bytes)
{
    FILE *file = disk_memory(fopen(path, "wb"));
    if (bytes->size && fwrite(bytes->data, 1, bytes->size, file) != bytes->size) abort();
    if (fclose(file) != 0) abort();
}

static void write_file(const char *path, const disk_file *file, const loss *how)
{
    disk_bytes bytes = {0};
    if (file->kept.size) disk_bytes_write(&bytes, 0, file->kept.data, file->kept.size);
    for (const disk_change *change = file->first; change; change = change->next)
        keep_some(&bytes, change, how);
    write_bytes(path, &bytes);
    chmod(path, 0600);
    free(bytes.data);
}

static int by_path(const void *one, const void *other)
{
    return strcmp((*(disk_name *const *)one)->path, (*(disk_name *const *)other)->path);
}

void disk_image(const char *what)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%d", disk.images, ++disk.count);
    loss how = {.data = share(disk.data),
                .names = share(disk.share_of_names),
                .torn = disk_random() < 0.5 ? 0 : 0.02};
    size_t count = 0;
    for (disk_name *name = disk.names; name; name = name->next) {
        name->left = name->kept;
        count++;
    }
    for (const disk_renaming *renaming = disk.renamings; renaming; renaming = renaming->next) {
        if (disk_random() >= how.names) continue;
        for (int i = 0; i < 2; i++)
            if (renaming->names[i]) renaming->names[i]->left = renaming->files[i];
    }
    disk_name **sorted = disk_memory(malloc((count + 1) * sizeof(disk_name *)));
    count = 0;
    for (disk_name *name = disk.names; name; name = name->next)
        if (name->left) sorted[count++] = name;
    qsort(sorted, count, sizeof *sorted, by_path);
    __real_mkdir(path, 0700);
    for (size_t i = 0; i < count; i++) {
        struct stat parent;
        snprintf(path + length, sizeof path - (size_t)length, "%s", sorted[i]->path);
        char *slash = strrchr(path, '/');
        *slash = '\0';
        bool is_there = stat(path, &parent) == 0; /* else it went with its directory */
        *slash = '/';
        if (!is_there) continue;
        if (sorted[i]->left->is_directory)
            __real_mkdir(path, 0700);
        else
            write_file(path, sorted[i]->left, &how);
    }
    free(sorted);
    snprintf(path + length, sizeof path - (size_t)length, ".notes");
    write_bytes(path, &disk.notes);
    snprintf(path + length, sizeof path - (size_t)length, ".moment");
    FILE *file = disk_memory(fopen(path, "w"));
    fprintf(file, "before %s; %g of the data, %g of the names, %g torn\n", what, how.data, how.names,
            how.torn);
    fclose(file);
}

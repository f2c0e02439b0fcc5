/* Disk: see disk.h. Here: the recording of what is written and named. Images are in disk_image.c. */
#include "disk_internal.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

disk_state disk;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool recording;

/* Without memory there is no test. */
void *disk_memory(void *block)
{
    if (!block) abort();
    return block;
}

double disk_random(void)
{
    disk.random ^= disk.random << 13;
    disk.random ^= disk.random >> 7;
    disk.random ^= disk.random << 17;
    return (double)(disk.random >> 11) / (double)(UINT64_C(1) << 53);
}

static disk_name *name_of(const char *path, bool make)
{
    size_t length = strlen(disk.root);
    if (strncmp(path, disk.root, length) != 0 || path[length] != '/') return NULL;
    path += length;
    for (disk_name *name = disk.names; name; name = name->next)
        if (strcmp(name->path, path) == 0) return name;
    if (!make) return NULL;
    disk_name *name = disk_memory(calloc(1, sizeof *name));
    name->path = disk_memory(strdup(path));
    name->next = disk.names;
    disk.names = name;
    return name;
}

disk_file *disk_find(const char *path)
{
    disk_name *name = name_of(path, false);
    return name ? name->now : NULL;
}

static disk_file *new_file(bool is_directory)
{
    disk_file *file = disk_memory(calloc(1, sizeof *file));
    file->is_directory = is_directory;
    file->next = disk.files;
    disk.files = file;
    return file;
}

/* Names change now, and will have changed once their directories are synced: all of it, or nothing. */
static void rename_names(disk_name *const names[2], disk_file *const files[2])
{
    disk_renaming *renaming = disk_memory(calloc(1, sizeof *renaming));
    for (int i = 0; i < 2; i++) {
        if (!names[i]) continue;
        names[i]->now = files[i];
        renaming->names[i] = names[i];
        renaming->files[i] = files[i];
    }
    disk_renaming **end = &disk.renamings;
    while (*end)
        end = &(*end)->next;
    *end = renaming;
}

disk_file *disk_create(const char *path, bool is_directory)
{
    disk_name *name = name_of(path, true);
    if (!name) return NULL;
    disk_file *file = new_file(is_directory);
    rename_names((disk_name *[2]){name, NULL}, (disk_file *[2]){file, NULL});
    return file;
}

void disk_link(const char *from, const char *to)
{
    rename_names((disk_name *[2]){name_of(to, true), NULL}, (disk_file *[2]){disk_find(from), NULL});
}

void disk_unlink(const char *path)
{
    rename_names((disk_name *[2]){name_of(path, false), NULL}, (disk_file *[2]){NULL, NULL});
}

void disk_rename(const char *from, const char *to)
{
    disk_file *file = disk_find(from);
    rename_names((disk_name *[2]){name_of(to, true), name_of(from, false)}, (disk_file *[2]){file, NULL});
}

static disk_change *add_change(disk_file *file, uint64_t offset, size_t length)
{
    disk_change *change = disk_memory(malloc(sizeof *change + length));
    *change = (disk_change){.offset = offset, .length = length};
    if (file->last)
        file->last->next = change;
    else
        file->first = change;
    file->last = change;
    return change;
}

void disk_write(disk_file *file, uint64_t offset, const void *data, size_t length)
{
    if (file && length) memcpy(add_change(file, offset, length)->data, data, length);
}

void disk_truncate(disk_file *file, uint64_t size)
{
    if (file) add_change(file, size, 0)->is_cut = true;
}

void disk_bytes_write(disk_bytes *bytes, uint64_t offset, const void *data, size_t length)
{
    uint64_t end = offset + length;
    if (end > bytes->room) {
        bytes->room = end * 2;
        bytes->data = disk_memory(realloc(bytes->data, bytes->room));
    }
    if (end > bytes->size) {
        memset(bytes->data + bytes->size, 0, end - bytes->size);
        bytes->size = end;
    }
    memcpy(bytes->data + offset, data, length);
}

void disk_bytes_cut(disk_bytes *bytes, uint64_t size)
{
    if (size < bytes->size)
        bytes->size = size;
    else if (size > bytes->size)
        disk_bytes_write(bytes, size - 1, "", 1);
}

void disk_sync(disk_file *file)
{
    if (!file) return;
    for (disk_change *change = file->first, *next; change; change = next) {
        next = change->next;
        if (change->is_cut)
            disk_bytes_cut(&file->kept, change->offset);
        else
            disk_bytes_write(&file->kept, change->offset, change->data, change->length);
        free(change);
    }
    file->first = file->last = NULL;
}

void disk_sync_directory(const char *path)
{
    size_t length = strlen(path), root = strlen(disk.root);
    if (strncmp(path, disk.root, root) != 0 || (path[root] && path[root] != '/')) return;
    path += root;
    length -= root;
    for (disk_renaming **at = &disk.renamings, *renaming; (renaming = *at);) {
        for (int i = 0; i < 2; i++) {
            disk_name *name = renaming->names[i];
            if (!name || strncmp(name->path, path, length) != 0 || name->path[length] != '/' ||
                strchr(name->path + length + 1, '/'))
                continue;
            name->kept = renaming->files[i];
            renaming->names[i] = NULL;
        }
        if (renaming->names[0] || renaming->names[1]) {
            at = &renaming->next;
        } else {
            *at = renaming->next;
            free(renaming);
        }
    }
}

void disk_sync_parent(const char *path)
{
    char *parent = disk_memory(strdup(path));
    *strrchr(parent, '/') = '\0';
    disk_sync_directory(parent);
    free(parent);
}

/* ---- beginning and ending ---- */

static int take_in(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)where;
    disk_name *name = name_of(path, true);
    if (!name || (type != FTW_F && type != FTW_D)) return 0; /* the root itself; a socket of a dead process */
    if (type == FTW_F && !S_ISREG(info->st_mode)) return 0;
    disk_file *file = name->now = name->kept = new_file(type == FTW_D);
    if (type == FTW_D) return 0;
    FILE *from = fopen(path, "rb");
    if (!from) return -1;
    char buffer[16384];
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, from)) > 0;)
        disk_bytes_write(&file->kept, file->kept.size, buffer, got);
    fclose(from);
    return 0;
}

bool disk_record(const disk_options *options)
{
    disk_stop();
    disk.root = disk_memory(strdup(options->root));
    disk.images = disk_memory(strdup(options->images));
    disk.random = options->seed * UINT64_C(2654435761) + 88172645463325252u;
    disk.chance_of_sync = options->chance_of_sync;
    disk.chance_of_other = options->chance_of_other;
    disk.chance_of_note = options->chance_of_note;
    disk.limit = options->limit;
    disk.data = options->data;
    disk.share_of_names = options->names;
    if (nftw(disk.root, take_in, 16, FTW_PHYS) != 0) return false;
    atomic_store(&recording, true);
    return true;
}

int disk_stop(void)
{
    pthread_mutex_lock(&lock);
    atomic_store(&recording, false);
    int count = disk.count;
    for (disk_file *file = disk.files, *next; file; file = next) {
        next = file->next;
        disk_sync(file);
        free(file->kept.data);
        free(file);
    }
    for (disk_name *name = disk.names, *next; name; name = next) {
        next = name->next;
        free(name->path);
        free(name);
    }
    for (disk_renaming *renaming = disk.renamings, *next; renaming; renaming = next) {
        next = renaming->next;
        free(renaming);
    }
    free(disk.root);
    free(disk.images);
    free(disk.notes.data);
    memset(&disk, 0, sizeof disk);
    pthread_mutex_unlock(&lock);
    return count;
}

void disk_set_chances(double of_sync, double of_other, double of_note)
{
    pthread_mutex_lock(&lock);
    disk.chance_of_sync = of_sync;
    disk.chance_of_other = of_other;
    disk.chance_of_note = of_note;
    pthread_mutex_unlock(&lock);
}

int disk_snap(void)
{
    pthread_mutex_lock(&lock);
    if (atomic_load(&recording)) disk_image("nothing");
    int count = disk.count;
    pthread_mutex_unlock(&lock);
    return count;
}

void disk_note(const char *text)
{
    pthread_mutex_lock(&lock);
    disk_bytes_write(&disk.notes, disk.notes.size, text, strlen(text));
    disk_bytes_write(&disk.notes, disk.notes.size, "\n", 1);
    if (disk.count < disk.limit && disk_random() < disk.chance_of_note) disk_image("nothing");
    pthread_mutex_unlock(&lock);
}

bool disk_enter(disk_kind kind, const char *what)
{
    if (!atomic_load(&recording)) return false;
    pthread_mutex_lock(&lock);
    if (!atomic_load(&recording)) {
        pthread_mutex_unlock(&lock);
        return false;
    }
    double chance = kind == DISK_SYNC ? disk.chance_of_sync : disk.chance_of_other;
    if (disk.count < disk.limit && disk_random() < chance) disk_image(what);
    return true;
}

void disk_leave(void)
{
    pthread_mutex_unlock(&lock);
}

/* Disk VFS: SQLite's own, with each change of a file told to the disk (disk.h). See there. */
#include "disk.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct vfs_file {
    sqlite3_file base;
    disk_file *file;   /* borrowed; NULL: nothing is recorded */
    const char *path;  /* SQLite's; NULL: a temporary file, which nobody misses */
    bool syncs_parent; /* as the VFS below does, with its first sync of a journal */
    sqlite3_file *below;
} vfs_file;

static sqlite3_vfs *below_of(sqlite3_vfs *vfs)
{
    return vfs->pAppData;
}

static vfs_file *self_of(sqlite3_file *file)
{
    return (vfs_file *)file;
}

static sqlite3_file *below(sqlite3_file *file)
{
    return self_of(file)->below;
}

static int vfs_close(sqlite3_file *file)
{
    return below(file)->pMethods->xClose(below(file));
}

static int vfs_read(sqlite3_file *file, void *data, int length, sqlite3_int64 offset)
{
    return below(file)->pMethods->xRead(below(file), data, length, offset);
}

static int vfs_write(sqlite3_file *file, const void *data, int length, sqlite3_int64 offset)
{
    vfs_file *self = self_of(file);
    if (!self->path) return self->below->pMethods->xWrite(self->below, data, length, offset);
    disk_fate fate = disk_next(DISK_WRITE);
    bool entered = disk_enter(DISK_WRITE, self->path);
    int code = self->below->pMethods->xWrite(self->below, data,
                                             fate == DISK_DIES_WITHIN ? length / 2 : length, offset);
    if (entered && code == SQLITE_OK) disk_write(self->file, (uint64_t)offset, data, (size_t)length);
    if (entered) disk_leave();
    disk_done(fate);
    return code;
}

static int vfs_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    vfs_file *self = self_of(file);
    if (!self->path) return self->below->pMethods->xTruncate(self->below, size);
    disk_fate fate = disk_next(DISK_WRITE);
    bool entered = disk_enter(DISK_WRITE, self->path);
    int code = self->below->pMethods->xTruncate(self->below, size);
    if (entered && code == SQLITE_OK) disk_truncate(self->file, (uint64_t)size);
    if (entered) disk_leave();
    disk_done(fate);
    return code;
}

static int vfs_sync(sqlite3_file *file, int flags)
{
    vfs_file *self = self_of(file);
    if (!self->path) return self->below->pMethods->xSync(self->below, flags);
    disk_fate fate = disk_next(DISK_SYNC);
    int code = SQLITE_OK;
    if (disk_enter(DISK_SYNC, self->path)) {
        disk_sync(self->file);
        if (self->syncs_parent) disk_sync_parent(self->path);
        self->syncs_parent = false;
        disk_leave();
    } else if (!disk_is_lazy()) {
        code = self->below->pMethods->xSync(self->below, flags);
    }
    disk_done(fate);
    return code;
}

static int vfs_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return below(file)->pMethods->xFileSize(below(file), size);
}

static int vfs_lock(sqlite3_file *file, int level)
{
    disk_done(disk_next(DISK_LOCK));
    return below(file)->pMethods->xLock(below(file), level);
}

static int vfs_unlock(sqlite3_file *file, int level)
{
    disk_done(disk_next(DISK_LOCK));
    return below(file)->pMethods->xUnlock(below(file), level);
}

static int vfs_check_lock(sqlite3_file *file, int *held)
{
    return below(file)->pMethods->xCheckReservedLock(below(file), held);
}

/* Checkpoints come as often as SQLite itself would have them, not as seldom as the library: there are to be some. */
static int vfs_control(sqlite3_file *file, int what, void *argument)
{
    char **pragma = what == SQLITE_FCNTL_PRAGMA ? argument : NULL;
    if (pragma && strcmp(pragma[1], "wal_autocheckpoint") == 0) return SQLITE_OK;
    return below(file)->pMethods->xFileControl(below(file), what, argument);
}

static int vfs_sector_size(sqlite3_file *file)
{
    return below(file)->pMethods->xSectorSize(below(file));
}

static int vfs_characteristics(sqlite3_file *file)
{
    return below(file)->pMethods->xDeviceCharacteristics(below(file));
}

static int vfs_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **memory)
{
    return below(file)->pMethods->xShmMap(below(file), page, size, extend, memory);
}

static int vfs_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    disk_fate fate = disk_next(DISK_LOCK);
    int code = below(file)->pMethods->xShmLock(below(file), offset, count, flags);
    disk_done(fate);
    return code;
}

static void vfs_shm_barrier(sqlite3_file *file)
{
    disk_fate fate = disk_next(DISK_LOCK);
    below(file)->pMethods->xShmBarrier(below(file));
    disk_done(fate);
}

static int vfs_shm_unmap(sqlite3_file *file, int is_delete)
{
    return below(file)->pMethods->xShmUnmap(below(file), is_delete);
}

/* Version 2: no memory-mapped pages, which nobody could tell of. */
static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = vfs_close,
                                           .xRead = vfs_read,
                                           .xWrite = vfs_write,
                                           .xTruncate = vfs_truncate,
                                           .xSync = vfs_sync,
                                           .xFileSize = vfs_size,
                                           .xLock = vfs_lock,
                                           .xUnlock = vfs_unlock,
                                           .xCheckReservedLock = vfs_check_lock,
                                           .xFileControl = vfs_control,
                                           .xSectorSize = vfs_sector_size,
                                           .xDeviceCharacteristics = vfs_characteristics,
                                           .xShmMap = vfs_shm_map,
                                           .xShmLock = vfs_shm_lock,
                                           .xShmBarrier = vfs_shm_barrier,
                                           .xShmUnmap = vfs_shm_unmap};

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *out_flags)
{
    vfs_file *self = self_of(file);
    bool is_journal = flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL);
    bool counts = path && (is_journal || flags & SQLITE_OPEN_MAIN_DB);
    disk_fate fate = counts ? disk_next(DISK_OPEN) : DISK_LIVES;
    bool entered = counts && disk_enter(DISK_OPEN, path);
    bool is_new = entered && access(path, F_OK) != 0;
    *self = (vfs_file){.path = counts ? path : NULL, .below = (sqlite3_file *)(void *)(self + 1)};
    int code = below_of(vfs)->xOpen(below_of(vfs), path, self->below, flags, out_flags);
    if (code == SQLITE_OK && entered) {
        self->file = is_new ? disk_create(path, false) : disk_find(path);
        self->syncs_parent = is_journal && flags & SQLITE_OPEN_CREATE;
    }
    if (self->below->pMethods) self->base.pMethods = &methods;
    if (entered) disk_leave();
    disk_done(fate);
    return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync_parent)
{
    disk_fate fate = disk_next(DISK_NAME);
    bool entered = disk_enter(DISK_NAME, path);
    int code = below_of(vfs)->xDelete(below_of(vfs), path, sync_parent);
    if (entered && code == SQLITE_OK) {
        disk_unlink(path);
        if (sync_parent) disk_sync_parent(path);
    }
    if (entered) disk_leave();
    disk_done(fate);
    return code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *result)
{
    return below_of(vfs)->xAccess(below_of(vfs), path, flags, result);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
    return below_of(vfs)->xFullPathname(below_of(vfs), path, size, out);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *out)
{
    return below_of(vfs)->xRandomness(below_of(vfs), size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
    return below_of(vfs)->xSleep(below_of(vfs), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
    return below_of(vfs)->xCurrentTime(below_of(vfs), now);
}

static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *now)
{
    return below_of(vfs)->xCurrentTimeInt64(below_of(vfs), now);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
    return below_of(vfs)->xGetLastError(below_of(vfs), size, out);
}

int disk_vfs_register(void)
{
    static sqlite3_vfs vfs = {.iVersion = 2,
                              .zName = "disk",
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_path,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time,
                              .xGetLastError = vfs_last_error,
                              .xCurrentTimeInt64 = vfs_time64};
    if (vfs.pAppData) return SQLITE_OK;
    sqlite3_vfs *system = sqlite3_vfs_find("unix");
    if (!system) return SQLITE_ERROR;
    vfs.pAppData = system;
    vfs.szOsFile = (int)sizeof(vfs_file) + system->szOsFile;
    vfs.mxPathname = system->mxPathname;
    return sqlite3_vfs_register(&vfs, 1);
}

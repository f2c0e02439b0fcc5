/* Files: what SQLite asks of its files, of which one call fails: locking with BUSY, writing with FULL, anything with IOERR,
 * reading with CORRUPT, opening with CANTOPEN. It stands before SQLite's memdb, where test worlds have their databases. See
 * trouble.h. */
#include "trouble.h"

#include <sqlite3.h>
#include <string.h>

static trouble busy = {.name = "busy"}, full = {.name = "full"}, ioerr = {.name = "ioerr"},
               corrupt = {.name = "corrupt"}, cantopen = {.name = "cantopen"};
trouble *const file_troubles[FILE_TROUBLES] = {&busy, &full, &ioerr, &corrupt, &cantopen};

static sqlite3_vfs *real, shim;
static sqlite3_io_methods methods;

/* A file of memdb, and what that is without us. */
typedef struct file {
    sqlite3_file base;
    sqlite3_file *real; /* lies behind */
} file;

static sqlite3_file *real_of(sqlite3_file *base)
{
    return ((file *)(void *)base)->real;
}

/* SQLITE_OK, or what a call of that kind fails with. */
static int fate(trouble *special, int code)
{
    if (special && !trouble_passes(special)) return code;
    return trouble_passes(&ioerr) ? SQLITE_OK : SQLITE_IOERR;
}

static int close_file(sqlite3_file *base)
{
    return real_of(base)->pMethods->xClose(real_of(base));
}

static int read_file(sqlite3_file *base, void *to, int count, sqlite3_int64 at)
{
    int code = fate(&corrupt, SQLITE_CORRUPT);
    return code ? code : real_of(base)->pMethods->xRead(real_of(base), to, count, at);
}

static int write_file(sqlite3_file *base, const void *from, int count, sqlite3_int64 at)
{
    int code = fate(&full, SQLITE_FULL);
    return code ? code : real_of(base)->pMethods->xWrite(real_of(base), from, count, at);
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    int code = fate(NULL, 0);
    return code ? code : real_of(base)->pMethods->xTruncate(real_of(base), size);
}

static int sync_file(sqlite3_file *base, int flags)
{
    int code = fate(&full, SQLITE_FULL);
    return code ? code : real_of(base)->pMethods->xSync(real_of(base), flags);
}

static int size_file(sqlite3_file *base, sqlite3_int64 *size)
{
    int code = fate(NULL, 0);
    return code ? code : real_of(base)->pMethods->xFileSize(real_of(base), size);
}

static int lock_file(sqlite3_file *base, int lock)
{
    int code = fate(&busy, SQLITE_BUSY);
    return code ? code : real_of(base)->pMethods->xLock(real_of(base), lock);
}

static int unlock_file(sqlite3_file *base, int lock)
{
    return real_of(base)->pMethods->xUnlock(real_of(base), lock);
}

static int check_lock(sqlite3_file *base, int *held)
{
    return real_of(base)->pMethods->xCheckReservedLock
               ? real_of(base)->pMethods->xCheckReservedLock(real_of(base), held)
               : 0;
}

static int control_file(sqlite3_file *base, int what, void *argument)
{
    return real_of(base)->pMethods->xFileControl(real_of(base), what, argument);
}

static int sector_size(sqlite3_file *base)
{
    return real_of(base)->pMethods->xSectorSize ? real_of(base)->pMethods->xSectorSize(real_of(base)) : 0;
}

static int characteristics(sqlite3_file *base)
{
    return real_of(base)->pMethods->xDeviceCharacteristics(real_of(base));
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
    file *of = (file *)(void *)base;
    (void)vfs;
    memset(of, 0, sizeof *of);
    if (!trouble_passes(&cantopen)) return SQLITE_CANTOPEN;
    of->real = (sqlite3_file *)(void *)(of + 1);
    int code = real->xOpen(real, name, of->real, flags, out_flags);
    if (of->real->pMethods) base->pMethods = &methods;
    return code;
}

void files_hook_up(void)
{
    real = sqlite3_vfs_find("memdb");
    shim = *real;
    shim.szOsFile = (int)sizeof(file) + real->szOsFile;
    shim.xOpen = open_file;
    /* version 1: no mapping of files, so that all is read and written */
    methods = (sqlite3_io_methods){
        1,         close_file,  read_file,  write_file,   truncate_file, sync_file,       size_file,
        lock_file, unlock_file, check_lock, control_file, sector_size,   characteristics, NULL,
        NULL,      NULL,        NULL,       NULL,         NULL};
    sqlite3_vfs_unregister(real);
    sqlite3_vfs_register(&shim, 0);
}

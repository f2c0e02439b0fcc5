/* Part file: a file on its way to its name, and the side-car that lets another attempt go on with it. See
 * media_internal.h.
 *
 * The side-car holds five lines: a mark, the key (what is moved), the validator, the total, and which run of the system
 * wrote it: of a part that another run left, after a power cut say, nobody knows which pages came to the disk. Part files
 * are made 0600 and keep that when renamed: what comes from chats is private, and the umask cannot be read
 * without changing it for every thread of the host. */
#include "media_internal.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha256.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIDECAR_MARK "timmsg-part 2"
#define BOOT_ID 64
#define SIDECAR_MAX (64 * 1024)
/* So much is left to the system before the disk is told to begin with it. */
#define WRITE_BEHIND (8 * 1024 * 1024)
/* Longer base names are shortened: with what is put around it, the name must fit where file names are limited
 * to 255 bytes, or to 143 as on some encrypted file systems. */
#define BASE_MAX 100
#define BASE_KEPT 80

static int32_t failed(tm_error *err, const char *path)
{
    return tm_path_fail(err, ERR_IO_OPERATION_FAILED, path, errno);
}

/* "<directory>/.<base>.timmsg-part", and its side-car's name. */
static int32_t make_names(tm_part *part, const char *path, tm_error *err)
{
    const char *base = tm_path_base(path);
    size_t length = strlen(base), kept = length;
    char digest[TM_MEDIA_HASH] = "";
    if (length > BASE_MAX) {
        /* Names that begin alike must still differ. */
        SHA256Data((const uint8_t *)base, length, digest);
        digest[16] = '\0';
        kept = BASE_KEPT;
        while (kept > 0 && ((unsigned char)base[kept] & 0xc0) == 0x80)
            kept--;
    }
    part->name = tm_format("%.*s.%.*s%s%s.timmsg-part", (int)(base - path), path, (int)kept, base,
                           *digest ? "~" : "", digest);
    if (part->name) part->meta = tm_format("%s.meta", part->name);
    return part->meta ? 0 : tm_fail_memory(err);
}

/* What a rename would find out only after all the work. */
static int32_t check_target(const char *path, tm_error *err)
{
    struct stat info;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            errno = EISDIR;
        else
            return 0;
    } else if (errno == ENOENT || errno == ELOOP) {
        if (*tm_path_base(path)) return 0; /* a rename replaces links, whether they lead anywhere or not */
    }
    return failed(err, path);
}

/* Whether the file is this user's, and nobody else can open it. */
static bool is_private(const struct stat *info)
{
    return info->st_uid == geteuid() && (info->st_mode & 077) == 0;
}

/* Opens and locks. Another transfer may rename or remove the file between our open and our lock; then what we
 * hold is not the part file any more, perhaps it is somebody's finished download, and we try again.
 *
 * A file that others made, or may open, gives way to a new one: they would have what is written into it, and have a say in
 * what it holds. The new one is right whatever its owner and mode say: not all file systems know any. */
static int32_t open_locked(tm_part *part, const char *path, tm_error *err)
{
    for (bool is_new = false;;) {
        struct stat held, named;
        part->fd = open(part->name,
                        O_RDWR | O_CREAT | (is_new ? O_EXCL : 0) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
        if (part->fd < 0 && errno == EACCES && !is_new && unlink(part->name) == 0) {
            is_new = true; /* one that is closed to us gives way too */
            continue;
        }
        if (part->fd < 0) return failed(err, path);
        if (flock(part->fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno != EWOULDBLOCK) return failed(err, part->name);
            return tm_fail(err, ERR_IO_OPERATION_FAILED, "%s: another transfer is writing this file", path);
        }
        if (fstat(part->fd, &held) != 0) return failed(err, part->name);
        bool same =
            lstat(part->name, &named) == 0 && named.st_dev == held.st_dev && named.st_ino == held.st_ino;
        bool plain = S_ISREG(held.st_mode) && held.st_nlink == 1;
        if (same && plain && (is_new || is_private(&held))) {
            part->size = (uint64_t)held.st_size;
            return 0;
        }
        if (same && (!plain || unlink(part->name) != 0))
            return tm_fail(err, ERR_IO_OPERATION_FAILED, "%s: not a file of ours", part->name);
        is_new = same;
        close(part->fd);
        part->fd = -1;
    }
}

static char *read_sidecar(const char *meta)
{
    struct stat info;
    char *text = NULL;
    int fd = open(meta, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && is_private(&info) && info.st_size <= SIDECAR_MAX) {
        size_t size = (size_t)info.st_size;
        text = tm_malloc(size + 1);
        ssize_t n = text ? read(fd, text, size) : -1;
        if (n >= 0) {
            text[n] = '\0';
        } else {
            tm_free(text);
            text = NULL;
        }
    }
    close(fd);
    return text;
}

/* Cuts the line at `*rest` off and moves on; NULL if there is no whole line. */
static char *take_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (!end) return NULL;
    *end = '\0';
    *rest = end + 1;
    return line;
}

/* What tells this run of the system from others; "" where there is no such thing. */
static void read_boot_id(char id[BOOT_ID])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, id, BOOT_ID - 1) : 0;
    id[n > 0 ? n : 0] = '\0';
    id[strcspn(id, "\n")] = '\0';
    if (fd >= 0) close(fd);
}

/* Whether the side-car says that the part holds a beginning of what `key` names. Fills in total and
 * validator. */
static bool load_sidecar(tm_part *part, const char *key)
{
    char *text = read_sidecar(part->meta), *rest = text, *line, *end, boot[BOOT_ID];
    bool good = false;
    if (!text) return false;
    if (!(line = take_line(&rest)) || strcmp(line, SIDECAR_MARK) != 0) goto out;
    if (!(line = take_line(&rest)) || strcmp(line, key) != 0) goto out;
    if (!(line = take_line(&rest)) || !*line || strlen(line) > TM_PART_VALIDATOR) goto out;
    strcpy(part->validator, line);
    if (!(line = take_line(&rest)) || *line < '0' || *line > '9') goto out;
    part->total = strtoull(line, &end, 10);
    if (*end || (part->total && part->size > part->total)) goto out;
    read_boot_id(boot);
    good = (line = take_line(&rest)) && strcmp(line, boot) == 0;
out:
    tm_free(text);
    return good;
}

int32_t tm_part_open(tm_part *part, const char *path, const char *key, tm_error *err)
{
    int32_t code = check_target(path, err);
    if (code) return code;
    code = make_names(part, path, err);
    if (code == 0) code = open_locked(part, path, err);
    if (code) {
        /* Not tm_part_close: the file may be another transfer's, it must stay. */
        if (part->fd >= 0) close(part->fd);
        tm_free(part->name);
        tm_free(part->meta);
        *part = (tm_part){.fd = -1};
        return code;
    }
    if (part->size == 0 || !load_sidecar(part, key)) {
        code = tm_part_reset(part, err);
        if (code) tm_part_close(part, false);
        return code;
    }
    /* A part that is whole was broken off before its rename. To ask for its last byte again is the only
     * question that tells whether it is still what the server has. */
    if (part->size == part->total) part->size--;
    return 0;
}

/* Removes what processes that died have left in the directory: nobody holds the lock. */
static void remove_abandoned(const char *directory)
{
    DIR *list = opendir(directory);
    for (struct dirent *entry; list && (entry = readdir(list));) {
        struct stat info;
        int fd = *entry->d_name == '.' ? -1
                                       : openat(dirfd(list), entry->d_name,
                                                O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) continue;
        if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
            unlinkat(dirfd(list), entry->d_name, 0);
        close(fd);
    }
    if (list) closedir(list);
}

int32_t tm_part_open_temporary(tm_part *part, const char *directory, tm_error *err)
{
    char *name = tm_path_join(directory, "XXXXXX");
    if (!name) return tm_fail_memory(err);
    remove_abandoned(directory);
    for (;;) {
        struct stat held;
        strcpy(name + strlen(name) - 6, "XXXXXX");
        int fd = mkostemp(name, O_CLOEXEC);
        if (fd < 0) break;
        /* until it is locked, others may take it for abandoned */
        bool locked = flock(fd, LOCK_EX | LOCK_NB) == 0, busy = !locked && errno == EWOULDBLOCK;
        if (locked && fstat(fd, &held) == 0 && held.st_nlink == 1) {
            part->name = name;
            part->fd = fd;
            return 0;
        }
        int number = errno;
        if (!locked && !busy) unlink(name);
        close(fd);
        errno = number;
        if (!locked && !busy) break;
    }
    int32_t code = failed(err, name);
    tm_free(name);
    return code;
}

int32_t tm_part_reset(tm_part *part, tm_error *err)
{
    struct stat info;
    part->size = part->total = 0;
    part->validator[0] = '\0';
    if (part->meta && unlink(part->meta) != 0 && errno != ENOENT) return failed(err, part->meta);
    if (fstat(part->fd, &info) != 0) return failed(err, part->name);
    if (info.st_size == 0) return 0;
    /* Synced so that after a power loss old bytes cannot stand beside the side-car of new ones. */
    if (ftruncate(part->fd, 0) != 0 || fsync(part->fd) != 0) return failed(err, part->name);
    return 0;
}

int32_t tm_part_save(tm_part *part, const char *key, const char *validator, uint64_t total, tm_error *err)
{
    int32_t code = 0;
    char boot[BOOT_ID];
    if (!*validator || strlen(validator) > TM_PART_VALIDATOR) return 0;
    read_boot_id(boot);
    char *text = tm_format(SIDECAR_MARK "\n%s\n%s\n%" PRIu64 "\n%s\n", key, validator, total, boot);
    if (!text) return tm_fail_memory(err);
    size_t length = strlen(text);
    unlink(part->meta); /* what others may have put there since the part was opened */
    int fd = open(part->meta, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        code = failed(err, part->meta);
    } else {
        errno = ENOSPC; /* what a short write means */
        if (write(fd, text, length) != (ssize_t)length) code = failed(err, part->meta);
        close(fd);
    }
    tm_free(text);
    if (code) return code;
    strcpy(part->validator, validator);
    part->total = total;
    return 0;
}

/* Has the disk begin with what was written, while more is coming: else the sync at the end waits for all of it. Only
 * that sync promises anything. */
static void write_behind(tm_part *part)
{
#ifdef SYNC_FILE_RANGE_WRITE
    if (part->begun > part->size) part->begun = part->size; /* it starts over */
    if (part->size - part->begun < WRITE_BEHIND) return;
    sync_file_range(part->fd, (off_t)part->begun, (off_t)(part->size - part->begun), SYNC_FILE_RANGE_WRITE);
    part->begun = part->size;
#else
    (void)part;
#endif
}

int32_t tm_part_write(tm_part *part, const void *data, size_t length, tm_error *err)
{
    const char *from = data;
    while (length > 0) {
        ssize_t n = pwrite(part->fd, from, length, (off_t)part->size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed(err, part->name);
        from += n;
        length -= (size_t)n;
        part->size += (uint64_t)n;
    }
    write_behind(part);
    return 0;
}

int32_t tm_part_finish(tm_part *part, const char *path, tm_error *err)
{
    if (fsync(part->fd) != 0) return failed(err, part->name);
    if (rename(part->name, path) != 0) return failed(err, path);
    /* From here on the part file's name may be another transfer's. */
    tm_free(part->name);
    part->name = NULL;
    if (part->meta) unlink(part->meta);
    return tm_path_sync_parent(path, err);
}

void tm_part_close(tm_part *part, bool keep)
{
    if (part->fd < 0) return;
    bool useful = part->size > 0 && part->validator[0];
    if (part->name && !(keep && useful)) {
        if (part->meta) unlink(part->meta);
        unlink(part->name);
    }
    /* Unlocked by name: a child that the host forked may hold a copy of the descriptor, and with it the
     * lock. */
    flock(part->fd, LOCK_UN);
    close(part->fd);
    tm_free(part->name);
    tm_free(part->meta);
    *part = (tm_part){.fd = -1};
}

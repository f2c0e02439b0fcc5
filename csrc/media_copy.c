/* Media copy: a file into the directory that stores files by content, or out of it, one slice at a time,
 * hashed on the way. See media.h for the promises and media_internal.h for the functions. */
#include "media_internal.h"

#include "include/TIMCloudDef.h"
#include "path.h"

#include <errno.h>
#include <inttypes.h>
#include <sha256.h>
#include <string.h>

struct tm_copy {
    tm_source source;
    tm_part part;
    SHA2_CTX sha;
    uint64_t hashed; /* bytes of the content that went through `sha` */
    bool resumed;    /* the part held a beginning, which is hashed from there */
};

static int32_t start_store(tm_transfer *transfer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    int32_t code = tm_source_open_sized(&copy->source, transfer->source, transfer->total, err);
    if (code) return code;
    char *directory = tm_path_join(transfer->target, "tmp");
    if (!directory) return tm_fail_memory(err);
    code = tm_path_make_directory(directory, err);
    if (code == 0) code = tm_part_open_temporary(&copy->part, directory, err);
    tm_free(directory);
    return code;
}

static int32_t start_copy(tm_transfer *transfer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    tm_part *part = &copy->part;
    char key[16 + TM_MEDIA_HASH] = "sha256:";
    strcat(key, transfer->hash);
    int32_t code = tm_source_open(&copy->source, transfer->source, ERR_FILE_TRANS_DOWNLOAD_FAILED,
                                  ERR_FILE_TRANS_DOWNLOAD_FAILED, err);
    if (code) return code;
    transfer->total = (uint64_t)copy->source.info.st_size;
    code = tm_part_open(part, transfer->target, key, err);
    if (code) return code;
    if (part->size && part->total != transfer->total) code = tm_part_reset(part, err);
    copy->resumed = part->size > 0;
    /* What is done after one slice cannot be broken off and needs no side-car. */
    if (code == 0 && !copy->resumed && transfer->total > TM_MEDIA_SLICE) {
        code = tm_part_save(part, key, transfer->hash, transfer->total, err);
    }
    return code;
}

/* The directory's own troubles are a failed upload to whoever stores a file. */
static int32_t store_code(tm_error *err)
{
    if (err->code == ERR_IO_OPERATION_FAILED) err->code = ERR_FILE_TRANS_UPLOAD_FAILED;
    return err->code;
}

int32_t tm_copy_start(tm_transfer *transfer, tm_error *err)
{
    tm_copy *copy = transfer->copy = tm_calloc(1, sizeof *copy);
    if (!copy) return tm_fail_memory(err);
    copy->source.fd = copy->part.fd = -1;
    SHA256Init(&copy->sha);
    if (transfer->kind == TM_TRANSFER_COPY) return start_copy(transfer, err);
    return start_store(transfer, err) ? store_code(err) : 0;
}

/* Whether a stored file still has what its name says. To compare it with what was just hashed costs less than to hash it,
 * and less than to store it anew. What cannot be read is as good as damaged. */
static bool is_whole(const char *path, const tm_part *part, unsigned char *buffer)
{
    const size_t half = TM_MEDIA_SLICE / 2;
    tm_error err;
    tm_source there = {.fd = -1};
    struct stat info;
    bool same = lstat(path, &info) == 0 && S_ISREG(info.st_mode) && (uint64_t)info.st_size == part->size &&
                tm_source_open(&there, path, TIM_ERR_PARAM, TIM_ERR_PARAM, &err) == 0;
    for (uint64_t at = 0; same && at < part->size; at += half) {
        ssize_t n = tm_source_read(there.fd, buffer, half, at);
        same = n > 0 && tm_source_read(part->fd, buffer + half, half, at) == n &&
               memcmp(buffer, buffer + half, (size_t)n) == 0;
    }
    tm_source_close(&there);
    return same;
}

/* Gives the temporary file the name that its hash makes. */
static int32_t finish_store(tm_transfer *transfer, unsigned char *buffer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    char *directory = NULL, *path = NULL, prefix[3] = "";
    int32_t code = tm_source_check(&copy->source, transfer->source, err);
    if (code) return code;
    SHA256End(&copy->sha, transfer->hash);
    memcpy(prefix, transfer->hash, 2);
    directory = tm_path_join(transfer->target, prefix);
    path = directory ? tm_path_join(directory, transfer->hash) : NULL;
    if (!path) {
        code = tm_fail_memory(err);
        goto out;
    }
    code = tm_path_make_directory(directory, err);
    if (code == 0) code = tm_path_sync_parent(directory, err);
    if (code) goto out;
    if (is_whole(path, &copy->part, buffer)) {
        /* Whoever stored it may not have come to this yet, and what is reported as stored must last. */
        code = tm_path_sync_parent(path, err);
    } else {
        code = tm_part_finish(&copy->part, path, err);
    }
out:
    tm_free(path);
    tm_free(directory);
    return code;
}

/* True: the transfer has ended, with `err`. */
static bool finish_copy(tm_transfer *transfer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    char hash[TM_MEDIA_HASH];
    SHA256End(&copy->sha, hash);
    if (strcmp(hash, transfer->hash) == 0) {
        tm_part_finish(&copy->part, transfer->target, err);
        return true;
    }
    if (copy->resumed) {
        /* It may be the beginning that is damaged, so the stored file gets one try without it. */
        copy->resumed = false;
        copy->hashed = 0;
        SHA256Init(&copy->sha);
        return tm_part_reset(&copy->part, err) != 0;
    }
    tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the stored file is damaged: its hash is %s, not %s", hash,
            transfer->hash);
    return true;
}

/* Takes the next slice of the content from where it is, and brings it where it is not. */
static int32_t move(tm_transfer *transfer, unsigned char *buffer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    bool store = transfer->kind == TM_TRANSFER_STORE, again = copy->hashed < copy->part.size;
    uint64_t left = (again ? copy->part.size : transfer->total) - copy->hashed;
    size_t length = left < TM_MEDIA_SLICE ? (size_t)left : TM_MEDIA_SLICE;
    if (tm_transfer_breaks(transfer, copy->hashed + length / 2, err)) return err->code;
    ssize_t n = tm_source_read(again ? copy->part.fd : copy->source.fd, buffer, length, copy->hashed);
    if (n < 0) {
        int32_t code = store ? ERR_SDK_COMM_FILE_OPEN_FAILED : ERR_FILE_TRANS_DOWNLOAD_FAILED;
        if (again) return tm_path_fail(err, ERR_IO_OPERATION_FAILED, copy->part.name, errno);
        return tm_path_fail(err, code, transfer->source, errno);
    }
    if ((size_t)n < length) {
        int32_t code = store ? ERR_FILE_TRANS_UPLOAD_FAILED : ERR_FILE_TRANS_DOWNLOAD_FAILED;
        return tm_fail(err, code, "%s: became shorter while it was read",
                       again ? copy->part.name : transfer->source);
    }
    SHA256Update(&copy->sha, buffer, length);
    copy->hashed += length;
    return again ? 0 : tm_part_write(&copy->part, buffer, length, err);
}

bool tm_copy_step(tm_transfer *transfer, unsigned char *buffer, tm_error *err)
{
    tm_copy *copy = transfer->copy;
    bool store = transfer->kind == TM_TRANSFER_STORE;
    if (copy->hashed < transfer->total && move(transfer, buffer, err)) {
        if (store) store_code(err);
        return true;
    }
    transfer->current = copy->hashed;
    if (copy->hashed < transfer->total) {
        tm_transfer_progress(transfer);
        return false;
    }
    if (!store) return finish_copy(transfer, err);
    if (finish_store(transfer, buffer, err)) store_code(err);
    return true;
}

void tm_copy_free(tm_transfer *transfer, bool keep)
{
    tm_copy *copy = transfer->copy;
    if (!copy) return;
    tm_source_close(&copy->source);
    tm_part_close(&copy->part, keep);
    tm_free(copy);
    transfer->copy = NULL;
}

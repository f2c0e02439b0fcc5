/* Path: the few things done with files and directories. All functions are safe on any thread; all paths are
 * borrowed until return. */
#ifndef TM_PATH_H
#define TM_PATH_H

#include "error.h"

#include <stdint.h>

/* Joins with one '/', whatever slashes stand at the seam. Owned by the caller (tm_free); NULL when memory is
 * short. */
char *tm_path_join(const char *directory, const char *name);
/* An id as a file name that no file system can misread: a-z 0-9 - _ stay, every other byte becomes %xx, so
 * that case survives on file systems that ignore it. Owned by the caller (tm_free); NULL when memory is
 * short. */
char *tm_path_escape(const char *id);
/* The part behind the last '/'; "" if the path ends in one. Borrowed from `path`. */
const char *tm_path_base(const char *path);
/* The path as it is from every working directory. Owned by the caller (tm_free); NULL on failure, with ERR_OUT_OF_MEMORY or
 * ERR_IO_OPERATION_FAILED. */
char *tm_path_absolute(const char *path, tm_error *err);
/* Makes a directory (0700) and its missing parents; one that is there is fine. ERR_IO_OPERATION_FAILED. */
int32_t tm_path_make_directory(const char *path, tm_error *err);
/* A regular file's size: ERR_SDK_COMM_FILE_NOT_FOUND, or ERR_SDK_COMM_FILE_OPEN_FAILED if it is no readable
 * regular file, or a database that this process has open. */
int32_t tm_path_file_size(const char *path, uint64_t *size, tm_error *err);
/* fsync of the directory that holds `path`, so that a rename survives power loss. One that this user may not read is left to
 * the system. ERR_IO_OPERATION_FAILED. */
int32_t tm_path_sync_parent(const char *path, tm_error *err);
/* Writes `code` with the sentence "<path>: <what the system says about the errno value `number`>", in English
 * whatever the locale is, and returns `code`. */
int32_t tm_path_fail(tm_error *err, int32_t code, const char *path, int number);

#endif

/* Media: moves files on a thread of its own: http(s) downloads and uploads through one curl_multi, and copies
 * into and out of a directory that stores files by the SHA-256 of their content. Nothing here touches the
 * store or a backend. */
#ifndef TM_MEDIA_H
#define TM_MEDIA_H

#include "error.h"
#include "log.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct tm_media tm_media;

#define TM_MEDIA_HASH 65 /* 64 lower-case hexadecimal digits and the NUL */
/* How many run at once; the others wait for their turn, and no timeout counts before it. A flood of requests
 * must not use up the process's descriptors. */
#define TM_MEDIA_FETCHES 32
#define TM_MEDIA_SENDS 8
#define TM_MEDIA_COPIES 4

typedef struct tm_media_report {
    uint64_t id;              /* the transfer's, as given by the caller */
    bool done;                /* the last report of this transfer */
    int32_t code;             /* when done: 0 or a TIMErrCode */
    uint64_t current;         /* bytes so far */
    uint64_t total;           /* 0: not known yet */
    char hash[TM_MEDIA_HASH]; /* when a store-in is done: the content's hash */
    char text[TM_ERROR_TEXT]; /* when done with an error: the sentence */
} tm_media_report;

typedef struct tm_media_options {
    uint32_t timeout_ms;    /* connecting, and the longest pause without a byte; 0: 30 seconds */
    const char *http_proxy; /* "http://ip:port", "socks5h://user:pass@ip:port" or NULL (none: the environment
                             * is not asked); copied */
    tm_log *log;            /* borrowed until tm_media_free; may be NULL */
    /* Called on the media thread, never after tm_media_free returned. Must not block; may call all functions
     * below but not tm_media_free. `report` is borrowed until return. Progress comes at most 20 times a
     * second a transfer; the last report has `done` set and comes exactly once, with current == total if code
     * is 0. */
    void (*report)(void *userdata, const tm_media_report *report);
    void *userdata;
    bool no_thread; /* tm_media_turn does the work, on the caller's thread, and so do the reports */
} tm_media_options;

/* Starts the thread. NULL on failure. Owned by the caller. */
tm_media *tm_media_new(const tm_media_options *options, tm_error *err);
/* Cancels every transfer (no further reports), ends the thread, frees. NULL is fine. Waits 100 ms at most
 * (and for a report that is being given): a thread in a slow fsync is left to end, and free the rest, by
 * itself. */
void tm_media_free(tm_media *media);

/* Without a thread: does what can be done, and waits up to `wait_ms` for the network if something of it is under way.
 * False: nothing is under way. */
bool tm_media_turn(tm_media *media, int wait_ms);

/* For tests: the connection of a transfer breaks when half of it has been moved: 9508. Any thread. */
void tm_media_cut(tm_media *media, uint64_t id);

/* The four transfers. All return at once and may be called on any thread; strings are copied; `id` is the
 * caller's and unique among those under way. They return 0, or ERR_OUT_OF_MEMORY (then no report comes).
 *
 * Fetch: http and https only, redirects within these (10 at most). The file appears at `path` only when
 * whole: written to a part file beside it (with a side-car that remembers url and validator: ETag, else
 * Last-Modified), synced, renamed, directory synced; 0600. A part file left by a broken-off or cancelled
 * transfer is resumed with Range and If-Range; a 200 starts over, and without a validator no part file is
 * left. 404 and 410 -> 6009; other HTTP errors -> 6010; refused scheme or redirect -> 6009; path cannot be
 * written, or another transfer writes it -> 6022; no byte for timeout_ms -> 6012; other network failures ->
 * 9508. */
int32_t tm_media_fetch(tm_media *media, uint64_t id, const char *url, const char *path);
/* Send: http and https only, by PUT of exactly `size` bytes, read from the file at `path` as they go, and no
 * redirects. The file's size must still be `size` (else 7004 if it vanished, 6008 if it changed, also while
 * it is read); unreadable is 7007. `headers` are whole "Name: value" lines, ended by NULL, or NULL for none:
 * Authorization, Cookie and Expires are sent, 8 lines at most; other names and lines with control characters
 * are left out. `content_type` may be NULL. 200, 201 and 204 are success, after the last byte; 413 -> 7005;
 * all other statuses -> 6010; refused scheme -> 6008; no byte moved for timeout_ms -> 6012; other network
 * failures -> 9508, and then the server may have the file all the same. */
int32_t tm_media_send(tm_media *media, uint64_t id, const char *path, uint64_t size, const char *url,
                      const char *const *headers, const char *content_type);
/* Store in: copies the file at `path` into `directory` as <directory>/<first two hex digits>/<hash>, whole or
 * not at all (temporary file in <directory>/tmp, fsync, rename, directory synced), 0600. A file that is there
 * already is kept if it has that content still, else replaced. The file's size must still be `size` (else 7004 if it vanished, 6008 if
 * it changed); unreadable is 7007, and what goes wrong in `directory` 6008. */
int32_t tm_media_store(tm_media *media, uint64_t id, const char *path, uint64_t size, const char *directory);
/* Copy out: the stored file `source` to `path`, with the same promises as fetch (resume, atomic arrival,
 * 6022); a missing source is 6009. The content must hash to `hash` (6009 if not, and the part file is
 * removed). */
int32_t tm_media_copy(tm_media *media, uint64_t id, const char *source, const char *hash, const char *path);
/* Stops a transfer; its last report (6222) comes if none came yet. Unknown ids are ignored. Any thread. */
void tm_media_cancel(tm_media *media, uint64_t id);

#endif

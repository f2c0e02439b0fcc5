/* Media's inside, shared by media.c (thread and queue), media_transfer.c (one transfer's life), media_fetch.c
 * (downloads), media_send.c (uploads), media_copy.c (copies in and out), and what these stand on:
 * media_http.c (a request), media_part.c (part files), media_source.c (the file that is read). Everything
 * here runs on the media thread unless it says otherwise. */
#ifndef TM_MEDIA_INTERNAL_H
#define TM_MEDIA_INTERNAL_H

#include "media.h"

#include <curl/curl.h>

#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

/* What a local copy moves before the other transfers get their turn. */
#define TM_MEDIA_SLICE (256 * 1024)
/* Validators longer than this are not worth a header; the download is then not resumable. */
#define TM_PART_VALIDATOR 256

/* Part: a file on its way to its name. It is written beside its place, under an exclusive flock, and comes
 * with a side-car when another attempt may go on with it. Zeroed with fd = -1 it is closed. */
typedef struct tm_part {
    char *name;     /* the part file; NULL when closed or renamed */
    char *meta;     /* the side-car; NULL for a temporary file, which is never resumed */
    int fd;         /* open while the part is */
    uint64_t size;  /* good bytes so far */
    uint64_t begun; /* of these the disk was told to begin with as many */
    uint64_t total; /* the whole's size as the side-car has it; 0: unknown */
    char validator[TM_PART_VALIDATOR + 1]; /* what the side-car has; "": nothing another attempt could use */
} tm_part;

/* Opens and locks the part file for `path`. If its side-car was written for `key` (no newlines in it), size,
 * total and validator are those of the broken-off attempt, and there is at least one byte left to move; else
 * the part starts empty, in a file that nobody else can open. ERR_IO_OPERATION_FAILED, also when another transfer
 * has the lock; the part stays closed. */
int32_t tm_part_open(tm_part *part, const char *path, const char *key, tm_error *err);
/* Opens and locks a new file of a name of its own in `directory` instead. All that nobody has locked there is removed. */
int32_t tm_part_open_temporary(tm_part *part, const char *directory, tm_error *err);
/* Empties the part and forgets its side-car. */
int32_t tm_part_reset(tm_part *part, tm_error *err);
/* Writes the side-car; with an empty `validator` there is none. Only while the part is empty. */
int32_t tm_part_save(tm_part *part, const char *key, const char *validator, uint64_t total, tm_error *err);
/* Appends at `size`. What was written of it counts even when it fails. */
int32_t tm_part_write(tm_part *part, const void *data, size_t length, tm_error *err);
/* Syncs the part, renames it to `path` and syncs the directory. The part stays open until closed. */
int32_t tm_part_finish(tm_part *part, const char *path, tm_error *err);
/* Unlocks and frees; the file stays if it was finished, or if `keep` is set and another attempt can use
 * it. */
void tm_part_close(tm_part *part, bool keep);

/* Source: the file a transfer reads from. Zeroed with fd = -1 it is closed. */
typedef struct tm_source {
    int fd;
    struct stat info; /* as it was when opened */
} tm_source;

/* Opens the file at `path`: `missing` if there is none, `unreadable` if it is no readable regular file. */
int32_t tm_source_open(tm_source *source, const char *path, int32_t missing, int32_t unreadable,
                       tm_error *err);
/* The same for a file that is sent and must have `size` bytes: 7004, 7007, or 6008 if it has not. */
int32_t tm_source_open_sized(tm_source *source, const char *path, uint64_t size, tm_error *err);
/* Reads all of `length` bytes unless the file ends before; -1 and errno on failure. */
ssize_t tm_source_read(int fd, void *buffer, size_t length, uint64_t offset);
/* 6008 if the file at `path` was written to since it was opened: what was read of it may never have been its
 * content. */
int32_t tm_source_check(const tm_source *source, const char *path, tm_error *err);
void tm_source_close(tm_source *source);

typedef enum tm_transfer_kind {
    TM_TRANSFER_FETCH,
    TM_TRANSFER_SEND,
    TM_TRANSFER_STORE,
    TM_TRANSFER_COPY
} tm_transfer_kind;

/* A request on its way through curl. */
typedef struct tm_http {
    CURL *easy;         /* owned */
    bool added;         /* it is in the multi handle */
    uint64_t active_ms; /* when the last byte moved, or the connecting began (tm_clock_ms) */
    size_t headers;     /* bytes of headers so far */
    tm_error err;       /* what made a callback stop the request */
    char detail[CURL_ERROR_SIZE];
} tm_http;

typedef struct tm_fetch tm_fetch;
typedef struct tm_send tm_send;
typedef struct tm_copy tm_copy;

typedef struct tm_transfer {
    struct tm_transfer *previous, *next; /* in the list it is in */
    tm_media *media;
    tm_transfer_kind kind;
    uint64_t id;
    char *source; /* owned: the file that is read; fetch: the url */
    char *target; /* owned: the path the file shall appear at; store: the directory; send: the url */
    struct curl_slist *headers; /* owned: what the request says besides what curl does */
    bool cancelled;             /* guarded by the media's lock */
    bool cut;                   /* likewise: it is to break in the middle, for a test */
    char hash[TM_MEDIA_HASH];   /* copy: what the content must hash to; store: what it hashed to */
    uint64_t current, total;    /* as reported; store, send: total is what the size must be */
    uint64_t reported_ms;       /* when progress was last reported */
    /* All owned, while it runs, and which of them by its kind: a request for a fetch or send, or a copy. */
    tm_http *http;
    tm_fetch *fetch;
    tm_send *send;
    tm_copy *copy;
} tm_transfer;

typedef struct tm_transfer_list {
    tm_transfer *first, *last;
    size_t count;
} tm_transfer_list;

/* Downloads and uploads wait for the network, copies for the disk: no kind shall wait for another. */
typedef enum tm_lane { TM_LANE_FETCH, TM_LANE_SEND, TM_LANE_COPY, TM_LANES } tm_lane;

/* A transfer waits in the list of its lane, moves to that lane's running list, and leaves it when it ends.
 * Other threads only add to the waiting lists and mark transfers as cancelled; all else is done by the media
 * thread, which may therefore walk the running lists without the lock. */
struct tm_media {
    uint32_t timeout_ms;
    char *proxy;
    tm_log *log;
    void (*report)(void *userdata, const tm_media_report *report);
    void *userdata;
    bool no_thread; /* the caller's does the work */
    pthread_t thread;
    CURLM *multi;
    unsigned char *buffer; /* a slice of a copy on its way */
    bool hurry;            /* a transfer has ended, another may start at once */

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    tm_transfer_list waiting[TM_LANES], running[TM_LANES];
    bool news;      /* something waits or was cancelled, or a place is free */
    bool closing;   /* tm_media_free has been called: nothing of the caller's may be used */
    bool outside;   /* the thread is in the caller's code: a report, the log */
    bool ended;     /* the thread is done with everything but this struct */
    bool abandoned; /* tm_media_free did not wait: the thread frees this struct */
};

void tm_transfer_append(tm_transfer_list *list, tm_transfer *transfer);
void tm_transfer_remove(tm_transfer_list *list, tm_transfer *transfer);
tm_lane tm_transfer_lane(const tm_transfer *transfer);
/* Copies the strings. NULL when memory is short. Any thread. */
tm_transfer *tm_transfer_new(tm_media *media, tm_transfer_kind kind, uint64_t id, const char *source,
                             const char *target);
/* Begins the work. A failure is the transfer's end. */
int32_t tm_transfer_start(tm_transfer *transfer, tm_error *err);
/* Frees a transfer that is in no list, without a report; what another attempt can use stays if `keep` is
 * set. */
void tm_transfer_free(tm_transfer *transfer, bool keep);
/* Whether a transfer that is to break has come that far. */
bool tm_transfer_breaks(tm_transfer *transfer, uint64_t moved, tm_error *err);
/* Reports progress, unless that was done less than a twentieth of a second ago or all bytes are there, which
 * only the last report says. */
void tm_transfer_progress(tm_transfer *transfer);
/* The one end of a transfer that is in no list: frees it, then gives its last report, with `err` (code 0:
 * success). */
void tm_transfer_end(tm_transfer *transfer, const tm_error *err);

/* Makes the request for `url`, with all that is not a fetch's or send's own: its write callback gets the
 * transfer. A failure is the transfer's end; tm_http_close is called in any case. */
int32_t tm_http_open(tm_transfer *transfer, const char *url, tm_error *err);
/* Sends it, with the transfer's headers. */
int32_t tm_http_start(tm_transfer *transfer, tm_error *err);
/* Takes it from curl, ended or not; it may be started again. */
void tm_http_stop(tm_transfer *transfer);
/* The answer's status; 0: none came. */
long tm_http_status(const tm_transfer *transfer);
/* Writes curl's failure as one of ours. */
int32_t tm_http_fail(const tm_transfer *transfer, CURLcode result, tm_error *err);
/* Writes that the server answered with this status: ERR_HTTP_REQ_FAILED. */
int32_t tm_http_refused(long status, tm_error *err);
void tm_http_close(tm_transfer *transfer);
/* Whether there are no control characters in a text that goes into a request. Any thread. */
bool tm_http_one_line(const char *text);

/* Starts the request. A failure is the transfer's end; tm_fetch_free is called in any case, after
 * tm_http_close. */
int32_t tm_fetch_start(tm_transfer *transfer, tm_error *err);
/* Takes curl's result. True: the transfer has ended, with `err` (code 0: the file is there); false: it goes
 * on. */
bool tm_fetch_ended(tm_transfer *transfer, CURLcode result, tm_error *err);
/* The part file stays if `keep` is set and it can be resumed. */
void tm_fetch_free(tm_transfer *transfer, bool keep);

/* Makes the list of a send's headers from what tm_media_send was given; owned by the caller also on failure,
 * which is that memory is short. Any thread. */
bool tm_send_headers(struct curl_slist **list, const char *const *headers, const char *content_type);
/* Starts the request. A failure is the transfer's end; tm_send_free is called in any case, after
 * tm_http_close. */
int32_t tm_send_start(tm_transfer *transfer, tm_error *err);
/* Takes curl's result, which is the transfer's end, with `err`. */
void tm_send_ended(tm_transfer *transfer, CURLcode result, tm_error *err);
void tm_send_free(tm_transfer *transfer);

/* Opens what a store-in or copy-out needs. A failure is its end; tm_copy_free is called in any case. */
int32_t tm_copy_start(tm_transfer *transfer, tm_error *err);
/* Moves one slice through `buffer` (TM_MEDIA_SLICE bytes). True: the transfer has ended, with `err`. */
bool tm_copy_step(tm_transfer *transfer, unsigned char *buffer, tm_error *err);
/* Closes all; the part file of a copy-out stays if `keep` is set. */
void tm_copy_free(tm_transfer *transfer, bool keep);

#endif

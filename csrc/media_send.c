/* Media send: one http(s) upload by PUT through curl, read from the file as it goes. See media.h for the
 * promises and media_internal.h for the functions.
 *
 * Once there is a status it alone decides, whatever became of the connection after it: a server that refuses
 * may hang up on what is still being sent, and of its answer's body nothing is wanted. */
#include "media_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 8
/* A short answer is read to its end, so that the connection can serve the next request. */
#define ANSWER_MAX (64 * 1024)

struct tm_send {
    tm_source source;
    uint64_t offset; /* what curl was given */
    size_t answered; /* of the answer's body */
};

/* What a server that gives out a place for an upload may want in the request (XEP-0363): with other names it
 * could make the request another one. */
static bool is_allowed(const char *line)
{
    static const char *const names[] = {"Authorization", "Cookie", "Expires"};
    size_t length = strcspn(line, ":");
    if (!line[length] || !tm_http_one_line(line)) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && strncasecmp(line, names[i], length) == 0) return true;
    return false;
}

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer) *list = longer;
    return longer != NULL;
}

bool tm_send_headers(struct curl_slist **list, const char *const *headers, const char *content_type)
{
    /* Curl would ask first whether it may send, and wait a second for servers that do not answer that. */
    bool good = add_header(list, "Expect:");
    for (int taken = 0; good && headers && *headers && taken < HEADERS_MAX; headers++) {
        if (!is_allowed(*headers)) continue;
        good = add_header(list, *headers);
        taken++;
    }
    if (good && content_type && *content_type && tm_http_one_line(content_type)) {
        char *line = tm_format("Content-Type: %s", content_type);
        good = line && add_header(list, line);
        tm_free(line);
    }
    return good;
}

/* The next bytes for curl. A file that is written to meanwhile is found out before the last of them are sent:
 * what never was shall not be stored. */
static size_t on_read(char *data, size_t one, size_t count, void *userdata)
{
    tm_transfer *transfer = userdata;
    tm_send *send = transfer->send;
    tm_error *err = &transfer->http->err;
    uint64_t left = transfer->total - send->offset;
    size_t length = left < one * count ? (size_t)left : one * count;
    ssize_t n = tm_source_read(send->source.fd, data, length, send->offset);
    if (n < 0) {
        tm_path_fail(err, ERR_SDK_COMM_FILE_OPEN_FAILED, transfer->source, errno);
        return CURL_READFUNC_ABORT;
    }
    if ((size_t)n < length) {
        tm_fail(err, ERR_FILE_TRANS_UPLOAD_FAILED, "%s: became shorter while it was read", transfer->source);
        return CURL_READFUNC_ABORT;
    }
    if (length == left && tm_source_check(&send->source, transfer->source, err)) return CURL_READFUNC_ABORT;
    send->offset += length;
    return length;
}

/* Curl begins again when the server closed the connection just as it was used once more. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
    tm_transfer *transfer = userdata;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > transfer->total) return CURL_SEEKFUNC_FAIL;
    transfer->send->offset = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Bytes count when the system takes them, not when curl reads them. */
static int on_progress(void *userdata, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    tm_transfer *transfer = userdata;
    (void)down_total, (void)down, (void)up_total;
    if ((uint64_t)up == transfer->current || (uint64_t)up > transfer->total) return 0;
    transfer->http->active_ms = tm_clock_ms();
    transfer->current = (uint64_t)up;
    tm_transfer_progress(transfer);
    return 0;
}

static size_t on_answer(char *data, size_t one, size_t count, void *userdata)
{
    tm_transfer *transfer = userdata;
    (void)data;
    transfer->http->active_ms = tm_clock_ms();
    transfer->send->answered += one * count;
    return transfer->send->answered <= ANSWER_MAX ? one * count : CURL_WRITEFUNC_ERROR;
}

static CURLcode set_options(tm_transfer *transfer)
{
    CURL *easy = transfer->http->easy;
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->total);
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    bad |= curl_easy_setopt(easy, CURLOPT_READDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    bad |= curl_easy_setopt(easy, CURLOPT_SEEKDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
    bad |= curl_easy_setopt(easy, CURLOPT_XFERINFODATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    return bad;
}

int32_t tm_send_start(tm_transfer *transfer, tm_error *err)
{
    int32_t code = tm_http_open(transfer, transfer->target, err);
    if (code) return code;
    tm_send *send = transfer->send = tm_calloc(1, sizeof *send);
    if (!send) return tm_fail_memory(err);
    send->source.fd = -1;
    code = tm_source_open_sized(&send->source, transfer->source, transfer->total, err);
    if (code) return code;
    if (set_options(transfer)) return tm_fail_memory(err);
    return tm_http_start(transfer, err);
}

void tm_send_ended(tm_transfer *transfer, CURLcode result, tm_error *err)
{
    long status = tm_http_status(transfer);
    bool accepted = status == 200 || status == 201 || status == 204;
    curl_off_t sent = 0;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    if (transfer->http->err.code) {
        *err = transfer->http->err;
    } else if (status == 413) {
        tm_fail(err, ERR_SDK_COMM_FILE_TOO_LARGE, "%s: too large for the server: HTTP status 413",
                transfer->source);
    } else if (status >= 200 && !accepted) {
        tm_http_refused(status, err);
    } else if (accepted && (uint64_t)sent == transfer->total) {
        transfer->current = transfer->total;
    } else if (result != CURLE_OK) {
        tm_http_fail(transfer, result, err);
    } else {
        tm_fail(err, ERR_SDK_NET_DISCONNECT,
                "the server answered when %" PRIu64 " of %" PRIu64 " bytes had been sent", (uint64_t)sent,
                transfer->total);
    }
}

void tm_send_free(tm_transfer *transfer)
{
    if (!transfer->send) return;
    tm_source_close(&transfer->send->source);
    tm_free(transfer->send);
    transfer->send = NULL;
}

/* Media fetch: one http(s) download through curl, resumed where a part file and the server allow it. See
 * media.h for the promises and media_internal.h for the functions.
 *
 * Nothing is decided before the first byte of the body (or the end, if it is empty): only then `begin` looks
 * at the status, so that neither an error page nor bytes from a wrong place get into the part file. */
#include "media_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a progress report can say; a server that never ends does not fill the disk. */
#define MAX_SIZE UINT32_MAX

struct tm_fetch {
    tm_part part;
    bool ranged; /* this request asks for the rest only */
    bool begun;  /* the status has been looked at */
    bool again;  /* the rest cannot be had: ask for the whole */
};

/* The value of a header of the last response; NULL if it has none. */
static const char *header(const tm_transfer *transfer, const char *name)
{
    struct curl_header *found;
    return curl_easy_header(transfer->http->easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK
               ? found->value
               : NULL;
}

/* Weak ETags may not be used to join parts (RFC 9110, 13.1.5). */
static const char *strong_etag(const tm_transfer *transfer)
{
    const char *etag = header(transfer, "ETag");
    return etag && *etag == '"' && strlen(etag) <= TM_PART_VALIDATOR ? etag : NULL;
}

/* What proves later that the content is still the same: a strong ETag, else Last-Modified; "" for neither. */
static const char *find_validator(const tm_transfer *transfer)
{
    const char *etag = strong_etag(transfer);
    if (etag) return etag;
    const char *modified = header(transfer, "Last-Modified"), *date = header(transfer, "Date");
    if (!modified || strlen(modified) > TM_PART_VALIDATOR) return "";
    time_t then = curl_getdate(modified, NULL);
    if (then == -1) return "";
    /* A file that changed in the second of the answer may change again within it (RFC 9110, 8.8.2.2). */
    if (date && curl_getdate(date, NULL) - then < 1) return "";
    return modified;
}

/* The digits at `*text`, which is moved behind them. */
static bool take_number(const char **text, uint64_t *number)
{
    char *end;
    if (**text < '0' || **text > '9') return false;
    errno = 0;
    *number = strtoull(*text, &end, 10);
    *text = end;
    return errno == 0;
}

/* Whether a 206 goes on exactly where the part ends, in the same content, whose size is known: else it could be any piece of
 * the rest, and nothing would tell that more is missing. */
static bool continues(const tm_transfer *transfer)
{
    tm_part *part = &transfer->fetch->part;
    const char *range = header(transfer, "Content-Range"), *etag = strong_etag(transfer);
    uint64_t first, last, total = 0;
    if (!range || strncasecmp(range, "bytes ", 6) != 0) return false;
    range += 6;
    if (!take_number(&range, &first) || *range++ != '-') return false;
    if (!take_number(&range, &last) || *range++ != '/') return false;
    if (strcmp(range, "*") != 0 && (!take_number(&range, &total) || *range || last >= total)) return false;
    if (first != part->size || last < first) return false;
    if (!part->total && !total) return false;
    if (part->total && total && total != part->total) return false;
    if (etag && *part->validator == '"' && strcmp(etag, part->validator) != 0) return false;
    if (total) part->total = total;
    return true;
}

static int32_t begin_whole(tm_transfer *transfer)
{
    tm_part *part = &transfer->fetch->part;
    tm_error *err = &transfer->http->err;
    curl_off_t length = -1;
    int32_t code = part->size || part->validator[0] ? tm_part_reset(part, err) : 0;
    if (code) return code;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    part->total = length > 0 ? (uint64_t)length : 0;
    return tm_part_save(part, transfer->source, find_validator(transfer), part->total, err);
}

/* Looks at the status. Other than 0: this body is not wanted, see `again` and the request's `err`. */
static int32_t begin(tm_transfer *transfer)
{
    tm_fetch *fetch = transfer->fetch;
    tm_error *err = &transfer->http->err;
    int32_t code = 0;
    long status = tm_http_status(transfer);
    fetch->begun = true;
    if (fetch->ranged && status == 206 && continues(transfer)) {
        code = 0;
    } else if (fetch->ranged && (status == 206 || status == 416)) {
        fetch->again = true;
        return -1;
    } else if (status == 200) {
        code = begin_whole(transfer);
    } else if (status == 404 || status == 410) {
        code = tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the file is not there: HTTP status %ld", status);
    } else {
        code = tm_http_refused(status, err);
    }
    transfer->current = fetch->part.size;
    transfer->total = fetch->part.total;
    return code;
}

static size_t on_body(char *data, size_t one, size_t count, void *userdata)
{
    tm_transfer *transfer = userdata;
    tm_part *part = &transfer->fetch->part;
    tm_error *err = &transfer->http->err;
    size_t length = one * count;
    transfer->http->active_ms = tm_clock_ms();
    if (!transfer->fetch->begun && begin(transfer)) return CURL_WRITEFUNC_ERROR;
    if (part->total > MAX_SIZE || part->size + length > MAX_SIZE) {
        tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the file is larger than 4 GB");
        return CURL_WRITEFUNC_ERROR;
    }
    if (part->total && length > part->total - part->size) {
        tm_fail(err, ERR_SDK_NET_DISCONNECT, "the server sent more than it announced");
        return CURL_WRITEFUNC_ERROR;
    }
    if (tm_part_write(part, data, length, err)) return CURL_WRITEFUNC_ERROR;
    transfer->current = part->size;
    if (tm_transfer_breaks(transfer, part->size, err)) return CURL_WRITEFUNC_ERROR;
    tm_transfer_progress(transfer);
    return length;
}

/* What is the same for both requests of a fetch. */
static CURLcode set_options(tm_transfer *transfer)
{
    CURL *easy = transfer->http->easy;
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    return bad;
}

/* Asks for what the part lacks. */
static int32_t ask(tm_transfer *transfer, tm_error *err)
{
    tm_fetch *fetch = transfer->fetch;
    CURL *easy = transfer->http->easy;
    CURLcode bad;
    fetch->ranged = fetch->part.size > 0;
    fetch->begun = fetch->again = false;
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
    if (fetch->ranged) {
        /* Not CURLOPT_RESUME_FROM: with it curl itself fails on a 200, which for us is a new start. */
        char *range = tm_format("%" PRIu64 "-", fetch->part.size);
        char *condition = tm_format("If-Range: %s", fetch->part.validator);
        if (range && condition) transfer->headers = curl_slist_append(NULL, condition);
        bad = transfer->headers ? curl_easy_setopt(easy, CURLOPT_RANGE, range) : CURLE_OUT_OF_MEMORY;
        tm_free(range);
        tm_free(condition);
    } else {
        bad = curl_easy_setopt(easy, CURLOPT_RANGE, NULL);
    }
    return bad ? tm_fail_memory(err) : tm_http_start(transfer, err);
}

int32_t tm_fetch_start(tm_transfer *transfer, tm_error *err)
{
    int32_t code = tm_http_open(transfer, transfer->source, err);
    if (code) return code;
    tm_fetch *fetch = transfer->fetch = tm_calloc(1, sizeof *fetch);
    if (!fetch) return tm_fail_memory(err);
    fetch->part.fd = -1;
    code = tm_part_open(&fetch->part, transfer->target, transfer->source, err);
    if (code) return code;
    transfer->current = fetch->part.size;
    transfer->total = fetch->part.total;
    if (set_options(transfer)) return tm_fail_memory(err);
    return ask(transfer, err);
}

bool tm_fetch_ended(tm_transfer *transfer, CURLcode result, tm_error *err)
{
    tm_fetch *fetch = transfer->fetch;
    tm_part *part = &fetch->part;
    if (result == CURLE_OK && !fetch->begun) begin(transfer);
    tm_http_stop(transfer);
    if (fetch->again) {
        if (tm_part_reset(part, err)) return true;
        transfer->current = transfer->total = 0;
        return ask(transfer, err) != 0;
    }
    if (transfer->http->err.code) {
        *err = transfer->http->err;
    } else if (result != CURLE_OK) {
        tm_http_fail(transfer, result, err);
    } else if (part->total && part->size != part->total) {
        tm_fail(err, ERR_SDK_NET_DISCONNECT, "the server sent %" PRIu64 " of %" PRIu64 " bytes", part->size,
                part->total);
    } else if (tm_part_finish(part, transfer->target, err) == 0) {
        transfer->current = transfer->total = part->size;
    }
    return true;
}

void tm_fetch_free(tm_transfer *transfer, bool keep)
{
    if (!transfer->fetch) return;
    tm_part_close(&transfer->fetch->part, keep);
    tm_free(transfer->fetch);
    transfer->fetch = NULL;
}

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

struct tm_fetch {
    tm_transfer *transfer;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    tm_part part;
    bool added;  /* the easy handle is in the multi handle */
    bool ranged; /* this request asks for the rest only */
    bool begun;  /* the status has been looked at */
    bool again;  /* the rest cannot be had: ask for the whole */
    uint64_t active_ms;
    tm_error err; /* what made a callback stop the request */
    char detail[CURL_ERROR_SIZE];
};

/* The value of a header of the last response; NULL if it has none. */
static const char *header(tm_fetch *fetch, const char *name)
{
    struct curl_header *found;
    return curl_easy_header(fetch->easy, name, 0, CURLH_HEADER, -1, &found) == CURLHE_OK ? found->value
                                                                                         : NULL;
}

/* Weak ETags may not be used to join parts (RFC 9110, 13.1.5). */
static const char *strong_etag(tm_fetch *fetch)
{
    const char *etag = header(fetch, "ETag");
    return etag && *etag == '"' && strlen(etag) <= TM_PART_VALIDATOR ? etag : NULL;
}

/* What proves later that the content is still the same: a strong ETag, else Last-Modified; "" for neither. */
static const char *find_validator(tm_fetch *fetch)
{
    const char *etag = strong_etag(fetch);
    if (etag) return etag;
    const char *modified = header(fetch, "Last-Modified"), *date = header(fetch, "Date");
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

/* Whether a 206 goes on exactly where the part ends, in the same content. */
static bool continues(tm_fetch *fetch)
{
    tm_part *part = &fetch->part;
    const char *range = header(fetch, "Content-Range"), *etag = strong_etag(fetch);
    uint64_t first, last, total = 0;
    if (!range || strncasecmp(range, "bytes ", 6) != 0) return false;
    range += 6;
    if (!take_number(&range, &first) || *range++ != '-') return false;
    if (!take_number(&range, &last) || *range++ != '/') return false;
    if (strcmp(range, "*") != 0 && (!take_number(&range, &total) || *range || last >= total)) return false;
    if (first != part->size || last < first) return false;
    if (part->total && total && total != part->total) return false;
    if (etag && *part->validator == '"' && strcmp(etag, part->validator) != 0) return false;
    if (total) part->total = total;
    return true;
}

static int32_t begin_whole(tm_fetch *fetch)
{
    tm_part *part = &fetch->part;
    curl_off_t length = -1;
    int32_t code = part->size || part->validator[0] ? tm_part_reset(part, &fetch->err) : 0;
    if (code) return code;
    curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    part->total = length > 0 ? (uint64_t)length : 0;
    return tm_part_save(part, fetch->transfer->source, find_validator(fetch), part->total, &fetch->err);
}

/* Looks at the status. Other than 0: this body is not wanted, see `again` and `err`. */
static int32_t begin(tm_fetch *fetch)
{
    tm_transfer *transfer = fetch->transfer;
    int32_t code = 0;
    long status = 0;
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
    fetch->begun = true;
    if (fetch->ranged && status == 206 && continues(fetch)) {
        code = 0;
    } else if (fetch->ranged && (status == 206 || status == 416)) {
        fetch->again = true;
        return -1;
    } else if (status == 200) {
        code = begin_whole(fetch);
    } else if (status == 404 || status == 410) {
        code = tm_fail(&fetch->err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the file is not there: HTTP status %ld",
                       status);
    } else {
        code = tm_fail(&fetch->err, ERR_HTTP_REQ_FAILED, "the server refused: HTTP status %ld", status);
    }
    transfer->current = fetch->part.size;
    transfer->total = fetch->part.total;
    return code;
}

static size_t on_body(char *data, size_t one, size_t count, void *userdata)
{
    tm_fetch *fetch = userdata;
    tm_part *part = &fetch->part;
    size_t length = one * count;
    fetch->active_ms = tm_clock_ms();
    if (!fetch->begun && begin(fetch)) return CURL_WRITEFUNC_ERROR;
    if (part->total && length > part->total - part->size) {
        tm_fail(&fetch->err, ERR_SDK_NET_DISCONNECT, "the server sent more than it announced");
        return CURL_WRITEFUNC_ERROR;
    }
    if (tm_part_write(part, data, length, &fetch->err)) return CURL_WRITEFUNC_ERROR;
    fetch->transfer->current = part->size;
    tm_transfer_progress(fetch->transfer);
    return length;
}

static size_t on_header(char *data, size_t one, size_t count, void *userdata)
{
    tm_fetch *fetch = userdata;
    (void)data;
    fetch->active_ms = tm_clock_ms();
    return one * count;
}

/* Connected: the server has the whole timeout for its answer, however long connecting took. */
static int on_connected(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
    tm_fetch *fetch = userdata;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    fetch->active_ms = tm_clock_ms();
    return CURL_PREREQFUNC_OK;
}

/* What is the same for both requests of a fetch. */
static CURLcode set_options(tm_fetch *fetch, uint32_t timeout_ms, const char *proxy)
{
    CURL *easy = fetch->easy;
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_URL, fetch->transfer->source);
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "timmsg");
    /* "" and not NULL: curl would look into the environment, which is not ours to read beside the host's
     * threads. */
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, proxy ? proxy : "");
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Pauses are measured by active_ms, since curl's own low-speed check counts in whole seconds. */
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Freeing must not wait for a thread of curl's that waits for a name server; that thread frees itself. */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->detail);
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch->transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, fetch);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, fetch);
    return bad;
}

/* Asks for what the part lacks. */
static int32_t ask(tm_fetch *fetch, tm_error *err)
{
    CURLcode bad = CURLE_OK;
    fetch->ranged = fetch->part.size > 0;
    fetch->begun = fetch->again = false;
    fetch->active_ms = tm_clock_ms();
    if (fetch->ranged) {
        /* Not CURLOPT_RESUME_FROM: with it curl itself fails on a 200, which for us is a new start. */
        char *range = tm_format("%" PRIu64 "-", fetch->part.size);
        char *condition = tm_format("If-Range: %s", fetch->part.validator);
        if (range && condition) fetch->headers = curl_slist_append(NULL, condition);
        if (fetch->headers) bad |= curl_easy_setopt(fetch->easy, CURLOPT_RANGE, range);
        tm_free(range);
        tm_free(condition);
        if (!fetch->headers) return tm_fail_memory(err);
    } else {
        bad |= curl_easy_setopt(fetch->easy, CURLOPT_RANGE, NULL);
    }
    bad |= curl_easy_setopt(fetch->easy, CURLOPT_HTTPHEADER, fetch->ranged ? fetch->headers : NULL);
    if (bad || curl_multi_add_handle(fetch->multi, fetch->easy) != CURLM_OK) return tm_fail_memory(err);
    fetch->added = true;
    return 0;
}

static int32_t check_url(const char *url, tm_error *err)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0) {
        return tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the url is neither http nor https");
    }
    for (; *url; url++) {
        if ((unsigned char)*url < 0x20 || *url == 0x7f) {
            return tm_fail(err, ERR_FILE_TRANS_DOWNLOAD_FAILED, "the url holds a control character");
        }
    }
    return 0;
}

int32_t tm_fetch_start(tm_transfer *transfer, CURLM *multi, uint32_t timeout_ms, const char *proxy,
                       tm_error *err)
{
    int32_t code = check_url(transfer->source, err);
    if (code) return code;
    tm_fetch *fetch = transfer->fetch = tm_calloc(1, sizeof *fetch);
    if (!fetch) return tm_fail_memory(err);
    fetch->transfer = transfer;
    fetch->multi = multi;
    fetch->part.fd = -1;
    code = tm_part_open(&fetch->part, transfer->target, transfer->source, err);
    if (code) return code;
    transfer->current = fetch->part.size;
    transfer->total = fetch->part.total;
    fetch->easy = curl_easy_init();
    if (!fetch->easy || set_options(fetch, timeout_ms, proxy)) return tm_fail_memory(err);
    return ask(fetch, err);
}

/* Curl's failure as one of ours. */
static int32_t translate(tm_fetch *fetch, CURLcode result, tm_error *err)
{
    int32_t code = ERR_SDK_NET_DISCONNECT;
    if (result == CURLE_OUT_OF_MEMORY) return tm_fail_memory(err);
    if (result == CURLE_OPERATION_TIMEDOUT) code = ERR_REQUEST_TIMEOUT;
    if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_TOO_MANY_REDIRECTS ||
        result == CURLE_URL_MALFORMAT) {
        code = ERR_FILE_TRANS_DOWNLOAD_FAILED;
    }
    return tm_fail(err, code, "%s", *fetch->detail ? fetch->detail : curl_easy_strerror(result));
}

bool tm_fetch_ended(tm_transfer *transfer, CURLcode result, tm_error *err)
{
    tm_fetch *fetch = transfer->fetch;
    tm_part *part = &fetch->part;
    if (result == CURLE_OK && !fetch->begun) begin(fetch);
    curl_multi_remove_handle(fetch->multi, fetch->easy);
    fetch->added = false;
    if (fetch->again) {
        if (tm_part_reset(part, err)) return true;
        transfer->current = transfer->total = 0;
        return ask(fetch, err) != 0;
    }
    if (fetch->err.code) {
        *err = fetch->err;
    } else if (result != CURLE_OK) {
        translate(fetch, result, err);
    } else if (part->total && part->size != part->total) {
        tm_fail(err, ERR_SDK_NET_DISCONNECT, "the server sent %" PRIu64 " of %" PRIu64 " bytes", part->size,
                part->total);
    } else if (tm_part_finish(part, transfer->target, err) == 0) {
        transfer->current = transfer->total = part->size;
    }
    return true;
}

uint64_t tm_fetch_active(const tm_transfer *transfer)
{
    return transfer->fetch->active_ms;
}

void tm_fetch_free(tm_transfer *transfer, bool keep)
{
    tm_fetch *fetch = transfer->fetch;
    if (!fetch) return;
    if (fetch->added) curl_multi_remove_handle(fetch->multi, fetch->easy);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    tm_part_close(&fetch->part, keep);
    tm_free(fetch);
    transfer->fetch = NULL;
}

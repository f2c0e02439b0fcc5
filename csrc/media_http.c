/* Media http: one request through curl, with what downloads and uploads have in common: the checks of the
 * url, the proxy, timeouts, and curl's failures as ours. See media_internal.h for the functions. */
#include "media_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>

/* What the system may hold of an upload beyond what is on its way. */
#define UNSENT_MAX (128 * 1024)

/* So much may come before a body, in all answers to a request together: curl keeps what it has of them, and an old one does
 * so without end. */
#define HEADERS_MAX (256 * 1024)

/* What must not be asked for at all. */
static int32_t refusal(const tm_transfer *transfer)
{
    return transfer->kind == TM_TRANSFER_SEND ? ERR_FILE_TRANS_UPLOAD_FAILED : ERR_FILE_TRANS_DOWNLOAD_FAILED;
}

bool tm_http_one_line(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) return false;
    return true;
}

static int32_t check_url(const tm_transfer *transfer, const char *url, tm_error *err)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return tm_fail(err, refusal(transfer), "the url is neither http nor https");
    if (!tm_http_one_line(url)) return tm_fail(err, refusal(transfer), "the url holds a control character");
    return 0;
}

static size_t on_header(char *data, size_t one, size_t count, void *userdata)
{
    tm_http *http = userdata;
    (void)data;
    http->active_ms = tm_clock_ms();
    http->headers += one * count;
    if (http->headers <= HEADERS_MAX) return one * count;
    tm_fail(&http->err, ERR_HTTP_REQ_FAILED, "the server's answer begins with more than %d bytes",
            HEADERS_MAX);
    return CURL_WRITEFUNC_ERROR;
}

/* A new socket: no program that the host starts gets it. The system would take megabytes at once and be busy with them for seconds, in which no byte
 * seems to move. */
static int on_socket(void *userdata, curl_socket_t fd, curlsocktype purpose)
{
    (void)userdata, (void)purpose;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
#ifdef TCP_NOTSENT_LOWAT
    const int bytes = UNSENT_MAX;
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes); /* it goes without, too */
#endif
    return CURL_SOCKOPT_OK;
}

/* Connected: the server has the whole timeout for its answer, however long connecting took. */
static int on_connected(void *userdata, char *ip, char *local_ip, int port, int local_port)
{
    tm_http *http = userdata;
    (void)ip, (void)local_ip, (void)port, (void)local_port;
    http->active_ms = tm_clock_ms();
    return CURL_PREREQFUNC_OK;
}

static CURLcode set_options(tm_transfer *transfer, const char *url)
{
    const tm_media *media = transfer->media;
    tm_http *http = transfer->http;
    CURL *easy = http->easy;
    CURLcode bad = CURLE_OK;
    bad |= curl_easy_setopt(easy, CURLOPT_URL, url);
    bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "timmsg");
    /* "" and not NULL: curl would look into the environment, which is not ours to read beside the host's
     * threads. */
    bad |= curl_easy_setopt(easy, CURLOPT_PROXY, media->proxy ? media->proxy : "");
    bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
    bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    /* Pauses are measured by active_ms, since curl's own low-speed check counts in whole seconds. */
    bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)media->timeout_ms);
    bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    /* Freeing must not wait for a thread of curl's that waits for a name server; that thread frees itself. */
    bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
    bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->detail);
    bad |= curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, http);
    bad |= curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, http);
    return bad;
}

int32_t tm_http_open(tm_transfer *transfer, const char *url, tm_error *err)
{
    int32_t code = check_url(transfer, url, err);
    if (code) return code;
    tm_http *http = transfer->http = tm_calloc(1, sizeof *http);
    if (!http) return tm_fail_memory(err);
    http->active_ms = tm_clock_ms();
    http->easy = curl_easy_init();
    return !http->easy || set_options(transfer, url) ? tm_fail_memory(err) : 0;
}

int32_t tm_http_start(tm_transfer *transfer, tm_error *err)
{
    tm_http *http = transfer->http;
    http->active_ms = tm_clock_ms();
    http->headers = 0;
    if (curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, transfer->headers) ||
        curl_multi_add_handle(transfer->media->multi, http->easy) != CURLM_OK)
        return tm_fail_memory(err);
    http->added = true;
    return 0;
}

void tm_http_stop(tm_transfer *transfer)
{
    tm_http *http = transfer->http;
    if (http->added) curl_multi_remove_handle(transfer->media->multi, http->easy);
    http->added = false;
}

long tm_http_status(const tm_transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->http->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

int32_t tm_http_fail(const tm_transfer *transfer, CURLcode result, tm_error *err)
{
    const char *detail = transfer->http->detail;
    int32_t code = ERR_SDK_NET_DISCONNECT;
    if (result == CURLE_OUT_OF_MEMORY) return tm_fail_memory(err);
    if (result == CURLE_OPERATION_TIMEDOUT) code = ERR_REQUEST_TIMEOUT;
    if (result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_TOO_MANY_REDIRECTS ||
        result == CURLE_URL_MALFORMAT) {
        code = refusal(transfer);
    }
    return tm_fail(err, code, "%s", *detail ? detail : curl_easy_strerror(result));
}

int32_t tm_http_refused(long status, tm_error *err)
{
    return tm_fail(err, ERR_HTTP_REQ_FAILED, "the server refused: HTTP status %ld", status);
}

void tm_http_close(tm_transfer *transfer)
{
    if (!transfer->http) return;
    tm_http_stop(transfer);
    curl_easy_cleanup(transfer->http->easy);
    tm_free(transfer->http);
    transfer->http = NULL;
}

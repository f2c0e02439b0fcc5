/* Media transfer: one transfer's life between its list, its work and its reports. See media_internal.h. */
#include "media_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <inttypes.h>
#include <string.h>

#define PROGRESS_PAUSE_MS 50

void tm_transfer_append(tm_transfer_list *list, tm_transfer *transfer)
{
    transfer->previous = list->last;
    transfer->next = NULL;
    *(list->last ? &list->last->next : &list->first) = transfer;
    list->last = transfer;
    list->count++;
}

void tm_transfer_remove(tm_transfer_list *list, tm_transfer *transfer)
{
    *(transfer->previous ? &transfer->previous->next : &list->first) = transfer->next;
    *(transfer->next ? &transfer->next->previous : &list->last) = transfer->previous;
    list->count--;
}

tm_lane tm_transfer_lane(const tm_transfer *transfer)
{
    switch (transfer->kind) {
    case TM_TRANSFER_FETCH: return TM_LANE_FETCH;
    case TM_TRANSFER_SEND: return TM_LANE_SEND;
    default: return TM_LANE_COPY;
    }
}

tm_transfer *tm_transfer_new(tm_media *media, tm_transfer_kind kind, uint64_t id, const char *source,
                             const char *target)
{
    tm_transfer *transfer = tm_calloc(1, sizeof *transfer);
    if (!transfer) return NULL;
    transfer->media = media;
    transfer->kind = kind;
    transfer->id = id;
    transfer->source = tm_strdup(source);
    transfer->target = tm_strdup(target);
    if (transfer->source && transfer->target) return transfer;
    tm_transfer_free(transfer, false);
    return NULL;
}

int32_t tm_transfer_start(tm_transfer *transfer, tm_error *err)
{
    switch (transfer->kind) {
    case TM_TRANSFER_FETCH: return tm_fetch_start(transfer, err);
    case TM_TRANSFER_SEND: return tm_send_start(transfer, err);
    default: return tm_copy_start(transfer, err);
    }
}

void tm_transfer_free(tm_transfer *transfer, bool keep)
{
    tm_http_close(transfer); /* first: its callbacks use the others */
    tm_fetch_free(transfer, keep);
    tm_send_free(transfer);
    tm_copy_free(transfer, keep);
    curl_slist_free_all(transfer->headers);
    tm_free(transfer->source);
    tm_free(transfer->target);
    tm_free(transfer);
}

/* Around the caller's code: false means that tm_media_free has been called and nothing of the caller's may be
 * used. */
static bool step_out(tm_media *media)
{
    pthread_mutex_lock(&media->lock);
    bool allowed = media->outside = !media->closing;
    pthread_mutex_unlock(&media->lock);
    return allowed;
}

static void step_in(tm_media *media)
{
    pthread_mutex_lock(&media->lock);
    media->outside = false;
    pthread_cond_broadcast(&media->changed);
    pthread_mutex_unlock(&media->lock);
}

bool tm_transfer_breaks(tm_transfer *transfer, uint64_t moved, tm_error *err)
{
    pthread_mutex_lock(&transfer->media->lock);
    bool cut = transfer->cut;
    pthread_mutex_unlock(&transfer->media->lock);
    if (!cut || moved < transfer->total / 2) return false;
    tm_fail(err, ERR_SDK_NET_DISCONNECT, "the connection was cut");
    return true;
}

void tm_transfer_progress(tm_transfer *transfer)
{
    tm_media *media = transfer->media;
    if (transfer->total && transfer->current >= transfer->total) return;
    uint64_t now = tm_clock_ms();
    bool often = transfer->reported_ms && now - transfer->reported_ms < PROGRESS_PAUSE_MS;
    if (often && !media->no_thread) return; /* without a thread, as in tests, it is the same each time */
    transfer->reported_ms = now;
    tm_media_report report = {.id = transfer->id, .current = transfer->current, .total = transfer->total};
    if (!step_out(media)) return;
    media->report(media->userdata, &report);
    step_in(media);
}

void tm_transfer_end(tm_transfer *transfer, const tm_error *err)
{
    tm_media *media = transfer->media;
    tm_media_report report = {.id = transfer->id,
                              .done = true,
                              .code = err->code,
                              .current = transfer->current,
                              .total = transfer->total};
    if (err->code) {
        memcpy(report.text, err->text, sizeof report.text);
    } else if (transfer->kind == TM_TRANSFER_STORE) {
        memcpy(report.hash, transfer->hash, sizeof report.hash);
    }
    /* First freed, so that files are unlocked before anybody hears of the end and asks again. What is not
     * there or not right is no beginning for that. */
    tm_transfer_free(transfer, err->code != ERR_FILE_TRANS_DOWNLOAD_FAILED);
    if (!step_out(media)) return;
    if (err->code) {
        /* the call that it is of says so louder */
        tm_log_write(media->log, kTIMLog_Debug, "transfer %" PRIu64 " failed: %" PRId32 " %s", report.id,
                     err->code, err->text);
    } else {
        tm_log_write(media->log, kTIMLog_Debug, "transfer %" PRIu64 " done: %" PRIu64 " bytes", report.id,
                     report.total);
    }
    media->report(media->userdata, &report);
    step_in(media);
}

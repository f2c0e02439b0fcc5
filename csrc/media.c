/* Media: the thread, its queue and the public functions; see media.h. What a transfer does is in
 * media_transfer.c, media_fetch.c, media_send.c and media_copy.c. */
#include "media_internal.h"

#include "clock.h"
#include "include/TIMCloudDef.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define DEFAULT_TIMEOUT_MS 30000
/* How long tm_media_free waits before it leaves the thread to end by itself. */
#define FREE_WAIT_MS 100

static const size_t lane_limit[TM_LANES] = {TM_MEDIA_FETCHES, TM_MEDIA_SENDS, TM_MEDIA_COPIES};

static void end_running(tm_media *media, tm_transfer *transfer, const tm_error *err)
{
    pthread_mutex_lock(&media->lock);
    tm_transfer_remove(&media->running[tm_transfer_lane(transfer)], transfer);
    media->news = true; /* its place is free */
    pthread_mutex_unlock(&media->lock);
    media->hurry = true;
    tm_transfer_end(transfer, err);
}

static void move_cancelled(tm_transfer_list *from, tm_transfer_list *to)
{
    for (tm_transfer *transfer = from->first, *next; transfer; transfer = next) {
        next = transfer->next;
        if (!transfer->cancelled) continue;
        tm_transfer_remove(from, transfer);
        tm_transfer_append(to, transfer);
    }
}

/* Ends what was cancelled and starts what may start. False: the media is closing. */
static bool take_news(tm_media *media)
{
    tm_transfer_list cancelled = {0};
    tm_transfer *transfer, *next;
    media->hurry = false;
    pthread_mutex_lock(&media->lock);
    bool closing = media->closing, news = media->news;
    media->news = false;
    for (int lane = 0; news && !closing && lane < TM_LANES; lane++) {
        tm_transfer_list *waiting = &media->waiting[lane], *running = &media->running[lane];
        move_cancelled(waiting, &cancelled);
        move_cancelled(running, &cancelled);
        while ((transfer = waiting->first) && running->count < lane_limit[lane]) {
            tm_transfer_remove(waiting, transfer);
            tm_transfer_append(running, transfer);
        }
    }
    pthread_mutex_unlock(&media->lock);
    if (closing) return false;

    for (transfer = cancelled.first; transfer; transfer = next) {
        tm_error err;
        tm_fail(&err, ERR_USER_CANCELED, "cancelled");
        next = transfer->next;
        tm_transfer_end(transfer, &err);
    }
    for (int lane = 0; news && lane < TM_LANES; lane++) {
        for (transfer = media->running[lane].first; transfer; transfer = next) {
            tm_error err = {0};
            next = transfer->next;
            if (transfer->http || transfer->copy) continue; /* started before */
            if (tm_transfer_start(transfer, &err)) end_running(media, transfer, &err);
        }
    }
    return true;
}

static void run_copies(tm_media *media)
{
    for (tm_transfer *transfer = media->running[TM_LANE_COPY].first, *next; transfer; transfer = next) {
        tm_error err = {0};
        next = transfer->next;
        if (tm_copy_step(transfer, media->buffer, &err)) end_running(media, transfer, &err);
    }
}

static void run_requests(tm_media *media)
{
    int count;
    curl_multi_perform(media->multi, &count);
    for (CURLMsg *message; (message = curl_multi_info_read(media->multi, &count));) {
        tm_error err = {0};
        char *private = NULL;
        if (message->msg != CURLMSG_DONE) continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        tm_transfer *transfer = (tm_transfer *)(void *)private;
        if (transfer->kind == TM_TRANSFER_SEND)
            tm_send_ended(transfer, message->data.result, &err);
        else if (!tm_fetch_ended(transfer, message->data.result, &err))
            continue;
        end_running(media, transfer, &err);
    }
}

/* Ends the requests of a lane that no byte moved for; returns how long the next one may still be waited for,
 * or `wait` if that is less. `now` is when run_requests began: a pause is over time only if curl looked after that. However
 * long the disk held this thread up then, what came meanwhile has not been read yet. */
static uint64_t check_pauses(tm_media *media, tm_lane lane, uint64_t now, uint64_t wait)
{
    for (tm_transfer *transfer = media->running[lane].first, *next; transfer; transfer = next) {
        tm_error err;
        uint64_t active = transfer->http->active_ms, paused = active < now ? now - active : 0;
        next = transfer->next;
        if (paused < media->timeout_ms) {
            if (media->timeout_ms - paused < wait) wait = media->timeout_ms - paused;
        } else {
            tm_fail(&err, ERR_REQUEST_TIMEOUT, "no byte moved for %" PRIu32 " ms", media->timeout_ms);
            end_running(media, transfer, &err);
        }
    }
    return wait;
}

static void destroy(tm_media *media)
{
    pthread_cond_destroy(&media->changed);
    pthread_mutex_destroy(&media->lock);
    tm_free(media->buffer);
    tm_free(media->proxy);
    tm_free(media);
}

/* One round, and a wait for what comes next, of `wait` at most. False: the media is closing. */
static bool run_once(tm_media *media, int wait_ms)
{
    if (!take_news(media)) return false;
    run_copies(media);
    uint64_t now = tm_clock_ms();
    run_requests(media);
    uint64_t wait = check_pauses(media, TM_LANE_FETCH, now, (uint64_t)wait_ms);
    wait = check_pauses(media, TM_LANE_SEND, now, wait);
    if (media->running[TM_LANE_COPY].first || media->hurry) wait = 0;
    curl_multi_poll(media->multi, NULL, 0, (int)wait, NULL);
    return true;
}

/* Frees what the work was done with. */
static void end_all(tm_media *media)
{
    for (int lane = 0; lane < TM_LANES; lane++) {
        tm_transfer_list *lists[] = {&media->waiting[lane], &media->running[lane]};
        for (int i = 0; i < 2; i++) {
            for (tm_transfer *transfer; (transfer = lists[i]->first);) {
                tm_transfer_remove(lists[i], transfer);
                tm_transfer_free(transfer, true);
            }
        }
    }
    curl_multi_cleanup(media->multi);
}

static void *run(void *argument)
{
    tm_media *media = argument;
    pthread_setname_np(pthread_self(), "timmsg-media");
    while (run_once(media, INT_MAX))
        continue;
    end_all(media);
    pthread_mutex_lock(&media->lock);
    media->ended = true;
    bool abandoned = media->abandoned;
    pthread_cond_broadcast(&media->changed);
    pthread_mutex_unlock(&media->lock);
    if (abandoned) destroy(media);
    return NULL;
}

/* Libcurl wants one call for the whole process before any other, however many clients there are: the only
 * once-flag of the library. It is never undone, because the host may use curl too. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_state;

static void start_curl(void)
{
    curl_state = curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* The new thread inherits what is blocked here: all signals, so that the host's handlers run on the host's
 * threads and SIGPIPE and SIGXFSZ become errors of the calls; but not those that say that this thread itself
 * has crashed. */
static int start_thread(tm_media *media)
{
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int number = pthread_create(&media->thread, NULL, run, media);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

tm_media *tm_media_new(const tm_media_options *options, tm_error *err)
{
    pthread_condattr_t monotonic;
    pthread_once(&curl_once, start_curl);
    if (curl_state != CURLE_OK) {
        tm_fail(err, ERR_INIT_CORE_FAIL, "curl: %s", curl_easy_strerror(curl_state));
        return NULL;
    }
    tm_media *media = tm_calloc(1, sizeof *media);
    if (!media) {
        tm_fail_memory(err);
        return NULL;
    }
    media->timeout_ms = options->timeout_ms ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (media->timeout_ms > INT_MAX) media->timeout_ms = INT_MAX;
    media->log = options->log;
    media->report = options->report;
    media->userdata = options->userdata;
    pthread_mutex_init(&media->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&media->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    media->multi = curl_multi_init();
    media->buffer = tm_malloc(TM_MEDIA_SLICE);
    media->proxy = tm_strdup(options->http_proxy);
    if (!media->multi || !media->buffer || (options->http_proxy && !media->proxy)) {
        tm_fail_memory(err);
        goto fail;
    }
    media->no_thread = options->no_thread;
    if (media->no_thread || start_thread(media) == 0) return media;
    tm_fail(err, ERR_INIT_CORE_FAIL, "the media thread could not be started");

fail:
    if (media->multi) curl_multi_cleanup(media->multi);
    destroy(media);
    return NULL;
}

void tm_media_free(tm_media *media)
{
    struct timespec until;
    bool late = false;
    if (!media) return;
    if (media->no_thread) {
        end_all(media);
        destroy(media);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += FREE_WAIT_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;

    pthread_t thread = media->thread;
    pthread_mutex_lock(&media->lock);
    media->closing = true;
    curl_multi_wakeup(media->multi);
    /* A thread in a slow fsync is left behind; one in the caller's code is not, since the caller goes on to
     * free what that uses. */
    while (!media->ended && (media->outside || !late)) {
        if (late)
            pthread_cond_wait(&media->changed, &media->lock);
        else
            late = pthread_cond_timedwait(&media->changed, &media->lock, &until) == ETIMEDOUT;
    }
    bool ended = media->ended;
    media->abandoned = !ended;
    pthread_mutex_unlock(&media->lock);
    if (ended) {
        pthread_join(thread, NULL);
        destroy(media);
    } else {
        pthread_detach(thread);
    }
}

bool tm_media_turn(tm_media *media, int wait_ms)
{
    bool busy = false;
    for (int lane = 0; lane < TM_LANES; lane++)
        busy |= media->waiting[lane].first || media->running[lane].first;
    if (busy) run_once(media, wait_ms);
    return busy;
}

/* Takes the transfer over, which is NULL when memory was short. */
static int32_t enqueue(tm_media *media, tm_transfer *transfer)
{
    if (!transfer) return ERR_OUT_OF_MEMORY;
    pthread_mutex_lock(&media->lock);
    tm_transfer_append(&media->waiting[tm_transfer_lane(transfer)], transfer);
    media->news = true;
    curl_multi_wakeup(media->multi);
    pthread_mutex_unlock(&media->lock);
    return 0;
}

int32_t tm_media_fetch(tm_media *media, uint64_t id, const char *url, const char *path)
{
    return enqueue(media, tm_transfer_new(media, TM_TRANSFER_FETCH, id, url, path));
}

int32_t tm_media_send(tm_media *media, uint64_t id, const char *path, uint64_t size, const char *url,
                      const char *const *headers, const char *content_type)
{
    tm_transfer *transfer = tm_transfer_new(media, TM_TRANSFER_SEND, id, path, url);
    if (transfer && !tm_send_headers(&transfer->headers, headers, content_type)) {
        tm_transfer_free(transfer, false);
        transfer = NULL;
    }
    if (transfer) transfer->total = size;
    return enqueue(media, transfer);
}

int32_t tm_media_store(tm_media *media, uint64_t id, const char *path, uint64_t size, const char *directory)
{
    tm_transfer *transfer = tm_transfer_new(media, TM_TRANSFER_STORE, id, path, directory);
    if (transfer) transfer->total = size;
    return enqueue(media, transfer);
}

int32_t tm_media_copy(tm_media *media, uint64_t id, const char *source, const char *hash, const char *path)
{
    tm_transfer *transfer = tm_transfer_new(media, TM_TRANSFER_COPY, id, source, path);
    if (transfer) strncpy(transfer->hash, hash, sizeof transfer->hash - 1);
    return enqueue(media, transfer);
}

/* The transfer that is under way, or NULL. The lock is held. */
static tm_transfer *find_transfer(tm_media *media, uint64_t id)
{
    for (int lane = 0; lane < TM_LANES; lane++) {
        tm_transfer_list *lists[] = {&media->waiting[lane], &media->running[lane]};
        for (int i = 0; i < 2; i++)
            for (tm_transfer *transfer = lists[i]->first; transfer; transfer = transfer->next)
                if (transfer->id == id) return transfer;
    }
    return NULL;
}

void tm_media_cancel(tm_media *media, uint64_t id)
{
    pthread_mutex_lock(&media->lock);
    tm_transfer *transfer = find_transfer(media, id);
    if (transfer) transfer->cancelled = media->news = true;
    if (media->news) curl_multi_wakeup(media->multi);
    pthread_mutex_unlock(&media->lock);
}

void tm_media_cut(tm_media *media, uint64_t id)
{
    pthread_mutex_lock(&media->lock);
    tm_transfer *transfer = find_transfer(media, id);
    if (transfer) transfer->cut = true;
    pthread_mutex_unlock(&media->lock);
}

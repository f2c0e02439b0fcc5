/* Worker: the loop of a client's thread, and what it waits for; or, in a test world, its turns. See worker.h. */
#include "worker.h"

#include "alarm.h"
#include "include/TIMCloudDef.h"
#include "spin.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* In a test world: how long a transfer from outside is waited for before the others get their turn. */
#define PATIENCE_MS 10

static void handle_reports(tm_worker *worker, tm_report *list)
{
    while (list) {
        tm_report *next = list->next;
        tm_job_report(worker, &list->media);
        tm_free(list);
        list = next;
    }
    tm_worker_pump(worker);
}

static bool has_room(const tm_worker *worker)
{
    return tm_mailbox_events(worker->client->mailbox) < TM_MAX_EVENTS_AHEAD;
}

/* Milliseconds until a time of tm_world_ms; 0 when it is there. */
static int time_until(const tm_worker *worker, uint64_t at)
{
    uint64_t now = tm_world_ms(worker->world);
    return at <= now ? 0 : at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}

/* Whether a backend that nobody can wake is to be looked at. Times, not pauses: a host that calls all the
 * time must not put it off. */
static bool look_is_due(tm_worker *worker)
{
    int interval = worker->backend->interval_ms(worker->backend);
    if (interval < 0 || time_until(worker, worker->look_at) > 0) return false;
    worker->look_at = tm_world_ms(worker->world) + (uint64_t)interval;
    return true;
}

/* Milliseconds until the next look; -1: there is none to come. The interval may have become shorter since the last one. */
static int time_until_look(tm_worker *worker)
{
    int interval = worker->backend->interval_ms(worker->backend);
    if (interval >= 0 && time_until(worker, worker->look_at) > interval)
        worker->look_at = tm_world_ms(worker->world) + (uint64_t)interval;
    return interval < 0 ? -1 : time_until(worker, worker->look_at);
}

/* Lets the backend take in what came. */
static void look(tm_worker *worker)
{
    if (worker->backend->ready(worker->backend, !has_room(worker))) worker->more_events = true;
}

/* What a look brought about, and what could not be done before. */
static void see_after(tm_worker *worker)
{
    if (worker->kicked) tm_worker_kicked(worker);
    if (worker->retry_at && time_until(worker, worker->retry_at) == 0) {
        worker->retry_at = 0;
        worker->more_events = true;
        tm_unsaved_save(worker);
        tm_worker_pump(worker); /* answers that the store could not take */
    }
}

/* Waits for requests, reports, the backend's descriptor or its interval, or an alarm's time. */
static void wait_for_work(tm_worker *worker)
{
    tm_client *client = worker->client;
    struct pollfd fds[2] = {{.fd = tm_wake_fd(&client->wake), .events = POLLIN},
                            {.fd = -1, .events = POLLIN}};
    int timeout = -1;
    if (worker->backend) {
        fds[1].fd = worker->backend->fd(worker->backend);
        timeout = time_until_look(worker);
    }
    if (worker->retry_at && (timeout < 0 || timeout > time_until(worker, worker->retry_at)))
        timeout = time_until(worker, worker->retry_at);
    if (worker->quick) tm_spin_until(&client->called);
    worker->quick = false;
    if (worker->importing || (worker->more_events && has_room(worker)) || !tm_client_sleep(client))
        timeout = 0;
    /* asked last: who sets one from now on wakes a worker that sleeps */
    uint64_t alarm = tm_alarm_next(client);
    if (alarm && (timeout < 0 || timeout > time_until(worker, alarm))) timeout = time_until(worker, alarm);
    int ready = poll(fds, 2, timeout);
    if (ready < 0 && errno != EINTR) tm_log_write(client->log, kTIMLog_Error, "poll: %s", strerror(errno));
    if (fds[0].revents) tm_wake_clear(&client->wake);
    tm_alarm_ring(client);
    if (worker->backend && (fds[1].revents || look_is_due(worker))) look(worker);
    see_after(worker);
}

/* One round. False: there was nothing to do. */
static bool work(tm_worker *worker)
{
    tm_request *requests;
    tm_report *reports;
    bool moved = worker->importing;
    /* events first: an answer of the backend may rest on what it has told of before */
    if (worker->online && worker->more_events && has_room(worker)) {
        tm_incoming_receive(worker);
        moved = true;
    }
    tm_client_take(worker->client, &requests, &reports);
    moved |= requests || reports;
    tm_worker_handle(worker, requests);
    handle_reports(worker, reports);
    worker->importing = tm_import_slice(worker);
    return moved;
}

static void end(tm_worker *worker)
{
    tm_client *client = worker->client;
    tm_worker_end_session(worker);
    tm_media_free(worker->media); /* no report comes after this */
    tm_alarm_cancel(client);
    tm_request *requests;
    tm_report *reports;
    tm_client_take(client, &requests, &reports);
    tm_worker_handle(worker, requests); /* all of them cancelled */
    while (reports) {
        tm_report *next = reports->next;
        tm_free(reports);
        reports = next;
    }
}

static void init(tm_worker *worker, tm_client *client)
{
    *worker = (tm_worker){
        .client = client, .world = client->world, .file_level = kTIMLog_Info, .sink_level = kTIMLog_Info};
}

/* ---- with a thread ---- */

void *tm_worker_main(void *argument)
{
    tm_worker worker;
    tm_client *client = argument;
    sigset_t all;
    /* signals are the host's: none is handled here, and a write to a dead peer must not end the process */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    init(&worker, client);
    while (!atomic_load(&client->stop)) {
        wait_for_work(&worker);
        work(&worker);
    }
    end(&worker);
    return NULL;
}

/* ---- in a test world ---- */

static tm_turn turn(void *self)
{
    tm_worker *worker = self;
    bool moved = tm_alarm_ring(worker->client);
    if (worker->backend) look(worker);
    see_after(worker);
    moved |= tm_job_start_due(worker);
    if (worker->media) tm_media_turn(worker->media, 0); /* what it brought about comes as reports */
    moved |= work(worker);
    /* an answer that came with the backend's own turn may have brought events along */
    moved |= worker->online && worker->more_events && has_room(worker);
    return moved ? TM_TURN_MOVED : worker->jobs ? TM_TURN_OUTSIDE : TM_TURN_IDLE;
}

static void wait_outside(void *self)
{
    tm_worker *worker = self;
    if (worker->media) tm_media_turn(worker->media, PATIENCE_MS);
}

static uint64_t next(void *self)
{
    const tm_worker *worker = self;
    uint64_t at = tm_alarm_next(worker->client);
    int interval = worker->backend ? worker->backend->interval_ms(worker->backend) : -1;
    uint64_t others[] = {worker->retry_at, interval < 0 ? 0 : tm_world_ms(worker->world) + (uint64_t)interval,
                         tm_job_next_due(worker)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i] && (!at || others[i] < at)) at = others[i];
    return at;
}

tm_worker *tm_worker_new(tm_client *client, tm_error *err)
{
    tm_worker *worker = tm_malloc(sizeof *worker);
    if (!worker) {
        tm_fail_memory(err);
        return NULL;
    }
    init(worker, client);
    worker->actor = (tm_actor){.self = worker, .turn = turn, .wait = wait_outside, .next = next};
    tm_world_join(client->world, &worker->actor);
    return worker;
}

void tm_worker_wake(tm_worker *worker)
{
    tm_world_wake(worker->world, &worker->actor);
}

void tm_worker_free(tm_worker *worker)
{
    tm_world_leave(worker->world, &worker->actor);
    end(worker);
    tm_free(worker);
}

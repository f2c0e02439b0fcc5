/* Worker: the loop of a client's thread, and what it waits for. See worker.h. */
#include "worker.h"

#include "alarm.h"
#include "clock.h"
#include "include/TIMCloudDef.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

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

/* Milliseconds until a time of tm_clock_ms; 0 when it is there. */
static int time_until(uint64_t at)
{
    uint64_t now = tm_clock_ms();
    return at <= now ? 0 : at - now < INT_MAX ? (int)(at - now) : INT_MAX;
}

/* Whether a backend that nobody can wake is to be looked at. Times, not pauses: a host that calls all the
 * time must not put it off. */
static bool look_is_due(tm_worker *worker)
{
    int interval = worker->backend->interval_ms(worker->backend);
    if (interval < 0 || time_until(worker->look_at) > 0) return false;
    worker->look_at = tm_clock_ms() + (uint64_t)interval;
    return true;
}

/* Waits for requests, reports, the backend's descriptor or its interval, or an alarm's time. */
static void wait_for_work(tm_worker *worker, bool busy)
{
    tm_client *client = worker->client;
    struct pollfd fds[2] = {{.fd = tm_wake_fd(&client->wake), .events = POLLIN},
                            {.fd = -1, .events = POLLIN}};
    int timeout = -1;
    if (worker->backend) {
        fds[1].fd = worker->backend->fd(worker->backend);
        if (worker->backend->interval_ms(worker->backend) >= 0) timeout = time_until(worker->look_at);
    }
    if (worker->retry_at && (timeout < 0 || timeout > time_until(worker->retry_at)))
        timeout = time_until(worker->retry_at);
    if (busy || (worker->more_events && has_room(worker)) || !tm_client_sleep(client)) timeout = 0;
    /* asked last: who sets one from now on wakes a worker that sleeps */
    uint64_t alarm = tm_alarm_next(client);
    if (alarm && (timeout < 0 || timeout > time_until(alarm))) timeout = time_until(alarm);
    int ready = poll(fds, 2, timeout);
    if (ready < 0 && errno != EINTR) tm_log_write(client->log, kTIMLog_Error, "poll: %s", strerror(errno));
    if (fds[0].revents) tm_wake_clear(&client->wake);
    tm_alarm_ring(client);
    if (worker->backend && (fds[1].revents || look_is_due(worker)) &&
        worker->backend->ready(worker->backend, !has_room(worker)))
        worker->more_events = true;
    if (worker->kicked) tm_worker_kicked(worker);
    if (worker->retry_at && time_until(worker->retry_at) == 0) {
        worker->retry_at = 0;
        worker->more_events = true;
        tm_worker_pump(worker); /* answers that the store could not take */
    }
}

void *tm_worker_main(void *argument)
{
    tm_worker worker = {.client = argument, .file_level = kTIMLog_Info, .sink_level = kTIMLog_Info};
    tm_client *client = argument;
    sigset_t all;
    /* signals are the host's: none is handled here, and a write to a dead peer must not end the process */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    bool importing = false;
    while (!atomic_load(&client->stop)) {
        tm_request *requests;
        tm_report *reports;
        wait_for_work(&worker, importing);
        /* events first: an answer of the backend may rest on what it has told of before */
        if (worker.online && worker.more_events && has_room(&worker)) tm_incoming_receive(&worker);
        tm_client_take(client, &requests, &reports);
        tm_worker_handle(&worker, requests);
        handle_reports(&worker, reports);
        importing = tm_import_slice(&worker);
    }
    tm_worker_end_session(&worker);
    tm_media_free(worker.media); /* no report comes after this */
    tm_alarm_cancel(client);
    tm_request *requests;
    tm_report *reports;
    tm_client_take(client, &requests, &reports);
    tm_worker_handle(&worker, requests); /* all of them cancelled */
    while (reports) {
        tm_report *next = reports->next;
        tm_free(reports);
        reports = next;
    }
    return NULL;
}

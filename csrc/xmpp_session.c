/* XMPP session: its thread, what the worker calls, and what all of the session's files need. See xmpp_session.h. */
#include "xmpp_session.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No question is given up before. */
#define LEAST_TIMEOUT_MS 15000
/* tm_xmpp_end waits so long. */
#define END_MS 100

/* ---- for the other files ---- */

void tm_xmpp_log(tm_xmpp *x, enum TIMLogLevel level, const char *format, ...)
{
    char text[TM_ERROR_TEXT];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* under the lock: the log goes away with the client, which a blocked thread may outlive */
    pthread_mutex_lock(&x->lock);
    tm_log_write(x->log, level, "xmpp: %s", text);
    pthread_mutex_unlock(&x->lock);
}

void tm_xmpp_ring(tm_xmpp *x)
{
    pthread_mutex_lock(&x->lock);
    x->news = true;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

void tm_xmpp_tell_online(tm_xmpp *x, tm_event *event)
{
    event->next = NULL;
    pthread_mutex_lock(&x->lock);
    if (x->last_online)
        x->last_online->next = event;
    else
        x->online = event;
    x->last_online = event;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

void tm_xmpp_iq(tm_xmpp *x, tm_stanza *iq, const char *type, const char *to)
{
    /* the id is the link's */
    tm_stanza_begin(iq, tm_link_ctx(x->link), "iq", to, type, NULL);
}

void tm_xmpp_ask(tm_xmpp *x, tm_stanza *iq, tm_question_answer answer, void *argument)
{
    /* tasks have deadlines of their own; what the session asks for itself is not to suffer from short ones */
    uint32_t timeout = x->timeout_ms > LEAST_TIMEOUT_MS ? x->timeout_ms : LEAST_TIMEOUT_MS;
    tm_link_ask(x->link, tm_stanza_finish(iq), timeout, answer, argument);
}

int32_t tm_xmpp_error(xmpp_stanza_t *answer, tm_error *err)
{
    static const struct {
        const char *condition;
        int32_t code;
    } codes[] = {{"item-not-found", ERR_SVR_GROUP_NOT_FOUND},
                 {"gone", ERR_SVR_GROUP_NOT_FOUND},
                 {"forbidden", ERR_SVR_GROUP_PERMISSION_DENY},
                 {"not-allowed", ERR_SVR_GROUP_PERMISSION_DENY},
                 {"not-authorized", ERR_SVR_GROUP_PERMISSION_DENY},
                 {"registration-required", ERR_SVR_GROUP_PERMISSION_DENY},
                 {"not-acceptable", ERR_SVR_GROUP_PERMISSION_DENY}};
    if (!answer) return tm_fail(err, ERR_SDK_NET_DISCONNECT, "the server has not answered");
    const char *condition = tm_stanza_error(answer);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strcmp(condition, codes[i].condition) == 0)
            return tm_fail(err, codes[i].code, "the server says: %s", condition);
    return tm_fail(err, ERR_SVR_GROUP_INTERNAL_ERROR, "the server says: %s",
                   *condition ? condition : "error");
}

/* ---- the thread ---- */

static bool wants_stanzas(void *owner)
{
    tm_xmpp *x = owner;
    pthread_mutex_lock(&x->lock);
    bool wants = tm_log_wants(x->log, kTIMLog_Verbose);
    pthread_mutex_unlock(&x->lock);
    return wants;
}

static void say(void *owner, enum TIMLogLevel level, const char *text)
{
    tm_xmpp_log(owner, level, "%s", text);
}

static bool open_all(tm_xmpp *x, tm_error *err)
{
    tm_link_host host = {.owner = x,
                         .connected = tm_connection_made,
                         .lost = tm_connection_lost,
                         .stanza = tm_live_stanza,
                         .wants_stanzas = wants_stanzas,
                         .log = say};
    char *after = NULL;
    uint64_t stamp, begin;
    if (!(x->mirror = tm_mirror_open(x->directory, x->user, &x->halt, err))) return false;
    bool known = tm_mirror_archive(x->mirror, "", &after, &stamp, &begin, err);
    tm_free(after);
    if (err->code) return false;
    x->fresh = x->is_new = x->first_cursor < 0;
    int64_t top = x->fresh ? 0 : tm_mirror_top(x->mirror, err);
    if (err->code) return false;
    if (!x->fresh && (!known || top < x->first_cursor)) {
        /* it is gone, or from before: what is behind it is read again, and the store knows what it has */
        int32_t code = tm_mirror_begin(x->mirror, err);
        if (!code) code = tm_mirror_go_on(x->mirror, x->first_cursor, err);
        if (!code && !known) code = tm_mirror_set_archive(x->mirror, "", "", (uint64_t)x->first_cursor, err);
        if (!code) code = tm_mirror_commit(x->mirror, err);
        if (code) {
            tm_mirror_rollback(x->mirror);
            return false;
        }
    }
    x->receipted = x->stored = x->first_cursor < 0 ? 0 : x->first_cursor;
    x->link = tm_link_new(&x->address, x->localpart, x->device, x->password, &host, err);
    return x->link != NULL;
}

static uint64_t earlier(uint64_t one, uint64_t other)
{
    return !one ? other : !other ? one : one < other ? one : other;
}

static int pause_ms(tm_xmpp *x)
{
    uint64_t now = tm_clock_ms(), first = tm_link_deadline(x->link);
    for (const tm_task *task = x->working; task; task = task->next)
        first = earlier(earlier(first, task->deadline), x->welcome ? task->again_at : 0);
    first = earlier(first, x->retry_at);
    if (x->login && x->welcome) first = earlier(first, x->settle_until);
    first = earlier(first, tm_connection_deadline(x));
    first = earlier(first, tm_outbox_deadline(x));
    first = earlier(first, tm_rooms_deadline(x));
    first = earlier(first, tm_archives_deadline(x));
    if (!first) return -1;
    return first <= now ? 0 : first - now > 60000 ? 60000 : (int)(first - now);
}

static void wait_for_something(tm_xmpp *x)
{
    bool wants_write;
    int fd = tm_link_fd(x->link, &wants_write);
    struct pollfd fds[2] = {{.fd = tm_wake_fd(&x->wake), .events = POLLIN},
                            {.fd = fd, .events = (short)(POLLIN | (wants_write ? POLLOUT : 0))}};
    int timeout = pause_ms(x);
    while (poll(fds, fd >= 0 ? 2 : 1, timeout) < 0 && errno == EINTR) {
    }
    tm_wake_clear(&x->wake);
}

/* False: the session is to end. */
static bool take_tasks(tm_xmpp *x)
{
    pthread_mutex_lock(&x->lock);
    tm_task *list = x->given;
    x->given = x->last_given = NULL;
    bool stop = x->stop;
    pthread_mutex_unlock(&x->lock);
    while (list) {
        tm_task *next = list->next;
        list->next = NULL;
        if (stop)
            tm_task_free(list);
        else
            tm_task_start(x, list);
        list = next;
    }
    return !stop;
}

static void run(tm_xmpp *x)
{
    tm_error err = {0};
    if (!open_all(x, &err)) {
        tm_task *login = x->login;
        x->login = NULL;
        tm_xmpp_fail(x, login, err.code, err.text);
        while (take_tasks(x)) {
            struct pollfd fd = {.fd = tm_wake_fd(&x->wake), .events = POLLIN};
            poll(&fd, 1, -1);
            tm_wake_clear(&x->wake);
        }
        return;
    }
    tm_link_connect(x->link);
    while (take_tasks(x)) {
        if (x->retry_at && x->retry_at <= tm_clock_ms()) {
            x->retry_at = 0;
            tm_link_connect(x->link);
        }
        tm_link_run(x->link);
        tm_connection_run(x);
        if (x->welcome) {
            tm_connection_answer_login(x);
            tm_rooms_run(x);
            tm_archives_run(x);
            tm_group_run(x);
            x->released = false;
            tm_receipts_run(x);
        }
        tm_outbox_run(x);
        tm_tasks_expire(x);
        /* what was just written goes out before the wait; if something came meanwhile, or a task's time was over, others may
         * want to act */
        if (!tm_link_run(x->link) && !(x->released && x->welcome)) wait_for_something(x);
    }
    if (tm_link_is_up(x->link)) {
        tm_link_disconnect(x->link);
        tm_link_run(x->link);
    }
}

static void free_session(tm_xmpp *x)
{
    tm_link_free(x->link);
    x->link = NULL;
    tm_rooms_free(x);
    if (x->own) x->own->busy = false; /* no page comes any more */
    tm_archive_close(x->own);
    tm_pages_free(x);
    tm_mirror_close(x->mirror);
    tm_tasks_free(x->sending);
    tm_tasks_free(x->working);
    tm_tasks_free(x->given);
    tm_tasks_free(x->answers);
    tm_event_free_list(x->online);
    tm_task_free(x->login);
    tm_xmpp_address_clear(&x->address);
    tm_free(x->self);
    tm_free(x->localpart);
    tm_free(x->password);
    tm_free(x->device);
    tm_free(x->directory);
    tm_free(x->rooms);
    tm_free(x->upload);
    tm_wake_close(&x->wake);
    tm_wake_close(&x->bell);
    pthread_cond_destroy(&x->over);
    pthread_mutex_destroy(&x->lock);
    tm_free(x);
}

static void *thread(void *argument)
{
    tm_xmpp *x = argument;
    sigset_t all;
    /* libstrophe writes without MSG_NOSIGNAL; the host's signals are no business of this thread */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    run(x);
    bool damaged = tm_mirror_is_damaged(x->mirror);
    pthread_mutex_lock(&x->lock);
    x->ended = true;
    x->damaged = damaged;
    bool abandoned = x->abandoned;
    pthread_cond_signal(&x->over);
    pthread_mutex_unlock(&x->lock);
    if (abandoned) free_session(x);
    return NULL;
}

/* ---- the worker's side ---- */

tm_xmpp *tm_xmpp_start(const tm_xmpp_options *options, tm_task *login, tm_error *err)
{
    tm_xmpp *x = tm_calloc(1, sizeof *x);
    if (!x) {
        tm_fail_memory(err);
        return NULL;
    }
    pthread_mutex_init(&x->lock, NULL);
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&x->over, &clock);
    pthread_condattr_destroy(&clock);
    x->wake = x->bell = (tm_wake){-1, -1};
    snprintf(x->user, sizeof x->user, "%s", options->user);
    x->log = options->log;
    x->first_cursor = options->cursor;
    x->timeout_ms = options->timeout_ms;
    x->window_s = options->window_s;
    if (tm_xmpp_address_parse(options->address, &x->address, err)) goto fail;
    x->self = tm_jid_of(options->user, x->address.domain);
    x->localpart = x->self ? tm_strndup(x->self, strcspn(x->self, "@")) : NULL;
    x->password = tm_strdup(options->password);
    x->device = tm_strdup(options->device);
    x->directory = tm_strdup(options->directory);
    if (!x->localpart || !x->password || !x->device || !x->directory) {
        tm_fail_memory(err);
        goto fail;
    }
    if (tm_wake_open(&x->wake, err) || tm_wake_open(&x->bell, err)) goto fail;
    x->login = login;
    x->unsettled = login->op.want;
    pthread_t id;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&id, &attributes, thread, x);
    pthread_attr_destroy(&attributes);
    if (!failed) return x;
    x->login = NULL;
    tm_fail(err, ERR_OUT_OF_MEMORY, "cannot start a thread: %s", strerror(failed));
fail:
    free_session(x);
    return NULL;
}

bool tm_xmpp_end(tm_xmpp *x, bool *damaged)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += END_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    atomic_store(&x->halt, true);
    pthread_mutex_lock(&x->lock);
    x->stop = true;
    tm_wake_signal(&x->wake);
    while (!x->ended && pthread_cond_timedwait(&x->over, &x->lock, &until) == 0) {
    }
    bool ended = x->ended;
    *damaged = ended && x->damaged;
    x->abandoned = true;
    x->log = NULL;
    pthread_mutex_unlock(&x->lock);
    if (ended) free_session(x);
    return ended;
}

void tm_xmpp_give(tm_xmpp *x, tm_task *list)
{
    if (!list) return;
    tm_task *last = list;
    while (last->next)
        last = last->next;
    pthread_mutex_lock(&x->lock);
    if (x->last_given)
        x->last_given->next = list;
    else
        x->given = list;
    x->last_given = last;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->wake);
}

void tm_xmpp_take(tm_xmpp *x, tm_task **answered, tm_event **online, bool *news, tm_network *network)
{
    tm_wake_clear(&x->bell);
    pthread_mutex_lock(&x->lock);
    *answered = x->answers;
    x->answers = x->last_answer = NULL;
    *online = x->online;
    x->online = x->last_online = NULL;
    *news = x->news;
    x->news = false;
    *network = x->network;
    x->network.changed = x->network.blinked = false;
    pthread_mutex_unlock(&x->lock);
}

int tm_xmpp_fd(const tm_xmpp *x)
{
    return tm_wake_fd(&x->bell);
}

int64_t tm_xmpp_held_from(tm_xmpp *x)
{
    pthread_mutex_lock(&x->lock);
    int64_t number = x->held_from ? x->held_from : INT64_MAX;
    pthread_mutex_unlock(&x->lock);
    return number;
}

void tm_xmpp_stored(tm_xmpp *x, int64_t number)
{
    pthread_mutex_lock(&x->lock);
    if (number > x->stored) x->stored = number;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->wake);
}

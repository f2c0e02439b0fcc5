/* Mailbox: see mailbox.h.
 *
 * The descriptor, where somebody asked for it, is signalled and cleared under the lock, and only when the list
 * gets its first letter or loses its last, or it is held or no longer: it is readable exactly while letters are
 * there or it is held, and a host that polls an empty mailbox pays for a lock and no more. */
#include "mailbox.h"

#include "include/TIMCloudDef.h"
#include "spin.h"
#include "wake.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

struct tm_mailbox {
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    tm_wake wake; /* not open until somebody asks for the descriptor */
    tm_letter *first, *last;
    bool held;         /* the descriptor is to be readable in any case */
    unsigned waiters;  /* threads in tm_mailbox_wait */
    atomic_bool any;   /* letters are there */
    atomic_bool quick; /* the letter taken last was */
    atomic_size_t events, expected;
    size_t low;
    void (*drained)(void *userdata);
    void *userdata;
};

/* ---- Letters ---- */

tm_letter *tm_letter_new(tm_letter_kind kind, const char *desc, cJSON *json)
{
    tm_letter *letter = tm_calloc(1, sizeof *letter);
    char *text = tm_strdup(desc ? desc : "");
    if (!letter || !text) {
        tm_free(letter);
        tm_free(text);
        cJSON_Delete(json);
        return NULL;
    }
    letter->kind = kind;
    letter->desc = text;
    letter->json = json;
    return letter;
}

void tm_letter_free(tm_letter *letter)
{
    if (!letter) return;
    tm_free(letter->desc);
    cJSON_Delete(letter->json);
    tm_messages_free(letter->messages);
    tm_free(letter);
}

bool tm_letter_unpack(tm_letter *letter)
{
    if (!letter->messages) return true;
    letter->json = tm_messages_to_tree(letter->messages);
    tm_messages_free(letter->messages);
    letter->messages = NULL;
    return letter->json != NULL;
}

static size_t events_in(const tm_letter *letter)
{
    switch (letter->kind) {
    case TM_LETTER_RESULT:
    case TM_LETTER_PROGRESS: return 0;
    case TM_LETTER_RECV_NEW_MSG: return letter->messages ? letter->messages->count : 0;
    default: return 1;
    }
}

/* ---- Mailbox ---- */

/* Time is measured on the monotonic clock where a condition can be: setting the wall clock then moves no
 * deadline. */
#if defined(__APPLE__)
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

static int init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (failed) return failed;
#if !defined(__APPLE__)
    failed = pthread_condattr_setclock(&attributes, WAIT_CLOCK);
#endif
    if (!failed) failed = pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
    return failed;
}

tm_mailbox *tm_mailbox_new(tm_error *err)
{
    tm_mailbox *mailbox = tm_calloc(1, sizeof *mailbox);
    if (!mailbox) {
        tm_fail_memory(err);
        return NULL;
    }
    mailbox->wake.read_fd = mailbox->wake.write_fd = -1;
    atomic_init(&mailbox->any, false);
    atomic_init(&mailbox->quick, false);
    atomic_init(&mailbox->events, 0);
    atomic_init(&mailbox->expected, 0);
    bool has_lock = pthread_mutex_init(&mailbox->lock, NULL) == 0;
    if (has_lock && init_condition(&mailbox->arrived) == 0) return mailbox;
    tm_fail_memory(err);
    if (has_lock) pthread_mutex_destroy(&mailbox->lock);
    tm_free(mailbox);
    return NULL;
}

void tm_mailbox_free(tm_mailbox *mailbox)
{
    if (!mailbox) return;
    while (mailbox->first) {
        tm_letter *letter = mailbox->first;
        mailbox->first = letter->next;
        tm_letter_free(letter);
    }
    tm_wake_close(&mailbox->wake);
    pthread_cond_destroy(&mailbox->arrived);
    pthread_mutex_destroy(&mailbox->lock);
    tm_free(mailbox);
}

void tm_mailbox_put(tm_mailbox *mailbox, tm_letter *letter)
{
    letter->next = NULL;
    /* Counted before it can be taken, so that the count never runs below zero. */
    atomic_fetch_add(&mailbox->events, events_in(letter));
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->first) {
        mailbox->last->next = letter;
    } else {
        mailbox->first = letter;
        atomic_store(&mailbox->any, true);
        if (!mailbox->held && mailbox->wake.write_fd >= 0) tm_wake_signal(&mailbox->wake);
    }
    mailbox->last = letter;
    if (mailbox->waiters) pthread_cond_signal(&mailbox->arrived);
    pthread_mutex_unlock(&mailbox->lock);
}

const tm_letter *tm_mailbox_first(tm_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    const tm_letter *letter = mailbox->first;
    pthread_mutex_unlock(&mailbox->lock);
    return letter;
}

void tm_mailbox_hold(tm_mailbox *mailbox, bool held)
{
    pthread_mutex_lock(&mailbox->lock);
    if (held != mailbox->held && !mailbox->first) {
        if (held && mailbox->wake.write_fd >= 0) tm_wake_signal(&mailbox->wake);
        if (!held && mailbox->wake.read_fd >= 0) tm_wake_clear(&mailbox->wake);
    }
    mailbox->held = held;
    pthread_mutex_unlock(&mailbox->lock);
}

tm_letter *tm_mailbox_take(tm_mailbox *mailbox)
{
    pthread_mutex_lock(&mailbox->lock);
    tm_letter *letter = mailbox->first;
    if (letter) {
        mailbox->first = letter->next;
        letter->next = NULL;
        if (!mailbox->first) atomic_store(&mailbox->any, false);
        if (!mailbox->first && !mailbox->held && mailbox->wake.read_fd >= 0) tm_wake_clear(&mailbox->wake);
        atomic_store(&mailbox->quick, letter->quick);
        tm_mailbox_unexpect(mailbox, letter);
        size_t taken = events_in(letter);
        size_t before = atomic_fetch_sub(&mailbox->events, taken);
        if (mailbox->drained && before > mailbox->low && before - taken <= mailbox->low)
            mailbox->drained(mailbox->userdata);
    }
    pthread_mutex_unlock(&mailbox->lock);
    return letter;
}

static struct timespec deadline_in(int timeout_ms)
{
    struct timespec deadline;
    clock_gettime(WAIT_CLOCK, &deadline);
    deadline.tv_sec += timeout_ms / 1000;
    deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_sec++;
        deadline.tv_nsec -= 1000000000;
    }
    return deadline;
}

bool tm_mailbox_wait(tm_mailbox *mailbox, int timeout_ms)
{
    struct timespec deadline = {0, 0};
    if (timeout_ms > 0) deadline = deadline_in(timeout_ms);
    if (timeout_ms && atomic_exchange(&mailbox->quick, false)) tm_spin_until(&mailbox->any);
    pthread_mutex_lock(&mailbox->lock);
    bool over = timeout_ms == 0;
    mailbox->waiters++;
    while (!mailbox->first && !over) {
        if (timeout_ms < 0)
            pthread_cond_wait(&mailbox->arrived, &mailbox->lock);
        else
            over = pthread_cond_timedwait(&mailbox->arrived, &mailbox->lock, &deadline) == ETIMEDOUT;
    }
    mailbox->waiters--;
    bool there = mailbox->first != NULL;
    pthread_mutex_unlock(&mailbox->lock);
    return there;
}

bool tm_mailbox_wait_or_signal(tm_mailbox *mailbox, int timeout_ms, bool *interrupted)
{
    *interrupted = false;
    if (timeout_ms && atomic_exchange(&mailbox->quick, false)) tm_spin_until(&mailbox->any);
    if (timeout_ms == 0 || tm_mailbox_first(mailbox)) return tm_mailbox_wait(mailbox, 0);
    tm_error unread;
    struct pollfd entry = {tm_mailbox_fd(mailbox, &unread), POLLIN, 0};
    int ready = entry.fd < 0 ? -1 : poll(&entry, 1, timeout_ms);
    *interrupted = entry.fd >= 0 && ready < 0 && errno == EINTR;
    if (ready < 0 && !*interrupted) return tm_mailbox_wait(mailbox, timeout_ms); /* better than not at all */
    return tm_mailbox_wait(mailbox, 0);
}

int tm_mailbox_fd(tm_mailbox *mailbox, tm_error *err)
{
    pthread_mutex_lock(&mailbox->lock);
    if (mailbox->wake.read_fd < 0 && !tm_wake_open(&mailbox->wake, err) && (mailbox->first || mailbox->held))
        tm_wake_signal(&mailbox->wake);
    int fd = tm_wake_fd(&mailbox->wake);
    pthread_mutex_unlock(&mailbox->lock);
    return fd;
}

size_t tm_mailbox_expect(tm_mailbox *mailbox, tm_letter *letter)
{
    letter->expected = true;
    return atomic_fetch_add(&mailbox->expected, 1);
}

void tm_mailbox_unexpect(tm_mailbox *mailbox, tm_letter *letter)
{
    if (letter->expected) atomic_fetch_sub(&mailbox->expected, 1);
    letter->expected = false;
}

size_t tm_mailbox_events(tm_mailbox *mailbox)
{
    return atomic_load(&mailbox->events);
}

void tm_mailbox_on_drained(tm_mailbox *mailbox, size_t low, void (*drained)(void *userdata), void *userdata)
{
    pthread_mutex_lock(&mailbox->lock);
    mailbox->low = low;
    mailbox->drained = drained;
    mailbox->userdata = userdata;
    pthread_mutex_unlock(&mailbox->lock);
}

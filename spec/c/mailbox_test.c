/* Mailbox and wake: order, the descriptor, waiting, and the count of events. Meant for the thread sanitizer
 * too. */
#include "mailbox.h"
#include "wake.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static bool readable(int fd)
{
    struct pollfd entry = {fd, POLLIN, 0};
    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLIN);
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static tm_mailbox *new_mailbox(void)
{
    tm_error err = {0, ""};
    tm_mailbox *mailbox = tm_mailbox_new(&err);
    if (!mailbox) fail_msg("%s", err.text);
    return mailbox;
}

static tm_messages *messages_of(int count)
{
    static char user[] = "user";
    tm_message message = {.conv_id = user, .sender = user};
    tm_messages *messages = tm_messages_new();
    for (int i = 0; i < count; i++)
        if (!messages || !tm_messages_add(messages, &message)) abort();
    return messages;
}

/* New messages are no tree: as many of them as `json` has entries. */
static void put(tm_mailbox *mailbox, tm_letter_kind kind, uint32_t index, cJSON *json)
{
    bool is_tree = kind != TM_LETTER_RECV_NEW_MSG;
    tm_letter *letter = tm_letter_new(kind, NULL, is_tree ? json : NULL);
    if (!letter) abort();
    if (!is_tree) {
        letter->messages = messages_of(cJSON_GetArraySize(json));
        cJSON_Delete(json);
    }
    letter->index = index;
    tm_mailbox_put(mailbox, letter);
}

static cJSON *array_of(int count)
{
    cJSON *array = cJSON_CreateArray();
    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber(i));
    return array;
}

/* ---- Letters and the descriptor ---- */

static void letters(void **state)
{
    (void)state;
    tm_letter *letter = tm_letter_new(TM_LETTER_LOG, NULL, NULL);
    assert_string_equal(letter->desc, "");
    assert_null(letter->json);
    assert_null(letter->token);
    tm_letter_free(letter);
    char text[] = "copied";
    letter = tm_letter_new(TM_LETTER_RESULT, text, cJSON_CreateObject());
    text[0] = 'C';
    assert_string_equal(letter->desc, "copied");
    assert_int_equal(letter->kind, TM_LETTER_RESULT);
    assert_non_null(letter->json);
    tm_letter_free(letter);
    tm_letter_free(NULL);
    tm_mailbox_free(NULL);
}

static void oldest_first_and_readable_while_letters_are_there(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    int fd = tm_mailbox_fd(mailbox, NULL);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    for (int round = 0; round < 3; round++) {
        assert_false(readable(fd));
        assert_null(tm_mailbox_take(mailbox));
        for (uint32_t i = 0; i < 5; i++) {
            put(mailbox, TM_LETTER_RESULT, i, NULL);
            assert_true(readable(fd));
        }
        for (uint32_t i = 0; i < 5; i++) {
            assert_true(readable(fd));
            tm_letter *letter = tm_mailbox_take(mailbox);
            assert_int_equal(letter->index, i);
            assert_null(letter->next);
            tm_letter_free(letter);
        }
    }
    assert_false(readable(fd));
    tm_mailbox_free(mailbox);
}

static void held_it_is_readable_without_letters(void **state)
{
    (void)state;
    for (int opened_late = 0; opened_late < 2; opened_late++) {
        tm_mailbox *mailbox = new_mailbox();
        if (!opened_late) assert_false(readable(tm_mailbox_fd(mailbox, NULL)));
        assert_null(tm_mailbox_first(mailbox));
        tm_mailbox_hold(mailbox, true);
        tm_mailbox_hold(mailbox, true);
        assert_true(readable(tm_mailbox_fd(mailbox, NULL)));
        assert_false(tm_mailbox_wait(mailbox, 0));
        put(mailbox, TM_LETTER_RESULT, 7, NULL);
        assert_int_equal(tm_mailbox_first(mailbox)->index, 7);
        tm_letter_free(tm_mailbox_take(mailbox));
        assert_true(readable(tm_mailbox_fd(mailbox, NULL)));
        put(mailbox, TM_LETTER_RESULT, 8, NULL);
        tm_mailbox_hold(mailbox, false);
        assert_true(readable(tm_mailbox_fd(mailbox, NULL)));
        tm_letter_free(tm_mailbox_take(mailbox));
        assert_false(readable(tm_mailbox_fd(mailbox, NULL)));
        tm_mailbox_hold(mailbox, true);
        assert_true(readable(tm_mailbox_fd(mailbox, NULL)));
        tm_mailbox_hold(mailbox, false);
        assert_false(readable(tm_mailbox_fd(mailbox, NULL)));
        tm_mailbox_free(mailbox);
    }
}

static void what_was_not_taken_is_freed(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    for (uint32_t i = 0; i < 3; i++)
        put(mailbox, TM_LETTER_RECV_NEW_MSG, i, array_of(2));
    tm_mailbox_free(mailbox);
}

/* ---- Threads ---- */

#define LETTERS 100000u
#define PRODUCERS 2u

typedef struct producer {
    tm_mailbox *mailbox;
    uint32_t number;
    pthread_t thread;
} producer;

static void *produce(void *argument)
{
    const producer *self = (const producer *)argument;
    for (uint32_t i = 0; i < LETTERS; i++) {
        tm_letter *letter = tm_letter_new(TM_LETTER_LOG, NULL, NULL);
        if (!letter) abort();
        letter->event = (int32_t)self->number;
        letter->index = i;
        tm_mailbox_put(self->mailbox, letter);
    }
    return NULL;
}

static void start_producers(producer producers[PRODUCERS], tm_mailbox *mailbox)
{
    for (uint32_t i = 0; i < PRODUCERS; i++) {
        producers[i].mailbox = mailbox;
        producers[i].number = i;
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
}

static void each_producers_order_is_kept(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    producer producers[PRODUCERS];
    start_producers(producers, mailbox);
    uint32_t next[PRODUCERS] = {0, 0};
    for (uint32_t taken = 0; taken < LETTERS * PRODUCERS;) {
        tm_letter *letter = tm_mailbox_take(mailbox);
        if (!letter) {
            if (!tm_mailbox_wait(mailbox, 10000)) fail_msg("no letter in 10 s");
            continue;
        }
        if (letter->index != next[letter->event]++) fail_msg("out of order at %u", letter->index);
        tm_letter_free(letter);
        taken++;
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    assert_null(tm_mailbox_take(mailbox));
    assert_false(readable(tm_mailbox_fd(mailbox, NULL)));
    assert_int_equal(tm_mailbox_events(mailbox), 0);
    tm_mailbox_free(mailbox);
}

/* A host that sleeps in poll() alone misses nothing. */
static void polling_the_descriptor_misses_nothing(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    producer producers[PRODUCERS];
    start_producers(producers, mailbox);
    struct pollfd entry = {tm_mailbox_fd(mailbox, NULL), POLLIN, 0};
    for (uint32_t taken = 0; taken < LETTERS * PRODUCERS;) {
        assert_int_equal(poll(&entry, 1, 10000), 1);
        tm_letter *letter = tm_mailbox_take(mailbox);
        assert_non_null(letter);
        tm_letter_free(letter);
        taken++;
    }
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    assert_false(readable(tm_mailbox_fd(mailbox, NULL)));
    tm_mailbox_free(mailbox);
}

typedef struct taker {
    tm_mailbox *mailbox;
    uint32_t taken;
    bool in_order;
    pthread_t thread;
} taker;

/* Takes until nothing comes any more. */
static void *take_all(void *argument)
{
    taker *self = (taker *)argument;
    int64_t last[PRODUCERS] = {-1, -1};
    self->in_order = true;
    while (tm_mailbox_wait(self->mailbox, 200)) {
        tm_letter *letter = tm_mailbox_take(self->mailbox);
        if (!letter) continue; /* the other was quicker */
        if (letter->index <= last[letter->event]) self->in_order = false;
        last[letter->event] = letter->index;
        tm_letter_free(letter);
        self->taken++;
    }
    return NULL;
}

static void two_takers_share(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    producer producers[PRODUCERS];
    taker takers[2] = {{mailbox, 0, false, 0}, {mailbox, 0, false, 0}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&takers[i].thread, NULL, take_all, &takers[i]), 0);
    start_producers(producers, mailbox);
    for (uint32_t i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    for (int i = 0; i < 2; i++) {
        pthread_join(takers[i].thread, NULL);
        assert_true(takers[i].in_order);
    }
    assert_int_equal(takers[0].taken + takers[1].taken, LETTERS * PRODUCERS);
    tm_mailbox_free(mailbox);
}

/* ---- Waiting ---- */

static void *put_later(void *mailbox)
{
    sleep_ms(50);
    put((tm_mailbox *)mailbox, TM_LETTER_RESULT, 0, NULL);
    return NULL;
}

static void waiting(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    long long start = now_ms();
    assert_false(tm_mailbox_wait(mailbox, 0));
    assert_true(now_ms() - start < 2000);
    assert_false(tm_mailbox_wait(mailbox, 50));
    assert_in_range(now_ms() - start, 49, 2000);

    pthread_t thread;
    static const int timeouts[] = {10000, -1};
    for (int i = 0; i < 2; i++) {
        start = now_ms();
        assert_int_equal(pthread_create(&thread, NULL, put_later, mailbox), 0);
        assert_true(tm_mailbox_wait(mailbox, timeouts[i]));
        assert_in_range(now_ms() - start, 40, 5000);
        pthread_join(thread, NULL);
        assert_true(tm_mailbox_wait(mailbox, -1));
        assert_true(tm_mailbox_wait(mailbox, 0));
        tm_letter_free(tm_mailbox_take(mailbox));
    }
    tm_mailbox_free(mailbox);
}

static void on_signal(int number)
{
    (void)number;
}

typedef struct signaller {
    pthread_t to;
    atomic_bool is_heard;
} signaller;

/* Again and again: the first one may come before the other waits. */
static void *signal_later(void *argument)
{
    signaller *self = (signaller *)argument;
    for (;;) {
        sleep_ms(50);
        if (atomic_load(&self->is_heard)) return NULL;
        pthread_kill(self->to, SIGUSR1);
    }
}

/* Also where the handler wants calls to be taken up again. */
static void a_signal_ends_a_wait(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    pthread_t thread;
    bool interrupted = true;
    assert_false(tm_mailbox_wait_or_signal(mailbox, 0, &interrupted));
    assert_false(interrupted);
    long long start = now_ms();
    assert_false(tm_mailbox_wait_or_signal(mailbox, 50, &interrupted));
    assert_false(interrupted);
    assert_in_range(now_ms() - start, 49, 2000);

    static const int flags[] = {0, SA_RESTART}, timeouts[] = {10000, -1};
    for (int i = 0; i < 2; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags[i]};
        assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
        signaller other = {.to = pthread_self()};
        assert_int_equal(pthread_create(&thread, NULL, signal_later, &other), 0);
        bool is_news = tm_mailbox_wait_or_signal(mailbox, timeouts[i], &interrupted);
        atomic_store(&other.is_heard, true);
        pthread_join(thread, NULL);
        assert_false(is_news);
        assert_true(interrupted);

        assert_int_equal(pthread_create(&thread, NULL, put_later, mailbox), 0);
        assert_true(tm_mailbox_wait_or_signal(mailbox, timeouts[i], &interrupted));
        assert_false(interrupted);
        pthread_join(thread, NULL);
        assert_true(tm_mailbox_wait_or_signal(mailbox, -1, &interrupted));
        tm_letter_free(tm_mailbox_take(mailbox));
    }
    tm_mailbox_free(mailbox);
}

/* ---- Events ---- */

typedef struct drain {
    tm_mailbox *mailbox;
    int calls;
    size_t events;
} drain;

static void on_drained(void *userdata)
{
    drain *self = (drain *)userdata;
    self->calls++;
    self->events = tm_mailbox_events(self->mailbox);
}

static void events_are_counted(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    static const struct {
        tm_letter_kind kind;
        int entries, events;
    } cases[] = {
        {TM_LETTER_RESULT, 9, 0},           {TM_LETTER_PROGRESS, -1, 0},       {TM_LETTER_RECV_NEW_MSG, 7, 7},
        {TM_LETTER_RECV_NEW_MSG, 1, 1},     {TM_LETTER_READED_RECEIPT, 3, 1},  {TM_LETTER_REVOKE, 3, 1},
        {TM_LETTER_UPLOAD_PROGRESS, -1, 1}, {TM_LETTER_GROUP_TIPS, 2, 1},      {TM_LETTER_CONV_EVENT, 2, 1},
        {TM_LETTER_NETWORK_STATUS, -1, 1},  {TM_LETTER_KICKED_OFFLINE, -1, 1}, {TM_LETTER_LOG, -1, 1},
    };
    const size_t count = sizeof cases / sizeof *cases;
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        put(mailbox, cases[i].kind, 0, cases[i].entries < 0 ? NULL : array_of(cases[i].entries));
        sum += (size_t)cases[i].events;
        assert_int_equal(tm_mailbox_events(mailbox), sum);
    }
    for (size_t i = 0; i < count; i++) {
        tm_letter_free(tm_mailbox_take(mailbox));
        sum -= (size_t)cases[i].events;
        assert_int_equal(tm_mailbox_events(mailbox), sum);
    }
    assert_int_equal(sum, 0);
    tm_mailbox_free(mailbox);
}

static void drained_is_called_at_the_fall(void **state)
{
    (void)state;
    tm_mailbox *mailbox = new_mailbox();
    drain record = {mailbox, 0, 99};
    tm_mailbox_on_drained(mailbox, 4, on_drained, &record);
    for (int i = 0; i < 3; i++)
        put(mailbox, TM_LETTER_RECV_NEW_MSG, 0, array_of(3));
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 0); /* 6 are left */
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 1); /* 3 */
    assert_int_equal(record.events, 3);
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 1); /* it had fallen already */
    assert_null(tm_mailbox_take(mailbox));
    put(mailbox, TM_LETTER_RECV_NEW_MSG, 0, array_of(4));
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 1); /* it was never above */
    put(mailbox, TM_LETTER_RECV_NEW_MSG, 0, array_of(5));
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 2);
    tm_mailbox_on_drained(mailbox, 0, NULL, NULL);
    put(mailbox, TM_LETTER_RECV_NEW_MSG, 0, array_of(5));
    tm_letter_free(tm_mailbox_take(mailbox));
    assert_int_equal(record.calls, 2); /* nobody asks any more */
    tm_mailbox_free(mailbox);
}

/* ---- Wake ---- */

static void a_wake(void **state)
{
    (void)state;
    tm_wake wake;
    assert_int_equal(tm_wake_open(&wake, NULL), 0);
    assert_true(fcntl(wake.write_fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(wake.write_fd, F_GETFD) & FD_CLOEXEC);
    assert_false(readable(tm_wake_fd(&wake)));
    tm_wake_clear(&wake);
    for (int i = 0; i < 100000; i++)
        tm_wake_signal(&wake);
    assert_true(readable(tm_wake_fd(&wake)));
    tm_wake_clear(&wake);
    assert_false(readable(tm_wake_fd(&wake)));
    tm_wake_signal(&wake);
    assert_true(readable(tm_wake_fd(&wake)));
    tm_wake_close(&wake);
    assert_int_equal(tm_wake_fd(&wake), -1);
    tm_wake_close(&wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters),
        cmocka_unit_test(oldest_first_and_readable_while_letters_are_there),
        cmocka_unit_test(held_it_is_readable_without_letters),
        cmocka_unit_test(what_was_not_taken_is_freed),
        cmocka_unit_test(each_producers_order_is_kept),
        cmocka_unit_test(polling_the_descriptor_misses_nothing),
        cmocka_unit_test(two_takers_share),
        cmocka_unit_test(waiting),
        cmocka_unit_test(a_signal_ends_a_wait),
        cmocka_unit_test(events_are_counted),
        cmocka_unit_test(drained_is_called_at_the_fall),
        cmocka_unit_test(a_wake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* XMPP link: what is to be sent goes out also to a server that is slow to read and says nothing. That server is a thread of the
 * test, which speaks as much XMPP as a log-in needs. */
#include "../../csrc/clock.h"
#include "../../csrc/xmpp_link.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 30000
/* How long nothing happens before it is said so. */
#define STILL_MS 3000
/* More than a connection's buffers take. The last stanza is to find them full, which is a matter of luck: hence rounds. */
enum { STANZAS = 20, MOST_LETTERS = 250000, ROUNDS = 8 };

#define STREAM                                                                                               \
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' version='1.0' id='1' from='im.test' "         \
    "xmlns:stream='http://etherx.jabber.org/streams'>"
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define BIND "urn:ietf:params:xml:ns:xmpp-bind"

typedef struct server {
    pthread_t thread;
    int listener;
    atomic_bool may_read; /* what comes behind the log-in */
    atomic_size_t ends;   /* of stanzas that came */
} server;

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until `what` has come; false: the client is gone. */
static bool hear(int fd, const char *what, char *heard, size_t size)
{
    size_t length = 0;
    for (;;) {
        ssize_t got = read(fd, heard + length, size - 1 - length);
        if (got <= 0) return false;
        length += (size_t)got;
        heard[length] = '\0';
        if (strstr(heard, what)) return true;
    }
}

static void log_in(int fd)
{
    char heard[4096], id[64] = "", answer[400];
    if (!hear(fd, "<stream:stream", heard, sizeof heard)) return;
    say(fd, STREAM "<stream:features><mechanisms xmlns='" SASL "'><mechanism>PLAIN</mechanism></mechanisms>"
                   "</stream:features>");
    if (!hear(fd, "</auth>", heard, sizeof heard)) return;
    say(fd, "<success xmlns='" SASL "'/>");
    if (!hear(fd, "<stream:stream", heard, sizeof heard)) return;
    say(fd, STREAM "<stream:features><bind xmlns='" BIND "'/></stream:features>");
    if (!hear(fd, "</iq>", heard, sizeof heard)) return;
    const char *at = strstr(heard, "id=\"");
    if (at) sscanf(at + 4, "%63[^\"]", id);
    snprintf(answer, sizeof answer,
             "<iq type='result' id='%s'><bind xmlns='" BIND "'><jid>a@im.test/r</jid></bind></iq>", id);
    say(fd, answer);
}

static void *serve(void *argument)
{
    server *self = argument;
    static char buffer[10000];
    char before = '\0';
    int fd = accept(self->listener, NULL, NULL);
    log_in(fd);
    while (!atomic_load(&self->may_read))
        usleep(1000);
    for (ssize_t got; (got = read(fd, buffer, sizeof buffer)) > 0; usleep(100)) {
        for (ssize_t i = 0; i < got; before = buffer[i++])
            if (buffer[i] == '!' && before == 'a') atomic_fetch_add(&self->ends, 1);
    }
    close(fd);
    return NULL;
}

static uint16_t start(server *self)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int little = 4096;
    self->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(setsockopt(self->listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
    assert_int_equal(bind(self->listener, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(self->listener, 1), 0);
    assert_int_equal(getsockname(self->listener, (struct sockaddr *)&at, &size), 0);
    assert_int_equal(pthread_create(&self->thread, NULL, serve, self), 0);
    return ntohs(at.sin_port);
}

/* ---- the link's owner ---- */

static void connected(void *owner)
{
    (void)owner;
}

static void lost(void *owner, const tm_error *err)
{
    (void)owner;
    fail_msg("the connection was lost: %s", err->text);
}

static void ignore(void *owner, xmpp_stanza_t *stanza)
{
    (void)owner;
    (void)stanza;
}

static bool no(void *owner)
{
    (void)owner;
    return false;
}

static void say_nothing(void *owner, enum TIMLogLevel level, const char *text)
{
    (void)owner;
    (void)level;
    (void)text;
}

/* Once round a loop as a session's: it waits as long as nothing tells it to go on. */
static void run_once(tm_link *link, server *self, size_t ends)
{
    bool wants_write;
    if (tm_link_run(link)) return;
    uint64_t deadline = tm_link_deadline(link);
    struct pollfd fd = {.fd = tm_link_fd(link, &wants_write)};
    fd.events = (short)(POLLIN | (wants_write ? POLLOUT : 0));
    uint64_t until = deadline ? deadline : tm_clock_ms() + STILL_MS;
    while (poll(&fd, 1, 1) == 0 && atomic_load(&self->ends) < ends) {
        if (tm_clock_ms() < until) continue;
        if (!deadline)
            fail_msg("%d of %d have come, and nothing more is sent", (int)atomic_load(&self->ends),
                     (int)ends);
        break;
    }
}

static xmpp_stanza_t *large(tm_link *link, size_t size)
{
    static char letters[MOST_LETTERS + 2];
    xmpp_stanza_t *message = xmpp_message_new(tm_link_ctx(link), "chat", "b@im.test", NULL);
    memset(letters, 'a', size);
    letters[size] = '!';
    letters[size + 1] = '\0';
    assert_int_equal(xmpp_message_set_body(message, letters), XMPP_EOK);
    return message;
}

static void send_all(size_t size)
{
    server self = {.listener = -1};
    tm_xmpp_address address = {0};
    tm_error err = {0};
    char text[100];
    tm_link_host host = {NULL, connected, lost, ignore, no, say_nothing};
    snprintf(text, sizeof text, "xmpp://im.test?tls=none&address=127.0.0.1:%d", start(&self));
    assert_int_equal(tm_xmpp_address_parse(text, &address, &err), 0);
    tm_link *link = tm_link_new(&address, "a", "r", "sig", &host, &err);
    assert_non_null(link);
    tm_link_connect(link);
    uint64_t end = tm_clock_ms() + DEADLINE_MS;
    while (!tm_link_is_up(link) && tm_clock_ms() < end)
        run_once(link, &self, 1);
    assert_true(tm_link_is_up(link));
    for (int i = 0; i < STANZAS; i++)
        assert_true(tm_link_send(link, large(link, size)));
    tm_link_run(link);
    atomic_store(&self.may_read, true);
    while (atomic_load(&self.ends) < STANZAS && tm_clock_ms() < end)
        run_once(link, &self, STANZAS);
    assert_int_equal(atomic_load(&self.ends), STANZAS);
    tm_link_free(link);
    pthread_join(self.thread, NULL);
    close(self.listener);
    tm_xmpp_address_clear(&address);
}

static void sends_all_to_a_slow_server(void **state)
{
    (void)state;
    for (size_t i = 1; i <= ROUNDS; i++)
        send_all(i * MOST_LETTERS / ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_all_to_a_slow_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

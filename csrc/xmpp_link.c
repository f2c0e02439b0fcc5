/* XMPP link: see xmpp_link.h. */
#include "xmpp_link.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_bytes.h"
#include "xmpp_handshake.h"
#include "xmpp_jid.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* libstrophe gives up connecting after 5 s; a log-in may not take longer than this. */
#define CONNECT_MS 20000
#define TOO_LONG "logging in takes too long"
/* Keep-alive of the TCP connection: seconds of silence, between probes, and how many. */
enum { KEEPALIVE_IDLE = 60, KEEPALIVE_INTERVAL = 15, KEEPALIVE_COUNT = 4 };
/* The same while something that was sent is not acknowledged, when keep-alive does not run. */
enum { UNACKNOWLEDGED_MS = 120 * 1000 };
/* libstrophe selects: it aborts the process on a larger descriptor. */
#define MAX_SOCKET (FD_SETSIZE - 1)
/* Passes that a burst of input may take before others get their turn. */
#define MAX_PASSES 64
/* How often libstrophe is run while it connects and logs in. */
#define TRYING_MS 5
/* A pass reads 4 KB, and what TLS holds back of a record of 16 KB shows on no descriptor: only after so many passes that
 * brought no stanza and took nothing from the socket there is nothing left. */
#define QUIET_PASSES 5
/* libstrophe does not count a stanza that it has begun to write, and says nowhere when it is through with it. What a pass writes
 * at least, if the socket takes something. */
#define LEAST_WRITE 4096
/* How often is looked where the system does not tell what a pass took. */
#define BLIND_MS 100

struct tm_link {
    const tm_xmpp_address *address;
    tm_link_host host;
    xmpp_log_t strophe_log;
    xmpp_ctx_t *ctx;
    xmpp_conn_t *conn;
    bool up;
    bool trying;     /* connecting or logging in */
    bool wrong_auth; /* the server refused a password */
    bool temporary;  /* or could not look it up */
    bool wrong_cert; /* its certificate is not the one that was pinned, or nobody vouches for it */
    bool pin_checked;
    bool closing;
    char *why;               /* of a drop; owned */
    uint64_t deadline;       /* of connecting */
    tm_handshake *handshake; /* while libstrophe is in that of TLS */
    int fd;
    bool locked;      /* this thread holds strophe_lock */
    bool blind;       /* the system does not tell how many bytes have come */
    unsigned handled; /* stanzas, to see whether a pass brought something */
    unsigned owed;    /* passes on a writable socket after which the last stanza is out */
    tm_questions questions;
};

/* ---- memory for libstrophe ---- */

/* libstrophe does not look at all that it gets: where memory is short it would crash. Its thread waits for some. */
#define MEMORY_TRIES 100
#define MEMORY_PAUSE_NS 10000000

static void *try_again(void *block, size_t size)
{
    const struct timespec pause = {.tv_nsec = MEMORY_PAUSE_NS};
    void *found = NULL;
    for (int i = 0; !found && i < MEMORY_TRIES; i++) {
        nanosleep(&pause, NULL);
        found = tm_realloc(block, size);
    }
    return found;
}

static void *strophe_malloc(const size_t size, void *userdata)
{
    (void)userdata;
    void *block = tm_malloc(size);
    return block ? block : try_again(NULL, size);
}

static void strophe_release(void *block, void *userdata)
{
    (void)userdata;
    tm_free(block);
}

static void *strophe_resize(void *block, const size_t size, void *userdata)
{
    (void)userdata;
    void *resized = tm_realloc(block, size);
    return resized ? resized : try_again(block, size);
}

static const xmpp_mem_t strophe_memory = {strophe_malloc, strophe_release, strophe_resize, NULL};

/* ---- connecting ---- */

/* What libstrophe has once for the whole process, and does not guard itself: the one buffer of its SHA-1, so that of two log-ins
 * at the same time one or both prove a password that nobody has; and which context its first parser gets memory from. (Once
 * logged in nothing needs either.) */
static pthread_mutex_t strophe_lock = PTHREAD_MUTEX_INITIALIZER;

static void lock_strophe(tm_link *link)
{
    if (link->locked) return;
    pthread_mutex_lock(&strophe_lock);
    link->locked = true;
}

static void unlock_strophe(tm_link *link)
{
    if (link->locked) pthread_mutex_unlock(&strophe_lock);
    link->locked = false;
}

static void begin_handshake(tm_link *link)
{
    uint64_t now = tm_clock_ms();
    if (link->handshake || link->fd < 0) return;
    link->handshake = tm_handshake_begin(link->fd, link->deadline > now ? link->deadline - now : 0);
}

static void set_why(tm_link *link, const char *why)
{
    tm_free(link->why);
    link->why = tm_strdup(why);
}

static void end_handshake(tm_link *link)
{
    if (tm_handshake_end(link->handshake)) set_why(link, TOO_LONG);
    link->handshake = NULL;
}

/* Called with what libstrophe has received while it logs in, just before it acts on it. Into the handshake of TLS, which may take
 * its time and needs no lock, <proceed> leads it: perhaps in the pass that has taken the lock for what came before. */
static void prepare_strophe(tm_link *link, const char *received)
{
    if (strncmp(received, "<proceed", 8) == 0) {
        unlock_strophe(link);
        begin_handshake(link);
    } else {
        lock_strophe(link);
    }
}

static bool is_pinned(const char *fingerprint, const char *found)
{
    char plain[TM_FINGERPRINT];
    size_t length = 0;
    for (; found && *found; found++)
        if (*found != ':' && length < sizeof plain - 1) plain[length++] = *found;
    plain[length] = '\0';
    return strcasecmp(plain, fingerprint) == 0;
}

/* The pinned certificate must be the peer's before a password goes out: libstrophe has no hook there, but it
 * logs between the handshake and the log-in. */
static void check_pin(tm_link *link)
{
    if (link->pin_checked || !*link->address->fingerprint || !link->conn) return;
    xmpp_tlscert_t *cert = xmpp_conn_get_peer_cert(link->conn);
    if (!cert) return;
    link->pin_checked = true;
    if (!is_pinned(link->address->fingerprint, xmpp_tlscert_get_string(cert, XMPP_CERT_FINGERPRINT_SHA256))) {
        link->wrong_cert = true;
        if (link->fd >= 0) shutdown(link->fd, SHUT_RDWR);
    }
    xmpp_tlscert_free(cert);
}

/* The area under which prepare_socket says which socket it is: it is given no userdata, the log is. */
#define SOCKET_AREA "timmsg.socket"

static void strophe_logged(void *userdata, xmpp_log_level_t level, const char *area, const char *text)
{
    tm_link *link = userdata;
    if (strcmp(area, SOCKET_AREA) == 0) {
        link->fd = atoi(text);
        return;
    }
    check_pin(link);
    /* its event for a refused password is that of a refused connection, and of a server that cannot look it up just
     * now: only these lines tell them apart */
    if (strncmp(text, "RECV: <failure", 14) == 0)
        link->temporary = strstr(text, "temporary-auth-failure") != NULL;
    if (strncmp(text, "SASL ", 5) == 0 && strstr(text, " auth failed")) link->wrong_auth = !link->temporary;
    if (strncmp(text, "Certificate verification FAILED", 31) == 0 && !*link->address->fingerprint)
        link->wrong_cert = true;
    if (link->trying && strncmp(text, "RECV: ", 6) == 0) prepare_strophe(link, text + 6);
    /* may hold the password, which is in no log */
    if (strncmp(text, "SENT: <auth", 11) == 0 || strncmp(text, "SENT: <response", 15) == 0) return;
    link->host.log(link->host.owner, level >= XMPP_LEVEL_WARN ? kTIMLog_Debug : kTIMLog_Verbose, text);
}

/* Set only where a certificate is pinned, which needs nobody else to vouch for it: see check_pin. */
static int accept_certificate(const xmpp_tlscert_t *cert, const char *why)
{
    (void)cert;
    (void)why;
    return 1;
}

static int prepare_socket(xmpp_conn_t *conn, void *argument)
{
    int *fd = argument, yes = 1;
    int idle = KEEPALIVE_IDLE, interval = KEEPALIVE_INTERVAL, count = KEEPALIVE_COUNT;
    if (*fd > MAX_SOCKET) {
        int low = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
        if (low > MAX_SOCKET) {
            close(low);
            low = -1;
        }
        if (low < 0) return -1;
        close(*fd);
        *fd = low;
    }
    fcntl(*fd, F_SETFD, FD_CLOEXEC);
    setsockopt(*fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    setsockopt(*fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(*fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(*fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
#ifdef TCP_USER_TIMEOUT
    setsockopt(*fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(unsigned){UNACKNOWLEDGED_MS}, sizeof(unsigned));
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* for want of another way to our own context */
    xmpp_debug(xmpp_conn_get_context(conn), SOCKET_AREA, "%d", *fd);
#pragma GCC diagnostic pop
    return setsockopt(*fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* ---- questions ---- */

void tm_link_make_id(char id[TM_LINK_ID])
{
    unsigned char bytes[(TM_LINK_ID - 1) / 2];
    for (size_t got = 0; got < sizeof bytes;) {
        ssize_t more = getrandom(bytes + got, sizeof bytes - got, 0);
        if (more > 0) got += (size_t)more;
    }
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

void tm_link_ask(tm_link *link, xmpp_stanza_t *iq, uint32_t timeout_ms, tm_question_answer answer,
                 void *argument)
{
    char id[TM_LINK_ID];
    tm_question *asked = NULL;
    tm_link_make_id(id);
    if (iq && !xmpp_stanza_set_id(iq, id)) {
        const char *to = xmpp_stanza_get_to(iq);
        bool own = !to || tm_jid_same_bare(to, tm_link_jid(link));
        asked = tm_question_add(&link->questions, id, own ? NULL : to, tm_clock_ms() + timeout_ms, answer,
                                argument);
    }
    if (!asked) {
        if (iq) xmpp_stanza_release(iq);
        answer(link->host.owner, argument, NULL);
    } else if (!tm_link_send(link, iq)) {
        tm_question_give_up(&link->questions, asked);
    }
}

/* ---- what comes ---- */

static int handle_stanza(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *userdata)
{
    (void)conn;
    tm_link *link = userdata;
    const char *name = xmpp_stanza_get_name(stanza), *type = xmpp_stanza_get_type(stanza);
    link->handled++;
    if (name && strcmp(name, "iq") == 0 && type &&
        (strcmp(type, "result") == 0 || strcmp(type, "error") == 0)) {
        tm_questions_answer(&link->questions, stanza, tm_link_jid(link));
        return 1;
    }
    link->host.stanza(link->host.owner, stanza);
    return 1;
}

static void tell_lost(tm_link *link, int number, xmpp_stream_error_t *stream_error)
{
    tm_error err = {0};
    const char *domain = link->address->domain;
    /* or with TLS what SSL_get_error says: these are less than what a socket fails with */
    bool is_errno = number >= EPIPE;
    if (link->closing) return;
    end_handshake(link);
    if (stream_error && stream_error->type == XMPP_SE_CONFLICT)
        tm_fail(&err, ERR_LOGIN_KICKED_OFF_BY_OTHER, "%s: another session took this one's place", domain);
    else if (link->why)
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "%s: %s", domain, link->why);
    else if (link->wrong_cert)
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "%s: the server's certificate is not trusted", domain);
    else if (link->wrong_auth && link->trying)
        tm_fail(&err, ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED, "%s refused the user or its user_sig", domain);
    else if (stream_error)
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "%s ended the stream (%d)%s%s", domain, (int)stream_error->type,
                stream_error->text ? ": " : "", stream_error->text ? stream_error->text : "");
    else if (link->trying)
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "%s cannot be reached%s%s", domain, is_errno ? ": " : "",
                is_errno ? strerror(number) : "");
    else
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "the connection to %s is down%s%s", domain,
                is_errno ? ": " : "", is_errno ? strerror(number) : "");
    tm_free(link->why);
    link->why = NULL;
    link->up = link->trying = false;
    link->deadline = 0;
    link->owed = 0;
    link->fd = -1;
    tm_questions_give_up(&link->questions);
    link->host.lost(link->host.owner, &err);
}

static void handle_conn(xmpp_conn_t *conn, xmpp_conn_event_t event, int number, xmpp_stream_error_t *error,
                        void *userdata)
{
    tm_link *link = userdata;
    link->handled++;
    if (event != XMPP_CONN_CONNECT) {
        tell_lost(link, number, error);
        return;
    }
    link->trying = false;
    link->up = true;
    link->deadline = 0;
    /* it formats every stanza */
    if (!link->host.wants_stanzas(link->host.owner)) link->strophe_log.handler = NULL;
    xmpp_handler_delete(conn, handle_stanza);
    xmpp_handler_add(conn, handle_stanza, NULL, NULL, NULL, link);
    link->host.connected(link->host.owner);
}

/* ---- the connection ---- */

static bool configure(tm_link *link)
{
    const tm_xmpp_address *address = link->address;
    long flags = XMPP_CONN_FLAG_DISABLE_SM |
                 (address->no_tls ? (long)XMPP_CONN_FLAG_DISABLE_TLS : (long)XMPP_CONN_FLAG_MANDATORY_TLS);
    if (xmpp_conn_set_flags(link->conn, flags)) return false;
    if (address->ca_file) xmpp_conn_set_cafile(link->conn, address->ca_file);
    if (*address->fingerprint) xmpp_conn_set_certfail_handler(link->conn, accept_certificate);
    xmpp_conn_set_sockopt_callback(link->conn, prepare_socket);
    return true;
}

tm_link *tm_link_new(const tm_xmpp_address *address, const char *localpart, const char *resource,
                     const char *password, const tm_link_host *host, tm_error *err)
{
    tm_link *link = tm_calloc(1, sizeof *link);
    char *jid = tm_format("%s@%s/%s", localpart, address->domain, resource);
    if (!link || !jid) goto fail;
    link->address = address;
    link->host = *host;
    link->questions.owner = host->owner;
    link->fd = -1;
    link->strophe_log = (xmpp_log_t){strophe_logged, link};
    if (!(link->ctx = xmpp_ctx_new(&strophe_memory, &link->strophe_log))) goto fail;
    pthread_mutex_lock(&strophe_lock);
    link->conn = xmpp_conn_new(link->ctx);
    pthread_mutex_unlock(&strophe_lock);
    if (!link->conn || !configure(link)) goto fail;
    xmpp_conn_set_jid(link->conn, jid);
    xmpp_conn_set_pass(link->conn, password);
    if (!xmpp_conn_get_jid(link->conn) || !xmpp_conn_get_pass(link->conn)) goto fail;
    tm_free(jid);
    return link;
fail:
    tm_fail_memory(err);
    tm_free(jid);
    tm_link_free(link);
    return NULL;
}

void tm_link_free(tm_link *link)
{
    if (!link) return;
    link->up = false;
    tm_questions_give_up(&link->questions); /* who asked has something to free */
    link->closing = true;                   /* releasing disconnects, and says so */
    if (link->conn) xmpp_conn_release(link->conn);
    if (link->ctx) xmpp_ctx_free(link->ctx);
    tm_free(link->why);
    tm_free(link);
}

void tm_link_connect(tm_link *link)
{
    const tm_xmpp_address *address = link->address;
    link->wrong_auth = link->temporary = link->wrong_cert = link->pin_checked = false;
    link->trying = true;
    link->deadline = tm_clock_ms() + CONNECT_MS;
    link->strophe_log.handler = strophe_logged;
    if (xmpp_connect_client(link->conn,
                            address->host   ? address->host
                            : address->port ? address->domain
                                            : NULL,
                            address->port, handle_conn, link) != XMPP_EOK)
        tell_lost(link, 0, NULL);
}

void tm_link_disconnect(tm_link *link)
{
    if (link->up) xmpp_disconnect(link->conn);
}

void tm_link_drop(tm_link *link, const char *why)
{
    if (link->fd < 0) return;
    set_why(link, why);
    shutdown(link->fd, SHUT_RDWR); /* libstrophe sees the end of it on its next pass */
}

bool tm_link_is_up(const tm_link *link)
{
    return link->up;
}

const char *tm_link_jid(const tm_link *link)
{
    const char *jid = link->up ? xmpp_conn_get_bound_jid(link->conn) : NULL;
    return jid ? jid : "";
}

xmpp_ctx_t *tm_link_ctx(tm_link *link)
{
    return link->ctx;
}

bool tm_link_send(tm_link *link, xmpp_stanza_t *stanza)
{
    char *text = NULL;
    size_t length = 0;
    if (!stanza) return false;
    /* the text is made here, since xmpp_send says nothing of what went wrong */
    bool ok = link->up && xmpp_stanza_to_text(stanza, &text, &length) == XMPP_EOK && length < TM_STANZA_MAX;
    if (ok) xmpp_send_raw(link->conn, text, length);
    if (ok) link->owed = (unsigned)(length / LEAST_WRITE) + 2;
    if (text) xmpp_free(link->ctx, text);
    xmpp_stanza_release(stanza);
    return ok;
}

/* ---- the loop's part ---- */

int tm_link_fd(const tm_link *link, bool *wants_write)
{
    *wants_write =
        xmpp_conn_is_connecting(link->conn) || xmpp_conn_send_queue_len(link->conn) > 0 || link->owed > 0;
    return link->fd;
}

/* What poll says of the socket: POLLIN, POLLOUT; 0 if there is none. */
static int look(const tm_link *link)
{
    struct pollfd fd = {.fd = link->fd, .events = POLLIN | POLLOUT};
    return poll(&fd, 1, 0) > 0 ? fd.revents : 0;
}

/* Runs libstrophe until nothing is left in the connection that came over it. False: there may be more. */
static bool drain(tm_link *link)
{
    uint64_t bytes = 0;
    int quiet = 0;
    link->blind = link->fd >= 0 && !tm_bytes_received(link->fd, &bytes);
    for (int pass = 0; pass < MAX_PASSES && quiet < QUIET_PASSES; pass++) {
        unsigned before = link->handled;
        uint64_t now = bytes;
        int ready = look(link);
        if (link->owed && (ready & POLLOUT) && xmpp_conn_send_queue_len(link->conn) <= 0) link->owed--;
        xmpp_run_once(link->ctx, 0);
        unlock_strophe(link);
        end_handshake(link);
        if (link->fd >= 0 && !link->blind) tm_bytes_received(link->fd, &now);
        quiet = link->handled == before && !(ready & ~POLLOUT) && now == bytes ? quiet + 1 : 0;
        bytes = now;
    }
    return quiet == QUIET_PASSES;
}

bool tm_link_run(tm_link *link)
{
    unsigned first = link->handled;
    bool drained = drain(link);
    if (tm_questions_expire(&link->questions)) link->handled++;
    if (link->trying && link->deadline && tm_clock_ms() >= link->deadline) tm_link_drop(link, TOO_LONG);
    return link->handled != first || !drained;
}

uint64_t tm_link_deadline(const tm_link *link)
{
    /* what libstrophe itself has to write while it logs in shows nowhere */
    if (link->trying) return tm_clock_ms() + TRYING_MS;
    uint64_t first = tm_questions_deadline(&link->questions), blind = tm_clock_ms() + BLIND_MS;
    return link->blind && (!first || blind < first) ? blind : first;
}

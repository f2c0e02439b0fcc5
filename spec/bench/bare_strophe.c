/* The bare libstrophe loop that `make bench` holds timmsg's XMPP backend against: it sends messages of the same shape,
 * a ping behind 25 of them, and counts one as sent when the ping is answered. No store, no list of what is under way
 * beyond this process, nothing after a broken connection.
 *
 *   bare_strophe PORT CA_FILE USER DOMAIN PASSWORD send TO COUNT WINDOW [archive]
 *       sends COUNT messages, at most WINDOW of them unanswered at any time, and prints
 *       "MESSAGES_A_SECOND P50_MS P99_MS CPU_MS". archive: a message counts only when the user's own archive, asked
 *       behind the ping, shows it too: that is where timmsg has the time and place of a message from.
 *   bare_strophe PORT CA_FILE USER DOMAIN PASSWORD answer
 *       prints "ready" and confirms what comes until its standard input ends. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

#define PER_PING 25
/* Passes that bring nothing before it waits: TLS holds back what no descriptor shows. */
#define IDLE_PASSES 5
#define GIVE_UP_MS 30000
/* Ids in one receipt. */
#define PER_RECEIPT 50
#define ID_SIZE 64

typedef struct bench {
    xmpp_ctx_t *ctx;
    xmpp_conn_t *conn;
    const char *domain, *to;
    bool up, failed, leaving, sends, archive;
    unsigned handled;
    int count, window;
    int sent, pinged, ponged, done; /* messages: given away, behind which a ping went, answered, counted */
    uint64_t *sent_ns;              /* of each message */
    double *took_ms;
    bool *shown; /* by the archive */
    bool asking;
    unsigned tag; /* tells the ids of this run from those of others */
    char after[ID_SIZE];
    char peer[256]; /* answer: whom the ids below are from */
    char ids[PER_RECEIPT][ID_SIZE];
    int id_count;
} bench;

static int the_fd; /* the callback of the socket has no userdata */

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static double cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static int prepare_socket(xmpp_conn_t *conn, void *argument)
{
    int yes = 1;
    (void)conn;
    the_fd = *(int *)argument;
    return setsockopt(the_fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/* ---- stanzas ---- */

static xmpp_stanza_t *begin(bench *b, const char *name, const char *to, const char *type, const char *id)
{
    xmpp_stanza_t *stanza = xmpp_stanza_new(b->ctx);
    xmpp_stanza_set_name(stanza, name);
    if (to) xmpp_stanza_set_to(stanza, to);
    if (type) xmpp_stanza_set_type(stanza, type);
    if (id) xmpp_stanza_set_id(stanza, id);
    return stanza;
}

static xmpp_stanza_t *add(bench *b, xmpp_stanza_t *parent, const char *name, const char *ns, const char *text)
{
    xmpp_stanza_t *child = xmpp_stanza_new(b->ctx);
    xmpp_stanza_set_name(child, name);
    if (ns) xmpp_stanza_set_ns(child, ns);
    if (text) {
        xmpp_stanza_t *words = xmpp_stanza_new(b->ctx);
        xmpp_stanza_set_text(words, text);
        xmpp_stanza_add_child_ex(child, words, 0);
    }
    xmpp_stanza_add_child_ex(parent, child, 0);
    return child;
}

static void send_off(bench *b, xmpp_stanza_t *stanza)
{
    xmpp_send(b->conn, stanza);
    xmpp_stanza_release(stanza);
}

static xmpp_stanza_t *child(xmpp_stanza_t *stanza, const char *name)
{
    return stanza ? xmpp_stanza_get_child_by_name(stanza, name) : NULL;
}

static void send_message(bench *b, int number)
{
    char id[ID_SIZE], body[64], json[256];
    snprintf(id, sizeof id, "tm-%x-%x-%llx", number + 1, b->tag, (unsigned long long)time(NULL));
    snprintf(body, sizeof body, "message %d of the bench", number + 1);
    snprintf(
        json, sizeof json,
        "{\"message_elem_array\":[{\"elem_type\":0,\"text_elem_content\":\"%s\"}],\"message_priority\":1}",
        body);
    xmpp_stanza_t *message = begin(b, "message", b->to, "chat", id);
    add(b, message, "body", NULL, body);
    add(b, message, "json", "urn:xmpp:json:0", json);
    xmpp_stanza_set_attribute(add(b, message, "origin-id", "urn:xmpp:sid:0", NULL), "id", id);
    add(b, message, "markable", "urn:xmpp:chat-markers:0", NULL);
    add(b, message, "request", "urn:xmpp:receipts", NULL);
    b->sent_ns[number] = now_ns();
    send_off(b, message);
}

static void send_ping(bench *b)
{
    char id[32];
    snprintf(id, sizeof id, "p%d", b->sent);
    xmpp_stanza_t *iq = begin(b, "iq", b->domain, "get", id);
    add(b, iq, "ping", "urn:xmpp:ping", NULL);
    send_off(b, iq);
    b->pinged = b->sent;
}

static xmpp_stanza_t *add_field(bench *b, xmpp_stanza_t *form, const char *var, const char *value)
{
    xmpp_stanza_t *field = add(b, form, "field", NULL, NULL);
    xmpp_stanza_set_attribute(field, "var", var);
    add(b, field, "value", NULL, value);
    return field;
}

/* What the own archive has behind the last item seen (`end`: its last item). */
static void ask_archive(bench *b, bool end)
{
    char start[32];
    time_t from = time(NULL) - 60;
    struct tm parts;
    strftime(start, sizeof start, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&from, &parts));
    xmpp_stanza_t *iq = begin(b, "iq", NULL, "set", end ? "end" : "archive");
    xmpp_stanza_t *query = add(b, iq, "query", "urn:xmpp:mam:2", NULL);
    xmpp_stanza_set_attribute(query, "queryid", "q");
    xmpp_stanza_t *form = add(b, query, "x", "jabber:x:data", NULL);
    xmpp_stanza_set_attribute(form, "type", "submit");
    xmpp_stanza_set_attribute(add_field(b, form, "FORM_TYPE", "urn:xmpp:mam:2"), "type", "hidden");
    if (!end) add_field(b, form, "start", start);
    xmpp_stanza_t *set = add(b, query, "set", "http://jabber.org/protocol/rsm", NULL);
    add(b, set, "max", NULL, end ? "1" : "100");
    if (end)
        add(b, set, "before", NULL, NULL);
    else if (*b->after)
        add(b, set, "after", NULL, b->after);
    send_off(b, iq);
    b->asking = true;
}

/* ---- sending ---- */

static void go_on(bench *b)
{
    while (b->sent < b->count && b->sent - b->done < b->window) {
        send_message(b, b->sent++);
        if (b->sent - b->pinged == PER_PING) send_ping(b);
    }
    if (b->sent > b->pinged && (b->sent == b->count || b->window < PER_PING)) send_ping(b);
}

/* The archive has its items in the order in which they were sent. */
static void count_done(bench *b)
{
    while (b->done < b->ponged && (!b->archive || b->shown[b->done])) {
        b->took_ms[b->done] = (double)(now_ns() - b->sent_ns[b->done]) / 1e6;
        b->done++;
    }
    if (b->archive && !b->asking && b->done < b->ponged) ask_archive(b, false);
    go_on(b);
}

static void take_result(bench *b, xmpp_stanza_t *result)
{
    xmpp_stanza_t *message = child(child(result, "forwarded"), "message");
    const char *place = xmpp_stanza_get_attribute(result, "id");
    const char *id = message ? xmpp_stanza_get_id(message) : NULL;
    unsigned number, tag;
    if (place) snprintf(b->after, sizeof b->after, "%s", place);
    if (id && sscanf(id, "tm-%x-%x-", &number, &tag) == 2 && tag == b->tag && (int)number <= b->sent)
        b->shown[number - 1] = true;
}

/* ---- answering ---- */

static void confirm(bench *b)
{
    if (!b->id_count) return;
    xmpp_stanza_t *message = begin(b, "message", b->peer, "chat", b->ids[0]);
    for (int i = 0; i < b->id_count; i++)
        xmpp_stanza_set_attribute(add(b, message, "received", "urn:xmpp:receipts", NULL), "id", b->ids[i]);
    add(b, message, "store", "urn:xmpp:hints", NULL);
    send_off(b, message);
    b->id_count = 0;
}

static void note_message(bench *b, xmpp_stanza_t *message)
{
    const char *id = xmpp_stanza_get_id(message), *from = xmpp_stanza_get_from(message);
    if (!id || !from || !child(message, "request")) return;
    size_t length = strcspn(from, "/");
    if (b->id_count == PER_RECEIPT || strlen(b->peer) != length || strncmp(b->peer, from, length) != 0)
        confirm(b);
    snprintf(b->peer, sizeof b->peer, "%.*s", (int)length, from);
    snprintf(b->ids[b->id_count++], ID_SIZE, "%s", id);
}

/* ---- what comes ---- */

static int handle_stanza(xmpp_conn_t *conn, xmpp_stanza_t *stanza, void *userdata)
{
    bench *b = userdata;
    const char *name = xmpp_stanza_get_name(stanza), *type = xmpp_stanza_get_type(stanza);
    const char *id = xmpp_stanza_get_id(stanza);
    (void)conn;
    b->handled++;
    if (strcmp(name, "message") == 0) {
        xmpp_stanza_t *result = child(stanza, "result");
        if (type && strcmp(type, "error") == 0)
            b->failed = true;
        else if (result)
            take_result(b, result);
        else if (!b->sends)
            note_message(b, stanza);
    } else if (strcmp(name, "iq") == 0 && id && type && b->sends) {
        if (strcmp(type, "result") != 0) b->failed = true;
        if (*id == 'p') b->ponged = atoi(id + 1);
        if (*id == 'a' || *id == 'e') b->asking = false;
        if (*id == 'p' || *id == 'a') count_done(b);
    }
    return 1;
}

static void handle_conn(xmpp_conn_t *conn, xmpp_conn_event_t event, int error,
                        xmpp_stream_error_t *stream_error, void *userdata)
{
    bench *b = userdata;
    (void)error;
    (void)stream_error;
    b->up = event == XMPP_CONN_CONNECT;
    b->failed = !b->up;
    if (!b->up) return;
    xmpp_handler_add(conn, handle_stanza, NULL, NULL, NULL, b);
    send_off(b, begin(b, "presence", NULL, NULL, NULL));
}

/* ---- the loop ---- */

static void run(bench *b, bool with_input, bool *ended)
{
    struct pollfd fds[2] = {{.fd = the_fd, .events = POLLIN}, {.fd = with_input ? 0 : -1, .events = POLLIN}};
    if (xmpp_conn_send_queue_len(b->conn) > 0 || !b->up) fds[0].events |= POLLOUT;
    bool settled = b->up && !b->leaving; /* else libstrophe has timers of its own */
    int ready = poll(fds, 2, settled ? GIVE_UP_MS : 5);
    if (ready == 0 && settled && !with_input) b->failed = true;
    if (fds[1].revents) *ended = true;
    for (int idle = 0; idle < IDLE_PASSES;) {
        unsigned before = b->handled;
        xmpp_run_once(b->ctx, 0);
        idle = b->handled == before ? idle + 1 : 0;
    }
}

static int compare(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static void send_all(bench *b)
{
    bool ended = false;
    if (b->archive) { /* where it ends now */
        ask_archive(b, true);
        while (!b->failed && b->asking)
            run(b, false, &ended);
    }
    uint64_t began = now_ns();
    double cpu = cpu_ms();
    go_on(b);
    while (!b->failed && b->done < b->count)
        run(b, false, &ended);
    double seconds = (double)(now_ns() - began) / 1e9;
    cpu = cpu_ms() - cpu;
    if (b->failed) return;
    qsort(b->took_ms, (size_t)b->count, sizeof *b->took_ms, compare);
    printf("%.3f %.3f %.3f %.3f\n", b->count / seconds, b->took_ms[b->count / 2],
           b->took_ms[b->count * 99 / 100], cpu);
}

static void answer_all(bench *b)
{
    bool ended = false;
    puts("ready");
    fflush(stdout);
    while (!b->failed && !ended) {
        run(b, true, &ended);
        confirm(b);
        xmpp_run_once(b->ctx, 0);
    }
    b->failed = !ended;
}

int main(int argc, char **argv)
{
    bench b = {0};
    xmpp_log_t quiet = {0};
    char jid[256];
    b.sends = argc >= 10 && strcmp(argv[6], "send") == 0;
    if (!b.sends && (argc != 7 || strcmp(argv[6], "answer") != 0)) {
        fprintf(stderr, "usage: bare_strophe PORT CA_FILE USER DOMAIN PASSWORD send TO COUNT WINDOW "
                        "[archive] | answer\n");
        return 1;
    }
    b.domain = argv[4];
    if (b.sends) {
        b.to = argv[7];
        b.count = atoi(argv[8]);
        b.window = atoi(argv[9]);
        b.archive = argc > 10;
    }
    size_t room = (size_t)b.count + 1;
    b.sent_ns = calloc(room, sizeof *b.sent_ns);
    b.took_ms = calloc(room, sizeof *b.took_ms);
    b.shown = calloc(room, sizeof *b.shown);
    if (!b.sent_ns || !b.took_ms || !b.shown || getrandom(&b.tag, sizeof b.tag, 0) < 0) return 1;

    xmpp_initialize();
    b.ctx = xmpp_ctx_new(NULL, &quiet);
    b.conn = xmpp_conn_new(b.ctx);
    snprintf(jid, sizeof jid, "%s@%s/bench", argv[3], argv[4]);
    xmpp_conn_set_jid(b.conn, jid);
    xmpp_conn_set_pass(b.conn, argv[5]);
    xmpp_conn_set_flags(b.conn, XMPP_CONN_FLAG_DISABLE_SM | XMPP_CONN_FLAG_MANDATORY_TLS);
    xmpp_conn_set_cafile(b.conn, argv[2]);
    xmpp_conn_set_sockopt_callback(b.conn, prepare_socket);
    bool ended = false;
    if (xmpp_connect_client(b.conn, "127.0.0.1", (unsigned short)atoi(argv[1]), handle_conn, &b) != XMPP_EOK)
        b.failed = true;
    while (!b.up && !b.failed)
        run(&b, false, &ended);
    if (b.up && b.sends)
        send_all(&b);
    else if (b.up)
        answer_all(&b);
    int code = b.failed;
    if (b.failed) fprintf(stderr, "bare_strophe: the connection or a message failed\n");
    if (b.up) {
        xmpp_disconnect(b.conn);
        b.leaving = true;
        for (int i = 0; i < 100 && b.up; i++)
            run(&b, false, &ended);
    }
    xmpp_conn_release(b.conn);
    xmpp_ctx_free(b.ctx);
    xmpp_shutdown();
    free(b.sent_ns);
    free(b.took_ms);
    free(b.shown);
    return code;
}

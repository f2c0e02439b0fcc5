/* XMPP: the backend that works through an XMPP server. This file is its worker's side: it hands operations to
 * the session (xmpp_session.h), which lives on a thread of its own, and reads events from the mirror
 * (xmpp_mirror.h) that the session keeps. Nothing here waits for a network. */
#include "xmpp.h"

#include "include/TIMCloudDef.h"
#include "json.h"
#include "xmpp_address.h"
#include "xmpp_session.h"

#include <stdlib.h>
#include <string.h>

/* The header lines of an upload slot: XEP-0363 knows three. */
#define MOST_HEADERS 8

typedef struct tm_xmpp_backend {
    tm_backend base; /* first: a tm_backend* is a tm_xmpp_backend* */
    tm_backend_host host;
    char *address;
    char *id;          /* "xmpp:domain": cursors of another server mean nothing here */
    tm_xmpp *session;  /* NULL: not logged in */
    tm_mirror *mirror; /* for reading; NULL: likewise */
    int64_t cursor;    /* the last event this device was given */
    int64_t next;      /* where it stands once the host has stored what it was given */
    bool moved;
    tm_op *first, *last; /* submitted, not flushed yet */
    tm_op *outstanding;  /* the session has a copy of each */
} tm_xmpp_backend;

static char *cursor_text(const tm_xmpp_backend *backend, int64_t cursor)
{
    return tm_format("%s %lld", backend->id, (long long)cursor);
}

/* -1: this device is new here. */
static int64_t read_cursor(const tm_xmpp_backend *backend, const char *text)
{
    size_t length = strlen(backend->id);
    bool known = strncmp(text, backend->id, length) == 0 && text[length] == ' ';
    return known ? strtoll(text + length + 1, NULL, 10) : -1;
}

/* ---- operations ---- */

static void submit(tm_backend *self, tm_op *op)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    op->next = NULL;
    if (backend->last)
        backend->last->next = op;
    else
        backend->first = op;
    backend->last = op;
}

static bool start_session(tm_xmpp_backend *backend, tm_op *op, tm_task *login)
{
    tm_xmpp_options options = {.address = backend->address,
                               .user = op->text,
                               .password = op->second,
                               .device = op->third,
                               .directory = backend->host.directory,
                               .cursor = read_cursor(backend, op->cursor),
                               .log = backend->host.log,
                               .timeout_ms = backend->host.timeout_ms,
                               .window_s = backend->host.revoke_window_s};
    /* opened here first: making the file is not left to two threads at once */
    if (!(backend->mirror = tm_mirror_open(options.directory, op->text, backend->host.stop, &op->error)))
        return false;
    backend->session = tm_xmpp_start(&options, login, &op->error);
    return backend->session != NULL;
}

static void keep(tm_xmpp_backend *backend, tm_op *op)
{
    op->next = backend->outstanding;
    backend->outstanding = op;
}

static void flush(tm_backend *self)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    tm_op *ops = backend->first;
    tm_task *tasks = NULL, *last = NULL;
    backend->first = backend->last = NULL;
    while (ops) {
        tm_op *op = ops;
        ops = op->next;
        if (op->kind == TM_OP_HISTORY) op->position = backend->cursor;
        tm_task *task = tm_task_new(op);
        bool started = false;
        if (!task)
            tm_fail_memory(&op->error);
        else if (op->kind == TM_OP_LOGIN)
            started = start_session(backend, op, task);
        else if (!backend->session)
            tm_fail(&op->error, ERR_SDK_NET_DISCONNECT, "not connected");
        else
            started = true;
        if (!started) {
            tm_task_free(task);
            op->next = NULL;
            backend->host.answer(backend->host.worker, op);
            continue;
        }
        keep(backend, op);
        if (op->kind == TM_OP_LOGIN) continue;
        if (last)
            last->next = task;
        else
            tasks = task;
        last = task;
    }
    if (tasks) tm_xmpp_give(backend->session, tasks);
}

/* ---- answers ---- */

/* Hands a file to the media thread, now that there is a slot for it. */
static bool start_upload(tm_xmpp_backend *backend, tm_op *op)
{
    const char *headers[MOST_HEADERS + 1] = {NULL};
    const cJSON *line;
    size_t count = 0;
    cJSON_ArrayForEach(line, tm_json_get(op->result, "headers"))
    {
        if (count < MOST_HEADERS) headers[count++] = line->valuestring;
    }
    tm_media *media = backend->host.media(backend->host.worker, &op->error);
    if (!media) return false;
    uint64_t id = backend->host.transfer(backend->host.worker, op);
    if (id && !tm_media_send(media, id, op->text, op->size, tm_json_get_string(op->result, "put", ""),
                             headers, "application/octet-stream"))
        return true;
    if (id) backend->host.no_transfer(backend->host.worker, id);
    tm_fail_memory(&op->error);
    return false;
}

static void transferred(tm_backend *self, tm_op *op, const tm_media_report *report)
{
    (void)self;
    (void)report;
    /* the url came with the slot; its last part is the name that was made up for the file */
    const char *slash = strrchr(op->url, '/');
    op->id = tm_strdup(slash && slash[1] ? slash + 1 : op->url);
    if (!op->id) tm_fail_memory(&op->error);
}

static void logged_in(tm_xmpp_backend *backend, tm_op *op)
{
    int64_t cursor = read_cursor(backend, op->cursor);
    if (cursor < 0) cursor = op->position; /* a new device begins where the session found the end to be */
    backend->cursor = backend->next = cursor;
    backend->moved = true;
}

/* What the task found out becomes the operation's answer. */
static void copy_answer(tm_op *op, tm_task *task)
{
    tm_op *from = &task->op;
    op->error = from->error;
    op->server_time = from->server_time;
    op->seq = from->seq;
    op->found = from->found;
    op->events = from->events;
    op->position = from->position;
    op->low = from->low;
    op->high = from->high;
    op->my_read = from->my_read;
    op->peer_read = from->peer_read;
    op->result = from->result;
    op->id = from->id;
    op->url = from->url;
    from->events = NULL;
    from->result = NULL;
    from->id = from->url = NULL;
}

static void take_answer(tm_xmpp_backend *backend, tm_task *task)
{
    tm_op *op = task->asked;
    for (tm_op **at = &backend->outstanding; *at; at = &(*at)->next)
        if (*at == op) {
            *at = op->next;
            break;
        }
    op->next = NULL;
    copy_answer(op, task);
    if (!op->error.code && op->kind == TM_OP_LOGIN) logged_in(backend, op);
    if (!op->error.code && op->kind == TM_OP_UPLOAD && start_upload(backend, op)) return;
    backend->host.answer(backend->host.worker, op);
}

/* A url of the server's is fetched like any other. */
static char *file(tm_backend *self, const char *url, const char *id, char hash[TM_MEDIA_HASH])
{
    (void)self;
    (void)url;
    (void)id;
    (void)hash;
    return NULL;
}

/* ---- events ---- */

static int32_t receive(tm_backend *self, int limit, tm_event **list, char **cursor, bool *more, tm_error *err)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    int rows = 0;
    *cursor = NULL;
    *list = NULL;
    *more = false;
    if (!backend->mirror) return 0;
    int64_t end = backend->session ? tm_xmpp_held_from(backend->session) : INT64_MAX, before;
    int32_t code;
    do { /* what came while the mirror was read may have to wait */
        tm_event_free_list(*list);
        code =
            tm_mirror_fetch(backend->mirror, backend->cursor, end, limit, list, &backend->next, &rows, err);
        before = end;
        end = backend->session ? tm_xmpp_held_from(backend->session) : INT64_MAX;
    } while (!code && end < before && end <= backend->next);
    if (code || backend->next == backend->cursor) return code;
    *more = rows >= limit;
    *cursor = cursor_text(backend, backend->next);
    if (*cursor) return 0;
    tm_event_free_list(*list);
    *list = NULL;
    return tm_fail_memory(err);
}

static void stored(tm_backend *self)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    backend->cursor = backend->next;
    if (backend->session) tm_xmpp_stored(backend->session, backend->cursor);
}

static int32_t moved(tm_backend *self, char **cursor, tm_error *err)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    *cursor = NULL;
    if (!backend->moved) return 0;
    *cursor = cursor_text(backend, backend->cursor);
    if (!*cursor) return tm_fail_memory(err);
    backend->moved = false;
    return 0;
}

static int fd(tm_backend *self)
{
    const tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    return backend->session ? tm_xmpp_fd(backend->session) : -1;
}

static bool ready(tm_backend *self, bool drop_online)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    tm_task *answered;
    tm_event *online;
    tm_network network;
    bool news;
    if (!backend->session) return false;
    tm_xmpp_take(backend->session, &answered, &online, &news, &network);
    while (answered) {
        tm_task *task = answered;
        answered = task->next;
        take_answer(backend, task);
        tm_task_free(task);
    }
    while (online) {
        tm_event *event = online;
        online = event->next;
        event->next = NULL;
        if (drop_online)
            tm_event_free(event);
        else
            backend->host.online(backend->host.worker, event);
    }
    if (network.blinked) backend->host.network(backend->host.worker, !network.up, false, &network.error);
    if (network.changed)
        backend->host.network(backend->host.worker, network.up, network.kicked, &network.error);
    return news;
}

static int interval_ms(tm_backend *self)
{
    (void)self;
    return -1;
}

/* ---- opening and closing ---- */

static void cancel_all(tm_xmpp_backend *backend, tm_op *list)
{
    while (list) {
        tm_op *op = list;
        list = op->next;
        op->next = NULL;
        tm_fail(&op->error, ERR_USER_CANCELED, "cancelled: logged out");
        backend->host.answer(backend->host.worker, op);
    }
}

static void close_xmpp(tm_backend *self)
{
    tm_xmpp_backend *backend = (tm_xmpp_backend *)self;
    bool damaged = false, alone = !backend->session || tm_xmpp_end(backend->session, &damaged);
    cancel_all(backend, backend->first);
    cancel_all(backend, backend->outstanding);
    damaged |= tm_mirror_is_damaged(backend->mirror);
    if (alone && damaged)
        tm_mirror_set_aside(backend->mirror);
    else
        tm_mirror_close(backend->mirror);
    tm_free(backend->address);
    tm_free(backend->id);
    tm_free(backend);
}

tm_backend *tm_xmpp_open(const char *address, const tm_backend_host *host, tm_error *err)
{
    tm_xmpp_address parsed;
    if (tm_xmpp_address_parse(address, &parsed, err)) return NULL;
    tm_xmpp_backend *backend = tm_calloc(1, sizeof *backend);
    if (backend) {
        backend->base = (tm_backend){.submit = submit,
                                     .flush = flush,
                                     .receive = receive,
                                     .stored = stored,
                                     .moved = moved,
                                     .transferred = transferred,
                                     .file = file,
                                     .fd = fd,
                                     .ready = ready,
                                     .interval_ms = interval_ms,
                                     .close = close_xmpp};
        backend->host = *host;
        backend->address = tm_strdup(address);
        backend->id = tm_format("xmpp:%s", parsed.domain);
    }
    tm_xmpp_address_clear(&parsed);
    if (backend && backend->address && backend->id) return &backend->base;
    if (backend) close_xmpp(&backend->base);
    tm_fail_memory(err);
    return NULL;
}

int32_t tm_xmpp_check(const char *address, tm_error *err)
{
    tm_xmpp_address parsed;
    int32_t code = tm_xmpp_address_parse(address, &parsed, err);
    if (!code) tm_xmpp_address_clear(&parsed);
    return code;
}

/* Line: see line.h. */
#include "line.h"

#include "fault.h"
#include "include/TIMCloudDef.h"
#include "worker.h"

#include <limits.h>

/* An operation that is not where it would be. */
typedef struct held {
    struct held *next;
    tm_op *op;
    uint64_t due;   /* it goes on then (tm_world_ms) */
    uint64_t until; /* it fails then, if it has not gone on */
} held;

typedef struct line {
    tm_backend base; /* first: a tm_backend* is a line* */
    tm_backend *inner;
    tm_backend_host host; /* the worker's own */
    tm_client *client;
    held *waiting; /* operations that have not gone on yet, in their order; owned */
    held *cut;     /* operations whose answers are to be lost; the backend has them */
    bool down;
    bool lost; /* an answer was: the events tell what it would have told */
    bool logged_in;
} line;

static void put(held **list, held *one)
{
    while (*list)
        list = &(*list)->next;
    one->next = NULL;
    *list = one;
}

static void answer(line *self, tm_op *op)
{
    self->host.answer(self->host.worker, op);
}

static void refuse(line *self, tm_op *op, int32_t code, const char *text)
{
    tm_fail(&op->error, code, "%s", text);
    answer(self, op);
}

/* ---- answers ---- */

/* Takes an operation from those that are cut. False: it is none. */
static bool take_cut(line *self, const tm_op *op)
{
    for (held **at = &self->cut; *at; at = &(*at)->next) {
        held *one = *at;
        if (one->op != op) continue;
        *at = one->next;
        tm_free(one);
        return true;
    }
    return false;
}

static void lose_answer(tm_op *op)
{
    tm_event_free_list(op->events);
    cJSON_Delete(op->result);
    op->events = NULL;
    op->result = NULL;
    op->found = false;
    tm_fail(&op->error, ERR_SDK_NET_DISCONNECT, "the connection was cut");
}

static void on_answer(void *worker, tm_op *op)
{
    line *self = (line *)((tm_worker *)worker)->backend;
    if (take_cut(self, op)) {
        lose_answer(op);
        self->lost = true;
    }
    if (op->kind == TM_OP_LOGIN) self->logged_in = !op->error.code;
    answer(self, op);
}

static void transferred(tm_backend *base, tm_op *op, const tm_media_report *report)
{
    line *self = (line *)base;
    self->inner->transferred(self->inner, op, report);
    if (take_cut(self, op)) lose_answer(op);
}

/* ---- operations ---- */

static void hold(line *self, held **list, tm_op *op, uint64_t ms)
{
    held *one = tm_calloc(1, sizeof *one);
    if (!one) {
        refuse(self, op, ERR_OUT_OF_MEMORY, "out of memory");
        return;
    }
    one->op = op;
    one->due = tm_world_ms(self->host.world) + ms;
    one->until = tm_world_ms(self->host.world) + self->host.timeout_ms;
    put(list, one);
}

static void submit(tm_backend *base, tm_op *op)
{
    line *self = (line *)base;
    const tm_request *request = op->owner;
    tm_fault *fault = tm_fault_take(self->client, request->kind);
    bool offline = tm_client_is_offline(self->client);
    if (fault && fault->kind == TM_FAULT_FAIL) {
        refuse(self, op, fault->code, fault->desc);
    } else if (offline && op->kind == TM_OP_LOGIN) {
        refuse(self, op, ERR_SDK_NET_DISCONNECT, "there is no way to the server");
    } else if (offline || (fault && fault->kind == TM_FAULT_SLOW)) {
        hold(self, &self->waiting, op, fault ? fault->ms : 0);
    } else {
        if (fault) hold(self, &self->cut, op, 0);
        op->unheard = fault != NULL;
        if (!op->error.code) self->inner->submit(self->inner, op);
    }
    tm_fault_free(fault);
}

static void flush(tm_backend *base)
{
    line *self = (line *)base;
    self->inner->flush(self->inner);
}

/* What waits goes on when its time is there and there is a way, or fails when it has waited too long. */
static void go_on(line *self)
{
    uint64_t now = tm_world_ms(self->host.world);
    bool any = false;
    for (held **at = &self->waiting; *at;) {
        held *one = *at;
        bool stays = self->down || one->due > now, late = stays && one->until <= now;
        if (stays && !late) {
            at = &one->next;
            continue;
        }
        *at = one->next;
        if (late)
            refuse(self, one->op, ERR_REQUEST_TIMEOUT, "the server did not answer in time");
        else
            self->inner->submit(self->inner, one->op);
        any |= !late;
        tm_free(one);
    }
    if (any) self->inner->flush(self->inner);
}

/* ---- events ---- */

static int32_t receive(tm_backend *base, int limit, tm_event **list, char **cursor, bool *more, tm_error *err)
{
    line *self = (line *)base;
    *list = NULL;
    *cursor = NULL;
    *more = false;
    return self->down ? 0 : self->inner->receive(self->inner, limit, list, cursor, more, err);
}

static bool ready(tm_backend *base, bool drop_online)
{
    line *self = (line *)base;
    bool was_down = self->down;
    self->down = tm_client_is_offline(self->client);
    if (self->down != was_down && self->logged_in) {
        tm_error err = {0};
        if (self->down) tm_fail(&err, ERR_SDK_NET_DISCONNECT, "there is no way to the server");
        self->host.network(self->host.worker, !self->down, false, &err);
    }
    bool any = self->inner->ready(self->inner, drop_online || self->down);
    go_on(self);
    if (self->down) return false;
    any |= was_down || self->lost;
    self->lost = false;
    return any;
}

static int interval_ms(tm_backend *base)
{
    const line *self = (const line *)base;
    uint64_t now = tm_world_ms(self->host.world), left = UINT64_MAX;
    for (const held *one = self->waiting; one; one = one->next) {
        uint64_t at = self->down || one->due > one->until ? one->until : one->due;
        if (at <= now) return 0;
        if (at - now < left) left = at - now;
    }
    return left <= INT_MAX ? (int)left : -1;
}

/* ---- what is only passed on ---- */

static void stored(tm_backend *base)
{
    line *self = (line *)base;
    if (!self->down) self->inner->stored(self->inner);
}

static int32_t moved(tm_backend *base, char **cursor, tm_error *err)
{
    line *self = (line *)base;
    return self->inner->moved(self->inner, cursor, err);
}

static char *file(tm_backend *base, const char *url, const char *id, char hash[TM_MEDIA_HASH])
{
    line *self = (line *)base;
    return self->inner->file(self->inner, url, id, hash);
}

static int fd(tm_backend *base)
{
    line *self = (line *)base;
    return self->inner->fd(self->inner);
}

/* ---- opening and closing ---- */

static void close_line(tm_backend *base)
{
    line *self = (line *)base;
    while (self->waiting) {
        held *one = self->waiting;
        self->waiting = one->next;
        refuse(self, one->op, ERR_USER_CANCELED, "cancelled: logged out");
        tm_free(one);
    }
    if (self->inner) self->inner->close(self->inner);
    while (self->cut) {
        held *one = self->cut;
        self->cut = one->next;
        tm_free(one);
    }
    tm_free(self);
}

tm_backend *tm_line_open(const char *address, const tm_backend_host *host, tm_client *client, tm_error *err)
{
    line *self = tm_calloc(1, sizeof *self);
    if (!self) {
        tm_fail_memory(err);
        return NULL;
    }
    self->base = (tm_backend){submit, flush, receive, stored,      moved,     transferred,
                              file,   fd,    ready,   interval_ms, close_line};
    self->host = *host;
    self->client = client;
    self->down = tm_client_is_offline(client);
    tm_backend_host ours = *host;
    ours.answer = on_answer;
    self->inner = tm_backend_open(address, &ours, err);
    if (self->inner) return &self->base;
    close_line(&self->base);
    return NULL;
}

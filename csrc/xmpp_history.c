/* XMPP history: what an archive has of a conversation: a stretch of it (rule 35), and whether it has a message
 * of an earlier life (rule 15). See xmpp_session.h.
 *
 * A stretch is read page by page until enough messages are there and the last second is whole; then what it
 * brought goes into the mirror in the order of the archive, which gives it numbers, and from there into the
 * answer. */
#include "xmpp_archive.h"

#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_jid.h"

#include <stdio.h>
#include <string.h>

/* Items a page: more than is asked for, since markers and receipts lie between. */
#define PAGE 100
#define SECOND 1000000u
/* The step of a task that reads what was revoked while the user was not in a group. */
#define STEP_LOOKING_BACK (TM_STEP_LOOKED_UP + 1)
/* Pages that one stretch may take: a conversation of nothing but receipts must not keep it for ever. */
#define MOST_PAGES 200

typedef struct stretch {
    tm_item *items; /* in the archive's order */
    size_t count, size;
    char *with; /* bare JID; NULL: a room's archive */
    char *edge; /* the archive id that the next page goes on from; NULL at first */
    uint64_t edge_stamp;
    uint32_t messages; /* how many there are */
    int pages;
    bool all; /* the archive has nothing further in the range */
} stretch;

static void drop_stretch(tm_task *task)
{
    stretch *of = task->state;
    if (!of) return;
    for (size_t i = 0; i < of->count; i++)
        tm_item_clear(&of->items[i]);
    tm_free(of->items);
    tm_free(of->with);
    tm_free(of->edge);
    tm_free(of);
    task->state = NULL;
}

/* Takes over a page's items: behind those that are there, or (backwards) before them. */
static int32_t take_items(stretch *of, tm_page *page, bool forward, tm_error *err)
{
    if (of->count + page->count > of->size) {
        size_t size = (of->count + page->count) * 2;
        tm_item *grown = tm_realloc(of->items, size * sizeof *grown);
        if (!grown) return tm_fail_memory(err);
        of->items = grown;
        of->size = size;
    }
    if (!page->count) return 0;
    tm_item *to = of->items;
    if (forward)
        to += of->count;
    else
        memmove(of->items + page->count, of->items, of->count * sizeof *of->items);
    memcpy(to, page->items, page->count * sizeof *page->items);
    for (size_t i = 0; i < page->count; i++)
        of->messages += page->items[i].kind == TM_ITEM_MESSAGE || page->items[i].kind == TM_ITEM_TIPS;
    of->count += page->count;
    page->count = 0; /* taken over */
    return 0;
}

/* The first and the last second of the range that are whole. */
static void set_edges(const stretch *of, tm_op *op)
{
    if (of->all) return;
    if (op->forward)
        op->high = of->edge_stamp / SECOND - 1;
    else
        op->low = of->edge_stamp / SECOND + 1;
}

/* Whether enough is there, apart from the second at the edge, which may not be whole. */
static bool is_enough(const stretch *of, const tm_op *op)
{
    uint64_t edge = of->edge_stamp / SECOND;
    uint32_t whole = 0;
    for (size_t i = 0; i < of->count; i++) {
        const tm_item *item = &of->items[i];
        bool counts = item->kind == TM_ITEM_MESSAGE || item->kind == TM_ITEM_TIPS;
        whole += counts && (of->all || item->stamp / SECOND != edge);
    }
    return whole >= op->want;
}

static tm_event *event_of(const tm_op *op, const tm_item *item, const tm_mirrored *mirrored, uint64_t joined)
{
    tm_event *event = tm_calloc(1, sizeof *event);
    if (!event) return NULL;
    tm_message *message = &event->message;
    event->kind = TM_EVENT_MESSAGE;
    event->position = mirrored->number;
    event->revoked = mirrored->revoked;
    event->unaddressed = joined && item->stamp < joined;
    message->conv_type = op->message->conv_type;
    message->conv_id = tm_strdup(op->message->conv_id);
    message->sender = tm_strdup(item->sender);
    message->elems = mirrored->revoked ? NULL : tm_strdup(item->elems);
    message->seq = mirrored->seq;
    message->rand = mirrored->rand;
    message->client_time = item->client_time;
    message->server_time = item->stamp / SECOND;
    message->priority = item->priority;
    message->is_self = item->is_self && item->kind == TM_ITEM_MESSAGE;
    message->status = mirrored->revoked ? kTIMMsg_Revoked : kTIMMsg_SendSucc;
    if (message->conv_id && message->sender && (message->elems || mirrored->revoked)) return event;
    tm_event_free(event);
    return NULL;
}

/* Whether an item lies behind what was read of its archive as news: it will come as that. */
static bool is_to_come(tm_xmpp *x, const tm_op *op, const tm_item *item)
{
    bool group = op->message->conv_type == kTIMConv_Group;
    const tm_room *room = group ? tm_room_find(x, op->message->conv_id) : NULL;
    const tm_archive *archive = group ? room ? room->archive : NULL : x->own;
    return archive && archive->known && item->stamp >= archive->start &&
           item->stamp >= archive->after_stamp && !tm_mirror_has(x->mirror, archive->group, item->archive_id);
}

/* Puts what was read into the mirror. `mirrored` has room for each item. */
static int32_t mirror_stretch(tm_xmpp *x, tm_task *task, tm_mirrored *mirrored, tm_error *err)
{
    const stretch *of = task->state;
    const tm_op *op = &task->op;
    uint64_t edge = of->edge_stamp / SECOND;
    const char *archive = op->message->conv_type == kTIMConv_Group ? op->message->conv_id : "";
    tm_mirror_way way = task->step == STEP_LOOKING_BACK ? TM_MIRROR_MISSED : TM_MIRROR_HISTORY;
    int64_t floor = 0;
    int32_t code = 0;
    for (size_t i = 0; i < of->count && !code; i++) {
        tm_item *item = &of->items[i];
        if (!of->all && item->stamp / SECOND == edge) continue; /* it comes with the next stretch */
        if (is_to_come(x, op, item)) continue;
        if (way == TM_MIRROR_MISSED && item->kind != TM_ITEM_RETRACT) continue;
        if (item->kind == TM_ITEM_RETRACT && *archive) item->may_revoke = tm_rooms_may_revoke(x, item);
        code = tm_mirror_add(x->mirror, archive, item, way, floor, x->window_s, &mirrored[i], err);
        if (mirrored[i].fresh && mirrored[i].number && !mirrored[i].told) floor = mirrored[i].number;
        if (!code && mirrored[i].number && item->is_self && item->kind == TM_ITEM_MESSAGE && !*archive)
            code = tm_mirror_release_letter(x->mirror, item->conv_id, item->id, err);
    }
    return code;
}

static int32_t look_whether_revoked(tm_xmpp *x, int64_t number, bool *revoked, tm_error *err)
{
    tm_mirror_message now = {0};
    int32_t code = tm_mirror_at(x->mirror, number, &now, err);
    *revoked |= now.revoked;
    tm_free(now.id);
    return code;
}

/* The messages that retractions mean may lie in other stretches, which the store has. Before the messages: what the device has
 * not shown is told of by none. */
static int32_t add_revoked(tm_xmpp *x, tm_task *task, const tm_mirrored *mirrored, tm_error *err)
{
    const stretch *of = task->state;
    tm_op *op = &task->op;
    int32_t code = 0;
    for (size_t i = 0; i < of->count && !code; i++) {
        const tm_mirrored *is = &mirrored[i];
        bool counts = is->valid;
        if (of->items[i].kind != TM_ITEM_RETRACT || !is->number) continue;
        if (is->told && is->number > op->position) continue; /* it comes as an event */
        /* one that was here may never have been answered with */
        if (!is->fresh && is->target) code = look_whether_revoked(x, is->target, &counts, err);
        tm_event *event = NULL;
        if (!code && counts) code = tm_mirror_retraction(x->mirror, is->number, &event, err);
        if (!event) continue;
        event->next = op->events;
        op->events = event;
    }
    return code;
}

/* What the mirror has of the messages that were read, as the answer. */
static int32_t add_events(tm_xmpp *x, tm_task *task, tm_mirrored *mirrored, tm_error *err)
{
    const stretch *of = task->state;
    tm_op *op = &task->op;
    uint64_t joined = 0;
    int32_t code = 0;
    if (op->message->conv_type == kTIMConv_Group) {
        uint64_t since = tm_mirror_since(x->mirror, op->message->conv_id, NULL);
        tm_mirror_in_group(x->mirror, op->message->conv_id, &joined);
        joined *= SECOND;
        /* where the archive began for this device tells what came first within that second */
        const tm_room *room = tm_room_find(x, op->message->conv_id);
        uint64_t start = room && room->archive ? room->archive->start : 0;
        if (since)
            joined = since + 1;
        else if (joined && start >= joined && start < joined + SECOND)
            joined = start + 1;
    }
    /* what lies behind the cursor comes as events, with their callbacks: history must not be first */
    for (size_t i = 0; i < of->count && !code; i++) {
        const tm_item *item = &of->items[i];
        if (item->kind != TM_ITEM_MESSAGE && item->kind != TM_ITEM_TIPS) continue;
        if (!mirrored[i].number || (mirrored[i].told && mirrored[i].number > op->position)) continue;
        /* a retraction may stand behind its message in the same stretch */
        if ((code = look_whether_revoked(x, mirrored[i].number, &mirrored[i].revoked, err))) break;
        tm_error local = {0};
        bool to_come = mirrored[i].revoked &&
                       tm_mirror_revoke_is_to_come(x->mirror, mirrored[i].number, op->position, &local);
        if (local.code) return tm_fail(err, local.code, "%s", local.text);
        tm_event *event = event_of(op, item, &mirrored[i], joined);
        if (!event) return tm_fail_memory(err);
        event->to_come = to_come; /* or has come since the page was asked for, before its message was known */
        event->next = op->events;
        op->events = event;
    }
    return code ? code : add_revoked(x, task, mirrored, err);
}

/* The worker looks for what is news: once it can see that. */
static void tell_news(tm_xmpp *x, const tm_mirrored *mirrored, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any |= mirrored[i].fresh && mirrored[i].told;
    if (any) tm_xmpp_ring(x);
}

/* Puts what was read into the mirror and makes the answer of it. */
static int32_t answer_stretch(tm_xmpp *x, tm_task *task, tm_error *err)
{
    tm_op *op = &task->op;
    const tm_message *message = op->message;
    set_edges(task->state, op);
    size_t count = ((stretch *)task->state)->count;
    tm_mirrored *mirrored = tm_calloc(count + 1, sizeof *mirrored);
    int32_t code = mirrored ? tm_mirror_begin(x->mirror, err) : tm_fail_memory(err);
    bool begun = mirrored && !code;
    if (!code) code = mirror_stretch(x, task, mirrored, err);
    if (!code && op->kind == TM_OP_HISTORY)
        code = tm_mirror_read_marks(x->mirror, message->conv_type, message->conv_id, x->user, op->position,
                                    &op->my_read, &op->peer_read, err);
    if (!code && op->kind == TM_OP_HISTORY) code = add_events(x, task, mirrored, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code && begun) tm_mirror_rollback(x->mirror);
    if (!code) tell_news(x, mirrored, count);
    if (!code && message->conv_type == kTIMConv_C2C) x->letters_at = 1; /* one may have been released */
    tm_free(mirrored);
    return code;
}

static void ask_page(tm_xmpp *x, tm_task *task);

static void take_page(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    tm_error err = {0};
    tm_task *task = tm_xmpp_find(x, argument);
    if (!task) return;
    stretch *of = task->state;
    if (!page) {
        tm_xmpp_fail_by_answer(x, task, answer);
        return;
    }
    const char *edge = task->op.forward ? page->last : page->first;
    uint64_t stamp = task->op.forward ? page->last_stamp : page->first_stamp;
    char *copy = edge ? tm_strdup(edge) : NULL;
    of->all = page->complete;
    int32_t code = edge && !copy ? tm_fail_memory(&err) : take_items(of, page, task->op.forward, &err);
    if (code) {
        tm_free(copy);
        tm_xmpp_fail(x, task, code, err.text);
        return;
    }
    if (copy) {
        tm_free(of->edge);
        of->edge = copy;
        of->edge_stamp = stamp;
    }
    if (!of->all && !is_enough(of, &task->op) && ++of->pages < MOST_PAGES) {
        ask_page(x, task);
        return;
    }
    if (answer_stretch(x, task, &err))
        tm_xmpp_fail(x, task, err.code, err.text);
    else if (task->op.kind == TM_OP_REVOKE)
        tm_outbox_add(x, tm_xmpp_release(x, task)); /* now it is known, if it is there */
    else
        tm_xmpp_answer(x, task);
}

static void ask_page(tm_xmpp *x, tm_task *task)
{
    const stretch *of = task->state;
    const tm_op *op = &task->op;
    tm_page_query query = {.group = of->with ? "" : op->message->conv_id, .with = of->with, .max = PAGE};
    query.start = op->low < UINT64_MAX / SECOND ? op->low * SECOND : 0;
    query.end = op->high < UINT64_MAX / SECOND / 2 ? op->high * SECOND + SECOND - 1 : 0;
    if (op->forward)
        query.after = of->edge;
    else
        query.before = of->edge ? of->edge : "";
    tm_page_ask(x, &query, take_page, tm_xmpp_number(task));
}

/* ---- rule 35 ---- */

static bool begin(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    const tm_message *message = task->op.message;
    bool group = message->conv_type == kTIMConv_Group;
    if (!tm_link_is_up(x->link))
        tm_fail(&err, ERR_SDK_NET_DISCONNECT, "the connection to %s is down", x->address.domain);
    else if (group && (!x->rooms || !*x->rooms))
        tm_fail(&err, ERR_SVR_GROUP_NOT_FOUND, "%s has no groups", x->address.domain);
    stretch *of = err.code ? NULL : tm_calloc(1, sizeof *of);
    if (!err.code && (!of || (!group && !(of->with = tm_jid_of(message->conv_id, x->address.domain)))))
        tm_fail_memory(&err);
    if (task->drop) task->drop(task);
    task->state = of;
    task->drop = drop_stretch;
    if (err.code) {
        tm_xmpp_fail(x, task, err.code, err.text);
        return false;
    }
    tm_xmpp_keep(x, task);
    return true;
}

void tm_history_start(tm_xmpp *x, tm_task *task)
{
    /* what was said before the call counts; and an open room's archive would answer anybody */
    if (task->step == 0) {
        tm_group_start(x, task);
        return;
    }
    if (begin(x, task)) ask_page(x, task);
}

/* ---- rule 28: a message that this device never had ---- */

void tm_history_look_up(tm_xmpp *x, tm_task *task)
{
    uint64_t now = tm_clock_seconds(), back = (uint64_t)x->window_s + 60;
    task->step = TM_STEP_LOOKED_UP;
    task->op.low = now > back ? now - back : 0; /* an older one could not be revoked any more */
    task->op.high = UINT64_MAX;
    task->op.want = UINT32_MAX;
    if (begin(x, task)) ask_page(x, task);
}

/* ---- rule 29: who comes back to a group ---- */

static void looked_back(tm_xmpp *x, tm_task *task)
{
    tm_error err = {0};
    const char *group = task->op.message->conv_id;
    int32_t code = task->op.error.code;
    if (code) {
        tm_xmpp_log(x, kTIMLog_Warn, "what was revoked in \"%s\" meanwhile was not read: %s", group,
                    task->op.error.text);
        return; /* with the next connection */
    }
    code = tm_mirror_begin(x->mirror, &err);
    bool begun = !code;
    if (!code) code = tm_mirror_forget_heard(x->mirror, group, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code && begun) tm_mirror_rollback(x->mirror);
}

/* A retraction comes in time: all that the user has heard there is older, and a short while behind it enough. */
void tm_history_look_back(tm_xmpp *x, const char *group)
{
    uint64_t heard = tm_mirror_heard(x->mirror, group) / SECOND;
    tm_message message = {.conv_type = kTIMConv_Group, .conv_id = (char *)(uintptr_t)group};
    tm_op op = {.kind = TM_OP_HISTORY,
                .message = &message,
                .low = heard,
                .high = heard + x->window_s + 1,
                .want = UINT32_MAX,
                .forward = true};
    tm_task *task = heard ? tm_task_new(&op) : NULL;
    if (!task) return;
    task->number = ++x->tasks;
    task->deadline = tm_clock_ms() + x->timeout_ms;
    task->step = STEP_LOOKING_BACK;
    task->done = looked_back;
    if (begin(x, task)) ask_page(x, task);
}

/* ---- rule 15 ---- */

/* What counts as not sent goes out no more, unless the archive shows it after all. */
static int32_t hold_letter(tm_xmpp *x, const tm_message *message, tm_error *err)
{
    char *id = tm_item_id(message);
    int32_t code = id ? tm_mirror_begin(x->mirror, err) : tm_fail_memory(err);
    bool begun = id && !code;
    if (!code) code = tm_mirror_hold_letter(x->mirror, message->conv_id, id, err);
    if (!code) code = tm_mirror_commit(x->mirror, err);
    if (code && begun) tm_mirror_rollback(x->mirror);
    tm_free(id);
    return code;
}

void tm_settle_start(tm_xmpp *x, tm_task *task)
{
    /* whatever this device sent and does not know the outcome of lies behind its cursor, if anywhere: the mirror has
     * it once the archives were read */
    if (task->step == 0) {
        tm_group_start(x, task);
        return;
    }
    tm_error err = {0};
    tm_mirror_message found = {0};
    const tm_message *message = task->op.message;
    int32_t code = tm_mirror_find(x->mirror, message->conv_type, message->conv_id, x->user, message->seq,
                                  message->rand, &found, &err);
    tm_free(found.id);
    task->op.found = found.number != 0;
    if (!code && !task->op.found && message->conv_type == kTIMConv_C2C) code = hold_letter(x, message, &err);
    task->op.server_time = found.stamp / SECOND;
    task->op.seq = found.seq;
    task->op.position = found.number;
    if (code)
        tm_xmpp_fail(x, task, code, err.text);
    else
        tm_xmpp_answer(x, task);
}

/* XMPP session: its thread: tasks in, answers out, connecting and what a new connection needs. See
 * xmpp_session.h. */
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
#include <strings.h>

/* Pauses before connecting again: doubled up to the longest, each shortened by chance, so that the clients of
 * a server that comes back do not come all at once. */
#define FIRST_PAUSE_MS 500
#define LONGEST_PAUSE_MS 60000
/* No question is given up before. */
#define LEAST_TIMEOUT_MS 15000
/* A new device's log-in waits so long at most for its groups. */
#define SETTLE_MS 5000
/* So often a password is tried again that was right once. */
#define REFUSALS 3
/* Receipts in one stanza. */
#define RECEIPTS 64
/* tm_xmpp_end waits so long. */
#define END_MS 100

/* ---- tasks ---- */

tm_task *tm_task_new(const tm_op *op)
{
    tm_error err = {0};
    tm_task *task = tm_calloc(1, sizeof *task);
    if (!task) return NULL;
    task->asked = (tm_op *)(uintptr_t)op;
    task->op = *op;
    task->op.next = NULL;
    task->op.message = NULL;
    task->op.text = task->text = tm_strdup(op->text);
    task->op.second = task->second = tm_strdup(op->second);
    task->op.third = task->third = tm_strdup(op->third);
    task->op.cursor = task->cursor = tm_strdup(op->cursor);
    task->op.param = task->param = op->param ? cJSON_Duplicate(op->param, true) : NULL;
    bool ok = (!op->text || task->text) && (!op->second || task->second) && (!op->third || task->third) &&
              (!op->cursor || task->cursor) && (!op->param || task->param);
    if (ok && op->message) {
        ok = tm_message_copy(op->message, &task->message, &err) == 0;
        task->op.message = &task->message;
    }
    if (ok) return task;
    tm_task_free(task);
    return NULL;
}

void tm_task_free(tm_task *task)
{
    if (!task) return;
    if (task->drop) task->drop(task);
    tm_message_clear(&task->message);
    tm_free(task->text);
    tm_free(task->second);
    tm_free(task->third);
    tm_free(task->cursor);
    cJSON_Delete(task->param);
    tm_free(task->id);
    tm_free(task->to);
    tm_free(task->target);
    tm_event_free_list(task->op.events);
    cJSON_Delete(task->op.result);
    tm_free(task->op.id);
    tm_free(task->op.url);
    tm_free(task);
}

void tm_task_nothing(tm_xmpp *x, tm_task *task)
{
    (void)x;
    (void)task;
}

static void free_tasks(tm_task *list)
{
    while (list) {
        tm_task *next = list->next;
        tm_task_free(list);
        list = next;
    }
}

tm_task *tm_xmpp_release(tm_xmpp *x, tm_task *task)
{
    for (tm_task **at = &x->working; *at; at = &(*at)->next)
        if (*at == task) {
            *at = task->next;
            break;
        }
    task->next = NULL;
    return task;
}

void tm_xmpp_answer(tm_xmpp *x, tm_task *task)
{
    tm_xmpp_release(x, task);
    /* after a failure no more of them are asked about */
    if (task->op.kind == TM_OP_SETTLE && x->unsettled)
        x->unsettled = task->op.error.code ? 0 : x->unsettled - 1;
    if (task->done) {
        task->done(x, task);
        tm_task_free(task);
        return;
    }
    pthread_mutex_lock(&x->lock);
    if (x->last_answer)
        x->last_answer->next = task;
    else
        x->answers = task;
    x->last_answer = task;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

void tm_xmpp_fail(tm_xmpp *x, tm_task *task, int32_t code, const char *text)
{
    tm_fail(&task->op.error, code, "%s", text);
    tm_xmpp_answer(x, task);
}

void tm_xmpp_keep(tm_xmpp *x, tm_task *task)
{
    tm_task **end = &x->working;
    while (*end)
        end = &(*end)->next;
    task->next = NULL;
    *end = task;
}

tm_task *tm_xmpp_find(tm_xmpp *x, void *number)
{
    for (tm_task *task = x->working; task; task = task->next)
        if (task->number == (uint64_t)(uintptr_t)number) return task;
    return NULL;
}

static void expire_tasks(tm_xmpp *x)
{
    uint64_t now = tm_clock_ms();
    for (tm_task *task = x->working; task;) {
        tm_task *next = task->next;
        if (task->deadline && task->deadline <= now) {
            tm_xmpp_fail(x, task, ERR_REQUEST_TIMEOUT, "the server has not answered in time");
            next = x->working; /* whoever was told may have begun or ended others */
        }
        task = next;
    }
}

static void start_task(tm_xmpp *x, tm_task *task)
{
    task->number = ++x->tasks;
    task->deadline = tm_clock_ms() + x->timeout_ms;
    switch (task->op.kind) {
    case TM_OP_SEND:
    case TM_OP_REVOKE:
    case TM_OP_READ: tm_outbox_add(x, task); break;
    case TM_OP_SETTLE: tm_settle_start(x, task); break;
    case TM_OP_HISTORY: tm_history_start(x, task); break;
    case TM_OP_GROUP: tm_group_start(x, task); break;
    case TM_OP_UPLOAD: tm_upload_start(x, task); break;
    case TM_OP_LOGIN: tm_xmpp_answer(x, task); break;
    }
}

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

void tm_xmpp_ask(tm_xmpp *x, tm_stanza *iq, tm_link_answer answer, void *argument)
{
    /* tasks have deadlines of their own; what the session asks for itself is not to suffer from short ones */
    uint32_t timeout = x->timeout_ms > LEAST_TIMEOUT_MS ? x->timeout_ms : LEAST_TIMEOUT_MS;
    tm_link_ask(x->link, tm_stanza_finish(iq), timeout, answer, argument);
}

int32_t tm_xmpp_error(tm_xmpp *x, xmpp_stanza_t *answer, tm_error *err)
{
    (void)x;
    static const struct {
        const char *condition;
        int32_t code;
    } codes[] = {{"service-unavailable", ERR_SVR_MSG_INVALID_ID},
                 {"remote-server-not-found", ERR_SVR_MSG_INVALID_ID},
                 {"jid-malformed", ERR_SVR_MSG_INVALID_ID},
                 {"item-not-found", ERR_SVR_GROUP_NOT_FOUND},
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

/* ---- the connection ---- */

static void tell_network(tm_xmpp *x, bool up, bool kicked, const tm_error *err)
{
    pthread_mutex_lock(&x->lock);
    x->network.changed = true;
    x->network.up = up;
    x->network.kicked = kicked;
    if (err) x->network.error = *err;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

static void lost(void *owner, const tm_error *err)
{
    tm_xmpp *x = owner;
    bool was_welcome = x->welcome;
    x->welcome = false;
    if (!x->down_since) x->down_since = tm_clock_ms();
    x->setup = 0;
    if (x->own) tm_archive_lost(x->own);
    tm_rooms_lost(x);
    tm_outbox_lost(x);
    tm_xmpp_log(x, kTIMLog_Warn, "%s", err->text);
    bool kicked = err->code == ERR_LOGIN_KICKED_OFF_BY_OTHER;
    if (x->login) { /* it never got in */
        tm_task *login = x->login;
        x->login = NULL;
        tm_xmpp_fail(x, login, err->code, err->text);
        return;
    }
    /* asked again and again with a wrong password, servers lock accounts; but one that is just coming up may say so too */
    bool refused = err->code == ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED && ++x->refusals == REFUSALS;
    if (was_welcome || kicked || refused) tell_network(x, false, kicked, err);
    if (kicked || refused) return;
    uint32_t pause = FIRST_PAUSE_MS;
    for (int i = 0; i < x->failures && pause < LONGEST_PAUSE_MS; i++)
        pause *= 2;
    if (pause > LONGEST_PAUSE_MS) pause = LONGEST_PAUSE_MS;
    pause -= (uint32_t)(tm_message_random() % (pause / 2));
    x->failures++;
    x->retry_at = tm_clock_ms() + pause;
}

/* ---- what a new connection needs ---- */

static void set_up_one(tm_xmpp *x)
{
    tm_error err = {0};
    /* answers that never came are given up before the session hears that the connection is lost */
    if (--x->setup > 0 || !tm_link_is_up(x->link)) return;
    if (!x->own && !(x->own = tm_archive_open(x, "", 0, &err))) {
        tm_link_drop(x->link, err.text);
        return;
    }
    if (!x->was_welcome) tm_outbox_hasten(x);
    x->welcome = x->was_welcome = true;
    x->failures = x->refusals = 0;
    x->down_since = 0;
    tm_xmpp_log(x, kTIMLog_Info, "connected as %s", tm_link_jid(x->link));
    x->settle_until = tm_clock_ms() + SETTLE_MS;
    if (!x->login) tell_network(x, true, false, NULL);
    if (x->wanted_since) tm_archive_read_from(x->own, x->wanted_since);
    x->wanted_since = 0;
    tm_archive_rewind(x, x->own);
    tm_rooms_enter(x);
}

/* A new device is in once it is known where its groups' archives begin for it: what is said after the log-in is
 * news. A room that does not answer holds nobody up for long. */
static void answer_login(tm_xmpp *x)
{
    if (!x->login || (x->is_new && !tm_rooms_are_settled(x) && tm_clock_ms() < x->settle_until)) return;
    tm_error err = {0};
    tm_task *login = x->login;
    x->login = NULL;
    /* the cursor starts here: nothing was read as news before (see go_on in xmpp_archive.c) */
    login->op.position = tm_mirror_top(x->mirror, &err);
    tm_xmpp_answer(x, login);
    tm_archive_rewind(x, x->own);
    for (tm_room *room = x->first_room; room; room = room->next)
        tm_archive_rewind(x, room->archive);
}

static void carbons_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)argument;
    (void)answer; /* a server without carbons: what other sessions send is seen with what comes next */
    set_up_one(owner);
}

/* One of the server's services says what it is. */
static void service_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    tm_xmpp *x = owner;
    char *jid = argument;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_DISCO_INFO);
    for (xmpp_stanza_t *at = query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *var = tm_stanza_attribute(at, "var");
        if (!name || strcmp(name, "feature") != 0) continue;
        char **service = strcmp(var, TM_NS_MUC) == 0      ? &x->rooms
                         : strcmp(var, TM_NS_UPLOAD) == 0 ? &x->upload
                                                          : NULL;
        if (!service || (*service && **service)) continue;
        tm_free(*service);
        *service = tm_strdup(jid);
    }
    tm_free(jid);
    set_up_one(x);
}

static void ask_service(tm_xmpp *x, const char *jid)
{
    char *copy = tm_strdup(jid);
    tm_stanza iq;
    if (!copy) return;
    x->setup++;
    tm_xmpp_iq(x, &iq, "get", jid);
    tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_INFO, NULL);
    tm_xmpp_ask(x, &iq, service_answered, copy);
}

static void services_answered(void *owner, void *argument, xmpp_stanza_t *answer)
{
    (void)argument;
    tm_xmpp *x = owner;
    xmpp_stanza_t *query = tm_stanza_child(answer, "query", TM_NS_DISCO_ITEMS);
    for (xmpp_stanza_t *at = query ? xmpp_stanza_get_children(query) : NULL; at;
         at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *jid = tm_stanza_attribute(at, "jid");
        if (name && strcmp(name, "item") == 0 && *jid) ask_service(x, jid);
    }
    set_up_one(x);
}

/* Where a new device begins: at the present end of the archive. */
static void end_answered(tm_xmpp *x, void *argument, tm_page *page, xmpp_stanza_t *answer)
{
    (void)argument;
    (void)answer;
    tm_error err = {0};
    if (!page) {
        tm_link_drop(x->link, "the server has no message archive (XEP-0313) for this user");
        return;
    }
    if (tm_archive_begin_at(x, "", page, &err)) {
        tm_link_drop(x->link, err.text);
        return;
    }
    x->fresh = false;
    set_up_one(x);
}

static void be_present(tm_xmpp *x)
{
    tm_stanza presence;
    tm_stanza_begin(&presence, tm_link_ctx(x->link), "presence", NULL, NULL, NULL);
    tm_link_send(x->link, tm_stanza_finish(&presence));
}

static void connected(void *owner)
{
    tm_xmpp *x = owner;
    tm_stanza iq;
    x->setup = 1; /* this function's own part */
    x->pings = x->ponged = 0;
    /* first: Prosody keeps back what waits in its offline store from those who ask an archive before */
    be_present(x);
    x->setup++;
    tm_xmpp_iq(x, &iq, "set", NULL);
    tm_stanza_add(&iq, NULL, "enable", TM_NS_CARBONS, NULL);
    tm_xmpp_ask(x, &iq, carbons_answered, NULL);
    if (!x->rooms || !x->upload || !*x->rooms || !*x->upload) {
        x->setup++;
        tm_xmpp_iq(x, &iq, "get", x->address.domain);
        tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_ITEMS, NULL);
        tm_xmpp_ask(x, &iq, services_answered, NULL);
    }
    if (x->fresh) {
        x->setup++;
        tm_page_query query = {.group = "", .before = "", .max = 100};
        tm_page_ask(x, &query, end_answered, NULL);
    }
    set_up_one(x);
}

/* ---- stanzas ---- */

/* The id under which the own archive has a message that was pushed; "" if it says none. One's own server
 * removes or outdoes what a sender claims: its own is the last. */
static const char *pushed_archive_id(tm_xmpp *x, xmpp_stanza_t *message)
{
    const char *found = "";
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (name && ns && strcmp(name, "stanza-id") == 0 && strcmp(ns, TM_NS_SID) == 0 &&
            strcmp(tm_stanza_attribute(at, "by"), x->self) == 0)
            found = tm_stanza_attribute(at, "id");
    }
    return found;
}

/* Since when the server kept a message for a user who was not there; 0: it did not. A sender may claim such a
 * time too: then more is read than need be. */
static uint64_t kept_since(tm_xmpp *x, xmpp_stanza_t *message)
{
    uint64_t first = 0;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (!name || !ns || strcmp(name, "delay") != 0 || strcmp(ns, TM_NS_DELAY) != 0) continue;
        if (strcasecmp(tm_stanza_attribute(at, "from"), x->address.domain) != 0) continue;
        uint64_t stamp = tm_stamp_parse(tm_stanza_attribute(at, "stamp"));
        if (stamp && (!first || stamp < first)) first = stamp;
    }
    return first;
}

/* Rule 24: a new device begins behind what any device of the user has fetched. What waited in the server's
 * offline store nobody has, and what is pushed while the beginning is looked for is new too. */
static void want(tm_xmpp *x, const char *archive_id, uint64_t kept)
{
    tm_error err = {0};
    if (!x->fresh && !kept) return;
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_want(x->mirror, "", archive_id, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) {
        tm_mirror_rollback(x->mirror);
        tm_link_drop(x->link, err.text);
    } else if (kept && x->own) {
        tm_archive_read_from(x->own, kept);
        tm_archive_rewind(x, x->own);
    } else if (kept && (!x->wanted_since || kept < x->wanted_since)) {
        x->wanted_since = kept;
    }
}

/* True if there was nothing else in it. */
static bool take_receipts(tm_xmpp *x, xmpp_stanza_t *message)
{
    char peer[TM_MAX_USER_ID + 1], *ids[RECEIPTS];
    const char *from = xmpp_stanza_get_from(message);
    size_t count = 0;
    bool others = false;
    if (!from || !tm_jid_id(from, x->address.domain, TM_MAX_USER_ID, peer)) return false;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at)) {
        const char *ns = xmpp_stanza_get_ns(at);
        if (!xmpp_stanza_get_name(at) || !ns) continue;
        if (strcmp(ns, TM_NS_RECEIPTS) != 0)
            others |=
                strcmp(ns, TM_NS_SID) != 0 && strcmp(ns, TM_NS_HINTS) != 0 && strcmp(ns, TM_NS_DELAY) != 0;
        else if (strcmp(xmpp_stanza_get_name(at), "received") == 0 && count < RECEIPTS)
            ids[count++] = (char *)(uintptr_t)tm_stanza_attribute(at, "id");
    }
    if (count) tm_outbox_received(x, peer, ids, count);
    return count && count < RECEIPTS && !others;
}

static void take_message(tm_xmpp *x, xmpp_stanza_t *message)
{
    const char *from = xmpp_stanza_get_from(message), *type = xmpp_stanza_get_type(message);
    char peer[TM_MAX_GROUP_ID + 1];
    if (tm_page_result(x, message)) return;
    if (type && strcmp(type, "error") == 0) {
        tm_outbox_error(x, message);
        return;
    }
    tm_room *room = from ? tm_room_of_jid(x, from) : NULL;
    if (room && type && strcmp(type, "groupchat") == 0) {
        tm_rooms_message(x, room, message);
        return;
    }
    if (type && strcmp(type, "headline") == 0) {
        bool own_voice = from && strcmp(from, tm_link_jid(x->link)) == 0;
        if (from && !own_voice && tm_jid_id(from, x->address.domain, TM_MAX_USER_ID, peer))
            tm_online_take(x, message, kTIMConv_C2C, peer, peer);
        return;
    }
    if (take_receipts(x, message)) return; /* what the archive has of it can wait */
    const char *archive_id = pushed_archive_id(x, message);
    if (x->is_new && *archive_id) want(x, archive_id, kept_since(x, message));
    tm_archive_ring(x, x->own, archive_id);
}

/* Others may ask what this is; silence would keep them waiting. */
static void refuse_iq(tm_xmpp *x, xmpp_stanza_t *iq)
{
    tm_stanza answer;
    const char *from = xmpp_stanza_get_from(iq), *id = xmpp_stanza_get_id(iq);
    if (!id) return;
    bool ping = tm_stanza_child(iq, "ping", TM_NS_PING) != NULL;
    tm_stanza_begin(&answer, tm_link_ctx(x->link), "iq", from, ping ? "result" : "error", id);
    if (!ping) {
        xmpp_stanza_t *error = tm_stanza_add(&answer, NULL, "error", NULL, NULL);
        tm_stanza_set(&answer, error, "type", "cancel");
        tm_stanza_add(&answer, error, "service-unavailable", TM_NS_STANZAS, NULL);
    }
    tm_link_send(x->link, tm_stanza_finish(&answer));
}

static void stanza(void *owner, xmpp_stanza_t *stanza)
{
    tm_xmpp *x = owner;
    const char *name = xmpp_stanza_get_name(stanza);
    if (!name) return;
    if (strcmp(name, "message") == 0)
        take_message(x, stanza);
    else if (strcmp(name, "presence") == 0)
        tm_rooms_presence(x, stanza);
    else if (strcmp(name, "iq") == 0)
        refuse_iq(x, stanza);
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
                         .connected = connected,
                         .lost = lost,
                         .stanza = stanza,
                         .wants_stanzas = wants_stanzas,
                         .log = say};
    char *after = NULL;
    uint64_t stamp, begin;
    if (!(x->mirror = tm_mirror_open(x->directory, x->user, &x->halt, err))) return false;
    bool known = tm_mirror_archive(x->mirror, "", &after, &stamp, &begin, err);
    tm_free(after);
    if (err->code) return false;
    x->fresh = x->is_new = x->first_cursor < 0;
    if (!known && !x->fresh) {
        /* the mirror is gone: all behind the cursor is read again, and the store knows what it has */
        uint64_t start = (uint64_t)x->first_cursor;
        if (tm_mirror_begin(x->mirror, err) || tm_mirror_set_top(x->mirror, x->first_cursor, err) ||
            tm_mirror_set_archive(x->mirror, "", "", start, err) || tm_mirror_commit(x->mirror, err)) {
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
        first = earlier(first, task->deadline);
    first = earlier(first, x->retry_at);
    if (x->login && x->welcome) first = earlier(first, x->settle_until);
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
            start_task(x, list);
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
        if (x->welcome) {
            answer_login(x);
            tm_rooms_run(x);
            tm_archives_run(x);
            tm_group_run(x);
            tm_receipts_run(x);
        }
        tm_outbox_run(x);
        expire_tasks(x);
        /* what was just written goes out before the wait; if something came meanwhile others may want to act */
        if (!tm_link_run(x->link)) wait_for_something(x);
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
    free_tasks(x->sending);
    free_tasks(x->working);
    free_tasks(x->given);
    free_tasks(x->answers);
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
    pthread_mutex_lock(&x->lock);
    x->ended = true;
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

void tm_xmpp_end(tm_xmpp *x)
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
    x->abandoned = true;
    x->log = NULL;
    pthread_mutex_unlock(&x->lock);
    if (ended) free_session(x);
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
    x->network.changed = false;
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

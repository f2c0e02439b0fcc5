/* XMPP connection: what a new one needs before stanzas may be sent (presence, carbons, the server's services, a new
 * device's place in the archive), the log-in's answer, and what is done when it is lost. See xmpp_session.h. */
#include "clock.h"
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_session.h"

#include <string.h>

/* Pauses before connecting again: doubled up to the longest, each shortened by chance, so that the clients of
 * a server that comes back do not come all at once. */
#define FIRST_PAUSE_MS 500
#define LONGEST_PAUSE_MS 60000
/* A new device's log-in waits so long at most for its groups. */
#define SETTLE_MS 5000
/* A server's services are waited for so long, and no longer than this once the one of rooms is known: one that is
 * listed and dead would keep everybody out. */
#define SERVICE_MS 15000
#define SERVICES_MS 2000
/* So long after a round in which it could not be found out which service has the groups they are asked again. */
#define ASK_AGAIN_MS 15000
/* So often a password is tried again that was right once. */
#define REFUSALS 3

static void tell_network(tm_xmpp *x, bool up, bool kicked, const tm_error *err)
{
    pthread_mutex_lock(&x->lock);
    if (x->network.changed && x->network.up != up) x->network.blinked = !x->network.blinked;
    x->network.changed = true;
    x->network.up = up;
    x->network.kicked = kicked;
    if (err) x->network.error = *err;
    pthread_mutex_unlock(&x->lock);
    tm_wake_signal(&x->bell);
}

/* ---- down ---- */

void tm_connection_lost(void *owner, const tm_error *err)
{
    tm_xmpp *x = owner;
    bool was_welcome = x->welcome;
    uint64_t now = tm_clock_ms();
    x->welcome = false;
    if (was_welcome && now - x->welcome_at >= LONGEST_PAUSE_MS) x->failures = 0; /* it has held */
    if (!x->down_since) x->down_since = now;
    x->setup = x->services = 0;
    x->ask_at = 0;
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
    x->retry_at = now + pause;
}

/* ---- up: what a new connection needs ---- */

static void set_up_one(tm_xmpp *x)
{
    tm_error err = {0};
    /* answers that never came are given up before the session hears that the connection is lost */
    if (--x->setup > 0 || !tm_link_is_up(x->link)) return;
    if (!x->own && !(x->own = tm_archive_open(x, "", 0, &err))) {
        tm_link_drop(x->link, err.text);
        return;
    }
    /* what waited for the user's first device may be from long before, and of an earlier connection, or life */
    uint64_t untold = tm_mirror_untold(x->mirror, &err);
    if (err.code) {
        tm_link_drop(x->link, err.text);
        return;
    }
    if (untold) tm_archive_read_from(x->own, untold);
    if (!x->was_welcome) tm_outbox_hasten(x);
    x->welcome = x->was_welcome = true;
    x->welcome_at = tm_clock_ms();
    x->refusals = 0;
    x->down_since = 0;
    tm_xmpp_log(x, kTIMLog_Info, "connected as %s", tm_link_jid(x->link));
    x->settle_until = tm_clock_ms() + SETTLE_MS;
    if (!x->login) tell_network(x, true, false, NULL);
    tm_archive_rewind(x, x->own);
    tm_rooms_enter(x);
}

/* A new device is in once it is known where its groups' archives begin for it: what is said after the log-in is
 * news. A room that does not answer holds nobody up for long. */
void tm_connection_answer_login(tm_xmpp *x)
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

static bool is_known(const char *service)
{
    return service && *service;
}

/* They all have answered, or will not. That a server has no groups is known only if none of them was silent: else what leads
 * into a group would be taken for something else, for good. */
static void services_are_known(tm_xmpp *x)
{
    if (!x->rooms && !x->unclear) x->rooms = tm_strdup("");
    x->ask_at = x->rooms ? 0 : tm_clock_ms() + ASK_AGAIN_MS;
    if (!x->welcome) {
        if (!x->rooms) tm_xmpp_log(x, kTIMLog_Warn, "which service has the groups is not known yet");
        set_up_one(x);
    } else if (x->rooms) {
        tm_rooms_enter(x);
        tm_archive_rewind(x, x->own); /* what was unclear there */
    }
}

/* Or will not say it. */
static void service_is_known(tm_xmpp *x)
{
    if (!x->services) return; /* it is waited for no more */
    x->services--;
    if (is_known(x->rooms) && (is_known(x->upload) || x->welcome)) x->services = 0;
    if (!x->services) services_are_known(x);
}

uint64_t tm_connection_deadline(const tm_xmpp *x)
{
    if (x->welcome) return x->ask_at;
    return x->services && is_known(x->rooms) ? x->services_until : 0;
}

static void ask_services(tm_xmpp *x);

void tm_connection_run(tm_xmpp *x)
{
    uint64_t until = tm_connection_deadline(x);
    if (!until || until > tm_clock_ms()) return;
    if (x->welcome) {
        ask_services(x);
    } else {
        x->services = 0;
        set_up_one(x);
    }
}

/* An answer that says nothing: none came, or the service is not there just now. */
static bool is_silence(xmpp_stanza_t *answer)
{
    const char *type = tm_stanza_attribute(tm_stanza_child(answer, "error", NULL), "type");
    return !answer || strcmp(type, "wait") == 0 ||
           strncmp(tm_stanza_error(answer), "remote-server-", 14) == 0;
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
        if (!service || is_known(*service)) continue;
        tm_free(*service);
        *service = tm_strdup(jid);
        x->unclear |= !*service;
    }
    tm_free(jid);
    x->unclear |= is_silence(answer);
    service_is_known(x);
}

static void ask_service(tm_xmpp *x, const char *jid)
{
    char *copy = tm_strdup(jid);
    tm_stanza iq;
    if (!copy) {
        x->unclear = true;
        return;
    }
    x->services++;
    tm_xmpp_iq(x, &iq, "get", jid);
    tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_INFO, NULL);
    tm_link_ask(x->link, tm_stanza_finish(&iq), SERVICE_MS, service_answered, copy);
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
    x->unclear |= is_silence(answer);
    service_is_known(x);
}

static void ask_services(tm_xmpp *x)
{
    tm_stanza iq;
    x->services = 1; /* the question which there are */
    x->services_until = tm_clock_ms() + SERVICES_MS;
    x->unclear = false;
    x->ask_at = 0;
    tm_xmpp_iq(x, &iq, "get", x->address.domain);
    tm_stanza_add(&iq, NULL, "query", TM_NS_DISCO_ITEMS, NULL);
    tm_xmpp_ask(x, &iq, services_answered, NULL);
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

void tm_connection_made(void *owner)
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
    if (!is_known(x->rooms)) { /* the server may have some since */
        tm_free(x->rooms);
        x->rooms = NULL;
    }
    if (!is_known(x->rooms) || !is_known(x->upload)) {
        x->setup++;
        ask_services(x);
    }
    if (x->fresh) {
        x->setup++;
        tm_page_query query = {.group = "", .is_end = true, .max = 100};
        tm_page_ask(x, &query, end_answered, NULL);
    }
    set_up_one(x);
}

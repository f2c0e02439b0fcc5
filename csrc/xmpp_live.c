/* XMPP live: stanzas as they come over the connection, handed to who they are for. What is said in them is mostly a bell:
 * see xmpp_session.h. */
#include "include/TIMCloudDef.h"
#include "xmpp_archive.h"
#include "xmpp_jid.h"
#include "xmpp_session.h"

#include <string.h>
#include <strings.h>

/* Receipts in one stanza. */
#define RECEIPTS 64

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

/* Since when the server kept a message for a user who was not there; 0: it did not. A sender may claim such a time too. But
 * what was kept comes right behind the presence, before all answers to what was asked behind that: once the log-in is answered
 * it is a claim. Until then the server's own is the last; ejabberd leaves it at a claim: then more is read than need be. */
static uint64_t kept_since(tm_xmpp *x, xmpp_stanza_t *message)
{
    uint64_t last = 0;
    if (!x->login) return 0;
    for (xmpp_stanza_t *at = xmpp_stanza_get_children(message); at; at = xmpp_stanza_get_next(at)) {
        const char *name = xmpp_stanza_get_name(at), *ns = xmpp_stanza_get_ns(at);
        if (!name || !ns || strcmp(name, "delay") != 0 || strcmp(ns, TM_NS_DELAY) != 0) continue;
        if (strcasecmp(tm_stanza_attribute(at, "from"), x->address.domain) != 0) continue;
        uint64_t stamp = tm_stamp_parse(tm_stanza_attribute(at, "stamp"));
        if (stamp) last = stamp;
    }
    return last;
}

/* Rule 24: a new device begins behind what any device of the user has fetched. What waited in the server's
 * offline store nobody has, and what is pushed while the beginning is looked for is new too. */
static void want(tm_xmpp *x, const char *archive_id, uint64_t kept)
{
    tm_error err = {0};
    if (!x->fresh && !kept) return;
    int32_t code = tm_mirror_begin(x->mirror, &err);
    if (!code) code = tm_mirror_want(x->mirror, "", archive_id, &err);
    if (!code && kept) code = tm_mirror_tell_from(x->mirror, kept, &err);
    if (!code) code = tm_mirror_commit(x->mirror, &err);
    if (code) {
        tm_mirror_rollback(x->mirror);
        tm_link_drop(x->link, err.text);
    } else if (kept && x->own) {
        tm_archive_read_from(x->own, kept);
        tm_archive_rewind(x, x->own);
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
    if (room && !*tm_jid_resource(from)) tm_rooms_notice(x, room, message);
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

void tm_live_stanza(void *owner, xmpp_stanza_t *stanza)
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

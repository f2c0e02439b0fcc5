/* XMPP stanzas: building and reading them through libstrophe with less ado. XMPP thread only.
 *
 * Builders do nothing and return NULL once memory was short, so that a stanza is built without a check at every
 * step: `tm_stanza_finish` says whether all went well. What XML cannot hold becomes U+FFFD. */
#ifndef TM_XMPP_STANZA_H
#define TM_XMPP_STANZA_H

#include <stdbool.h>
#include <stdint.h>
#include <strophe.h>

#define TM_NS_MAM "urn:xmpp:mam:2"
#define TM_NS_RSM "http://jabber.org/protocol/rsm"
#define TM_NS_FORM "jabber:x:data"
#define TM_NS_FORWARD "urn:xmpp:forward:0"
#define TM_NS_DELAY "urn:xmpp:delay"
#define TM_NS_CARBONS "urn:xmpp:carbons:2"
#define TM_NS_SID "urn:xmpp:sid:0"
#define TM_NS_HINTS "urn:xmpp:hints"
#define TM_NS_RECEIPTS "urn:xmpp:receipts"
#define TM_NS_MARKERS "urn:xmpp:chat-markers:0"
#define TM_NS_FASTEN "urn:xmpp:fasten:0"
#define TM_NS_RETRACT "urn:xmpp:message-retract:0"
#define TM_NS_JSON "urn:xmpp:json:0"
#define TM_NS_OOB "jabber:x:oob"
#define TM_NS_PING "urn:xmpp:ping"
#define TM_NS_UPLOAD "urn:xmpp:http:upload:0"
#define TM_NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define TM_NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define TM_NS_MUC "http://jabber.org/protocol/muc"
#define TM_NS_MUC_USER "http://jabber.org/protocol/muc#user"
#define TM_NS_MUC_ADMIN "http://jabber.org/protocol/muc#admin"
#define TM_NS_MUC_OWNER "http://jabber.org/protocol/muc#owner"
#define TM_NS_CONFERENCE "jabber:x:conference"
#define TM_NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define TM_NS_BOOKMARKS "urn:xmpp:bookmarks:1"
#define TM_NS_TIMMSG "urn:timmsg:0" /* our own */
#define TM_NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

typedef struct tm_stanza {
    xmpp_ctx_t *ctx;
    xmpp_stanza_t *root; /* owned: xmpp_stanza_release */
    bool failed;
} tm_stanza;

/* Starts a stanza: "message", "iq" or "presence". `to`, `type` and `id` may be NULL. */
void tm_stanza_begin(tm_stanza *stanza, xmpp_ctx_t *ctx, const char *name, const char *to, const char *type,
                     const char *id);
/* A new child of `parent` (NULL: of the root). `ns` and `text` may be NULL. Borrowed. */
xmpp_stanza_t *tm_stanza_add(tm_stanza *stanza, xmpp_stanza_t *parent, const char *name, const char *ns,
                             const char *text);
/* An attribute of a child. */
void tm_stanza_set(tm_stanza *stanza, xmpp_stanza_t *child, const char *name, const char *value);
/* A <field> of a data form. */
void tm_stanza_field(tm_stanza *stanza, xmpp_stanza_t *form, const char *var, const char *value);
/* The finished stanza, owned by the caller; NULL if memory was short. */
xmpp_stanza_t *tm_stanza_finish(tm_stanza *stanza);

/* ---- reading ---- */
/* A child by name and namespace; NULL for none, and for a NULL stanza. */
xmpp_stanza_t *tm_stanza_child(xmpp_stanza_t *stanza, const char *name, const char *ns);
/* An attribute; "" if there is none, or no stanza. Borrowed. */
const char *tm_stanza_attribute(xmpp_stanza_t *stanza, const char *name);
/* The text of a stanza's children; "" for none. Owned by the caller (tm_free); NULL: memory. */
char *tm_stanza_text(xmpp_stanza_t *stanza);
/* The condition in an error stanza ("item-not-found"); "" if there is none. Borrowed. */
const char *tm_stanza_error(xmpp_stanza_t *stanza);

/* ---- times (XEP-0082) ---- */
/* Microseconds since 1970 of "2026-01-02T03:04:05.678901Z"; 0 if it is none, or a day that no calendar has. */
uint64_t tm_stamp_parse(const char *text);
/* Writes the time, with microseconds; what lies beyond the year 9999 as its end. */
#define TM_STAMP 32
void tm_stamp_format(uint64_t microseconds, char text[TM_STAMP]);

#endif

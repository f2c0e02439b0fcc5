/* XMPP link: one connection to the server through libstrophe, and questions asked over it. Everything here is
 * for the XMPP thread.
 *
 * Connecting (name look-up, TLS handshake: see xmpp_handshake.h) blocks that thread, nothing else does. libstrophe's own stream
 * management is off: it miscounts; what is on its way when a connection breaks is found in the archives. */
#ifndef TM_XMPP_LINK_H
#define TM_XMPP_LINK_H

#include "error.h"
#include "include/TIMCloudDef.h"
#include "xmpp_address.h"
#include "xmpp_question.h"

#include <strophe.h>

/* Over this no server of ours takes a stanza. */
#define TM_STANZA_MAX 262144

typedef struct tm_link tm_link;

typedef struct tm_link_host {
    void *owner;
    void (*connected)(void *owner);
    /* Also after a connection attempt that failed. `err`: why; ERR_SVR_ACCOUNT_USERSIG_CHECK_FAILED: the
     * password is wrong; ERR_LOGIN_KICKED_OFF_BY_OTHER: another session took this one's place; everything
     * else may pass. */
    void (*lost)(void *owner, const tm_error *err);
    /* A message or presence stanza, or an iq that nobody asked for (borrowed). */
    void (*stanza)(void *owner, xmpp_stanza_t *stanza);
    /* What libstrophe has to say, and while `wants_stanzas` what comes and goes, at Verbose. */
    bool (*wants_stanzas)(void *owner);
    void (*log)(void *owner, enum TIMLogLevel level, const char *text);
} tm_link_host;

/* `user`, `resource`: escaped localpart and resource; `address` is borrowed, the rest copied. NULL:
 * memory. Owned by the caller. */
tm_link *tm_link_new(const tm_xmpp_address *address, const char *localpart, const char *resource,
                     const char *password, const tm_link_host *host, tm_error *err);
/* Closes (without a word to the host) and frees. NULL is fine. */
void tm_link_free(tm_link *link);
/* Starts connecting. What comes of it is told through the host; a failure may be told before this returns. */
void tm_link_connect(tm_link *link);
/* Ends the stream: the host hears `lost` later, or not if the server does not answer. */
void tm_link_disconnect(tm_link *link);
/* Drops the connection now, without waiting for the server. */
void tm_link_drop(tm_link *link, const char *why);
bool tm_link_is_up(const tm_link *link);
/* "localpart@domain/resource", as the server bound it; "" while not connected. */
const char *tm_link_jid(const tm_link *link);

xmpp_ctx_t *tm_link_ctx(tm_link *link);
/* Sends a stanza (taken over; NULL is a failure). False: not connected, too large, or out of memory. */
bool tm_link_send(tm_link *link, xmpp_stanza_t *stanza);
/* Sends an iq of type get or set (taken over; its id is set here, one that nobody can guess) and calls
 * `answer` exactly once: from here when it cannot be sent. Answers count only from whom it was sent to. */
void tm_link_ask(tm_link *link, xmpp_stanza_t *iq, uint32_t timeout_ms, tm_question_answer answer,
                 void *argument);
/* An id that nobody can guess. */
#define TM_LINK_ID 33
void tm_link_make_id(char id[TM_LINK_ID]);

/* ---- the loop's part ---- */
/* The socket (-1: none), and whether there is something to write. */
int tm_link_fd(const tm_link *link, bool *wants_write);
/* Handles what has come and what has to go out. Never waits (but see above). True if something has come, and as long as more may
 * be there: then nobody may wait for the socket. */
bool tm_link_run(tm_link *link);
/* When `tm_link_run` must be called at the latest (tm_clock_ms); 0: no such time. */
uint64_t tm_link_deadline(const tm_link *link);

#endif

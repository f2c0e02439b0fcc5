/* XMPP JIDs: user and group ids as localparts and back (rules 9, 45). Any thread.
 *
 * A localpart has no upper case, and some bytes not at all: those are written \hh with two lower-case
 * hexadecimal digits (XEP-0106, which knows ten of them, taken further), a backslash too. So every id has one
 * localpart and every such localpart one id. */
#ifndef TM_XMPP_JID_H
#define TM_XMPP_JID_H

#include "ids.h"

#include <stddef.h>

/* "localpart@domain" of an id. Owned by the caller (tm_free); NULL: memory is short. */
char *tm_jid_of(const char *id, const char *domain);
/* The id that a bare or full JID at `domain` stands for, in `id` (room for TM_MAX_GROUP_ID + 1 bytes). False
 * if the JID is at another domain, has no localpart, or none that tm_jid_of writes for a valid id of at most
 * `max` bytes. Domains are compared without case. */
bool tm_jid_id(const char *jid, const char *domain, size_t max, char *id);
/* The length of a JID without its resource. */
size_t tm_jid_bare_length(const char *jid);
/* Whether the two are the same without their resources. NULL is like nothing. */
bool tm_jid_same_bare(const char *jid, const char *other);
/* The resource (a nick in a room); "" if there is none. Borrowed from `jid`. */
const char *tm_jid_resource(const char *jid);

#endif

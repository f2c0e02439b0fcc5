/* XMPP: the backend that works through an XMPP server with message archives (ejabberd, Prosody). See xmpp.c.
 */
#ifndef TM_XMPP_H
#define TM_XMPP_H

#include "backend.h"

/* Opens a backend for one login; `address` is the whole "xmpp://DOMAIN…". NULL on failure. */
tm_backend *tm_xmpp_open(const char *address, const tm_backend_host *host, tm_error *err);
/* Whether an address can be read: 0 or TIM_ERR_PARAM. Any thread. */
int32_t tm_xmpp_check(const char *address, tm_error *err);

#endif

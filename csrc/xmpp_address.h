/* XMPP address: what "xmpp://DOMAIN[:PORT][?address=HOST:PORT&ca=FILE&fingerprint=HEX&tls=none]" says. Values
 * are percent-encoded. Any thread. */
#ifndef TM_XMPP_ADDRESS_H
#define TM_XMPP_ADDRESS_H

#include "error.h"

#include <stdbool.h>
#include <stdint.h>

#define TM_FINGERPRINT 65 /* 64 lower-case hexadecimal digits (SHA-256) and the NUL */

typedef struct tm_xmpp_address {
    char *domain;  /* the XMPP domain, in lower case; owned */
    char *host;    /* where to connect; NULL: ask DNS for the domain; owned */
    uint16_t port; /* 0: the standard one */
    char *ca_file; /* PEM file that vouches for the server; NULL: the system's; owned */
    char fingerprint
        [TM_FINGERPRINT]; /* of the server's certificate, which needs no other proof then; "": none */
    bool no_tls;          /* said explicitly: plain text */
} tm_xmpp_address;

/* Reads an address. TIM_ERR_PARAM with a sentence that says what is wrong with it: another scheme, no domain,
 * a port that is none, an unknown key, a key twice, a fingerprint that is none, tls other than "required"
 * (the default) and "none", tls=none together with ca or fingerprint. Colons in a fingerprint and upper case
 * are fine. `out` must be cleared by the caller when 0 is returned. */
int32_t tm_xmpp_address_parse(const char *text, tm_xmpp_address *out, tm_error *err);
/* The same address, with a ca that is found from every working directory. Owned by the caller; NULL on failure. */
char *tm_xmpp_address_absolute(const char *text, tm_error *err);
void tm_xmpp_address_clear(tm_xmpp_address *address);

#endif

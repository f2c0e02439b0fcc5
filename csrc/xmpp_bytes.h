/* XMPP bytes: how much has come over a connection. What TLS holds back of it shows on no descriptor. */
#ifndef TM_XMPP_BYTES_H
#define TM_XMPP_BYTES_H

#include <stdbool.h>
#include <stdint.h>

/* The bytes that the system has received for a TCP socket since it was connected, read or not. False: this system does not
 * tell. Any thread. */
bool tm_bytes_received(int fd, uint64_t *count);

#endif

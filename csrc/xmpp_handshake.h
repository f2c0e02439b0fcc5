/* XMPP handshake: a limit for the time of a TLS handshake. libstrophe waits there for as long as the connection holds, and so does
 * the thread that it runs on: another one watches over it, and shuts the connection down. */
#ifndef TM_XMPP_HANDSHAKE_H
#define TM_XMPP_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct tm_handshake tm_handshake;

/* From now on the handshake on the socket `fd` (borrowed; it may be closed before the end) has `limit_ms`. NULL: the system gives
 * no memory, descriptor or thread for that, and there is no limit. */
tm_handshake *tm_handshake_begin(int fd, uint64_t limit_ms);
/* The handshake is over; frees. On the thread that began it. True: it took too long, and its connection was shut down. NULL is
 * fine. */
bool tm_handshake_end(tm_handshake *handshake);

#endif

/* XMPP bytes: see xmpp_bytes.h. A file of its own: <linux/tcp.h> and <netinet/tcp.h> cannot be included together, and only the
 * first has the count. */
#include "xmpp_bytes.h"

#include <sys/socket.h>

#if defined(__linux__)
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#elif defined(__APPLE__)
#include <netinet/in.h>
#include <netinet/tcp.h>
#endif

bool tm_bytes_received(int fd, uint64_t *count)
{
#if defined(__linux__)
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) ||
        size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return false; /* a kernel before 4.1 */
    *count = info.tcpi_bytes_received;
    return *count > 0; /* a system that knows the field, but does not count */
#elif defined(__APPLE__)
    struct tcp_connection_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_CONNECTION_INFO, &info, &size)) return false;
    *count = info.tcpi_rxbytes;
    return true;
#else
    (void)fd;
    (void)count;
    return false;
#endif
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What Linux alone tells of a socket. */
#include "system/descriptors.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

uint64_t descriptors_socket_id(int fd)
{
    uint64_t id = 0;
    socklen_t len = sizeof id;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id, &len) < 0) {
        return 0;
    }
    return id;
}

bool descriptors_socket_has_sent(int fd)
{
    struct tcp_info info = {.tcpi_bytes_sent = 1}; /* older kernels fill in less */
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_bytes_sent > 0 ||
           info.tcpi_notsent_bytes > 0;
}

/* A connection that the kernel keeps to itself until bytes come (TCP_DEFER_ACCEPT) has its
 * SYN+ACK sent again when they do not. */
bool descriptors_socket_was_silent(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_total_retrans > 0;
}

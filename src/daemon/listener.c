/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen, and the connections that they yield. */
#include "daemon/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/policy.h"

/* The kernel cuts it down to what its administrator allows (net.core.somaxconn). */
#define BACKLOG 65535

union listener_sockaddr {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

static socklen_t sockaddr_from(const struct address *address, uint16_t port,
                               union listener_sockaddr *out)
{
    *out = (union listener_sockaddr){0};
    if (address_is_ipv4(address)) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(port);
        memcpy(&out->ipv4.sin_addr, address->bytes + 12, 4);
        return sizeof out->ipv4;
    }
    out->ipv6.sin6_family = AF_INET6;
    out->ipv6.sin6_port = htons(port);
    memcpy(&out->ipv6.sin6_addr, address->bytes, 16);
    return sizeof out->ipv6;
}

static int endpoint_from(const union listener_sockaddr *from, struct endpoint *out)
{
    if (from->any.sa_family == AF_INET) {
        uint8_t bytes[4];
        memcpy(bytes, &from->ipv4.sin_addr, sizeof bytes);
        out->address = address_from_ipv4(bytes);
        out->port = ntohs(from->ipv4.sin_port);
        return 0;
    }
    if (from->any.sa_family == AF_INET6) {
        memcpy(out->address.bytes, &from->ipv6.sin6_addr, sizeof out->address.bytes);
        out->port = ntohs(from->ipv6.sin6_port);
        return 0;
    }
    return -EAFNOSUPPORT;
}

static int set_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

int listener_open(const struct address *address, uint16_t port)
{
    union listener_sockaddr sockaddr;
    socklen_t len = sockaddr_from(address, port, &sockaddr);
    bool ipv6 = sockaddr.any.sa_family == AF_INET6;

    int fd = socket(sockaddr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (set_on(fd, SOL_SOCKET, SO_REUSEADDR) < 0 ||
        (ipv6 && set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0) || bind(fd, &sockaddr.any, len) < 0 ||
        listen(fd, BACKLOG) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int listener_adopt(int fd)
{
    int type, listens;
    socklen_t len = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0) {
        return -errno;
    }
    len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0) {
        return -errno;
    }
    if (type != SOCK_STREAM) {
        return -EPROTOTYPE;
    }
    if (!listens) {
        return -EINVAL;
    }
    struct endpoint own;
    int status = listener_endpoint(fd, &own);
    if (status < 0) {
        return status; /* of another family */
    }
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
        fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
        return -errno;
    }
    return 0;
}

void listener_await_bytes(int fd)
{
#ifdef TCP_DEFER_ACCEPT
    int seconds = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
#else
    (void)fd;
#endif
}

int listener_endpoint(int fd, struct endpoint *out)
{
    union listener_sockaddr own = {0};
    socklen_t len = sizeof own;
    if (getsockname(fd, &own.any, &len) < 0) {
        return -errno;
    }
    return endpoint_from(&own, out);
}

bool listener_takes_ipv4(int fd)
{
    int only_ipv6;
    socklen_t len = sizeof only_ipv6;
    return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, &len) == 0 && !only_ipv6;
}

static bool peer_is_local(int fd, const struct endpoint *peer)
{
    if (address_is_loopback(&peer->address)) {
        return true;
    }
    struct endpoint own;
    return listener_endpoint(fd, &own) == 0 && policy_is_local(&peer->address, &own.address);
}

int listener_identify(int fd, struct listener_peer *out)
{
    union listener_sockaddr from = {0};
    socklen_t len = sizeof from;
    if (getpeername(fd, &from.any, &len) < 0) {
        return -errno;
    }
    int status = endpoint_from(&from, &out->peer);
    if (status == 0) {
        out->local = peer_is_local(fd, &out->peer);
    }
    return status;
}

int listener_accept(int fd, struct listener_peer *out)
{
    union listener_sockaddr from = {0};
    socklen_t len = sizeof from;
    int accepted = accept4(fd, &from.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (accepted < 0) {
        return -errno;
    }
    int error = endpoint_from(&from, &out->peer);
    if (error < 0) {
        close(accepted);
        return error;
    }
    out->local = peer_is_local(accepted, &out->peer);
    return accepted;
}

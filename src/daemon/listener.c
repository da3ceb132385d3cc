/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen, and the connections that they yield. */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/policy.h"
#include "system/cloexec.h"
#include "system/descriptors.h"
#include "system/sockaddr.h"

/* The kernel cuts it down to what its administrator allows (net.core.somaxconn). */
#define BACKLOG 65535

#define KEEPALIVE_IDLE_S 60
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

static int set_on(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

int listener_open(const struct address *address, uint16_t port)
{
    const struct endpoint endpoint = {*address, port};
    union sockaddr_ip sockaddr;
    socklen_t len = sockaddr_write(&endpoint, &sockaddr);
    bool ipv6 = sockaddr.any.sa_family == AF_INET6;

    int fd = cloexec_socket(sockaddr.any.sa_family, SOCK_STREAM, 0);
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

static int get_option(int fd, int level, int option, int *out)
{
    socklen_t len = sizeof *out;
    return getsockopt(fd, level, option, out, &len);
}

int listener_adopt(int fd)
{
    int type, listens;
    if (get_option(fd, SOL_SOCKET, SO_TYPE, &type) < 0 ||
        get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens) < 0) {
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

static void set_number(int fd, int level, int option, int number)
{
    (void)setsockopt(fd, level, option, &number, sizeof number);
}

void listener_set_patience(int fd)
{
#ifdef TCP_KEEPIDLE
    set_number(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_number(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
#endif
}

void listener_prepare(int fd)
{
    listener_set_patience(fd);
#ifdef TCP_DEFER_ACCEPT
    set_number(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1 /* second */);
#endif
}

bool listener_has_something(int fd)
{
    return descriptors_peek(fd) != DESCRIPTORS_NOTHING;
}

int listener_endpoint(int fd, struct endpoint *out)
{
    union sockaddr_ip own = {0};
    socklen_t len = sizeof own;
    if (getsockname(fd, &own.any, &len) < 0) {
        return -errno;
    }
    return sockaddr_read(&own.any, out);
}

bool listener_takes_ipv4(int fd)
{
    int only_ipv6;
    return get_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6) == 0 && !only_ipv6;
}

static bool peer_is_local(int fd, const struct endpoint *peer)
{
    if (address_is_loopback(&peer->address)) {
        return true;
    }
    struct endpoint own;
    return listener_endpoint(fd, &own) == 0 && policy_is_local(&peer->address, &own.address);
}

static int read_peer(int fd, const struct sockaddr *from, struct listener_peer *out)
{
    int status = sockaddr_read(from, &out->peer);
    if (status == 0) {
        out->local = peer_is_local(fd, &out->peer);
    }
    return status;
}

int listener_identify(int fd, struct listener_peer *out)
{
    union sockaddr_ip from = {0};
    socklen_t len = sizeof from;
    if (getpeername(fd, &from.any, &len) < 0) {
        return -errno;
    }
    return read_peer(fd, &from.any, out);
}

int listener_accept(int fd, struct listener_peer *out)
{
    union sockaddr_ip from = {0};
    socklen_t len = sizeof from;
    int accepted = cloexec_accept(fd, &from.any, &len);
    if (accepted < 0) {
        return -errno;
    }
    int status = read_peer(accepted, &from.any, out);
    if (status < 0) {
        close(accepted);
        return status;
    }
    return accepted;
}

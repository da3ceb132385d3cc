/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an epmd, and its whole reply. */
#include "client/exchange.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/protocol.h"
#include "core/wire.h"
#include "system/clock.h"

#define REPLY_SIZE_FIRST 4096
#define REPLY_SIZE_MAX ((size_t)64 << 20) /* more than any epmd's names take */

struct exchange {
    int fd;
    int64_t deadline_ms;
};

/* Waits until the socket is ready for `events`. */
static int exchange_wait(const struct exchange *exchange, short events)
{
    struct pollfd pollfd = {.fd = exchange->fd, .events = events};
    for (;;) {
        int64_t left_ms = exchange->deadline_ms - clock_now_ms();
        int n = left_ms > 0 ? poll(&pollfd, 1, (int)left_ms) : 0;
        if (n > 0) {
            return 0;
        }
        if (n == 0) {
            return -ETIMEDOUT;
        }
        if (errno != EINTR) {
            return -errno;
        }
    }
}

static socklen_t sockaddr_from(const struct endpoint *to, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (address_is_ipv4(&to->address)) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(to->port);
        memcpy(&ipv4->sin_addr, to->address.bytes + 12, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(to->port);
    memcpy(&ipv6->sin6_addr, to->address.bytes, 16);
    return sizeof *ipv6;
}

static int exchange_connect(struct exchange *exchange, const struct sockaddr *to, socklen_t len)
{
    exchange->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (exchange->fd < 0) {
        return -errno;
    }
    if (connect(exchange->fd, to, len) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return -errno;
    }
    int status = exchange_wait(exchange, POLLOUT);
    int error = 0;
    socklen_t error_len = sizeof error;
    if (status == 0 && getsockopt(exchange->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0) {
        error = errno;
    }
    return status < 0 ? status : -error;
}

static int exchange_send(const struct exchange *exchange, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(exchange->fd, bytes, len, MSG_NOSIGNAL);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
            continue;
        }
        int status = errno == EAGAIN ? exchange_wait(exchange, POLLOUT) : -errno;
        if (status < 0 && status != -EINTR) {
            return status;
        }
    }
    return 0;
}

/* Makes room for one byte more and the NUL. */
static int reply_grow(struct exchange_reply *reply, size_t *size)
{
    if (reply->len + 1 < *size) {
        return 0;
    }
    size_t larger = *size ? *size * 2 : REPLY_SIZE_FIRST;
    uint8_t *bytes = larger <= REPLY_SIZE_MAX ? realloc(reply->bytes, larger) : NULL;
    if (!bytes) {
        return -ENOMEM;
    }
    reply->bytes = bytes;
    *size = larger;
    return 0;
}

static int exchange_receive(const struct exchange *exchange, struct exchange_reply *reply)
{
    size_t size = 0;
    for (;;) {
        int status = reply_grow(reply, &size);
        status = status < 0 ? status : exchange_wait(exchange, POLLIN);
        if (status < 0) {
            return status;
        }
        ssize_t n = recv(exchange->fd, reply->bytes + reply->len, size - reply->len - 1, 0);
        if (n == 0 || (n < 0 && errno == ECONNRESET)) {
            reply->bytes[reply->len] = '\0';
            return 0;
        }
        if (n > 0) {
            reply->len += (size_t)n;
        } else if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
    }
}

int exchange_at(const struct sockaddr *to, socklen_t to_len, const void *request, size_t len,
                int timeout_ms, struct exchange_reply *reply)
{
    uint8_t frame[PROTOCOL_LENGTH_SIZE + PROTOCOL_FRAME_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, frame, sizeof frame);
    wire_write_u16(&writer, (uint16_t)len);
    wire_write_bytes(&writer, request, len);
    if (writer.overrun) {
        return -EMSGSIZE;
    }
    struct exchange exchange = {.fd = -1, .deadline_ms = clock_now_ms() + timeout_ms};
    struct exchange_reply received = {0};
    int status = exchange_connect(&exchange, to, to_len);
    if (status == 0) {
        status = exchange_send(&exchange, frame, wire_writer_len(&writer));
    }
    if (status == 0) {
        status = exchange_receive(&exchange, &received);
    }
    if (exchange.fd >= 0) {
        close(exchange.fd);
    }
    if (status == 0) {
        *reply = received;
    } else {
        exchange_free(&received);
    }
    return status;
}

int exchange_with(const struct endpoint *to, const void *request, size_t len, int timeout_ms,
                  struct exchange_reply *reply)
{
    struct sockaddr_storage sockaddr;
    socklen_t to_len = sockaddr_from(to, &sockaddr);
    return exchange_at((const struct sockaddr *)&sockaddr, to_len, request, len, timeout_ms, reply);
}

int exchange_with_local(uint16_t port, const void *request, size_t len, int timeout_ms,
                        struct exchange_reply *reply)
{
    static const char *const loopbacks[] = {"::1", "127.0.0.1"};
    int status = -EADDRNOTAVAIL;
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks; i++) {
        struct endpoint to = {.port = port};
        address_parse(loopbacks[i], &to.address);
        status = exchange_with(&to, request, len, timeout_ms, reply);
        if (status == 0 || status == -ETIMEDOUT) {
            break;
        }
    }
    return status;
}

void exchange_free(struct exchange_reply *reply)
{
    free(reply->bytes);
    *reply = (struct exchange_reply){0};
}

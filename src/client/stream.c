/* SPDX-License-Identifier: Apache-2.0 */
/* One TCP connection to a server, with one time limit for all that happens on it. */
#include "client/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/cloexec.h"

/* Waits until the socket is ready for `events`. */
static int stream_wait(const struct stream *stream, short events)
{
    struct pollfd pollfd = {.fd = stream->fd, .events = events};
    for (;;) {
        int64_t left_ms = stream->deadline_ms - clock_now_ms();
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

int stream_open(struct stream *stream, const struct sockaddr *to, socklen_t len, int timeout_ms)
{
    stream->deadline_ms = clock_now_ms() + timeout_ms;
    stream->fd = cloexec_socket(to->sa_family, SOCK_STREAM, IPPROTO_TCP);
    if (stream->fd < 0) {
        return -errno;
    }
    if (connect(stream->fd, to, len) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return -errno;
    }
    int status = stream_wait(stream, POLLOUT);
    int error = 0;
    socklen_t error_len = sizeof error;
    if (status == 0 && getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0) {
        error = errno;
    }
    return status < 0 ? status : -error;
}

int stream_send(const struct stream *stream, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(stream->fd, at, len, MSG_NOSIGNAL);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
            continue;
        }
        int status = errno == EAGAIN ? stream_wait(stream, POLLOUT) : -errno;
        if (status < 0 && status != -EINTR) {
            return status;
        }
    }
    return 0;
}

/* Waits for some bytes, at most `size`, and sets `*n`: to 0 at the end. */
static int stream_receive(const struct stream *stream, void *bytes, size_t size, size_t *n)
{
    for (;;) {
        int status = stream_wait(stream, POLLIN);
        if (status < 0) {
            return status;
        }
        ssize_t received = recv(stream->fd, bytes, size, 0);
        if (received >= 0) {
            *n = (size_t)received;
            return 0;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return -errno;
        }
    }
}

int stream_fill(const struct stream *stream, uint8_t *bytes, size_t size, size_t *len,
                stream_is_enough *is_enough)
{
    size_t n = 0;
    do {
        if (*len == size) {
            return -ENOBUFS;
        }
        int status = stream_receive(stream, bytes + *len, size - *len, &n);
        if (status < 0) {
            return status;
        }
        *len += n;
    } while (n > 0 && !(is_enough && is_enough(bytes, *len)));
    return 0;
}

void stream_close(struct stream *stream)
{
    if (stream->fd >= 0) {
        close(stream->fd);
        stream->fd = -1;
    }
}

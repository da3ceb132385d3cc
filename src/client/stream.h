/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection to a server, with one time limit for all that happens on it.
 *
 * Each function returns 0 or a negative errno: -ETIMEDOUT once the time is up.
 */
#ifndef EPMD_CLIENT_STREAM_H
#define EPMD_CLIENT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct stream {
    int fd; /* or -1 */
    int64_t deadline_ms;
};

/* Connects. The caller closes the stream, also after an error. */
int stream_open(struct stream *stream, const struct sockaddr *to, socklen_t len, int timeout_ms);

/* Sends all `len` bytes. */
int stream_send(const struct stream *stream, const void *bytes, size_t len);

/* Says whether the `len` bytes received so far are all that the caller wants. */
typedef bool stream_is_enough(const uint8_t *bytes, size_t len);

/* Receives behind the `*len` bytes that `bytes` has, and adds to `*len`, until the peer closes
 * or resets the connection or `is_enough`, which may be NULL, says so. Returns -ENOBUFS when
 * `bytes` holds `size` of them. */
int stream_fill(const struct stream *stream, uint8_t *bytes, size_t size, size_t *len,
                stream_is_enough *is_enough);

/* Closes the connection, if it is open; may be called again. */
void stream_close(struct stream *stream);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One TCP connection to a server, all of it within one time limit.
 *
 * Each function returns 0 or a negative errno: -ETIMEDOUT once the time is up.
 */
#ifndef EPMD_CLIENT_STREAM_H
#define EPMD_CLIENT_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct stream {
    int fd; /* or -1 */
    int64_t deadline_ms;
};

/* Connects. Whatever is returned, the stream has to be closed. */
int stream_open(struct stream *stream, const struct sockaddr *to, socklen_t len, int timeout_ms);

/* Sends all of it. */
int stream_send(const struct stream *stream, const void *bytes, size_t len);

/* Waits for some bytes, at most `size`, and says how many in `*n`: 0 at the end, which a
 * reset is, too. */
int stream_receive(const struct stream *stream, void *bytes, size_t size, size_t *n);

/* Closes it, if it is open; may be called again. */
void stream_close(struct stream *stream);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to an epmd, and its whole reply, within a time limit.
 */
#ifndef EPMD_CLIENT_EXCHANGE_H
#define EPMD_CLIENT_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/address.h"

/* What erl's own client allows an epmd as well. */
#define EXCHANGE_TIMEOUT_MS 10000

/* For a question to which nothing but an epmd that works has the answer. */
#define EXCHANGE_PROBE_TIMEOUT_MS 3000

struct exchange_reply {
    uint8_t *bytes; /* NUL-terminated, for text */
    size_t len;     /* without that NUL */
};

/* Sends the `len` bytes of `request`, a tag and what belongs to it, to the epmd on
 * `to`, and reads until it closes. Returns 0, and a reply that the caller gives to
 * exchange_free(); or a negative errno: -ECONNREFUSED where nobody listens, -ETIMEDOUT
 * where the connection is not closed within `timeout_ms`, -EMSGSIZE where the reply is
 * longer than any epmd's. */
int exchange_with(const struct endpoint *to, const void *request, size_t len, int timeout_ms,
                  struct exchange_reply *reply);

/* The same with a socket address of either family. */
int exchange_at(const struct sockaddr *to, socklen_t to_len, const void *request, size_t len,
                int timeout_ms, struct exchange_reply *reply);

/* The same with the epmd of this host, through ::1 or else 127.0.0.1. */
int exchange_with_local(uint16_t port, const void *request, size_t len, int timeout_ms,
                        struct exchange_reply *reply);

/* Frees a reply's bytes. */
void exchange_free(struct exchange_reply *reply);

#endif

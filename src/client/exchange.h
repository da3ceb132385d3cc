/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an epmd, and its whole reply, within a time limit. */
#ifndef EPMD_CLIENT_EXCHANGE_H
#define EPMD_CLIENT_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "client/request.h"
#include "core/address.h"

/* The limit for a user's command. Erlang's own client gives an epmd as long. */
#define EXCHANGE_TIMEOUT_MS 10000

/* The limit for one question of many, and for asking whether this is an epmd at all. */
#define EXCHANGE_PROBE_TIMEOUT_MS 3000

struct exchange_reply {
    uint8_t *bytes; /* followed by a NUL, for replies that are text; NULL where len is 0 */
    size_t len;     /* without that NUL */
    bool is_cut;    /* the connection was reset, so that the end may be missing */
};

/* Sends a request to the epmd at `to`, and reads until the epmd closes the connection.
 * Returns 0, and a reply that the caller gives to exchange_free(); or a negative errno:
 * -ECONNREFUSED where no process listens, -ENODATA where the connection ends without a byte,
 * -ETIMEDOUT where it does not end within `timeout_ms`, -EMSGSIZE where the reply is longer
 * than any epmd's. */
int exchange_with(const struct endpoint *to, const struct request *request, int timeout_ms,
                  struct exchange_reply *reply);

/* The same with a socket address of either family, which may have a zone. */
int exchange_at(const struct sockaddr *to, socklen_t to_len, const struct request *request,
                int timeout_ms, struct exchange_reply *reply);

/* Frees a reply's bytes. */
void exchange_free(struct exchange_reply *reply);

#endif

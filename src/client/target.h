/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The epmd that a command talks to: that of this host, or of another one.
 *
 * A host may have several addresses. They are asked in the order in which they were
 * found; the first that answers is the one that is asked from then on.
 */
#ifndef EPMD_CLIENT_TARGET_H
#define EPMD_CLIENT_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "client/exchange.h"

#define TARGET_ADDRESSES_MAX 16 /* of one host; what else it has is not asked */

struct target_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
    int error; /* of the last attempt: a negative errno, or 0 */
};

struct target {
    const char *host; /* NULL: this one */
    size_t n;
    struct target_address addresses[TARGET_ADDRESSES_MAX];
    struct target_address *answers; /* the one that does; NULL: not known yet */
};

/* Makes it the epmd of this host, through ::1 or 127.0.0.1. */
void target_init_local(struct target *target, uint16_t port);

/* Makes it that of a host, by name or by address. Returns 0; or -ENOENT, and why there is
 * no such address in `*reason`, which is static. `host` has to outlive the target. */
int target_init_host(struct target *target, const char *host, uint16_t port, const char **reason);

/* Asks as exchange_with() does, and has the last address answer within `timeout_ms`, the
 * ones before in EXCHANGE_PROBE_TIMEOUT_MS at most. Where none has answered, returns
 * -ENODATA if one has closed the connection without a byte, or else the last one's error.
 * On this host an epmd that closes has been found: nobody else is asked. */
int target_ask(struct target *target, const void *request, size_t len, int timeout_ms,
               struct exchange_reply *reply);

/* Says on standard error why none has answered. */
void target_report(const struct target *target);

#endif

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

#define TARGET_ADDRESS_SIZE 64  /* of text: an address with its zone */
#define TARGET_ADDRESSES_MAX 16 /* of one host; further ones are not asked */

struct target_address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
    int error; /* of the last attempt: a negative errno, or 0 */
};

struct target {
    const char *host; /* NULL: this one */
    uint16_t port;
    size_t n;
    struct target_address addresses[TARGET_ADDRESSES_MAX];
    struct target_address *answers; /* the address that does; NULL: not known yet */
};

/* Makes it the epmd of this host, at ::1 or else 127.0.0.1. */
void target_init_local(struct target *target, uint16_t port);

/* Makes it that of a host, by name or by address. Returns 0; or -ENOENT, and why there is
 * no such address in `*reason`, which is static. `host` has to outlive the target. */
int target_init_host(struct target *target, const char *host, uint16_t port, const char **reason);

/* Asks as exchange_with() does, address after address. Of another host, the last address has
 * `timeout_ms` to answer, the ones before EXCHANGE_PROBE_TIMEOUT_MS at most. On this host what
 * accepts at ::1 is taken for its epmd, whatever comes of it: 127.0.0.1 is not asked. Returns
 * 0; or, where no address has answered, -ENODATA if one has closed the connection without a
 * byte, or else the last one's error. */
int target_ask(struct target *target, const struct request *request, int timeout_ms,
               struct exchange_reply *reply);

/* Asks the epmd of this host on that port. Returns as target_ask() does. */
int target_ask_local(uint16_t port, const struct request *request, int timeout_ms,
                     struct exchange_reply *reply);

/* Why an epmd has not answered, a negative errno: in one word for programs, -ENOENT standing for
 * a host without an address, and in words for people. Static. */
const char *target_error_cause(int error);
const char *target_error_text(int error);

/* Writes an address that was asked. */
void target_format_address(const struct target_address *address, char text[TARGET_ADDRESS_SIZE]);

/* Says on standard error why no address has answered. */
void target_report(const struct target *target);

#endif

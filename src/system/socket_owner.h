/* SPDX-License-Identifier: Apache-2.0 */
/* Which users of this host have sockets that are connected to a port. */
#ifndef EPMD_SYSTEM_SOCKET_OWNER_H
#define EPMD_SYSTEM_SOCKET_OWNER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/address.h"

/* A socket, by its own end, and the user that made it. */
struct socket_owner {
    struct endpoint own;
    uid_t uid;
};

/* Lists the TCP sockets in this network namespace that are connected to `port` of any
 * address. Returns 0 and sets `*out`, which the caller frees, and `*n`; or a negative
 * errno: -ENOSYS where the system does not tell. */
int socket_owner_list(uint16_t port, struct socket_owner **out, size_t *n);

#endif

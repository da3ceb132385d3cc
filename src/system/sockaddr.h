/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of connections, as the socket API has them and as core/address does. */
#ifndef EPMD_SYSTEM_SOCKADDR_H
#define EPMD_SYSTEM_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "core/address.h"

/* Room for an address of either family. */
union sockaddr_ip {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* Writes an endpoint in its own family's form, and returns the length of that form. */
socklen_t sockaddr_write(const struct endpoint *endpoint, union sockaddr_ip *out);

/* Reads an IPv4 or IPv6 address and its port. Returns 0; or -EAFNOSUPPORT, and leaves `out`
 * alone. */
int sockaddr_read(const struct sockaddr *from, struct endpoint *out);

#endif

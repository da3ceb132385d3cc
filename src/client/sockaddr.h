/* SPDX-License-Identifier: Apache-2.0 */
/* Between the socket API's addresses and ours. */
#ifndef EPMD_CLIENT_SOCKADDR_H
#define EPMD_CLIENT_SOCKADDR_H

#include <sys/socket.h>

#include "core/address.h"

/* Writes `from` as an address of its family, and returns that address's length. */
socklen_t sockaddr_from_endpoint(const struct endpoint *from, struct sockaddr_storage *out);

/* Reads an IPv4 or IPv6 address. Returns 0; or -EAFNOSUPPORT, and leaves `out` alone. */
int sockaddr_to_endpoint(const struct sockaddr *from, struct endpoint *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The ends of connections, as the socket API has them and as core/address does. */
#include "system/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

socklen_t sockaddr_write(const struct endpoint *endpoint, union sockaddr_ip *out)
{
    const struct address *address = &endpoint->address;
    memset(out, 0, sizeof *out);
    if (address_is_ipv4(address)) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(endpoint->port);
        memcpy(&out->ipv4.sin_addr, address_ipv4_bytes(address), sizeof out->ipv4.sin_addr);
        return sizeof out->ipv4;
    }
    out->ipv6.sin6_family = AF_INET6;
    out->ipv6.sin6_port = htons(endpoint->port);
    memcpy(&out->ipv6.sin6_addr, address->bytes, sizeof out->ipv6.sin6_addr);
    return sizeof out->ipv6;
}

/* The bytes are copied: what the socket API hands out need not be aligned for its family. */
int sockaddr_read(const struct sockaddr *from, struct endpoint *out)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        uint8_t bytes[sizeof ipv4.sin_addr];
        memcpy(&ipv4, from, sizeof ipv4);
        memcpy(bytes, &ipv4.sin_addr, sizeof bytes);
        *out = (struct endpoint){address_from_ipv4(bytes), ntohs(ipv4.sin_port)};
        return 0;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, from, sizeof ipv6);
        memcpy(out->address.bytes, &ipv6.sin6_addr, sizeof out->address.bytes);
        out->port = ntohs(ipv6.sin6_port);
        return 0;
    }
    return -EAFNOSUPPORT;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Between the socket API's addresses and ours. */
#include "client/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

socklen_t sockaddr_from_endpoint(const struct endpoint *from, struct sockaddr_storage *out)
{
    *out = (struct sockaddr_storage){0};
    if (address_is_ipv4(&from->address)) {
        struct sockaddr_in *ipv4 = (struct sockaddr_in *)out;
        ipv4->sin_family = AF_INET;
        ipv4->sin_port = htons(from->port);
        memcpy(&ipv4->sin_addr, from->address.bytes + 12, 4);
        return sizeof *ipv4;
    }
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)out;
    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(from->port);
    memcpy(&ipv6->sin6_addr, from->address.bytes, 16);
    return sizeof *ipv6;
}

int sockaddr_to_endpoint(const struct sockaddr *from, struct endpoint *out)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        uint8_t bytes[4];
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

/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses as the socket API has them, and as 16 bytes. */
#include "system/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

socklen_t sockaddr_write(const uint8_t ip[SOCKADDR_IP_SIZE], uint16_t port, union sockaddr_ip *out)
{
    memset(out, 0, sizeof *out);
    if (memcmp(ip, mapped_prefix, sizeof mapped_prefix) == 0) {
        out->ipv4.sin_family = AF_INET;
        out->ipv4.sin_port = htons(port);
        memcpy(&out->ipv4.sin_addr, ip + sizeof mapped_prefix, sizeof out->ipv4.sin_addr);
        return sizeof out->ipv4;
    }
    out->ipv6.sin6_family = AF_INET6;
    out->ipv6.sin6_port = htons(port);
    memcpy(&out->ipv6.sin6_addr, ip, sizeof out->ipv6.sin6_addr);
    return sizeof out->ipv6;
}

int sockaddr_read(const struct sockaddr *from, uint8_t ip[SOCKADDR_IP_SIZE], uint16_t *port)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in ipv4;
        memcpy(&ipv4, from, sizeof ipv4);
        memcpy(ip, mapped_prefix, sizeof mapped_prefix);
        memcpy(ip + sizeof mapped_prefix, &ipv4.sin_addr, sizeof ipv4.sin_addr);
        *port = ntohs(ipv4.sin_port);
        return 0;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 ipv6;
        memcpy(&ipv6, from, sizeof ipv6);
        memcpy(ip, &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
        *port = ntohs(ipv6.sin6_port);
        return 0;
    }
    return -EAFNOSUPPORT;
}

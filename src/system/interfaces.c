/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host. */
#include "system/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Where the bytes of an address lie in its sockaddr, and how many there are; 0 where it
 * is of neither family. */
static size_t bytes_of(const struct sockaddr *sockaddr, const uint8_t **bytes)
{
    if (sockaddr->sa_family == AF_INET) {
        *bytes = (const uint8_t *)sockaddr + offsetof(struct sockaddr_in, sin_addr);
        return sizeof(struct in_addr);
    }
    if (sockaddr->sa_family == AF_INET6) {
        *bytes = (const uint8_t *)sockaddr + offsetof(struct sockaddr_in6, sin6_addr);
        return sizeof(struct in6_addr);
    }
    return 0;
}

/* Counts the ones at the start of a netmask; without one the address is alone. */
static unsigned prefix_of(const struct sockaddr *netmask, size_t len)
{
    const uint8_t *bytes;
    unsigned bits = 0, most = (unsigned)(8 * len);
    if (!netmask || bytes_of(netmask, &bytes) != len) {
        return most;
    }
    while (bits < most && bytes[bits / 8] & 0x80u >> bits % 8) {
        bits++;
    }
    return bits;
}

static bool interface_read(const struct ifaddrs *from, struct interfaces_address *out)
{
    const uint8_t *bytes;
    if (!from->ifa_addr || !(from->ifa_flags & IFF_UP)) {
        return false;
    }
    size_t len = bytes_of(from->ifa_addr, &bytes);
    if (len == 0) {
        return false;
    }
    *out = (struct interfaces_address){.prefix_bits = prefix_of(from->ifa_netmask, len)};
    snprintf(out->name, sizeof out->name, "%s", from->ifa_name);
    memcpy(&out->address, from->ifa_addr,
           from->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                : sizeof(struct sockaddr_in6));
    return true;
}

int interfaces_read(struct interfaces_address *out, size_t size, size_t *n)
{
    struct ifaddrs *all;
    if (getifaddrs(&all) < 0) {
        return -errno;
    }
    *n = 0;
    for (const struct ifaddrs *at = all; at && *n < size; at = at->ifa_next) {
        *n += interface_read(at, &out[*n]);
    }
    freeifaddrs(all);
    return 0;
}

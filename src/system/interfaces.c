/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host. */
#include "system/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#define ALL_BITS (8 * SOCKADDR_IP_SIZE)
#define MAPPED_BITS 96 /* what precedes an IPv4 address in its mapped form */

/* Counts the ones at the start of a netmask; without one the address is alone. */
static unsigned prefix_of(const struct sockaddr *netmask, sa_family_t family)
{
    uint8_t ip[SOCKADDR_IP_SIZE];
    uint16_t port;
    unsigned bits = family == AF_INET ? MAPPED_BITS : 0;
    if (!netmask || netmask->sa_family != family || sockaddr_read(netmask, ip, &port) < 0) {
        return ALL_BITS;
    }
    while (bits < ALL_BITS && ip[bits / 8] & 0x80u >> bits % 8) {
        bits++;
    }
    return bits;
}

static bool interface_read(const struct ifaddrs *from, struct interfaces_address *out)
{
    uint16_t port;
    if (!from->ifa_addr || !(from->ifa_flags & IFF_UP) ||
        sockaddr_read(from->ifa_addr, out->ip, &port) < 0) {
        return false;
    }
    out->prefix_bits = prefix_of(from->ifa_netmask, from->ifa_addr->sa_family);
    snprintf(out->name, sizeof out->name, "%s", from->ifa_name);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host. */
#include "system/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>

#include "system/sockaddr.h"

/* Counts the ones at the start of a netmask; without one the address is alone. */
static unsigned prefix_of(const struct sockaddr *netmask, sa_family_t family)
{
    struct endpoint mask;
    unsigned bits = family == AF_INET ? ADDRESS_MAPPED_BITS : 0;
    if (!netmask || netmask->sa_family != family || sockaddr_read(netmask, &mask) < 0) {
        return ADDRESS_BITS;
    }
    while (bits < ADDRESS_BITS && mask.address.bytes[bits / 8] & 0x80u >> bits % 8) {
        bits++;
    }
    return bits;
}

static bool interface_read(const struct ifaddrs *from, struct interfaces_address *out)
{
    struct endpoint read;
    if (!from->ifa_addr || !(from->ifa_flags & IFF_UP) ||
        sockaddr_read(from->ifa_addr, &read) < 0) {
        return false;
    }
    out->address = read.address;
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

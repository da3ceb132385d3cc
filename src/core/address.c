/* SPDX-License-Identifier: Apache-2.0 */
/* An IP address of either family, as a value. */
#include "core/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

static const uint8_t mapped_prefix[ADDRESS_MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
static const uint8_t zeros[ADDRESS_SIZE];

struct address address_from_ipv4(const uint8_t bytes[4])
{
    struct address address;
    memcpy(address.bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(address.bytes + sizeof mapped_prefix, bytes, 4);
    return address;
}

const uint8_t *address_ipv4_bytes(const struct address *address)
{
    return address->bytes + sizeof mapped_prefix;
}

int address_parse(const char *text, struct address *out)
{
    struct address address;
    uint8_t ipv4[4];
    if (inet_pton(AF_INET, text, ipv4) == 1) {
        address = address_from_ipv4(ipv4);
    } else if (inet_pton(AF_INET6, text, address.bytes) != 1) {
        return -EINVAL;
    }
    *out = address;
    return 0;
}

void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    if (address_is_ipv4(address)) {
        inet_ntop(AF_INET, address_ipv4_bytes(address), text, ADDRESS_TEXT_SIZE);
    } else {
        inet_ntop(AF_INET6, address->bytes, text, ADDRESS_TEXT_SIZE);
    }
}

struct address address_mask(const struct address *address, unsigned bits)
{
    struct address masked = {{0}};
    size_t whole = bits / 8;
    memcpy(masked.bytes, address->bytes, whole);
    if (bits % 8 != 0) {
        masked.bytes[whole] = (uint8_t)(address->bytes[whole] & 0xff00U >> bits % 8);
    }
    return masked;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

bool address_is_loopback(const struct address *address)
{
    if (address_is_ipv4(address)) {
        return address_ipv4_bytes(address)[0] == 127;
    }
    return memcmp(address->bytes, zeros, 15) == 0 && address->bytes[15] == 1;
}

bool address_is_link_local(const struct address *address)
{
    const uint8_t *ipv6 = address->bytes, *ipv4 = address_ipv4_bytes(address);
    return address_is_ipv4(address) ? ipv4[0] == 169 && ipv4[1] == 254
                                    : ipv6[0] == 0xfe && (ipv6[1] & 0xc0) == 0x80;
}

bool address_is_private(const struct address *address)
{
    const uint8_t *ipv4 = address_ipv4_bytes(address);
    if (address_is_link_local(address)) {
        return true;
    }
    if (!address_is_ipv4(address)) {
        return (address->bytes[0] & 0xfe) == 0xfc;
    }
    return ipv4[0] == 10 || (ipv4[0] == 172 && (ipv4[1] & 0xf0) == 16) ||
           (ipv4[0] == 192 && ipv4[1] == 168);
}

bool address_is_wildcard(const struct address *address)
{
    size_t skip = address_is_ipv4(address) ? sizeof mapped_prefix : 0;
    return memcmp(address->bytes + skip, zeros, sizeof address->bytes - skip) == 0;
}

bool address_covers(const struct address *bound, const struct address *address)
{
    bool same_family = address_is_ipv4(bound) == address_is_ipv4(address);
    return address_equal(bound, address) || (same_family && address_is_wildcard(bound));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An IP address of either family, as a value.
 *
 * IPv4 is held in its IPv6-mapped form (::ffff:a.b.c.d, RFC 4291), so that one
 * address has one representation, whichever socket it came through.
 */
#ifndef EPMD_CORE_ADDRESS_H
#define EPMD_CORE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_TEXT_SIZE 46 /* longest text of an address, with its NUL */
#define ADDRESS_SIZE 16
#define ADDRESS_BITS 128
#define ADDRESS_MAPPED_BITS 96 /* what precedes an IPv4 address in its mapped form */

struct address {
    uint8_t bytes[ADDRESS_SIZE];
};

/* One end of a connection. */
struct endpoint {
    struct address address;
    uint16_t port;
};

/* Makes an address of an IPv4 address's four bytes. */
struct address address_from_ipv4(const uint8_t bytes[4]);

/* The four bytes of an IPv4 address, which lie in `address`. */
const uint8_t *address_ipv4_bytes(const struct address *address);

/* Reads the text form of an IPv4 or IPv6 address. Returns 0, or -EINVAL and leaves
 * `out` alone. Knows no names: nothing is ever looked up. */
int address_parse(const char *text, struct address *out);

/* Writes the text form: dotted for IPv4, RFC 5952 for IPv6. */
void address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* The address without what is beyond its first `bits` bits, of 128 whatever its family. */
struct address address_mask(const struct address *address, unsigned bits);

/* Whether two are the same, of the same family therefore. */
bool address_equal(const struct address *a, const struct address *b);

/* Whether it is an IPv4 one, in its IPv6-mapped form. */
bool address_is_ipv4(const struct address *address);

/* In 127.0.0.0/8, or ::1. */
bool address_is_loopback(const struct address *address);

/* In 169.254.0.0/16, or fe80::/10 (RFC 3927, RFC 4291). */
bool address_is_link_local(const struct address *address);

/* In a network that every site may use, and that the internet does not lead to: 10.0.0.0/8,
 * 172.16.0.0/12 or 192.168.0.0/16 (RFC 1918), fc00::/7 (RFC 4193), or link-local. */
bool address_is_private(const struct address *address);

/* 0.0.0.0 or ::, which stand for every address of their family. */
bool address_is_wildcard(const struct address *address);

/* Whether a socket of one family that is bound to `bound` receives for `address`: it is
 * that address, or the wildcard of its family. */
bool address_covers(const struct address *bound, const struct address *address);

#endif

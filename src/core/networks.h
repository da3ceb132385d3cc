/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of networks, as options name them, and which peers are in it.
 *
 * A network has addresses of one family only: ::/0 has every IPv6 address and no IPv4
 * one, though IPv4 is held in its IPv6-mapped form. An empty list has no peer in it.
 */
#ifndef EPMD_CORE_NETWORKS_H
#define EPMD_CORE_NETWORKS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"

#define NETWORKS_MAX 64
#define NETWORKS_ERROR_SIZE 224

/* Room for any list as networks_format() writes it, with its NUL. */
#define NETWORKS_TEXT_SIZE \
    (NETWORKS_MAX * (ADDRESS_TEXT_SIZE + sizeof "/128") + sizeof "any,local,private")

struct network {
    struct address base;  /* its bits beyond the prefix are 0 */
    unsigned prefix_bits; /* of all 128: an IPv4 /24 has 120 */
};

struct networks {
    bool any;         /* every peer */
    bool local;       /* peers on this host, about which no list is asked */
    bool has_private; /* every private address (core/address) */
    bool none;        /* no peer, by name: the word stands alone */
    size_t n;
    struct network networks[NETWORKS_MAX];
};

/* Reads addresses, networks (ADDRESS/PREFIX) and the words `any`, `local`, `private` and `none`,
 * separated by commas or blanks. Returns 0; or -EINVAL, leaves `out` alone, and puts
 * into `error` what is wrong and what would be right. */
int networks_parse(const char *text, struct networks *out, char error[NETWORKS_ERROR_SIZE]);

/* Writes a list as networks_parse() reads it; one that has no peer in it as `none`. */
void networks_format(const struct networks *networks, char text[NETWORKS_TEXT_SIZE]);

/* Whether a peer of that address, which is elsewhere, is in the list. */
bool networks_contain(const struct networks *networks, const struct address *address);

#endif

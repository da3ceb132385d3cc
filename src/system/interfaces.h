/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host, each with the network that it is in. */
#ifndef EPMD_SYSTEM_INTERFACES_H
#define EPMD_SYSTEM_INTERFACES_H

#include <stddef.h>

#include "core/address.h"

#define INTERFACES_NAME_SIZE 32

struct interfaces_address {
    char name[INTERFACES_NAME_SIZE]; /* of the interface */
    struct address address;
    unsigned prefix_bits; /* of its network, of all 128: an IPv4 /24 has 120 */
};

/* Reads the addresses of the interfaces that are up, at most `size` of them. Returns 0
 * and how many there were in `*n`, or a negative errno. */
int interfaces_read(struct interfaces_address *out, size_t size, size_t *n);

#endif

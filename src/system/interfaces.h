/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this host, each with the network that it is in. */
#ifndef EPMD_SYSTEM_INTERFACES_H
#define EPMD_SYSTEM_INTERFACES_H

#include <stddef.h>
#include <sys/socket.h>

#define INTERFACES_NAME_SIZE 32

struct interfaces_address {
    char name[INTERFACES_NAME_SIZE]; /* of the interface */
    struct sockaddr_storage address; /* IPv4 or IPv6 */
    unsigned prefix_bits;            /* of its network: 0 to 32, or to 128 */
};

/* Reads the addresses of the interfaces that are up, at most `size` of them. Returns 0
 * and how many there were in `*n`, or a negative errno. */
int interfaces_read(struct interfaces_address *out, size_t size, size_t *n);

#endif

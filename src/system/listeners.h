/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP sockets that listen on this host, of all processes. */
#ifndef EPMD_SYSTEM_LISTENERS_H
#define EPMD_SYSTEM_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"

struct listeners_socket {
    struct endpoint at;
    bool both_families;   /* of an IPv6 one: takes IPv4 connections, too */
    uint32_t uid;         /* of the user that has opened it */
    uint32_t inode;       /* the number by which /proc names it */
    uint32_t n_waiting;   /* connections that no process has accepted yet */
    uint32_t max_waiting; /* how many may wait before further ones are dropped */
};

/* Reads the sockets that listen in this network namespace, at most `size` of them, and
 * before all others those on port `first`. Returns 0 and how many were read in `*n`; or a
 * negative errno: -ENOSYS where this system has no way to tell. */
int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n);

#endif

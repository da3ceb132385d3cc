/* SPDX-License-Identifier: Apache-2.0 */
/* The TCP sockets of this network namespace, as the kernel tells them (sock_diag(7)). */
#ifndef EPMD_SYSTEM_LINUX_SOCK_DIAG_H
#define EPMD_SYSTEM_LINUX_SOCK_DIAG_H

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdint.h>

#include "core/address.h"

/* Called for each socket: `message` holds an inet_diag_msg, and attributes behind it. A
 * negative errno ends the dump. */
typedef int sock_diag_visitor(const struct nlmsghdr *message, void *argument);

/* Reads a socket's own end. */
void sock_diag_read_end(const struct inet_diag_msg *socket, struct endpoint *out);

/* Tells the sockets of an address family in the states whose bits are set. With a port, only
 * those connected to it are asked for; but a kernel that does not know that filter tells
 * all. Returns 0, or a negative errno after part of them. */
int sock_diag_dump(uint8_t family, uint32_t states, uint16_t connected_to, sock_diag_visitor *visit,
                   void *argument);

#endif

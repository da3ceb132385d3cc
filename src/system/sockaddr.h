/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IP addresses as the socket API has them, and as 16 bytes in network order: an IPv4 one
 * in its IPv6-mapped form (::ffff:a.b.c.d, RFC 4291).
 */
#ifndef EPMD_SYSTEM_SOCKADDR_H
#define EPMD_SYSTEM_SOCKADDR_H

#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>

#define SOCKADDR_IP_SIZE 16

/* Room for an address of either family. */
union sockaddr_ip {
    struct sockaddr any;
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;
};

/* Writes an address in its own family's form, and returns the length of that. */
socklen_t sockaddr_write(const uint8_t ip[SOCKADDR_IP_SIZE], uint16_t port, union sockaddr_ip *out);

/* Reads an IPv4 or IPv6 address. Returns 0; or -EAFNOSUPPORT, and leaves both alone. */
int sockaddr_read(const struct sockaddr *from, uint8_t ip[SOCKADDR_IP_SIZE], uint16_t *port);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that listen, their own or inherited, and the connections that they yield.
 *
 * Nothing here logs or keeps state: errors go back to the caller.
 */
#ifndef EPMD_DAEMON_LISTENER_H
#define EPMD_DAEMON_LISTENER_H

#include <stdbool.h>

#include "core/address.h"

/* A connection as accept(2) yields it. */
struct listener_peer {
    struct endpoint peer;
    bool local; /* on this host */
};

/* Opens a socket that listens, without blocking, on `port` of `address`; an IPv6 one
 * is for IPv6 alone. Returns the descriptor, which the caller owns, or a negative
 * errno: -EADDRINUSE also where another socket begins to listen at the same moment. */
int listener_open(const struct address *address, uint16_t port);

/* Makes an inherited descriptor fit to be listened on. Returns 0, or a negative errno:
 * -ENOTSOCK, -EPROTOTYPE and -EINVAL where it is no listening TCP socket. */
int listener_adopt(int fd);

/* Makes a listening socket, and so all connections that it yields, as epmd wants them. The
 * kernel keeps connections to itself until their first bytes are there, or a second has passed
 * (TCP_DEFER_ACCEPT of tcp(7)): a request can then be read as soon as it is accepted, and a
 * silent peer costs nothing yet. What a system cannot do it does not. */
void listener_prepare(int fd);

/* Says when the kernel asks whether a peer's host is still there, once that is to be found out
 * (descriptors_watch_peer()): after a minute of silence, and it gives up half a minute later. A
 * connection has it from the socket that has yielded it. */
void listener_set_patience(int fd);

/* Whether a connection has ended, or has bytes to be read. */
bool listener_has_something(int fd);

/* Reads the endpoint on which a socket listens, or at which a connection ends on our
 * side. Returns 0 or a negative errno. */
int listener_endpoint(int fd, struct endpoint *out);

/* Whether a socket that listens on IPv6 addresses takes IPv4 connections, too. */
bool listener_takes_ipv4(int fd);

/* Reads which peer is at the other end of a connection. Returns 0, or a negative errno where
 * there is no peer any more. */
int listener_identify(int fd, struct listener_peer *out);

/* Accepts one connection. Returns its descriptor, which the caller owns, or a negative
 * errno: -EAGAIN where none waits. */
int listener_accept(int fd, struct listener_peer *out);

#endif

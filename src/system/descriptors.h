/* SPDX-License-Identifier: Apache-2.0 */
/* How many descriptors the process may have, and which ones it starts with. */
#ifndef EPMD_SYSTEM_DESCRIPTORS_H
#define EPMD_SYSTEM_DESCRIPTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Raises the soft limit of open descriptors to the hard one, as far as the system
 * lets us, and returns the limit that holds from then on. */
size_t descriptors_raise_limit(void);

/* Opens /dev/null in the place of standard streams that are closed, so that no
 * connection ever gets their numbers. Returns 0 or a negative errno. */
int descriptors_fill_standard(void);

/* Closes every descriptor from `first` on. */
void descriptors_close_from(int first);

/* Whether recv(2) or send(2), which failed with `error`, only has to be called again: now, or
 * when there is something to read, or room. */
bool descriptors_may_try_again(int error);

/* What is next to be read of a connection. */
enum descriptors_next {
    DESCRIPTORS_NOTHING, /* yet */
    DESCRIPTORS_BYTES,
    DESCRIPTORS_END,    /* the peer has sent its end */
    DESCRIPTORS_BROKEN, /* an error, such as the peer's reset */
};

/* Looks at that, and leaves it there. */
enum descriptors_next descriptors_peek(int fd);

/* Reads and drops what has come on a connection, so many times the room's size at the most: with
 * unread bytes, close(2) would reset the connection, and what was sent with it. */
void descriptors_drain(int fd, void *room, size_t size, int n_reads_max);

/* Makes close(2) reset a TCP connection instead of ending it in order. */
void descriptors_reset_on_close(int fd);

/* Whether the kernel is to find out that the host of a connection's peer has vanished without a
 * word, and then to end the connection (SO_KEEPALIVE of tcp(7)). Not for peers on this host:
 * those that registered together are probed together, and of thousands of packets at once the
 * loopback interface drops what is beyond net.core.netdev_max_backlog: three times, and living
 * nodes are taken for gone. */
void descriptors_watch_peer(int fd, bool watch);

/* Whether sockets have numbers here (descriptors_socket_id()). */
bool descriptors_have_ids(void);

/* A number of a socket that stays the same in other processes, and that no other
 * socket gets while this system runs (SO_COOKIE). Returns 0 where there is none. */
uint64_t descriptors_socket_id(int fd);

/* Whether anything was ever sent on a TCP connection; true where the system does not
 * tell. */
bool descriptors_socket_has_sent(int fd);

/* Whether the peer of a TCP connection was silent for a second or more before that was
 * accepted, so that the kernel has asked again; false where the system does not tell. */
bool descriptors_socket_was_silent(int fd);

#endif

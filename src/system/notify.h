/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process and the one that watches over it have to say to each other.
 *
 * The service manager's conventions (systemd's sd_listen_fds(3) and sd_notify(3), both
 * documented as stable protocols that need no library) serve our own keeper as well:
 * descriptors are inherited from number 3 on; messages are lines of NAME=VALUE, with
 * descriptors that the watcher is to keep (FDSTORE=1). Sending never blocks.
 */
#ifndef EPMD_SYSTEM_NOTIFY_H
#define EPMD_SYSTEM_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first descriptor that is passed on. */
#define NOTIFY_LISTEN_FDS_START 3

/* How many descriptors one message may carry (the kernel's SCM_MAX_FD). */
#define NOTIFY_FDS_MAX 253

/* Names the keeper's process in the environment of its worker. */
#define NOTIFY_KEEPER_VARIABLE "EPMD_KEEPER"

/* How many descriptors were passed to this process, from NOTIFY_LISTEN_FDS_START on;
 * 0 where none were, or they were meant for another process. */
int notify_listen_fds(void);

/* Whether this process is the worker of a keeper, which is its parent. */
bool notify_has_keeper(void);

/* Opens a way to the service manager that $NOTIFY_SOCKET names. Returns a descriptor
 * that the caller owns, or a negative errno: -ENOENT where there is none to notify. */
int notify_open_manager(void);

/* How often the watcher wants to hear WATCHDOG=1, in microseconds, or it will take
 * this process for hung; 0 where it does not ask. */
uint64_t notify_watchdog_us(void);

/* How many descriptors the service manager keeps for this process, as far as it says. */
size_t notify_store_max(size_t otherwise);

/* Sends one message, with descriptors that stay the caller's. Returns 0 once it is in
 * the receiver's queue, where it outlives this process; else a negative errno: -EAGAIN
 * where the queue is full, -EPIPE or -ECONNREFUSED where nobody listens any more. */
int notify_send(int channel, const char *message, const int *fds, size_t n_fds);

/* Takes one message, as text of up to `size` - 1 bytes, and its descriptors, which are
 * the caller's from then on. Returns 0; -EMFILE where it was taken but some descriptors
 * found no number; or another negative errno: -EAGAIN where there is none, -EPIPE where
 * nobody can send one any more. */
int notify_receive(int channel, char *message, size_t size, int fds[NOTIFY_FDS_MAX], size_t *n_fds);

#endif

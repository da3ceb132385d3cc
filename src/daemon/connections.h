/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All connections of a daemon: what they share, and which peers get in.
 */
#ifndef EPMD_DAEMON_CONNECTIONS_H
#define EPMD_DAEMON_CONNECTIONS_H

#include "daemon/connection.h"
#include "daemon/listener.h"

/* Priorities of events: almost all have the middle one of three, which is libevent's own
 * choice. The last ones run when nothing else is to be done. */
#define CONNECTIONS_PRIORITIES 3
#define CONNECTIONS_PRIORITY_LAST (CONNECTIONS_PRIORITIES - 1)

/* Sets up everything but `base`, `options` and the store, which are there already.
 * `n_inherited` of the open descriptors are connections. Logs what goes wrong and returns a
 * negative errno. */
int connections_init(struct connections *all, const struct connections_hooks *hooks,
                     size_t n_inherited);

/* Takes over a descriptor that was accepted, and serves it, unless there is no room or the
 * peer may ask nothing. */
void connections_admit(struct connections *all, enum connection_protocol protocol, int fd,
                       const struct listener_peer *peer);

/* Ends all connections, and frees what they share. Registrations that are with the watcher
 * go on there where `goes_on` says so. */
void connections_deinit(struct connections *all, bool goes_on);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: owns the event loop, the listening sockets, the connections, and its life.
 */
#ifndef EPMD_DAEMON_SERVER_H
#define EPMD_DAEMON_SERVER_H

#include <event2/event.h>

#include "daemon/acceptor.h"
#include "daemon/connections.h"
#include "daemon/life.h"
#include "options/options.h"

struct server {
    const struct options *options;
    struct event_base *base;
    struct connections connections;
    struct acceptor acceptor; /* of epmd's own protocol */
    struct acceptor scraped;  /* of -metrics */
    struct life life;
};

/* Sets up everything and listens, so that peers may connect from then on. Logs what
 * goes wrong and returns a negative errno; only of -EADDRINUSE nothing is logged, and
 * `in_use` tells which address another process listens on, and this may be called again.
 * `options` must outlive the server. */
int server_init(struct server *server, const struct options *options, struct endpoint *in_use);

/* Closes everything. */
void server_deinit(struct server *server);

/* Tells in the log where the server listens, and the watcher that it does. Returns 0; or a
 * negative errno where the keeper ended before: then the process is to end as well. */
int server_announce(struct server *server);

/* Serves until a signal or a peer ends that. Returns the exit status of the process:
 * life_exit_status(); or a negative errno. */
int server_run(struct server *server);

#endif

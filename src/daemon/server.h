/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: owns the event loop, the listening sockets and the connections, and knows
 * whether it serves, or how it is about to end.
 */
#ifndef EPMD_DAEMON_SERVER_H
#define EPMD_DAEMON_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "daemon/acceptor.h"
#include "daemon/connections.h"
#include "daemon/inheritance.h"
#include "options/options.h"

/* server_enter() alone changes it. */
enum server_life {
    SERVER_SERVING,
    SERVER_RELOADING, /* serves, until all complete requests are answered; then a successor
                         takes over */
    SERVER_ENDING,    /* the same for half a second, but accepts no more connections; then the
                         service manager has what is kept */
    SERVER_KILLED,    /* accepts no more connections; ends with the answer to a KILL_REQ, and
                         all registrations with it */
    SERVER_REPLACED,  /* the loop is over: a successor takes over */
    SERVER_ENDED,     /* the loop is over: nothing follows, or what the service manager does */
};

struct server {
    const struct options *options;
    struct event_base *base;
    struct connections connections;
    struct acceptor acceptor; /* of epmd's own protocol */
    struct acceptor scraped;  /* of -metrics */
    struct event on_sigterm, on_sigint, on_sighup;
    struct event drained; /* the longest that reloading or ending may take */
    struct event idle;    /* what has arrived has been served */
    int64_t since_ms;     /* when its life became what it is, of the monotonic clock */
    enum server_life life;
};

/* Sets up everything and listens, so that peers may connect from then on. Logs what
 * goes wrong and returns a negative errno; only of -EADDRINUSE nothing is logged, and
 * `in_use` tells which address another process listens on. `options` must outlive the
 * server. */
int server_init(struct server *server, const struct options *options, struct endpoint *in_use);

/* Closes everything. */
void server_deinit(struct server *server);

/* Tells in the log where the server listens, and the watcher that it does. Returns 0; or a
 * negative errno where the keeper ended before: then the process is to end as well. */
int server_announce(struct server *server);

/* Serves until a signal or a peer ends that. Returns the exit status of the process:
 * KEEPER_EXIT_RELOAD where a successor is to take over; or a negative errno. */
int server_run(struct server *server);

#endif

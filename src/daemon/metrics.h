/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server that -metrics asks for: its listening socket and its connections, on
 * libevent's own HTTP. What it answers is in pages.h.
 *
 * It can take no descriptor and little memory from nodes: its connections are few, their
 * descriptors are set aside, each serves one request and has a few seconds for it, and the
 * oldest of them gives way to the next. The time to make a page, up to some milliseconds,
 * is everybody's. While nobody asks, nothing wakes it up.
 *
 * Where memory runs out while libevent 2.1.12 takes a connection over, it crashes. So some
 * is held ready, and nobody is accepted without.
 */
#ifndef EPMD_DAEMON_METRICS_H
#define EPMD_DAEMON_METRICS_H

#include <event2/event_struct.h>
#include <event2/http.h>
#include <stddef.h>

#include "daemon/inheritance.h"

struct server;

#define METRICS_CONNECTIONS_MAX 16

/* A place for one connection. libevent does not tell of each connection's end, but
 * frees an HTTP server with all that it has: so each connection has its own. */
struct metrics_place {
    struct metrics *metrics;
    struct evhttp *http;               /* NULL: none */
    struct evhttp_bound_socket *bound; /* while it accepts; then NULL */
    struct event deadline;             /* while it has a connection, or had one */
};

struct metrics {
    struct server *server; /* NULL: not on */
    int fd;                /* listens; owned */
    struct metrics_place places[METRICS_CONNECTIONS_MAX];
    size_t accepting; /* the place of the next connection; after it comes the oldest */
    void *reserve;    /* memory for libevent to take it over with; NULL: none now */

    /* what pages tell */
    char host[256]; /* as it calls itself */
};

/* Listens where the options say, if they do, on a socket that an earlier process has left
 * or on a new one, which the keeper gets to keep. Logs what goes wrong, and returns a
 * negative errno; but a process that has nodes to lose goes on without, and returns 0. */
int metrics_open(struct metrics *metrics, struct server *server,
                 const struct inheritance *inheritance);

/* How many descriptors it may need beside those that are open. */
size_t metrics_max_descriptors(const struct metrics *metrics);

/* Tells in the log where it listens. */
void metrics_announce(const struct metrics *metrics);

/* Ends listening for all who have the socket, so that another may take the port. */
void metrics_free_port(struct metrics *metrics);

/* Closes our descriptors. */
void metrics_close(struct metrics *metrics);

#endif

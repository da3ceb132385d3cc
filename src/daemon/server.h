/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: owns the event loop, the listening sockets and all that sessions share.
 */
#ifndef EPMD_DAEMON_SERVER_H
#define EPMD_DAEMON_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

#include "core/session.h"
#include "daemon/acceptor.h"
#include "daemon/capacity.h"
#include "daemon/metrics.h"
#include "daemon/store.h"
#include "options/options.h"

struct server {
    const struct options *options;
    struct event_base *base;
    struct session_context sessions;
    struct capacity capacity;
    struct store store;
    struct acceptor acceptor;
    struct metrics metrics;
    struct event on_sigterm, on_sigint, on_sighup;
    struct event drained;    /* the longest that this may take */
    bool is_draining;        /* accepts nobody, finishes who is there */
    bool ends_registrations; /* nothing is to survive this process */
    int64_t started_ms;      /* of the monotonic clock */
    int drain_status;        /* what exit_status becomes with it */
    int exit_status;
    uint8_t input[SESSION_REQUEST_MAX]; /* what is read before it is looked at */
};

/* Sets up everything and listens, so that peers may connect from then on. Logs what
 * goes wrong and returns a negative errno; only of -EADDRINUSE nothing is logged, and
 * `in_use` tells which address somebody else listens on. `options` must outlive the
 * server. */
int server_init(struct server *server, const struct options *options, struct endpoint *in_use);

/* Closes everything. */
void server_deinit(struct server *server);

/* Tells in the log where the server listens, and the watcher that it does. Returns 0; or a
 * negative errno where the keeper ended before: then the process is to end as well. */
int server_announce(struct server *server);

/* Serves until something calls server_stop(), or a reload. Returns the exit status of the
 * process: KEEPER_EXIT_RELOAD where a successor is to take over; or a negative errno. */
int server_run(struct server *server);

/* Ends server_run(), once it is back in its loop. */
void server_stop(struct server *server);

/* Lets a successor take over, because the peer of `asker` has asked, or a signal where that
 * is NULL: stops accepting, and ends server_run() once the requests that are under way have
 * been served, or half a second later. Does nothing where the registrations would be lost. */
void server_reload(struct server *server, const struct session *asker);

/* Called after each connection's end: a reload, or an end, may have waited for it. */
void server_check_drained(struct server *server);

/* Prepares the end that a KILL_REQ asks for: frees the port, so that another epmd may
 * take it as soon as the client has its answer, and makes all registrations end. */
void server_obey_kill(struct server *server);

#endif

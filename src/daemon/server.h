/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon: owns the event loop, the listening sockets and all that sessions share.
 */
#ifndef EPMD_DAEMON_SERVER_H
#define EPMD_DAEMON_SERVER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stddef.h>
#include <stdint.h>

#include "core/session.h"
#include "daemon/binding.h"
#include "daemon/capacity.h"
#include "options.h"

/* As many as can be named; a service manager may pass as many. */
#define SERVER_LISTENERS_MAX BINDING_MAX

struct server {
    const struct options *options;
    struct event_base *base;
    struct session_context sessions;
    struct capacity capacity;
    struct event listeners[SERVER_LISTENERS_MAX];
    size_t n_listeners;
    struct event accept_again; /* the timer after a pause */
    struct event on_sigterm, on_sigint;
    uint8_t input[SESSION_REQUEST_MAX]; /* what is read before it is looked at */
};

/* Sets up everything and listens, so that peers may connect from then on. Logs what
 * goes wrong and returns a negative errno; only of -EADDRINUSE nothing is logged, and
 * `in_use` tells which address somebody else listens on. `options` must outlive the
 * server. */
int server_init(struct server *server, const struct options *options, struct endpoint *in_use);

/* Closes everything. */
void server_deinit(struct server *server);

/* Tells in the log where the server listens, and the service manager that it does. */
void server_announce(const struct server *server);

/* Serves until something calls server_stop(). Returns 0 or a negative errno. */
int server_run(struct server *server);

/* Ends server_run(). */
void server_stop(struct server *server);

/* Stops listening, so that a successor can begin to. */
void server_close_listeners(struct server *server);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets, and the connections that they yield: epmd's own, or those of -metrics.
 *
 * Sockets are opened here or come from an earlier process. When accepting fails for lack
 * of something, the owner is asked to give some back; where it has none, accepting
 * pauses for a moment.
 */
#ifndef EPMD_DAEMON_ACCEPTOR_H
#define EPMD_DAEMON_ACCEPTOR_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "daemon/agreement.h"
#include "daemon/binding.h"
#include "daemon/listener.h"
#include "options/options.h"

/* As many as can be named; a service manager may pass as many. */
#define ACCEPTOR_LISTENERS_MAX BINDING_MAX

struct acceptor_hooks {
    void *argument;
    /* Takes over a connection's descriptor. */
    void (*accepted)(void *argument, int fd, const struct listener_peer *peer);
    /* The system has no descriptor or memory for one more connection. Returns whether
     * something was given back, so that it makes sense to try again at once. */
    bool (*shortage)(void *argument);
};

struct acceptor {
    struct event_base *base; /* NULL: nothing to close */
    struct acceptor_hooks hooks;
    struct event listeners[ACCEPTOR_LISTENERS_MAX];
    size_t n_listeners;
    struct event again; /* the timer after a pause */
};

/* Sets up an acceptor without sockets. */
void acceptor_init(struct acceptor *acceptor, struct event_base *base,
                   const struct acceptor_hooks *hooks);

/* Listens on sockets that an earlier process or the service manager has passed on. Logs which
 * one is no such socket, and returns a negative errno. */
int acceptor_adopt(struct acceptor *acceptor, const int *fds, size_t n);

/* Opens sockets of its own, on the addresses of the options. Logs what goes wrong and returns
 * a negative errno; only of -EADDRINUSE nothing is logged, and `in_use` tells which address
 * another process listens on. */
int acceptor_open(struct acceptor *acceptor, const struct options *options,
                  struct endpoint *in_use);

/* Opens one socket. Returns 0 or a negative errno. */
int acceptor_open_at(struct acceptor *acceptor, const struct endpoint *endpoint);

/* The descriptor of a listening socket, from 0 to n_listeners - 1. */
int acceptor_descriptor(const struct acceptor *acceptor, size_t i);

/* Writes where it listens to `out`, and returns how many sockets these are. */
size_t acceptor_list_sockets(const struct acceptor *acceptor,
                             struct agreement_socket out[ACCEPTOR_LISTENERS_MAX]);

/* Tells in the log where it listens, and where that is not what the options name, because the
 * service manager has chosen otherwise. Each process tells: it may have been started anew
 * because of other settings. */
void acceptor_announce(const struct acceptor *acceptor, const struct options *options);

/* Accepts no more connections; peers that connect wait for a successor. */
void acceptor_suspend(struct acceptor *acceptor);

/* Accepts again. */
void acceptor_resume(struct acceptor *acceptor);

/* Ends listening in all processes that have these sockets, so that another may take the
 * port. */
void acceptor_free_port(struct acceptor *acceptor);

/* Closes our descriptors. */
void acceptor_close(struct acceptor *acceptor);

#endif

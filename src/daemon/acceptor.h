/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening sockets, and who gets in.
 *
 * Sockets are opened here or come from an earlier process. When accepting fails for lack
 * of something, an unfinished connection gives way; where there is none, accepting
 * pauses for a moment.
 */
#ifndef EPMD_DAEMON_ACCEPTOR_H
#define EPMD_DAEMON_ACCEPTOR_H

#include <event2/event_struct.h>
#include <stddef.h>

#include "core/address.h"
#include "daemon/agreement.h"
#include "daemon/binding.h"
#include "daemon/inheritance.h"

/* As many as can be named; a service manager may pass as many. */
#define ACCEPTOR_LISTENERS_MAX BINDING_MAX

struct acceptor {
    struct server *server; /* NULL: nothing to close */
    struct event listeners[ACCEPTOR_LISTENERS_MAX];
    size_t n_listeners;
    struct event again; /* the timer after a pause */
};

/* Listens on what an earlier process or the service manager passed on, or else opens
 * sockets of its own, which the watcher gets to keep. Logs what goes wrong and returns a
 * negative errno; only of -EADDRINUSE nothing is logged, and `in_use` tells which address
 * somebody else listens on. */
int acceptor_open(struct acceptor *acceptor, struct server *server,
                  const struct inheritance *inheritance, struct endpoint *in_use);

/* Writes where it listens to `out`, and returns how many sockets these are. */
size_t acceptor_list_sockets(const struct acceptor *acceptor,
                             struct agreement_socket out[ACCEPTOR_LISTENERS_MAX]);

/* Tells in the log where it listens, and where that is not what was asked for, because the
 * service manager has chosen otherwise. Each process tells: it may have been started anew
 * because of other settings. */
void acceptor_announce(const struct acceptor *acceptor);

/* Accepts nobody any more; who connects waits for a successor. */
void acceptor_suspend(struct acceptor *acceptor);

/* Accepts again. */
void acceptor_resume(struct acceptor *acceptor);

/* Ends listening for all who have these sockets, so that another may take the port. */
void acceptor_free_port(struct acceptor *acceptor);

/* Closes our descriptors. */
void acceptor_close(struct acceptor *acceptor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One accepted connection: its descriptor, its event, its session, and what is left
 * of its reply.
 *
 * A connection frees itself when it is done. It waits for one thing at a time, which
 * its state tells, and never blocks.
 */
#ifndef EPMD_DAEMON_CONNECTION_H
#define EPMD_DAEMON_CONNECTION_H

#include <event2/event_struct.h>
#include <stdint.h>

#include "core/session.h"
#include "daemon/capacity.h"
#include "daemon/listener.h"
#include "daemon/report.h"

struct server;
struct unsent;

enum connection_state {
    CONNECTION_HELD_UP,       /* by -delay_accept, before it is read */
    CONNECTION_READING,       /* the request is not complete */
    CONNECTION_REPLY_HELD_UP, /* by -delay_write */
    CONNECTION_REPLYING,      /* the peer has not taken all of the reply */
    CONNECTION_REGISTERED,    /* carries a node: bytes, or its end, unregister that */
};

struct connection {
    struct session session; /* has the descriptor */
    struct server *server;
    struct event event;    /* the one thing that is waited for */
    struct unsent *unsent; /* while a reply waits; else NULL */
    enum connection_state state;
    enum session_verdict after_reply; /* what comes when all of it is sent */
    bool stored;                      /* the watcher has a duplicate */
    bool unstored;                    /* it is to have one, but is busy */

    /* capacity's own */
    enum capacity_queue queue;
    int64_t started_ms; /* when its time began */
    struct connection *prev, *next;
};

/* Takes over a descriptor that was accepted, and serves it. Whatever goes wrong ends
 * this connection, and nothing else. Without memory for it returns REFUSAL_NO_MEMORY, and
 * the descriptor stays the caller's. */
enum refusal connection_start(struct server *server, int fd, const struct listener_peer *peer);

/* Takes over the connection of a live node that an earlier process has registered.
 * Returns 0; or a negative errno where it has ended, and the descriptor stays the
 * caller's. */
int connection_adopt(struct server *server, int fd, struct registry_node *node);

/* Closes it, unregisters its node, frees it; `end` is for the log. */
void connection_free(struct connection *connection, enum report_end end);

/* Closes it because the daemon ends. */
void connection_end_with_daemon(struct connection *connection);

/* Closes it because others need what it has; `why` begins a sentence for the log. */
void connection_give_way(struct connection *connection, const char *why);

/* What sessions ask of connections. */
extern const struct session_hooks connection_hooks;

#endif

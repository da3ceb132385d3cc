/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections there may be, how long an unfinished one may take, and which
 * one goes first when there are too many.
 *
 * Every connection is in one queue, but while its first bytes are looked at: most are
 * done by then, and need none. The queues of unfinished connections are in the order of
 * their deadlines, because all get the same time: one timer, for the oldest, serves all of
 * them, and it is not armed while there are none.
 */
#ifndef EPMD_DAEMON_CAPACITY_H
#define EPMD_DAEMON_CAPACITY_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/refusal.h"
#include "daemon/listener.h"
#include "daemon/quota.h"

struct connection;

enum capacity_queue {
    CAPACITY_NONE,     /* just accepted */
    CAPACITY_REMOTE,   /* unfinished, from elsewhere: the first to give way */
    CAPACITY_LOCAL,    /* unfinished, from this host */
    CAPACITY_KEPT,     /* registered, or held up by a -delay: never gives way */
    CAPACITY_UNSTORED, /* registered, and the watcher has yet to take it: neither */
    CAPACITY_QUEUES,
};

struct capacity {
    struct connection *queues[CAPACITY_QUEUES]; /* oldest first */
    size_t n_connections, max_connections;
    size_t for_local; /* of them, what is kept free of peers from elsewhere */
    size_t n_waiting; /* bytes of replies that peers have yet to take */
    int64_t timeout_ms;
    struct event timer;
    struct quota quota; /* of each remote host */
};

struct capacity_limits {
    size_t max_descriptors; /* of the process */
    size_t n_inherited;     /* of those that are open, how many are connections */
    size_t n_reserved;      /* for others, beside those that are open */
    unsigned timeout_s;     /* for an unfinished connection */
    unsigned max_per_host;  /* unfinished connections of a remote host */
};

/* Sets up room for the connections that the limits leave when the process has opened
 * everything else. Returns 0 or a negative errno: -EMFILE where that is too few. */
int capacity_init(struct capacity *capacity, struct event_base *base,
                  const struct capacity_limits *limits, const uint8_t seed[HASH_SEED_SIZE]);

/* How many nodes may be registered: some descriptors are left for those who ask. */
size_t capacity_max_registered(const struct capacity *capacity);

/* Makes room for one more connection with that peer: if need be, closes the oldest
 * unfinished one; a peer from elsewhere only takes the place of its like. Returns
 * REFUSAL_NONE, or why it cannot stay. */
enum refusal capacity_make_room(struct capacity *capacity, const struct listener_peer *peer);

/* Closes the oldest unfinished connection, remote before local. Returns false where
 * there is none. */
bool capacity_evict(struct capacity *capacity);

/* Counts a connection, which is in no queue yet. */
void capacity_add(struct capacity *capacity, struct connection *connection);

/* Puts a connection at the end of a queue; its time, if it is an unfinished one's,
 * starts now. */
void capacity_move(struct capacity *capacity, struct connection *connection,
                   enum capacity_queue queue);

/* Counts bytes of a reply that has to wait, or no longer does. */
void capacity_wait_more(struct capacity *capacity, size_t len);
void capacity_wait_less(struct capacity *capacity, size_t len);

/* Closes the oldest unfinished connections until not too many bytes wait. */
void capacity_bound_waiting(struct capacity *capacity);

/* Whether no connection is unfinished. */
bool capacity_is_idle(const struct capacity *capacity);

/* Takes a connection out of its queue. */
void capacity_remove(struct capacity *capacity, struct connection *connection);

/* Closes all connections; the timer is not armed any more afterwards. */
void capacity_close_all(struct capacity *capacity);

#endif

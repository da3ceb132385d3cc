/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections there may be, how long an unfinished one may take, and which
 * one is evicted when there are too many.
 *
 * Every connection is in one queue, but while its first bytes are looked at: most are
 * done by then, and need none. The queues of unfinished connections are in the order of
 * their deadlines, because all in a queue get the same time: one timer, for the oldest,
 * serves all of them, and it is not armed while there are none.
 *
 * It counts and chooses; what a connection is, it does not know.
 */
#ifndef EPMD_DAEMON_CAPACITY_H
#define EPMD_DAEMON_CAPACITY_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/quota.h"
#include "core/refusal.h"

enum capacity_queue {
    CAPACITY_NONE,     /* just accepted */
    CAPACITY_SCRAPE,   /* unfinished, of -metrics: the first to be evicted */
    CAPACITY_REMOTE,   /* unfinished, from elsewhere: the next */
    CAPACITY_LOCAL,    /* unfinished, from this host */
    CAPACITY_COMPLETE, /* the same, but all of its request has come, and it waits for its turn to
                          be answered: the last */
    CAPACITY_KEPT,     /* registered, or held up by a -delay: never evicted */
    CAPACITY_QUEUES,
};

/* Why a connection is to be closed. */
enum capacity_why {
    CAPACITY_EXPIRED,         /* its time is over */
    CAPACITY_FEW_DESCRIPTORS, /* another one needs its descriptor */
    CAPACITY_MUCH_UNSENT,     /* replies that are not read take too much memory */
    CAPACITY_FEW_SCRAPES,     /* another scrape needs its place */
};

/* How far one of CAPACITY_LOCAL has come: the less, the sooner it is evicted. */
enum capacity_progress {
    CAPACITY_SILENT, /* the peer had said nothing for a second when it was accepted */
    CAPACITY_NEW,
    CAPACITY_BEGUN, /* enough of its request has come to tell what it asks; or the peer reads its
                       reply slowly */
};

/* Embedded in a connection; all zero before capacity_add(). */
struct capacity_slot {
    enum capacity_queue queue;
    enum capacity_progress progress;
    bool is_scrape;                       /* it is of -metrics */
    bool is_registered;                   /* its registration is counted */
    size_t unsent_len;                    /* bytes of its reply that the peer has yet to take */
    int64_t since_ms;                     /* when its time began */
    const struct address *host;           /* the peer's; NULL: it is on this host */
    struct quota_share share, registered; /* of a remote host's */
    struct capacity_slot *prev, *next;
};

struct capacity_hooks {
    void *argument;
    /* Closes the connection of a slot, which calls capacity_remove(). */
    void (*evict)(void *argument, struct capacity_slot *slot, enum capacity_why why);
};

struct capacity {
    struct capacity_hooks hooks;
    struct capacity_slot *queues[CAPACITY_QUEUES]; /* oldest first */
    size_t n_connections, max_connections;
    size_t n_scrapes;                        /* of them, those of -metrics */
    size_t n_remote_nodes, max_remote_nodes; /* registrations from elsewhere */
    size_t for_local;  /* of the connections, what is kept free of peers from elsewhere */
    size_t unsent_len; /* bytes of replies that peers have yet to take */
    int64_t timeout_ms;
    struct event timer;
    struct quota unfinished, registered; /* of each remote host */
};

struct capacity_limits {
    size_t max_descriptors;  /* of the process */
    size_t n_inherited;      /* of those that are open, how many are connections */
    bool scrapes;            /* descriptors for those are set aside */
    unsigned timeout_s;      /* for an unfinished connection */
    unsigned max_per_host;   /* unfinished connections of a remote host */
    unsigned max_registered; /* registrations of a remote host */
    unsigned for_local;      /* registrations that are kept free for this host, in percent */
};

/* Sets up room for the connections that the limits leave when the process has opened
 * everything else. Returns 0 or a negative errno: -EMFILE where that is too few. */
int capacity_init(struct capacity *capacity, struct event_base *base,
                  const struct capacity_hooks *hooks, const struct capacity_limits *limits,
                  const uint8_t seed[HASH_SEED_SIZE]);

/* Frees what it has, once all connections are gone. */
void capacity_deinit(struct capacity *capacity);

/* How many nodes may be registered: some descriptors are left for peers that ask. */
size_t capacity_max_registered(const struct capacity *capacity);

/* Makes room for one more connection, of a peer at `host`, or on this host where that is NULL:
 * if need be, evicts an unfinished one; a peer from elsewhere only takes the place of its
 * like. Returns REFUSAL_NONE, or why it cannot stay. */
enum refusal capacity_make_room(struct capacity *capacity, const struct address *host);

/* Makes room for one more scrape, if need be in the place of the oldest one. */
void capacity_make_room_for_scrape(struct capacity *capacity);

/* Evicts one unfinished connection: a scrape, or else one from elsewhere, or else a local one.
 * Returns false where there is none. */
bool capacity_evict(struct capacity *capacity);

/* Counts a connection, which is in no queue yet. `host` is the peer's where that is elsewhere,
 * else NULL, and outlives the slot. */
void capacity_add(struct capacity *capacity, struct capacity_slot *slot, const struct address *host,
                  bool is_scrape);

/* Puts a connection at the end of a queue; its time, if it is an unfinished one's,
 * starts now. Nothing changes where it is in that queue. */
void capacity_move(struct capacity *capacity, struct capacity_slot *slot,
                   enum capacity_queue queue);

/* Puts a connection whose request is complete where it waits for its turn to be answered. One
 * whose peer has sent its end, and may have gone, is evicted like one that has said nothing. */
void capacity_await_turn(struct capacity *capacity, struct capacity_slot *slot,
                         bool peer_has_ended);

/* As capacity_move(), but a reply that has to wait has its own time, whichever queue it was in. */
void capacity_restart(struct capacity *capacity, struct capacity_slot *slot,
                      enum capacity_queue queue);

/* Counts the bytes of a connection's reply that have yet to be taken. */
void capacity_count_unsent(struct capacity *capacity, struct capacity_slot *slot, size_t len);

/* Evicts connections, those with most such bytes first, until not too many wait in all. */
void capacity_bound_unsent(struct capacity *capacity);

/* Returns REFUSAL_NONE where a peer may register one more node. */
enum refusal capacity_may_register(const struct capacity *capacity,
                                   const struct capacity_slot *slot);

/* Counts the registration of a connection until that is removed. */
void capacity_register(struct capacity *capacity, struct capacity_slot *slot);

/* Takes a connection out of its queue, and no longer counts it. */
void capacity_remove(struct capacity *capacity, struct capacity_slot *slot);

/* Any connection, for as long as there is one; else NULL. */
struct capacity_slot *capacity_any(const struct capacity *capacity);

#endif

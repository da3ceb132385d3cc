/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One accepted connection: its descriptor, its event, its session, and what is left of its
 * reply.
 *
 * A connection frees itself when it is done. It waits for one thing at a time, which
 * its state tells, and never blocks. epmd's own protocol and the HTTP of -metrics are
 * served alike: only what is made of the bytes differs.
 */
#ifndef EPMD_DAEMON_CONNECTION_H
#define EPMD_DAEMON_CONNECTION_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/session.h"
#include "daemon/capacity.h"
#include "daemon/report.h"
#include "daemon/store.h"
#include "metrics/scrape.h"
#include "options/options.h"

struct unsent;

enum connection_protocol {
    CONNECTION_EPMD,
    CONNECTION_HTTP, /* of -metrics */
};

enum connection_state {
    CONNECTION_HELD_UP,       /* by -delay_accept, before it is read */
    CONNECTION_READING,       /* the request is not complete */
    CONNECTION_TO_BE_LISTED,  /* it is, and waits for its turn */
    CONNECTION_REPLY_HELD_UP, /* by -delay_write */
    CONNECTION_REPLYING,      /* the peer has not taken all of the reply */
    CONNECTION_REGISTERED,    /* carries a node: bytes, or its end, unregister that */
};

struct connection {
    struct session session; /* has the descriptor and the peer */
    struct scrape scrape;   /* what has come of a request, where the protocol is HTTP */
    struct connections *all;
    struct event event;    /* the one thing that is waited for */
    struct unsent *unsent; /* while a reply waits; else NULL */
    enum connection_protocol protocol;
    enum connection_state state;
    enum session_verdict after_reply; /* what comes when all of it is sent */
    struct capacity_slot slot;
    struct handover_entry entry;    /* of a registered one */
    struct connection *prev, *next; /* in the list of those to be listed */
    bool peer_has_ended;            /* the peer sends no more; of those */
};

/* What connections have to tell the daemon that owns them. */
struct connections_hooks {
    void *argument;
    /* Returns REFUSAL_NONE where a successor may take over now; or why not, and a sentence
     * for the peer that asks in `reason`. */
    enum refusal (*may_reload)(void *argument, char reason[SESSION_REASON_SIZE]);
    /* A peer has commanded SESSION_SHUTDOWN or SESSION_RELOAD; its reply is sent next. */
    void (*command)(void *argument, enum session_verdict command);
    /* A node has registered, and is told next. */
    void (*registered)(void *argument);
    /* The connection of a node has ended; or, while draining, any connection. `command` is
     * what its peer had commanded, or another verdict. */
    void (*ended)(void *argument, enum session_verdict command);
};

#define CONNECTIONS_INPUT_SIZE \
    (SCRAPE_REQUEST_MAX > SESSION_REQUEST_MAX ? SCRAPE_REQUEST_MAX : SESSION_REQUEST_MAX)

/* What all connections of a daemon share. */
struct connections {
    struct event_base *base;
    const struct options *options;
    struct connections_hooks hooks;
    struct session_context sessions;
    struct scrape_context scrapes;
    struct capacity capacity;
    struct store store;
    struct connection *to_be_listed;       /* oldest first, but those whose peer has ended last */
    struct event turn;                     /* theirs, when nothing cheaper waits */
    struct event late;                     /* or when they have waited for long enough */
    char host[256];                        /* as this host calls itself, for the page */
    bool is_draining;                      /* as /healthz tells; the owner sets it */
    size_t n_answering;                    /* requests that are complete, and not yet answered */
    uint8_t input[CONNECTIONS_INPUT_SIZE]; /* what is read before it is looked at */
};

/* Takes over a descriptor that was accepted, and serves it. What goes wrong ends this
 * connection, and nothing else. Without memory for it returns REFUSAL_NO_MEMORY, and the
 * descriptor stays the caller's. */
enum refusal connection_start(struct connections *all, enum connection_protocol protocol, int fd,
                              const struct endpoint *peer, bool local);

/* Takes over the connection of a live node that an earlier process has registered. Returns 0;
 * or -ENOMEM, and the descriptor stays the caller's. */
int connection_adopt(struct connections *all, int fd, const struct endpoint *peer, bool local,
                     struct registry_node *node);

/* After this, those that wait to be listed are served though cheaper requests wait. */
extern const struct timeval connection_turn_at_last;

/* Puts a request whose answer grows with the nodes behind all that is cheaper, and behind all
 * that wait likewise; ends the connection where its peer has reset it. */
void connection_await_turn(struct connection *connection);

/* Starts to send a reply, after which comes `then`. Only what the socket does not take at once
 * is kept. The connection may be gone afterwards. */
void connection_reply(struct connection *connection, struct unsent *reply,
                      enum session_verdict then);

/* Closes it, unregisters its node, frees it; `end` is for the log. A reply that is cut off so
 * ends in a reset. */
void connection_free(struct connection *connection, enum report_end end);

#endif

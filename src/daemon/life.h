/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's life: whether it serves, or how it is about to end. Signals and the commands of
 * peers change it.
 */
#ifndef EPMD_DAEMON_LIFE_H
#define EPMD_DAEMON_LIFE_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/acceptor.h"
#include "daemon/connections.h"
#include "daemon/idleness.h"

/* life_enter() alone changes it. */
enum life_phase {
    LIFE_SERVING,
    LIFE_RELOADING, /* serves, until all complete requests are answered; then a successor
                       takes over */
    LIFE_ENDING,    /* the same for half a second, but accepts no more connections; then the
                       service manager has what is kept */
    LIFE_IDLE,      /* -exit_when_idle is over: serves what has arrived, for half a second at
                       the most; a registration leads back to LIFE_SERVING */
    LIFE_KILLED,    /* accepts no more connections; ends with the answer to a KILL_REQ, and
                       all registrations with it */
    LIFE_REPLACED,  /* the loop is over: a successor takes over */
    LIFE_ENDED,     /* the loop is over: nothing follows, or what the service manager does */
    LIFE_RETIRED,   /* the loop is over: no node needs this epmd */
};

/* The exit status after -exit_when_idle under a service manager, which would start epmd again
 * after any other (RestartPreventExitStatus= of its unit). */
#define LIFE_EXIT_IDLE 79

struct life {
    struct event_base *base;
    struct connections *connections;
    struct acceptor *acceptor, *scraped;
    struct idleness idleness;
    struct event on_sigterm, on_sigint, on_sighup;
    struct event drained; /* the longest that reloading, ending or idleness may take */
    struct event served;  /* what has arrived has been served */
    int64_t since_ms;     /* when its phase became what it is, of the monotonic clock */
    enum life_phase phase;
};

/* Begins it, serving. What is pointed to must outlive it: the connections, with their base and
 * options; the acceptors of epmd's own protocol and of -metrics. */
void life_init(struct life *life, struct connections *connections, struct acceptor *acceptor,
               struct acceptor *scraped);

/* Lets signals change it. Logs what goes wrong and returns a negative errno. */
int life_watch_signals(struct life *life);

/* Lets -exit_when_idle change it, once all is restored. */
void life_watch_idleness(struct life *life);

/* What connections are to tell it. */
struct connections_hooks life_hooks(struct life *life);

/* The exit status of the process, once the loop is over: KEEPER_EXIT_RELOAD where a successor
 * is to take over, LIFE_EXIT_IDLE, or EXIT_SUCCESS. */
int life_exit_status(const struct life *life);

/* Whether registrations that are with the watcher go on there when this process has ended. */
bool life_goes_on(const struct life *life);

/* Ends its events; also those of one that is all zero. */
void life_deinit(struct life *life);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is handed over to the watcher: duplicates of the state's descriptor and of each
 * registration's connection.
 *
 * A keeper takes what it is sent at once. A service manager may be slow, or have no room: what
 * it does not take waits, oldest first, for as long as that lasts. The log tells what a restart
 * would lose meanwhile.
 */
#ifndef EPMD_DAEMON_HANDOVER_H
#define EPMD_DAEMON_HANDOVER_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/registry.h"
#include "daemon/state.h"
#include "daemon/watcher.h"

/* How safe a registration is. handover_enter() alone changes it. */
enum handover_safety {
    HANDOVER_NOT_KEPT, /* it ends with this process: no watcher, or no room in the state */
    HANDOVER_WAITING,  /* the watcher has yet to take it */
    HANDOVER_SENT,     /* handed over: the last that is known of a service manager */
    HANDOVER_HELD,     /* the keeper has confirmed that it holds it */
    HANDOVER_SAFETIES,
};

/* Embedded in the connection of a registration; all zero before it is added. */
struct handover_entry {
    int fd;
    enum handover_safety safety;
    uint64_t message;                   /* with which it was sent */
    struct handover_entry *prev, *next; /* in the list of its safety */
};

struct handover {
    struct state *state; /* is handed over first, and is whole before a registration is */
    const struct registry *registry;
    uint16_t port; /* for the status line that the watcher shows */
    struct watcher watcher;
    struct handover_entry *entries[HANDOVER_SAFETIES]; /* oldest first */
    size_t n_entries[HANDOVER_SAFETIES];
    size_t room;             /* for connections, as the watcher says */
    size_t max_sent;         /* the same, or less while the keeper refuses more */
    size_t n_leaving;        /* connections that have gone, and the watcher may not know */
    size_t n_left_since;     /* of them, since the timer was set */
    bool is_leaving;         /* the timer is set for them */
    bool is_full, is_busy;   /* what the log has told of the watcher */
    bool was_refused;        /* by the keeper, and some wait since then; the log has told it */
    uint64_t state_message;  /* with which the state was sent */
    bool state_waits;        /* until the watcher takes it; then registrations do, too */
    bool announcement_waits; /* likewise */
    struct event flush;      /* when the watcher may take more */
    struct event left;       /* when it may have room again */
};

struct handover_config {
    struct event_base *base;
    struct state *state; /* closed; outlives this */
    const struct registry *registry;
    uint16_t port;
    bool systemd; /* there may be a service manager */
    int channel;  /* to the keeper; -1: none. Taken over. */
};

/* Finds the watcher. Where there is none, what follows does nothing. */
void handover_open(struct handover *handover, const struct handover_config *config);

bool handover_has_watcher(const struct handover *handover);

/* Hands the state over, or later, where the watcher is busy. Returns 0, or a negative errno
 * where the watcher has gone. */
int handover_send_state(struct handover *handover);

/* Tells the watcher that this process serves, and from now on that it is alive. Returns 0, or
 * a negative errno where that is a keeper, and has gone. */
int handover_announce(struct handover *handover);

/* Take in a registration; `fd` is its connection. The watcher has it already; or is not to get
 * it; or is to get it, now or later. */
void handover_adopt(struct handover *handover, struct handover_entry *entry, int fd);
void handover_leave_out(struct handover *handover, struct handover_entry *entry, int fd);
void handover_add(struct handover *handover, struct handover_entry *entry, int fd);

/* Forgets an entry. Where `ends` says so, the watcher's duplicate ends with it: the connection
 * is shut down. */
void handover_remove(struct handover *handover, struct handover_entry *entry, bool ends);

/* Writes the state anew, in a while, if that could not be done at once. */
void handover_await_state(struct handover *handover);

/* Whether a duplicate of the entry's connection is, or may be, with the watcher. */
bool handover_has_sent(const struct handover_entry *entry);

/* How many would survive this process, as far as can be known. */
size_t handover_count_safe(const struct handover *handover);

/* Gives the watcher what it has not taken so far, as long as it takes some within a second.
 * Then the channel is closed, and what is with the watcher stays there. */
void handover_close(struct handover *handover);

#endif

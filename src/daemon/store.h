/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives this process: the registrations, with their connections.
 *
 * A watcher, our own keeper or the service manager, holds duplicates of descriptors:
 * the listening sockets, each registration's connection, and a file in memory with
 * the registry's state. The order makes a crash harmless at any instruction: the state
 * is written, the descriptor is in the watcher's queue, and only then is the node told
 * that it is registered. Without a watcher all of this does nothing. While the watcher does not
 * take what it is to get, the node is told nevertheless: a slow service manager must not stop a
 * cluster.
 */
#ifndef EPMD_DAEMON_STORE_H
#define EPMD_DAEMON_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/inventory.h"
#include "core/registry.h"
#include "daemon/handover.h"
#include "daemon/state.h"

struct store {
    struct state state;
    struct state_note note;
    struct handover handover;
    bool is_closed; /* what is kept is to stay with the watcher */
    bool is_long;   /* the state; and the log knows */
};

struct store_config {
    struct event_base *base;
    const struct registry *registry;
    uint16_t port;
    bool systemd; /* there may be a service manager */
    int channel;  /* to the keeper; -1: none. Taken over. */
    int memory;   /* the state that was passed on; -1: none. Taken over. */
};

/* Starts to keep, with the watcher that there is, if there is one. What cannot be kept is
 * logged, and fails nothing. */
void store_open(struct store *store, const struct store_config *config);

/* Gives up, and says so, where this system does not number its sockets, of which `fd` is one:
 * a successor could not tell which connection is whose. */
void store_require_numbers(struct store *store, int fd);

/* Notes that this program is being started, before anything is restored, and sets `*counters`
 * to what the process before has counted, where that has handed it on. Returns how much of
 * the state is to be left out, because starts with all of it have failed (state_load()). */
unsigned store_begin_start(struct store *store, struct counters *counters);

/* Counts one more registration that the watcher has already. */
void store_adopt(struct store *store, struct handover_entry *entry, int fd);

/* Makes the state say what the registry says, once all is restored. */
void store_begin(struct store *store);

/* Tells the watcher that this process serves, and from now on that it is alive. Returns 0;
 * or a negative errno where that is a keeper, and it has gone. */
int store_announce(struct store *store);

/* Keeps a listening socket. */
void store_add_listener(struct store *store, int fd);

/* Keeps a node that has just registered over connection `fd`, as far as it can be; then the
 * node may be told. Sets the node's id. */
void store_add(struct store *store, struct handover_entry *entry, struct registry_node *node,
               int fd);

/* Forgets a node that leaves, before it is unregistered. */
void store_remove(struct store *store, struct handover_entry *entry,
                  const struct registry_node *node);

/* Gives memory of the state back, where most of it is out of date. To be called after what
 * store_remove() announced has happened. */
void store_tidy(struct store *store);

/* Whether a successor would find what this process has. */
bool store_is_open(const struct store *store);

/* Whether the watcher is, or was, our own keeper: then none follows a worker that just ends. */
bool store_has_keeper(const struct store *store);

/* How many of the live registrations would not survive this process. */
size_t store_count_missing(const struct store *store);

/* Fills in what is told of the watcher. */
void store_describe(const struct store *store, struct inventory_daemon *self);

/* Whether a peer has asked for a reload in the last `interval_ms`. */
bool store_was_reloaded(const struct store *store, int64_t interval_ms);

/* Notes that a peer asks for one now. */
void store_note_reload(struct store *store);

/* Hands what has been counted on to a successor. */
void store_note_counters(struct store *store, const struct counters *counters);

/* Tells a successor since when no node is registered, in ms of the monotonic clock; 0: one is. */
void store_note_idle(struct store *store, int64_t since_ms);

/* What the process before has told of that; 0 where it has told nothing. */
int64_t store_idle_since(const struct store *store);

/* Stops keeping, as handover_close() does. */
void store_close(struct store *store);

#endif

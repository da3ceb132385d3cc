/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives this process: the registrations, with their connections.
 *
 * A watcher, our own keeper or the service manager, holds duplicates of descriptors:
 * the listening sockets, each registration's connection, and a file in memory with
 * the registry's state. The order makes a crash harmless at any instruction: the state
 * is written, the descriptor is in the watcher's queue, and only then is the node told
 * that it is registered. Without a watcher all of this does nothing.
 *
 * A keeper takes what it is sent at once. A service manager may be slow: what it does
 * not take waits, the node is told nevertheless, and the log tells what would be lost.
 */
#ifndef EPMD_DAEMON_STORE_H
#define EPMD_DAEMON_STORE_H

#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/inheritance.h"
#include "daemon/state.h"

struct connection;
struct server;

struct store {
    struct server *server;
    int channel;    /* to the watcher; -1: none */
    bool keeper;    /* the watcher is our own */
    bool is_closed; /* what is kept is to stay with the watcher */
    struct state state;
    size_t n_stored, max_stored; /* connections */
    bool is_full, is_busy;       /* and the log knows */
    bool state_waits;            /* until the watcher takes it; then registrations do, too */
    bool announcement_waits;     /* likewise */
    struct event flush;          /* when the watcher takes more */
    struct event hangup;         /* when it has gone */
    struct event watchdog;       /* when it wants to hear from us */
};

/* Starts to keep, with the watcher that there is, if there is one; takes over channel
 * and memory of the inheritance. What cannot be kept is logged, and fails nothing. */
void store_open(struct store *store, struct server *server, const struct inheritance *inheritance);

/* Writes the state as it is now, with `n_restored` registrations that the watcher has. */
void store_begin(struct store *store, size_t n_restored);

/* Tells the watcher that this process serves, and from now on that it is alive. Returns 0;
 * or a negative errno where that is a keeper, and it has gone. */
int store_announce(struct store *store);

/* Keeps a listening socket. */
void store_add_listener(struct store *store, int fd);

/* Keeps a node that has just registered, so that it may be told. Returns false where
 * the watcher has not taken it yet: then store_await() once it is in CAPACITY_UNSTORED. */
bool store_add(struct store *store, struct connection *connection);

/* Starts to wait until the watcher takes more of CAPACITY_UNSTORED. */
void store_await(struct store *store);

/* Forgets a node that leaves, before it is unregistered. */
void store_remove(struct store *store, struct connection *connection);

/* Whether a successor would find what this process has. */
bool store_is_open(const struct store *store);

/* Gives the watcher what it has not taken so far, as long as it takes some within a
 * second; then stops keeping. What is kept stays with the watcher. */
void store_close(struct store *store);

#endif

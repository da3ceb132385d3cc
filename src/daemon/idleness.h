/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For how long no node has been registered, and whether that is too long (-exit_when_idle).
 *
 * The time begins with the start, or when the last node has left, and a registration alone
 * ends it. It is of the monotonic clock, and stands in the store's note, so that it goes on
 * in a successor: neither a crash nor a reload begins it anew.
 */
#ifndef EPMD_DAEMON_IDLENESS_H
#define EPMD_DAEMON_IDLENESS_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/registry.h"
#include "daemon/store.h"

struct idleness_config {
    struct event_base *base;
    const struct registry *registry; /* which, as the store, outlives the idleness */
    struct store *store;
    unsigned limit_s;             /* 0: it may last for ever */
    void (*over)(void *argument); /* called when it has lasted for that long */
    void *argument;
};

struct idleness {
    struct idleness_config config;
    int64_t since_ms;   /* of the monotonic clock; 0: a node is registered, or there is no limit */
    struct event timer; /* when it has lasted for too long */
};

/* Begins to measure, with what an earlier process has noted, once all is restored. */
void idleness_start(struct idleness *idleness, const struct idleness_config *config);

/* Takes notice of a node that has registered or left; before idleness_start(), of none. */
void idleness_look(struct idleness *idleness);

/* Has `over` called when the limit is reached, or soon where that has happened already. */
void idleness_await(struct idleness *idleness);

/* Whether the limit has been reached. */
bool idleness_is_over(const struct idleness *idleness);

/* Has a successor begin anew. */
void idleness_forget(struct idleness *idleness);

/* Ends it; also one that is all zero. */
void idleness_deinit(struct idleness *idleness);

#endif

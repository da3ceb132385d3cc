/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an operator is shown of an epmd: all facts of one moment.
 *
 * Peers choose how many nodes there are and how long their names, so only as many are
 * shown as a reply may hold: the oldest, which no number of later ones hides.
 */
#ifndef EPMD_METRICS_OVERVIEW_H
#define EPMD_METRICS_OVERVIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/counters.h"
#include "core/inventory.h"
#include "core/registry.h"

/* At the most so many nodes are shown, with so many bytes in all of their names. */
#define OVERVIEW_NODES_MAX 1000
#define OVERVIEW_NAMES_SIZE_MAX 65536

struct overview {
    const char *host; /* as it calls itself */
    bool shows_names; /* the peer may list them, and -metrics_no_names is not given */
    bool is_draining; /* a successor is about to take over */
    const struct inventory_daemon *daemon;
    const struct registry *registry;
    const struct counters *counters;
    size_t n_connections, max_connections;
    size_t n_waiting; /* bytes of replies that peers have yet to read */
    int64_t now_ms;   /* of the clock that counts the registry's times */
    int64_t cpu_us;   /* used by the process */
};

/* The node that registered first, NULL where there is none. From there on, `prev` is the next
 * younger one, for as many as are shown. */
const struct registry_node *overview_oldest(const struct overview *overview);

/* How many of the live nodes, from the oldest on, are shown. */
size_t overview_count_shown(const struct overview *overview);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's state in a file in memory: what core/snapshot writes, and where.
 *
 * The records grow at the end. When most of them are out of date, all that is true is
 * written anew behind them, and only then does the header point there: at any moment
 * the file holds one whole state.
 */
#ifndef EPMD_DAEMON_STATE_H
#define EPMD_DAEMON_STATE_H

#include <stdint.h>

#include "core/registry.h"
#include "core/snapshot.h"

struct state {
    int fd;              /* the file's, owned; -1: there is none, and all calls do nothing */
    uint64_t start, end; /* of the records */
    uint64_t fresh_len;  /* how long they were when last written anew */
};

/* Takes over a file, or makes one where `fd` is negative. Returns 0 or a negative errno. */
int state_open(struct state *state, int fd);

/* Reads what an earlier process wrote into an empty registry. Returns 0, or a negative
 * errno where nothing could be used: -EPROTONOSUPPORT, and the version in `report`,
 * where that process was of another version. */
int state_load(struct state *state, struct registry *registry, struct snapshot_report *report);

/* Writes everything anew. Returns 0, or a negative errno: then the old state stays. */
int state_rewrite(struct state *state, const struct registry *registry);

/* Writes that a node has registered; the registry has it already. Returns 0 or a
 * negative errno. */
int state_add(struct state *state, const struct registry *registry,
              const struct registry_node *node);

/* Writes that a node has left. Returns 0 or a negative errno. */
int state_remove(struct state *state, const struct registry_node *node);

/* Closes our descriptor of the file. */
void state_close(struct state *state);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier process has left: descriptors that the watcher passes on, of which
 * each tells by itself what it is.
 */
#ifndef EPMD_DAEMON_INHERITANCE_H
#define EPMD_DAEMON_INHERITANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "options/options.h"

struct inheritance {
    int channel; /* to the keeper; -1: none */
    int memory;  /* with the state; -1: none */
    int metrics; /* listens where -metrics says; -1: none */
    int *listeners, *nodes;
    size_t n_listeners, n_nodes;
};

/* Sorts the descriptors that were passed to this process, where the options or a keeper
 * tell that they were meant for it. Returns 0; or logs that memory is short, and returns
 * -ENOMEM. The caller gives the arrays to inheritance_free(). */
int inheritance_take(const struct options *options, struct inheritance *out);
void inheritance_free(struct inheritance *inheritance);

/* Whether a service manager has passed a socket that listens on the very port of the options,
 * which do not say -systemd. Such a start would find its own port taken, by a socket behind
 * which no epmd answers, and be woken up again for ever. */
bool inheritance_is_overlooked(const struct options *options);

#endif

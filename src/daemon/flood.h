/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound on the lines that peers can provoke: of one kind, so many are written within
 * some seconds; of the rest, only how many there were.
 */
#ifndef EPMD_DAEMON_FLOOD_H
#define EPMD_DAEMON_FLOOD_H

#include <event2/event.h>
#include <stdbool.h>

#include "core/refusal.h"

/* Kinds of lines: one a refusal, and these. */
enum flood_kind {
    FLOOD_EVICTED = REFUSAL_COUNT,
    FLOOD_FAILED,
    FLOOD_PAUSED,
    FLOOD_RELOADING,
    FLOOD_NOT_RELOADING,
    FLOOD_KINDS,
};

/* Starts; needs a loop for the time when a flood is over. */
void flood_init(struct event_base *base);

/* Stops, and tells of what has not been told. */
void flood_deinit(void);

/* Whether a line of that kind, a refusal's or one of the above, is to be written; counts
 * it. */
bool flood_allows(int kind);

#endif

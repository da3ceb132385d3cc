/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened since this process started. Each number only grows.
 */
#ifndef EPMD_CORE_COUNTERS_H
#define EPMD_CORE_COUNTERS_H

#include <stdint.h>

#include "core/refusal.h"

#define COUNTERS_TAGS 128 /* a tag is a character of ASCII */

struct counters {
    uint64_t connections;             /* accepted */
    uint64_t requests[COUNTERS_TAGS]; /* served, by tag */
    uint64_t misses;                  /* lookups of a name that no node has */
    uint64_t refusals[REFUSAL_COUNT]; /* requests and peers that were refused, by reason */
    uint64_t unregistrations;         /* nodes that have left */
    uint64_t expired;                 /* connections that did not finish in time */
    uint64_t gave_way;                /* unfinished connections closed to make room */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has happened since the first process of this epmd started: a reload hands them on.
 * Each number only grows.
 */
#ifndef EPMD_CORE_COUNTERS_H
#define EPMD_CORE_COUNTERS_H

#include <stdint.h>

#include "core/refusal.h"
#include "core/wire.h"

#define COUNTERS_TAGS 128 /* a tag is a character of ASCII */

struct counters {
    uint64_t connections;             /* accepted */
    uint64_t requests[COUNTERS_TAGS]; /* served, by tag */
    uint64_t misses;                  /* lookups of a name that no node has */
    uint64_t refusals[REFUSAL_COUNT]; /* requests and peers that were refused, by reason */
    uint64_t unregistrations;         /* nodes that have left */
    uint64_t expired;                 /* connections that did not finish in time */
    uint64_t evicted;                 /* unfinished connections closed to make room */
};

/* Writes the counters so that another version can read them: requests by their tags, refusals
 * by their words. */
void counters_write(struct wire_writer *writer, const struct counters *counters);

/* Reads them back. What this version does not count is passed over. */
void counters_read(struct wire_reader *reader, struct counters *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many connections at once, one request each.  A fixed number is kept in
 * flight: whenever one has its answer, the next is started in its place.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FLIGHT_REQUEST_MAX 64

/* One sort of request.  `frame` writes the request about node `node` and
 * returns its length; a right answer starts with the two bytes `answer`. */
struct flight_kind {
    const char *word;
    size_t (*frame)(uint8_t *frame, size_t node);
    uint8_t answer[2];
    size_t stays_after; /* bytes after which the connection is kept open; 0: until closed */
};

struct flight_plan {
    struct sockaddr_in server;
    const struct flight_kind *kind;
    size_t count;         /* at most so many requests, */
    uint64_t duration_ns; /* and none is begun later than this */
    size_t in_flight;
    size_t (*next_node)(void);         /* which node the next request is about */
    void (*keep)(size_t node, int fd); /* takes over a connection that stays */
};

struct flight_tally {
    size_t answered;
    size_t refused; /* an answer, but not the right one */
    size_t closed;  /* the end came without an answer */
    size_t reset;
    size_t stalled; /* nothing moved for FLIGHT_STALL_MS */
    uint64_t bytes; /* of answers */
    uint64_t elapsed_ns;
    uint64_t *latency_ns; /* of each that got any answer; room for plan->count */
};

enum { FLIGHT_STALL_MS = 10000 };

/* Carries out the plan.  Ends the program when the generator itself fails
 * (no descriptors, no server). */
void flight_run(const struct flight_plan *plan, struct flight_tally *tally);

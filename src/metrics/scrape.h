/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP connection's life, without the connection; what -metrics answers.
 *
 * Bytes go in; a verdict comes out, with the reply to send where there is one. A scrape
 * serves one request, GET or HEAD, and every reply says that the connection is closed after
 * it: what a client sends beyond its request is never looked at.
 *
 * There are `/` for people, `/metrics` for Prometheus, and `/healthz`. All of them only
 * read. Every client that can connect sees the counters; names are for those that may list
 * them (-allow_names).
 */
#ifndef EPMD_METRICS_SCRAPE_H
#define EPMD_METRICS_SCRAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/sheet.h"
#include "metrics/overview.h"

#define SCRAPE_REQUEST_MAX 8192 /* bytes, to the empty line at its end */

/* One connection's. All zeros is one that has received nothing. */
struct scrape {
    uint16_t held_len;
    uint8_t *held; /* the start of a request that came in pieces, or NULL */
};

/* What all scrapes of an epmd share. */
struct scrape_context {
    /* Fills in all that a peer may be told. What `out` points to is good until the next call. */
    void (*look)(void *argument, const struct endpoint *peer, bool local, struct overview *out);
    void *argument; /* handed to it */
};

enum scrape_verdict {
    SCRAPE_WAIT,  /* the request is not complete */
    SCRAPE_CLOSE, /* close without a reply: there is no memory */
    SCRAPE_REPLY, /* send the reply, then close */
};

struct scrape_outcome {
    enum scrape_verdict verdict;
    unsigned status; /* of HTTP, where there is a reply */
    const uint8_t *reply;
    size_t reply_len;
    struct sheet *sheet; /* what `reply` lies in, of which the caller owns one reference;
                                NULL where it lies in constant memory */
};

/* Frees what it holds. */
void scrape_deinit(struct scrape *scrape);

/* How many bytes the scrape takes at the most in its next scrape_receive(). */
size_t scrape_want(const struct scrape *scrape);

/* Hands `len` bytes, 1 to scrape_want(), to a scrape that has had no verdict but SCRAPE_WAIT.
 * After a reply, what is left unread is best read and dropped before close(2), which would
 * reset the connection, and the reply with it. */
void scrape_receive(struct scrape *scrape, const struct scrape_context *context,
                    const struct endpoint *peer, bool local, const uint8_t *bytes, size_t len,
                    struct scrape_outcome *out);

#endif

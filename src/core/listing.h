/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replies to NAMES_REQ and DUMP_REQ, which grow with the nodes, as that to INFO_REQ
 * does (core/inventory).
 *
 * A listing is one run of bytes that never changes once made. It is counted by
 * reference, so that any number of slow readers share one copy.
 */
#ifndef EPMD_CORE_LISTING_H
#define EPMD_CORE_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/registry.h"
#include "core/wire.h"

struct listing {
    size_t n_refs;
    size_t len;
    uint8_t bytes[];
};

/* Each makes a reply from what is registered now; `port` is epmd's own. Returns NULL
 * without memory; the caller owns one reference. */
typedef struct listing *listing_maker(const struct registry *registry, uint16_t port);
listing_maker listing_new_names;
listing_maker listing_new_dump;

/* Reads the next name and port from what follows epmd's own port in a reply to NAMES_REQ,
 * from whatever answered. Lines that are no such line are passed over; `out` points into the
 * reply, and its name is not checked. Returns false at the end. */
bool listing_read_name(struct wire_reader *reader, struct protocol_node *out);

/* Makes one of `len` bytes, which the caller, who owns one reference, fills in. Returns
 * NULL without memory. */
struct listing *listing_new(size_t len);

/* Takes one more reference and returns `listing`. */
struct listing *listing_ref(struct listing *listing);

/* Gives one reference back, the last of which frees it. NULL is ignored. */
void listing_unref(struct listing *listing);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer has not taken yet of a reply. */
#ifndef EPMD_DAEMON_UNSENT_H
#define EPMD_DAEMON_UNSENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/listing.h"

struct unsent {
    const uint8_t *at; /* in the listing, or in `copy` */
    size_t len;
    size_t kept_len; /* what it was at first */
    struct listing *listing;
    uint8_t copy[];
};

/* Sends what a socket takes now, and moves on in the bytes. Returns 0 when that was all, or
 * a negative errno: -EAGAIN when the peer has to read first. */
int unsent_send(int fd, const uint8_t **at, size_t *len);

/* Makes bytes outlive the call: by a reference to the listing that they lie in, or by a
 * copy where that is NULL. Returns what unsent_free() frees, or NULL without memory. */
struct unsent *unsent_new(const uint8_t *at, size_t len, struct listing *listing);

/* Frees it. NULL is ignored. */
void unsent_free(struct unsent *unsent);

#endif

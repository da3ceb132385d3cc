/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer has not taken yet of a reply: of a run of bytes, or of a listing. */
#ifndef EPMD_DAEMON_UNSENT_H
#define EPMD_DAEMON_UNSENT_H

#include <stddef.h>
#include <stdint.h>

#include "core/listing.h"

struct unsent {
    size_t len; /* in all */
    const uint8_t *at;
    size_t at_len;           /* bytes that come next, at `at` */
    struct listing *listing; /* whose sheets follow; or NULL */
    size_t next;             /* the first of them */
    uint8_t copy[];          /* of the bytes, once they are kept */
};

/* Starts with all of a run of bytes, or of a listing; both stay the caller's. */
void unsent_init(struct unsent *unsent, const uint8_t *bytes, size_t len);
void unsent_init_listing(struct unsent *unsent, struct listing *listing);

/* Sends what a socket takes now. Returns 0 when that was all, or a negative errno: -EAGAIN
 * when the peer has to read first. */
int unsent_send(struct unsent *unsent, int fd);

/* Makes what is left outlive the caller's bytes or reference. Returns what unsent_free()
 * frees, or NULL without memory. */
struct unsent *unsent_keep(const struct unsent *left);

/* Frees what unsent_keep() made. NULL is ignored. */
void unsent_free(struct unsent *unsent);

#endif

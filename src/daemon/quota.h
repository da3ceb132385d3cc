/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many unfinished connections each remote host has, so that one is not everyone.
 *
 * A host is an IPv4 address, or an IPv6 network of 64 bits, which is what one host can
 * have the whole of (RFC 4291).
 */
#ifndef EPMD_DAEMON_QUOTA_H
#define EPMD_DAEMON_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/hash.h"

struct quota_host;

struct quota {
    struct quota_host *hosts; /* uthash head: those with unfinished connections */
    unsigned max;             /* for each */
    uint8_t seed[HASH_SEED_SIZE];
};

/* Sets up a quota of `max` connections a host. */
void quota_init(struct quota *quota, unsigned max, const uint8_t seed[HASH_SEED_SIZE]);

/* Whether a host may have one more. */
bool quota_allows(const struct quota *quota, const struct address *address);

/* Counts one more. Without memory it is not counted, and neither is its end. */
void quota_take(struct quota *quota, const struct address *address);

/* Counts one less. */
void quota_give_back(struct quota *quota, const struct address *address);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each remote host has of something, so that no host takes all of it.
 *
 * A host is an IPv4 address, or an IPv6 network of 64 bits, which is what one host can
 * have the whole of (RFC 4291).
 */
#ifndef EPMD_CORE_QUOTA_H
#define EPMD_CORE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "core/address.h"
#include "core/hash.h"

/* Hosts are told apart by how many they have up to this; those with more are alike. */
#define QUOTA_COUNTED_MAX 64

struct quota_host;

/* Embedded in what is counted. */
struct quota_share {
    struct quota_host *host; /* whose it is; NULL: not counted */
    struct quota_share *prev, *next;
};

struct quota {
    struct quota_host *hosts;                           /* uthash head: those that have any */
    struct quota_host *by_count[QUOTA_COUNTED_MAX + 1]; /* the same, by how many they have */
    unsigned max;                                       /* for each */
    uint8_t seed[HASH_SEED_SIZE];
};

/* Sets up a quota of `max` a host. */
void quota_init(struct quota *quota, unsigned max, const uint8_t seed[HASH_SEED_SIZE]);

/* Whether a host may have one more. */
bool quota_allows(const struct quota *quota, const struct address *address);

/* Counts one more. Without memory it is not counted, and neither is its end. */
void quota_take(struct quota *quota, struct quota_share *share, const struct address *address);

/* Counts one less. */
void quota_give_back(struct quota *quota, struct quota_share *share);

/* The newest of the host that has the most; NULL where nothing is counted. */
struct quota_share *quota_newest_of_most(const struct quota *quota);

#endif

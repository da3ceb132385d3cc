/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keyed hash (SipHash-2-4), for tables whose keys peers can choose: without the seed
 * no peer finds keys that collide.
 */
#ifndef EPMD_CORE_HASH_H
#define EPMD_CORE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SEED_SIZE 16

/* Returns 64 bits that depend on the seed and on all of `bytes`. */
uint64_t hash_keyed(const uint8_t seed[HASH_SEED_SIZE], const void *bytes, size_t len);

#endif

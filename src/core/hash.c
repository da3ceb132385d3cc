/* SPDX-License-Identifier: Apache-2.0 */
/* A keyed hash. */
#include "core/hash.h"

#include <sodium/crypto_shorthash.h>
#include <string.h>

_Static_assert(HASH_SEED_SIZE == crypto_shorthash_KEYBYTES, "the seed is the key");

uint64_t hash_keyed(const uint8_t seed[HASH_SEED_SIZE], const void *bytes, size_t len)
{
    uint64_t hash;
    uint8_t digest[crypto_shorthash_BYTES];
    crypto_shorthash(digest, bytes, len, seed);
    memcpy(&hash, digest, sizeof hash);
    return hash;
}

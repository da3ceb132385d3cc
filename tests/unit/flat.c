/* SPDX-License-Identifier: Apache-2.0 */
/* A listing as one run of bytes. */
#include "flat.h"

#include <stdlib.h>
#include <string.h>

const uint8_t *flat(const struct listing *listing)
{
    static uint8_t bytes[FLAT_MAX];
    size_t len = 0;
    if (listing->len > sizeof bytes) {
        abort();
    }
    for (size_t i = 0; i < listing->n_sheets; i++) {
        memcpy(bytes + len, listing->sheets[i]->bytes, listing->sheets[i]->len);
        len += listing->sheets[i]->len;
    }
    if (len != listing->len) {
        abort();
    }
    return bytes;
}

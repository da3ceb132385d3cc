/* SPDX-License-Identifier: Apache-2.0 */
/* A listing as one run of bytes. */
#ifndef EPMD_TESTS_FLAT_H
#define EPMD_TESTS_FLAT_H

#include <stdint.h>

#include "core/listing.h"

#define FLAT_MAX ((size_t)1 << 20)

/* Returns the bytes of all sheets, good until the next call. */
const uint8_t *flat(const struct listing *listing);

#endif

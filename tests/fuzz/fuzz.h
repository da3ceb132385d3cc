/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all fuzz targets share.
 *
 * A target reads nothing but its input and keeps nothing between two of them, so that
 * every finding can be replayed alone.
 */
#ifndef EPMD_TESTS_FUZZ_H
#define EPMD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs one input; returns 0. Ends the process where something does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert(3), never compiled out. */
#define REQUIRE(condition) ((condition) ? (void)0 : require_failed(#condition, __FILE__, __LINE__))

static inline void require_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

#endif

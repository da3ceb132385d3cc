/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that ends where the process's own ends.
 *
 * The byte after it lies in a page that cannot be touched: one step too far is a
 * segmentation fault, with any compiler and without any sanitizer.
 */
#ifndef EPMD_TESTS_GUARDED_H
#define EPMD_TESTS_GUARDED_H

#include <stddef.h>
#include <stdint.h>

#define GUARDED_MAX 65536

/* Returns `len` bytes, 0 to GUARDED_MAX, that end at the border and are good until the
 * next call. All of them are 0xaa. */
uint8_t *guarded_room(size_t len);

/* Returns a copy of `bytes` there. */
const uint8_t *guarded_copy(const void *bytes, size_t len);

#endif

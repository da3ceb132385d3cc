/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of bytes that never changes once it is made, counted by reference: any number of
 * replies, and of slow readers, share one copy.
 */
#ifndef EPMD_CORE_SHEET_H
#define EPMD_CORE_SHEET_H

#include <stddef.h>
#include <stdint.h>

struct sheet {
    size_t n_refs;
    size_t len;
    uint8_t bytes[];
};

/* Makes one of `len` bytes. The caller owns one reference, and fills the bytes in. Returns
 * NULL without memory. */
struct sheet *sheet_new(size_t len);

/* Gives back what is beyond `len` bytes. Returns the sheet, which may have moved. */
struct sheet *sheet_shrink(struct sheet *sheet, size_t len);

/* Takes one more reference and returns `sheet`. */
struct sheet *sheet_ref(struct sheet *sheet);

/* Gives one reference back, the last of which frees it. NULL is ignored. */
void sheet_unref(struct sheet *sheet);

#endif

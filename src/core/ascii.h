/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere, as characters that every terminal shows. */
#ifndef EPMD_CORE_ASCII_H
#define EPMD_CORE_ASCII_H

#include <stddef.h>
#include <stdint.h>

/* Copies `len` bytes to `text`, `instead` in the place of what is not printable ASCII, and
 * adds a NUL: `text` has room for `len` + 1. */
void ascii_copy(const uint8_t *bytes, size_t len, char instead, char *text);

#endif

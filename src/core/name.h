/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node name may be: 1 to 255 Unicode characters in valid UTF-8 (RFC 3629),
 * no NUL among them. The name is the part before the `@` of an Erlang node's name.
 */
#ifndef EPMD_CORE_NAME_H
#define EPMD_CORE_NAME_H

#include <stddef.h>
#include <stdint.h>

#include "core/refusal.h"

#define NAME_MAX_CHARACTERS 255
#define NAME_MAX_LEN 1020 /* bytes: 255 characters of four */

/* Room for any legal name as name_format() writes it, with its NUL. */
#define NAME_TEXT_SIZE (4 * NAME_MAX_LEN + 4)

/* Returns REFUSAL_NONE for a name, else which REFUSAL_NAME_* it is. An empty name
 * and a NUL are found first: the protocol answers those by a close, the others
 * by a refusal. */
enum refusal name_check(const uint8_t *name, size_t len);

/* Writes `name` as one word that is safe in a log line or on a terminal: control
 * characters, those that end a line or turn its direction round (U+2028, U+202E),
 * backslashes, quotes and whatever is not UTF-8 become \xNN. Needs room for
 * three bytes more than the text, or else ends with "..."; always NUL-terminated.
 * `size` is at least 4. */
void name_format(const uint8_t *name, size_t len, char *text, size_t size);

#endif

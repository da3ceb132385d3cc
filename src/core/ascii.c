/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere, as characters that every terminal shows. */
#include "core/ascii.h"

#include <stdbool.h>
#include <string.h>

void ascii_copy(const uint8_t *bytes, size_t len, char instead, char *text)
{
    for (size_t i = 0; i < len; i++) {
        bool is_printable = bytes[i] >= ' ' && bytes[i] <= '~';
        text[i] = instead;
        if (is_printable) {
            memcpy(&text[i], &bytes[i], 1);
        }
    }
    text[len] = '\0';
}

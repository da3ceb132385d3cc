/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere, as characters that every terminal shows. */
#include "core/ascii.h"

void ascii_copy(const uint8_t *bytes, size_t len, char instead, char *text)
{
    for (size_t i = 0; i < len; i++) {
        text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? (char)bytes[i] : instead;
    }
    text[len] = '\0';
}

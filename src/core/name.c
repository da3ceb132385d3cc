/* SPDX-License-Identifier: Apache-2.0 */
/* What a node name may be. */
#include "core/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct utf8_form {
    uint8_t mask; /* of the first byte */
    uint8_t lead; /* what the first byte is under the mask */
    uint8_t len;
    uint32_t min; /* below it the form is overlong */
};

static const struct utf8_form forms[] = {
    {0x80, 0x00, 1, 0x0},
    {0xe0, 0xc0, 2, 0x80},
    {0xf0, 0xe0, 3, 0x800},
    {0xf8, 0xf0, 4, 0x10000},
};

static bool utf8_is_scalar(uint32_t code, uint32_t min)
{
    return code >= min && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
}

/* Returns how many bytes the character at `bytes` has, 0 where there is none. */
static size_t utf8_decode(const uint8_t *bytes, size_t len, uint32_t *out)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct utf8_form *form = &forms[i];
        if ((bytes[0] & form->mask) != form->lead) {
            continue;
        }
        if (len < form->len) {
            return 0;
        }
        uint32_t code = bytes[0] & (uint8_t)~form->mask;
        for (size_t k = 1; k < form->len; k++) {
            if ((bytes[k] & 0xc0) != 0x80) {
                return 0;
            }
            code = code << 6 | (bytes[k] & 0x3f);
        }
        *out = code;
        return utf8_is_scalar(code, form->min) ? form->len : 0;
    }
    return 0;
}

enum refusal name_check(const uint8_t *name, size_t len)
{
    if (len == 0) {
        return REFUSAL_NAME_EMPTY;
    }
    if (memchr(name, 0, len)) {
        return REFUSAL_NAME_HAS_NUL;
    }
    size_t characters = 0;
    for (size_t at = 0; at < len; characters++) {
        uint32_t code;
        bool is_ascii = name[at] < 0x80; /* as in most names: each lookup comes here */
        size_t used = is_ascii ? 1 : utf8_decode(name + at, len - at, &code);
        if (used == 0) {
            return REFUSAL_NAME_NOT_UTF8;
        }
        at += used;
    }
    return characters > NAME_MAX_CHARACTERS ? REFUSAL_NAME_TOO_LONG : REFUSAL_NONE;
}

/* What ends a line, or has the text around it read in another direction (Unicode, UAX #9). */
static bool character_is_layout(uint32_t code)
{
    return code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

static bool character_is_plain(uint32_t code)
{
    bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    return !is_control && code != '\\' && code != '"' && !character_is_layout(code);
}

void name_format(const uint8_t *name, size_t len, char *text, size_t size)
{
    static const char ellipsis[] = "...";
    size_t out = 0;

    for (size_t at = 0; at < len;) {
        char piece[8];
        uint32_t code;
        size_t used = utf8_decode(name + at, len - at, &code);
        if (used > 0 && character_is_plain(code)) {
            memcpy(piece, name + at, used);
            piece[used] = '\0';
        } else {
            snprintf(piece, sizeof piece, "\\x%02x", name[at]);
            used = 1;
        }
        size_t piece_len = strlen(piece);
        bool last = at + used == len;
        if (out + piece_len + (last ? 1 : sizeof ellipsis) > size) {
            memcpy(text + out, ellipsis, sizeof ellipsis);
            return;
        }
        memcpy(text + out, piece, piece_len);
        out += piece_len;
        at += used;
    }
    text[out] = '\0';
}

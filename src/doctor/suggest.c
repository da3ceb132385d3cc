/* SPDX-License-Identifier: Apache-2.0 */
/* Which registered names a user may have meant. */
#include "doctor/suggest.h"

#include <string.h>

#include "client/names_reply.h"

#define NAMES_LOOKED_AT 1000
#define LEN_MAX 64 /* of names that are compared: users paste longer ones rather than type them */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte + 'a' - 'A') : byte;
}

/* How many bytes have to be inserted, left out or replaced to make one of the other
 * (Levenshtein's distance), where a capital letter is as good as a small one. */
static size_t distance(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t row[LEN_MAX + 1];
    for (size_t j = 0; j <= b_len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            row[j] = least(replaced, 1 + least(row[j], row[j - 1]));
        }
    }
    return row[b_len];
}

/* Puts a name where it belongs among those that are closer, if it does. */
static size_t insert(struct protocol_node out[SUGGEST_MAX], size_t ranks[SUGGEST_MAX], size_t n,
                     const struct protocol_node *entry, size_t rank)
{
    size_t at = n;
    while (at > 0 && ranks[at - 1] > rank) {
        at--;
    }
    if (at == SUGGEST_MAX) {
        return n;
    }
    size_t n_after = n < SUGGEST_MAX ? n + 1 : n;
    memmove(&out[at + 1], &out[at], (n_after - at - 1) * sizeof *out);
    memmove(&ranks[at + 1], &ranks[at], (n_after - at - 1) * sizeof *ranks);
    out[at] = *entry;
    ranks[at] = rank;
    return n_after;
}

size_t suggest_names(const struct exchange_reply *reply, const char *name,
                     struct protocol_node out[SUGGEST_MAX])
{
    size_t len = strlen(name), n = 0, ranks[SUGGEST_MAX];
    struct protocol_node entry;
    struct wire_reader reader;
    names_reply_init(&reader, reply);
    for (int i = 0; len <= LEN_MAX && i < NAMES_LOOKED_AT && listing_read_name(&reader, &entry);
         i++) {
        if (entry.name_len > LEN_MAX) {
            continue;
        }
        size_t rank = distance((const uint8_t *)name, len, entry.name, entry.name_len);
        if (rank <= 1 + len / 3) {
            n = insert(out, ranks, n, &entry, rank);
        }
    }
    return n;
}

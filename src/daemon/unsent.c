/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer has not taken yet of a reply. */
#include "daemon/unsent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* Sheets that one call sends. What fits into one segment is to leave in one: some clients take
 * the first for the whole. */
#define PARTS_MAX 64

void unsent_init(struct unsent *unsent, const uint8_t *bytes, size_t len)
{
    *unsent = (struct unsent){.len = len, .at = bytes, .at_len = len};
}

void unsent_init_listing(struct unsent *unsent, struct listing *listing)
{
    *unsent = (struct unsent){.len = listing->len, .listing = listing};
}

static int collect(const struct unsent *unsent, struct iovec parts[PARTS_MAX])
{
    int n = 0;
    if (unsent->at_len > 0) {
        parts[n++] = (struct iovec){.iov_base = (void *)unsent->at, .iov_len = unsent->at_len};
    }
    for (size_t i = unsent->next; unsent->listing && i < unsent->listing->n_sheets && n < PARTS_MAX;
         i++) {
        struct sheet *sheet = unsent->listing->sheets[i];
        parts[n++] = (struct iovec){.iov_base = sheet->bytes, .iov_len = sheet->len};
    }
    return n;
}

/* Moves on by what has been sent. */
static void advance(struct unsent *unsent, size_t n)
{
    unsent->len -= n;
    if (unsent->len == 0) {
        return;
    }
    while (n >= unsent->at_len) {
        const struct sheet *sheet =
            unsent->listing->sheets[unsent->next++]; /* NOLINT(clang-analyzer-core*) */
        n -= unsent->at_len;
        unsent->at = sheet->bytes;
        unsent->at_len = sheet->len;
    }
    unsent->at += n;
    unsent->at_len -= n;
}

int unsent_send(struct unsent *unsent, int fd)
{
    struct iovec parts[PARTS_MAX];
    while (unsent->len > 0) {
        ssize_t n = unsent->listing ? writev(fd, parts, collect(unsent, parts))
                                    : write(fd, unsent->at, unsent->at_len);
        if (n < 0 && errno != EINTR) {
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        }
        if (n > 0) {
            advance(unsent, (size_t)n);
        }
    }
    return 0;
}

struct unsent *unsent_keep(const struct unsent *left)
{
    size_t copied = left->listing ? 0 : left->at_len;
    struct unsent *unsent = malloc(sizeof *unsent + copied);
    if (!unsent) {
        return NULL;
    }
    *unsent = *left;
    if (left->listing) {
        listing_ref(left->listing);
    } else {
        memcpy(unsent->copy, left->at, copied);
        unsent->at = unsent->copy;
    }
    return unsent;
}

void unsent_free(struct unsent *unsent)
{
    if (unsent) {
        listing_unref(unsent->listing);
        free(unsent);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer has not taken yet of a reply. */
#include "daemon/unsent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int unsent_send(int fd, const uint8_t **at, size_t *len)
{
    while (*len > 0) {
        ssize_t n = write(fd, *at, *len);
        if (n < 0 && errno != EINTR) {
            return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        }
        if (n > 0) {
            *at += n;
            *len -= (size_t)n;
        }
    }
    return 0;
}

struct unsent *unsent_new(const uint8_t *at, size_t len, struct listing *listing)
{
    struct unsent *unsent = malloc(sizeof *unsent + (listing ? 0 : len));
    if (!unsent) {
        return NULL;
    }
    *unsent = (struct unsent){.at = at, .len = len, .kept_len = len};
    if (listing) {
        unsent->listing = listing_ref(listing);
    } else {
        memcpy(unsent->copy, at, len);
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the worker says to its keeper, in the protocol of notify.h: takes one message, keeps
 * its descriptors, and answers where an answer is asked for.
 */
#ifndef EPMD_SYSTEM_LINUX_INBOX_H
#define EPMD_SYSTEM_LINUX_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "system/linux/channel.h"
#include "system/linux/hold.h"
#include "system/linux/program.h"

/* What one message told. */
struct inbox_news {
    bool ready;       /* the worker serves */
    bool renews;      /* and its program can be a keeper that takes another's place */
    bool alive;       /* the sign of life that the watchdog asks for */
    size_t n_brought; /* descriptors to keep */
    int keep_error;   /* a negative errno if some of them, or all, are not kept */
};

/* Takes one message. Returns false where there is none. */
bool inbox_take(struct channel *channel, struct hold *hold, const struct program *program,
                struct inbox_news *news);

#endif

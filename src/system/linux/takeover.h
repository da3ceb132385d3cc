/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a keeper becomes the new program: execve(2) keeps its process id, and so its worker
 * stays its child and the descriptors stay open.
 *
 * What the new program has to know stands in two variables of the environment, in words
 * that each version must understand: $EPMD_TAKEOVER holds, as decimal numbers with blanks
 * between them, this process's id, the worker's, the descriptors of the channel and of the
 * program, and one more than the highest descriptor that is held; $EPMD_PROGRAM holds the
 * path of the program's file. Each open descriptor from 3 up to that end, except the two
 * named ones, is held.
 */
#ifndef EPMD_SYSTEM_LINUX_TAKEOVER_H
#define EPMD_SYSTEM_LINUX_TAKEOVER_H

#include <stdbool.h>
#include <sys/types.h>

#include "system/linux/hold.h"

struct takeover {
    pid_t worker;
    int channel;
    int image; /* the program, which is executed */
    int end;   /* one more than the highest number that is held */
    char *path;
};

/* Becomes the program. Returns only where that fails: a negative errno, and this process
 * is as it was. */
int takeover_exec(const struct takeover *takeover, const struct hold *hold, char *const argv[]);

/* Whether this process has become what it is by takeover_exec(). */
bool takeover_is_here(void);

/* Reads what was passed on, and takes it out of the environment. Returns false where
 * nothing was; else `path` is the caller's to free. */
bool takeover_read(struct takeover *out);

/* Gives `hold`, which is empty, the descriptors that were held. Returns how many of them
 * could not be. */
int takeover_restore(const struct takeover *takeover, struct hold *hold);

#endif

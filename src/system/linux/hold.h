/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of descriptors that are held open for another process.
 *
 * Each is dropped when its other end hangs up, which the caller's epoll tells.
 */
#ifndef EPMD_SYSTEM_LINUX_HOLD_H
#define EPMD_SYSTEM_LINUX_HOLD_H

#include <stdbool.h>

struct hold {
    int epoll;     /* the caller's */
    int n_numbers; /* the size of `held` */
    bool *held;    /* by descriptor number */
};

/* Sets up an empty set, watched by an epoll descriptor that stays the caller's. */
void hold_init(struct hold *hold, int epoll);

/* Frees the set; the descriptors go with the process. */
void hold_deinit(struct hold *hold);

/* Takes over a descriptor. Returns 0, or closes it and returns a negative errno. */
int hold_add(struct hold *hold, int fd);

/* Closes a descriptor if it is held. */
void hold_drop(struct hold *hold, int fd);

/* Whether a descriptor is held. */
bool hold_has(const struct hold *hold, int fd);

/* One more than the highest number that is held; 0 for none. */
int hold_end(const struct hold *hold);

#endif

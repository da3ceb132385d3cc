/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a worker: this program again, as a child that inherits what is held.
 */
#ifndef EPMD_SYSTEM_WORKER_H
#define EPMD_SYSTEM_WORKER_H

#include <sys/types.h>

#include "system/hold.h"

/* Executes the program that descriptor `image` is of, with `argv`, all held descriptors
 * and its end of a channel, in the service manager's conventions (notify.h); it is asked
 * for a sign of life every `watchdog_ms`. Returns our end of the channel, which the
 * caller owns, and the process in `*pid`; or a negative errno. */
int worker_start(const struct hold *hold, int image, char *const argv[], int watchdog_ms,
                 pid_t *pid);

#endif

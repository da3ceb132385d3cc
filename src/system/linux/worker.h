/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a worker: a child that inherits what is held.
 */
#ifndef EPMD_SYSTEM_LINUX_WORKER_H
#define EPMD_SYSTEM_LINUX_WORKER_H

#include <stdint.h>
#include <sys/types.h>

#include "system/linux/hold.h"

struct worker_program {
    int (*serve)(void *argument); /* to be called, if not NULL */
    void *argument;
    int image; /* else to be executed: a descriptor of the program */
    char *const *argv;
};

/* Starts a child that gets all held descriptors and its end of a channel, in the service
 * manager's conventions (notify.h), and is asked for a sign of life every `watchdog_ms`.
 * Returns our end of the channel, which the caller owns, and the process in `*pid`; or a
 * negative errno. */
int worker_start(const struct hold *hold, const struct worker_program *program, int watchdog_ms,
                 pid_t *pid);

/* The processor time that a worker has used, in milliseconds; 0 where that is unknown. */
int64_t worker_cpu_ms(pid_t worker);

#endif

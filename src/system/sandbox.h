/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process gives up, for good, before it listens to strangers.
 *
 * The layers do not need each other, with one exception: but for root, the system call
 * filter needs that no privileges can be gained. They are entered in their order.
 */
#ifndef EPMD_SYSTEM_SANDBOX_H
#define EPMD_SYSTEM_SANDBOX_H

enum sandbox_layer {
    SANDBOX_CORE,       /* no core file: it would hold what was in memory */
    SANDBOX_DUMPABLE,   /* not to be traced, nor read by way of /proc, but by root */
    SANDBOX_PRIVILEGES, /* what it executes gains nothing by set-user-ID or the like */
    SANDBOX_SECCOMP,    /* no system call but those of a worker that serves */
    SANDBOX_LAYERS,
};

/* Enters one layer. Returns 0, or a negative errno where that was refused, and nothing
 * has changed: -EOPNOTSUPP where this program was built without the layer. */
int sandbox_enter(enum sandbox_layer layer);

/* Undoes what a change of the user has done to a process that is to stay without
 * SANDBOX_DUMPABLE. */
void sandbox_leave_dumpable(void);

#endif

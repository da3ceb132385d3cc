/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls that a worker needs once it serves, and no others.
 *
 * Among those that it does not: to open, to execute, to fork, to connect, to signal or
 * trace another process, to make memory executable.
 */
#ifndef EPMD_SYSTEM_FILTER_H
#define EPMD_SYSTEM_FILTER_H

/* From now on each other call of this process fails with EPERM, and changes nothing:
 * one that a C library makes and that is missing here costs a log line, not the daemon.
 * Returns 0 or a negative errno: -EOPNOTSUPP where this program was built without. */
int filter_enter(void);

/* What of the above this architecture cannot refuse, in words; or NULL where it refuses all. */
const char *filter_tell_gap(void);

#endif

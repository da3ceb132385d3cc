/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becoming a daemon, with a parent that knows how it went.
 *
 * The process that was started waits for its child, which stays on the terminal's
 * standard error until the daemon works. So the command returns 0 when lookups work,
 * and after a failure its reason is on standard error.
 */
#ifndef EPMD_SYSTEM_DETACH_H
#define EPMD_SYSTEM_DETACH_H

/* Forks. Returns 0 in the child, which leads a session of its own, and sets `*ready`
 * to a descriptor for detach_finish() that the caller owns; or a negative errno. The
 * process that was started does not return: it ends with 0 after detach_finish(), or
 * with the child's own status where the child ends before that. */
int detach_start(int *ready);

/* Cuts this process off from the terminal and the directory that it was started from.
 * Returns 0 or a negative errno. */
int detach_from_terminal(void);

/* Lets the waiting parent end with 0, and closes `ready`. Returns 0 or a negative errno. */
int detach_finish(int ready);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Things that a process can do only once, done in a child of the test.
 *
 * The child ends by _exit(2): what it gave up is not missed by anything at the end.
 */
#ifndef EPMD_TESTS_CHILD_H
#define EPMD_TESTS_CHILD_H

#define CHILD_SIGNAL 1000 /* added to the signal's number */

/* Runs `act` in a child. Returns 0, or the errno in which it failed (by returning less
 * than 0), or CHILD_SIGNAL and the signal that ended it. */
int child_outcome(int (*act)(void));

#endif

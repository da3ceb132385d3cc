/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restraint after starts that fail: a service manager starts the daemon again at once, and
 * one wrong word in its configuration fills the journal.
 *
 * How many starts failed in a row is remembered by the manager itself, in a descriptor of
 * its store (sd_notify(3)'s FDSTORE=1): an event counter, which is no socket and no file,
 * so that nothing takes it for a registration or for their state.
 */
#ifndef EPMD_SYSTEM_RESTRAINT_H
#define EPMD_SYSTEM_RESTRAINT_H

#include <stdint.h>

/* Finds the counter among the descriptors that were passed, before those are sorted. */
void restraint_open(void);

/* Counts one failure. Returns how many there were in a row; 0 where no service manager waits
 * for this process to serve. */
uint64_t restraint_count_failure(void);

/* How many milliseconds to wait after so many failures in a row before the process ends: 100,
 * doubled by each further one, at most 10,000; 0 after none. */
int restraint_wait_ms(uint64_t n_failures);

/* Forgets the failures: this start succeeds. */
void restraint_forget(void);

#endif

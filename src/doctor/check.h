/* SPDX-License-Identifier: Apache-2.0 */
/* The doctor: -check finds out why a node cannot be found, and says how to cure it. */
#ifndef EPMD_DOCTOR_CHECK_H
#define EPMD_DOCTOR_CHECK_H

#include "options/options.h"

/* Checks this host and `options->check_target`, prints what was found, and returns the
 * exit status: EXIT_SUCCESS where all is well. */
int check_run(const struct options *options);

#endif

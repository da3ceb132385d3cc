/* SPDX-License-Identifier: Apache-2.0 */
/* -check -hosts: the doctor sees a whole cluster. */
#ifndef EPMD_DOCTOR_CHECK_HOSTS_H
#define EPMD_DOCTOR_CHECK_HOSTS_H

#include "options/options.h"

/* Checks the hosts of `options->hosts`, prints what was found, and returns the exit status:
 * EXIT_SUCCESS where all is well, EXIT_FAILURE where something is not, 2 where no host has
 * answered, or the list cannot be read. */
int check_hosts_run(const struct options *options);

#endif

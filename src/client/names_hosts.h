/* SPDX-License-Identifier: Apache-2.0 */
/* -names -hosts: the nodes of many hosts. */
#ifndef EPMD_CLIENT_NAMES_HOSTS_H
#define EPMD_CLIENT_NAMES_HOSTS_H

#include "options/options.h"

#define NAMES_HOSTS_NONE 2 /* the exit status where no host has answered */

/* Asks the hosts of `options->hosts`, prints their nodes and why others have not answered, and
 * returns the exit status: EXIT_SUCCESS where all have answered, EXIT_FAILURE where some have,
 * NAMES_HOSTS_NONE where none has, or the list cannot be read. */
int names_hosts_run(const struct options *options);

#endif

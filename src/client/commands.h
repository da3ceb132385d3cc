/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that talk to a running epmd: -names, -dump, -started, -kill, -stop, -reload.
 *
 * What they print and how they end is what scripts have relied on for decades.
 */
#ifndef EPMD_CLIENT_COMMANDS_H
#define EPMD_CLIENT_COMMANDS_H

#include <stdbool.h>

#include "core/address.h"
#include "options/options.h"

/* Carries out `options->command`, one of those above, and returns the exit status. */
int commands_run(const struct options *options);

/* Whether an epmd answers at an address on which a process of this host listens. For a
 * wildcard address the loopback ones are asked. */
bool commands_is_epmd(const struct endpoint *endpoint);

#endif

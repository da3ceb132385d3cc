/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands that talk to a running epmd: -names, -dump, -started, -kill, -stop, -reload.
 *
 * What they print and how they end is what scripts have relied on for decades.
 */
#ifndef EPMD_CLIENT_COMMANDS_H
#define EPMD_CLIENT_COMMANDS_H

#include "core/address.h"
#include "options/options.h"

/* Carries out `options->command`, one of those above, and returns the exit status. */
int commands_run(const struct options *options);

/* Asks whether an epmd answers at an address on which a process of this host listens. For a
 * wildcard address the loopback ones are asked. Returns 0 where one does; -EBADMSG where what
 * answers is none; or a negative errno of exchange_with(). */
int commands_ask_holder(const struct endpoint *endpoint);

#endif

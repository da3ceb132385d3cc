/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -names with options: all that can be learned of the nodes of an epmd.
 *
 * Our own epmd tells all of it in one reply to peers on its host (core/inventory). Another
 * epmd is asked for its names, and then for each of them.
 */
#ifndef EPMD_CLIENT_NAMES_H
#define EPMD_CLIENT_NAMES_H

#include "options/options.h"

/* Carries out -names with -l, -json or -host and returns the exit status. */
int names_run(const struct options *options);

#endif

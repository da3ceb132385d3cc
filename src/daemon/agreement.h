/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the sockets that were inherited are those that the options name: an operator sets
 * ERL_EPMD_ADDRESS or ERL_EPMD_PORT beside a socket unit, and has to know that the unit wins.
 */
#ifndef EPMD_DAEMON_AGREEMENT_H
#define EPMD_DAEMON_AGREEMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "options/options.h"

struct agreement_socket {
    struct endpoint endpoint;
    bool takes_ipv4; /* beside IPv6 */
};

/* Logs a warning for each disagreement with what the options name, with its cure: a port
 * that no socket has; an address on which none listens; a socket that was not asked for.
 * What no option names is agreed upon. */
void agreement_check(const struct options *options, const struct agreement_socket *sockets,
                     size_t n_sockets);

#endif

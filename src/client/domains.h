/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hosts that DNS has for a domain: the targets of its SRV records _epmd._tcp.NAME, each
 * with the port of its epmd (RFC 2782), or where there are none the addresses of NAME.
 *
 * Every record counts, whatever its priority and weight: all of the epmds are to be asked.
 */
#ifndef EPMD_CLIENT_DOMAINS_H
#define EPMD_CLIENT_DOMAINS_H

#include <stdint.h>

#include "client/hosts.h"

/* How long all questions to DNS may take together. */
#define DOMAINS_TIME_MS 5000

/* Asks DNS for the hosts of each domain in `domains`, all at once, and adds them to `found`; a
 * host without a port of its own gets `port`. A domain of which DNS tells nothing is added as
 * it is, with its failure set. Returns 0; or -ENOMEM, -E2BIG as hosts_add() does. */
int domains_find(const struct hosts *domains, uint16_t port, struct hosts *found);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses the daemon listens on, given the ones that its user named
 * (epmd(1), -address).
 */
#ifndef EPMD_DAEMON_BINDING_H
#define EPMD_DAEMON_BINDING_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "options/options.h"

#define BINDING_MAX (OPTIONS_ADDRESSES_MAX + 2)

struct binding {
    struct address address;
    bool required; /* even where the host lacks its family; else it is left out there */
};

/* Writes what to listen on to `out` and returns how many these are. Nothing named:
 * both wildcards. Else what was named, less what a named wildcard covers, plus the
 * loopback address of each family, unless that is covered. All that was named is required
 * but 127.0.0.1 and ::1. */
size_t binding_plan(const struct options *options, struct binding out[BINDING_MAX]);

/* Whether a socket on one of the first `n` bindings receives for `address` as well. */
bool binding_covers(const struct binding *bindings, size_t n, const struct address *address);

#endif

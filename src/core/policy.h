/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask what.
 *
 * Lookups and names are for everyone; to register, and to see or change what
 * is epmd's own, a peer has to be on this host (epmd(1), "Access Restrictions").
 */
#ifndef EPMD_CORE_POLICY_H
#define EPMD_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/protocol.h"
#include "core/refusal.h"

struct policy {
    bool relaxed; /* -relaxed_command_check: KILL with live nodes, and STOP */
};

/* Whether a peer is on this host: a loopback address, or that of our own end of its
 * connection, which a peer elsewhere could not have got an answer to. */
bool policy_is_local(const struct address *peer, const struct address *own);

/* Returns REFUSAL_NONE where a peer may ask that while `n_live` nodes are registered.
 * RELOAD_REQ is for every peer on this host, as it loses nothing. */
enum refusal policy_check(const struct policy *policy, enum protocol_tag tag, bool local,
                          size_t n_live);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask what.
 *
 * Lists say from where lookups, names and registrations may be asked for; a peer on
 * this host may ask for them whatever the lists say, and only it may ask for the rest:
 * to see or change what is epmd's own (epmd(1), "ACCESS").
 */
#ifndef EPMD_CORE_POLICY_H
#define EPMD_CORE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "core/address.h"
#include "core/networks.h"
#include "core/protocol.h"
#include "core/refusal.h"

struct policy {
    bool relaxed; /* -relaxed_command_check: KILL with live nodes, and STOP */
    struct networks allow_lookup;
    struct networks allow_names;
    struct networks allow_register;
};

/* Makes it that of stock epmd: lookups and names for every peer, registering for peers on
 * this host, nothing relaxed. */
void policy_init(struct policy *policy);

/* Whether a peer is on this host: a loopback address, or that of our own end of its
 * connection, which a peer elsewhere could not have got an answer to. */
bool policy_is_local(const struct address *peer, const struct address *own);

/* Whether there is any request that a peer may make. */
bool policy_may_ask_anything(const struct policy *policy, const struct address *peer, bool local);

/* Returns REFUSAL_NONE where a peer may ask that while `n_live` nodes are registered.
 * RELOAD_REQ and INFO_REQ are for every peer on this host: the one loses nothing, the
 * other tells little more than DUMP_REQ. */
enum refusal policy_check(const struct policy *policy, enum protocol_tag tag,
                          const struct address *peer, bool local, size_t n_live);

#endif

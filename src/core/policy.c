/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what. */
#include "core/policy.h"

bool policy_is_local(const struct address *peer, const struct address *own)
{
    return address_is_loopback(peer) || address_equal(peer, own);
}

enum refusal policy_check(const struct policy *policy, enum protocol_tag tag, bool local,
                          size_t n_live)
{
    if (tag == PROTOCOL_PORT2_REQ || tag == PROTOCOL_NAMES_REQ) {
        return REFUSAL_NONE;
    }
    if (!local) {
        return REFUSAL_NOT_LOCAL;
    }
    if (tag == PROTOCOL_STOP_REQ && !policy->relaxed) {
        return REFUSAL_NOT_RELAXED;
    }
    if (tag == PROTOCOL_KILL_REQ && !policy->relaxed && n_live > 0) {
        return REFUSAL_NODES_ALIVE;
    }
    return REFUSAL_NONE;
}

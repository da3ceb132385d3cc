/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what. */
#include "core/policy.h"

void policy_init(struct policy *policy)
{
    *policy = (struct policy){
        .allow_lookup.any = true,
        .allow_names.any = true,
        .allow_register.local = true,
    };
}

bool policy_is_local(const struct address *peer, const struct address *own)
{
    return address_is_loopback(peer) || address_equal(peer, own);
}

bool policy_may_ask_anything(const struct policy *policy, const struct address *peer, bool local)
{
    return local || networks_contain(&policy->allow_lookup, peer) ||
           networks_contain(&policy->allow_names, peer) ||
           networks_contain(&policy->allow_register, peer);
}

/* Commands concern the daemon itself: no list opens them to other hosts. */
static enum refusal check_command(const struct policy *policy, enum protocol_tag tag, bool local,
                                  size_t n_live)
{
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

static enum refusal check_list(const struct networks *allowed, const struct address *peer,
                               bool local, enum refusal refusal)
{
    return local || networks_contain(allowed, peer) ? REFUSAL_NONE : refusal;
}

enum refusal policy_check(const struct policy *policy, enum protocol_tag tag,
                          const struct address *peer, bool local, size_t n_live)
{
    switch (tag) {
    case PROTOCOL_PORT2_REQ:
        return check_list(&policy->allow_lookup, peer, local, REFUSAL_LOOKUP_NOT_ALLOWED);
    case PROTOCOL_NAMES_REQ:
        return check_list(&policy->allow_names, peer, local, REFUSAL_NAMES_NOT_ALLOWED);
    case PROTOCOL_ALIVE2_REQ:
        return check_list(&policy->allow_register, peer, local, REFUSAL_REGISTER_NOT_ALLOWED);
    default:
        return check_command(policy, tag, local, n_live);
    }
}

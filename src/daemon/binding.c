/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses the daemon listens on. */
#include "daemon/binding.h"

static const struct address wildcard_ipv4 = {{[10] = 0xff, 0xff, 0, 0, 0, 0}};
static const struct address wildcard_ipv6 = {{0}};
static const struct address loopback_ipv4 = {{[10] = 0xff, 0xff, 127, 0, 0, 1}};
static const struct address loopback_ipv6 = {{[15] = 1}};

bool binding_covers(const struct binding *bindings, size_t n, const struct address *address)
{
    for (size_t i = 0; i < n; i++) {
        if (address_covers(&bindings[i].address, address)) {
            return true;
        }
    }
    return false;
}

static size_t add(struct binding *bindings, size_t n, const struct address *address, bool required)
{
    if (binding_covers(bindings, n, address)) {
        return n;
    }
    bindings[n] = (struct binding){.address = *address, .required = required};
    return n + 1;
}

/* Lists of both loopbacks are common, and so are hosts that lack one of the families. */
static bool is_required(const struct address *address)
{
    return !address_equal(address, &loopback_ipv4) && !address_equal(address, &loopback_ipv6);
}

/* Wildcards come first, so that they cover whatever else is named. */
static size_t add_named(struct binding *bindings, size_t n, const struct options *options,
                        bool wildcards)
{
    for (size_t i = 0; i < options->n_addresses; i++) {
        const struct address *address = &options->addresses[i];
        if (address_is_wildcard(address) == wildcards) {
            n = add(bindings, n, address, is_required(address));
        }
    }
    return n;
}

size_t binding_plan(const struct options *options, struct binding out[BINDING_MAX])
{
    size_t n = 0;
    if (options->n_addresses == 0) {
        n = add(out, n, &wildcard_ipv4, false);
        return add(out, n, &wildcard_ipv6, false);
    }
    n = add_named(out, n, options, true);
    n = add_named(out, n, options, false);
    n = add(out, n, &loopback_ipv4, false);
    return add(out, n, &loopback_ipv6, false);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What it means where this host's epmd listens. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "core/networks.h"
#include "doctor/judge.h"

/* Networks that the internet does not lead to: private ones, those of carriers (RFC 6598), of this
 * host, and those for documents and benchmarks. */
#define NOT_PUBLIC                                                                   \
    "private 100.64.0.0/10 127.0.0.0/8 192.0.2.0/24 198.51.100.0/24 203.0.113.0/24 " \
    "198.18.0.0/15 ::1/128 2001:db8::/32"

#define LISTENERS_MAX 128 /* on the one port */

static_assert(INVENTORY_LISTENERS_MAX <= LISTENERS_MAX, "no room for what it says itself");

static bool is_in(const char *list, const struct address *address)
{
    struct networks networks;
    char error[NETWORKS_ERROR_SIZE];
    return networks_parse(list, &networks, error) == 0 && networks_contain(&networks, address);
}

/* A list that has the unspecified address has all those of its family. */
static bool has_all(const char *list)
{
    struct address ipv4, ipv6;
    address_parse("0.0.0.0", &ipv4);
    address_parse("::", &ipv6);
    return is_in(list, &ipv4) || is_in(list, &ipv6);
}

/* Where it listens: as the kernel says, or else as it says itself. */
static size_t listeners_of(const struct facts *facts, struct facts_socket out[LISTENERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < facts->n_sockets && n < LISTENERS_MAX; i++) {
        if (facts->sockets[i].at.port == facts->port) {
            out[n++] = facts->sockets[i];
        }
    }
    bool told = n == 0;
    for (size_t i = 0; told && i < facts->here.daemon.n_listeners && n < LISTENERS_MAX; i++) {
        out[n++] = (struct facts_socket){.at = facts->here.daemon.listeners[i]};
    }
    return n;
}

static bool covers(const struct facts_socket *socket, const struct address *address)
{
    return address_covers(&socket->at.address, address) ||
           (socket->both_families && address_is_wildcard(&socket->at.address));
}

static bool is_covered(const struct facts_socket *sockets, size_t n, const struct address *address)
{
    for (size_t i = 0; i < n; i++) {
        if (covers(&sockets[i], address)) {
            return true;
        }
    }
    return false;
}

static void say_network(const struct facts_interface *interface, struct findings *findings)
{
    unsigned bits = interface->prefix_bits;
    struct address base = address_mask(&interface->address, bits);
    char name[4 * INTERFACES_NAME_SIZE];
    name_format((const uint8_t *)interface->name, strlen(interface->name), name, sizeof name);
    findings_say_address(findings, &base);
    findings_say(findings, "/%u (%s)", address_is_ipv4(&base) ? bits - 96 : bits, name);
}

/* Says from which networks it can be reached, and returns how many these are. */
static size_t say_networks(const struct facts *facts, const struct facts_socket *sockets, size_t n,
                           bool *is_public, struct findings *findings)
{
    size_t n_said = 0;
    *is_public = false;
    for (size_t i = 0; i < facts->n_interfaces; i++) {
        const struct facts_interface *interface = &facts->interfaces[i];
        if (address_is_loopback(&interface->address) ||
            address_is_link_local(&interface->address) ||
            !is_covered(sockets, n, &interface->address)) {
            continue;
        }
        findings_say(findings, "%s", n_said++ ? ", " : "; exposed to ");
        say_network(interface, findings);
        *is_public |= !is_in(NOT_PUBLIC, &interface->address);
    }
    return n_said;
}

/* Returns whether every peer may ask something. */
static bool say_lists(const struct facts_epmd *here, struct findings *findings)
{
    const struct inventory_daemon *daemon = &here->daemon;
    if (!here->ours) {
        return true;
    }
    findings_say(findings, "; allowed from there: lookups %s; names %s; registrations %s",
                 daemon->allow_lookup, daemon->allow_names, daemon->allow_register);
    return has_all(daemon->allow_lookup) || has_all(daemon->allow_names) ||
           has_all(daemon->allow_register);
}

static bool say_addresses(const struct facts_socket *sockets, size_t n, struct findings *findings)
{
    bool only_loopback = true;
    for (size_t i = 0; i < n; i++) {
        findings_say(findings, "%s", i ? ", " : "listens on ");
        findings_say_address(findings, &sockets[i].at.address);
        only_loopback &= address_is_loopback(&sockets[i].at.address);
    }
    return only_loopback;
}

static void cure_exposed(const struct facts *facts, struct findings *findings)
{
    findings_cure(findings,
                  "OTP's Secure Coding Guidelines, DEP-001, advise against an epmd that the "
                  "internet reaches: %s -allow_lookup with the cluster's own networks (or the "
                  "word private) and -allow_names local; neither stops what comes through a "
                  "proxy, a load balancer or NAT, nor the neighbours in a shared network",
                  facts->here.ours ? "start it with"
                                   : "shut the port by a packet filter, or run this epmd with");
    if (facts->here.ours && has_all(facts->here.daemon.allow_register)) {
        findings_cure(findings, "; and name the networks that need -allow_register");
    }
}

/* FreeBind= of a unit lets a socket have an address that is not there, or not yet. */
static bool is_foreign(const struct facts *facts, const struct facts_socket *socket)
{
    const struct address *address = &socket->at.address;
    return facts->interfaces_status == 0 && facts->n_interfaces > 0 &&
           !address_is_wildcard(address) && !facts_has_address(facts, address);
}

/* Returns how many there are. */
static size_t say_foreign(const struct facts *facts, const struct facts_socket *sockets, size_t n,
                          struct findings *findings)
{
    size_t n_foreign = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_foreign(facts, &sockets[i])) {
            findings_say(findings, "%s", n_foreign++ ? ", " : "; no address of this host: ");
            findings_say_address(findings, &sockets[i].at.address);
        }
    }
    return n_foreign;
}

static void judge_foreign(const struct facts *facts, const struct facts_socket *sockets, size_t n,
                          struct findings *findings)
{
    size_t n_useful = 0;
    for (size_t i = 0; i < n; i++) {
        n_useful += !is_foreign(facts, &sockets[i]) && !address_is_loopback(&sockets[i].at.address);
    }
    findings_cure(findings, "give this host that address, or take it out of -address, of "
                            "ERL_EPMD_ADDRESS, or of ListenStream= in epmd.socket (whose FreeBind= "
                            "lets such an address pass)");
    if (n_useful == 0) {
        judge_fault(facts, findings, "foreign_address");
    } else {
        findings_judge(findings, FINDINGS_WARNING, "foreign_address");
    }
}

void judge_exposure(const struct facts *facts, struct findings *findings)
{
    static struct facts_socket sockets[LISTENERS_MAX];
    size_t n = listeners_of(facts, sockets);
    findings_begin(findings, "exposed");
    if (n == 0) {
        findings_say(findings, "%s",
                     facts->here.status == -ECONNREFUSED ? "nothing listens"
                                                         : "where it listens cannot be told here");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
        return;
    }
    findings_judge(findings, FINDINGS_OK, NULL);
    if (say_addresses(sockets, n, findings)) {
        findings_say(findings, ": to this host alone");
        return;
    }
    bool is_public;
    size_t n_foreign = say_foreign(facts, sockets, n, findings);
    size_t n_networks = say_networks(facts, sockets, n, &is_public, findings);
    if (n_networks == 0 && n_foreign == 0) {
        findings_say(findings, "; this host has no other network that leads there");
    }
    if ((n_networks > 0 || n_foreign == 0) && say_lists(&facts->here, findings) && is_public) {
        cure_exposed(facts, findings);
        findings_judge(findings, FINDINGS_WARNING, "exposed");
    }
    if (n_foreign > 0) {
        judge_foreign(facts, sockets, n, findings);
    }
}

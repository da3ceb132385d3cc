/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about the host of a node's name mean, and those about its epmd. */
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <strings.h>

#include "doctor/judge.h"

#define OWN_ADDRESSES_SHOWN 4

static void say_addresses(const struct facts *facts, struct findings *findings)
{
    findings_say_quoted(findings, facts->target.host, strlen(facts->target.host));
    findings_say(findings, " is ");
    bool families[2] = {false, false};
    for (size_t i = 0; i < facts->n_addresses; i++) {
        findings_say(findings, "%s", i ? ", " : "");
        findings_say_address(findings, &facts->addresses[i]);
        families[address_is_ipv4(&facts->addresses[i])] = true;
    }
    if (!families[0] || !families[1]) {
        findings_say(findings, ", and has no %s address", families[1] ? "IPv6" : "IPv4");
    }
}

static void judge_unresolvable(const struct facts *facts, struct findings *findings)
{
    findings_say_quoted(findings, facts->target.host, strlen(facts->target.host));
    findings_say(findings, " does not resolve: %s", facts->resolve_error);
    if (facts->resolve_status == EAI_AGAIN) {
        findings_cure(findings, "the name servers do not answer: see /etc/resolv.conf; or name "
                                "the host in /etc/hosts");
    } else {
        findings_cure(findings, "name the host in DNS or in /etc/hosts of every host of the "
                                "cluster, or give the node a name whose host resolves");
    }
    findings_judge(findings, FINDINGS_FAILED, "unresolvable");
}

/* Whether the user has asked for this host alone. */
static bool means_loopback(const char *host)
{
    struct address address;
    return strcasecmp(host, "localhost") == 0 || address_parse(host, &address) == 0;
}

/* The habit of Debian's installer: 127.0.1.1 for the host's own name. */
static void judge_loopback(const struct facts *facts, struct findings *findings)
{
    if (means_loopback(facts->target.host)) {
        findings_say(findings, ": nodes of that name can be reached on this host only");
        findings_judge(findings, FINDINGS_OK, NULL);
        return;
    }
    findings_say(findings, ": a loopback address, by which no other host finds this one");
    char text[ADDRESS_TEXT_SIZE];
    address_format(&facts->addresses[0], text);
    findings_cure(findings,
                  "in /etc/hosts, give the name the host's address in the network in the place of "
                  "the line with %s; a cluster of this host alone works as it is",
                  text);
    findings_judge(findings, facts->target.has_host ? FINDINGS_FAILED : FINDINGS_WARNING,
                   "resolves_to_loopback");
}

static size_t count_here(const struct facts *facts)
{
    size_t n = 0;
    for (size_t i = 0; i < facts->n_addresses; i++) {
        n += facts_has_address(facts, &facts->addresses[i]);
    }
    return n;
}

/* Adds what addresses the name of this host could have instead. */
static void cure_own_addresses(const struct facts *facts, struct findings *findings)
{
    char text[ADDRESS_TEXT_SIZE];
    size_t n = 0;
    for (size_t i = 0; i < facts->n_interfaces && n < OWN_ADDRESSES_SHOWN; i++) {
        const struct address *address = &facts->interfaces[i].address;
        if (!address_is_loopback(address) && !address_is_link_local(address)) {
            address_format(address, text);
            findings_cure(findings, "%s%s", n++ ? ", " : ": this host has ", text);
        }
    }
}

static void judge_host(const struct facts *facts, struct findings *findings)
{
    findings_begin(findings, "host");
    if (facts->resolve_status != 0 || facts->n_addresses == 0) {
        judge_unresolvable(facts, findings);
        return;
    }
    size_t n_here = count_here(facts);
    say_addresses(facts, findings);
    if (address_is_loopback(&facts->addresses[0])) {
        judge_loopback(facts, findings);
    } else if (n_here == facts->n_addresses) {
        findings_say(findings, ": this host");
        findings_judge(findings, FINDINGS_OK, NULL);
    } else if (n_here == 0 && !facts->is_own_name) {
        findings_say(findings, ": another host");
        findings_judge(findings, FINDINGS_OK, NULL);
    } else {
        findings_say(findings, n_here ? ": only in part addresses of this host"
                                      : ": not an address of this host, whose name it is");
        findings_cure(findings, "correct DNS or /etc/hosts");
        cure_own_addresses(facts, findings);
        findings_cure(findings, "; behind a translation of addresses this may be as it should be");
        findings_judge(findings, n_here ? FINDINGS_WARNING : FINDINGS_FAILED, "resolves_elsewhere");
    }
}

/* How an epmd at one address has answered. */
static const char *answer_text(const struct facts_lookup *lookup)
{
    const struct probe *probe = &lookup->probe;
    if (lookup->answer != FACTS_NONE) {
        return "answers";
    }
    if (!probe->connected) {
        return probe_connect_text(probe);
    }
    if (probe->status < 0) {
        return "accepts, but says nothing";
    }
    return probe->len == 0 ? "accepts, but closes without an answer"
                           : "answers, but not as an epmd";
}

static void judge_refused(const struct facts *facts, struct findings *findings)
{
    if (facts->is_here && facts->here.status == 0) {
        findings_cure(findings, "epmd listens on other addresses only, but nodes look each other "
                                "up through this one: start it without -address and "
                                "ERL_EPMD_ADDRESS, or add the address, under systemd as a "
                                "ListenStream= of epmd.socket; the way to shut peers out is "
                                "-allow_lookup and -allow_names");
        findings_judge(findings, FINDINGS_FAILED, "loopback_only");
    } else if (facts->is_here) {
        findings_cure(findings, "start epmd: see above");
        findings_judge(findings, FINDINGS_FAILED, "not_running");
    } else {
        findings_cure(findings, "start epmd on that host; if it runs, it listens on another port "
                                "(ERL_EPMD_PORT), on its loopback "
                                "address only (-address, ERL_EPMD_ADDRESS, under systemd "
                                "ListenStream= of epmd.socket), or a firewall "
                                "refuses; \"epmd -check\" there says which");
        findings_judge(findings, FINDINGS_FAILED, "refused");
    }
}

/* Whether the epmd of this host does not answer on loopback either. */
static bool is_stuck_here(const struct facts *facts, const struct probe *probe)
{
    return facts->is_here && facts->here.status == -ETIMEDOUT && probe->status == -ETIMEDOUT;
}

static void judge_unreachable(const struct facts *facts, const struct probe *probe,
                              struct findings *findings)
{
    if (probe->status == -ETIMEDOUT) {
        findings_cure(findings,
                      "a firewall drops what is sent there, or the host is down: let "
                      "TCP port %u of it, and the ports of its nodes, through",
                      facts->port);
        findings_judge(findings, FINDINGS_FAILED, "firewall");
    } else if (facts->ssh_answers) {
        findings_say(findings, ", though port %d of that host answers", FACTS_SSH_PORT);
        findings_cure(
            findings,
            "a firewall rejects what is sent there: let TCP port %u of that host, and the "
            "ports of its nodes, through",
            facts->port);
        findings_judge(findings, FINDINGS_FAILED, "firewall");
    } else {
        findings_cure(findings, "see to it that packets find their way there: routes, firewall, "
                                "and whether the host is up");
        findings_judge(findings, FINDINGS_FAILED, "unreachable");
    }
}

static void judge_no_answer(const struct facts *facts, const struct facts_lookup *lookup,
                            struct findings *findings)
{
    const struct probe *probe = &lookup->probe;
    if (probe->status == -ECONNREFUSED) {
        judge_refused(facts, findings);
    } else if (probe->status == -ETIME) {
        findings_cure(findings, "check again when this host is less busy");
        findings_judge(findings, FINDINGS_FAILED, "no_time");
    } else if (is_stuck_here(facts, probe)) {
        findings_cure(findings, "epmd does not answer on loopback either: see above");
        findings_judge(findings, FINDINGS_FAILED, "silent");
    } else if (!probe->connected) {
        judge_unreachable(facts, probe, findings);
    } else if (probe->status < 0) {
        findings_cure(findings, "what listens there hangs, or is no epmd: see there");
        findings_judge(findings, FINDINGS_FAILED, "silent");
    } else if (probe->len == 0) {
        findings_cure(findings, "epmd there may not allow this host to look names up "
                                "(-allow_lookup): see its log");
        findings_judge(findings, FINDINGS_FAILED, "not_allowed");
    } else {
        findings_cure(findings, "another program has the port there: end that");
        findings_judge(findings, FINDINGS_FAILED, "not_epmd");
    }
}

/* Nodes use the first IPv4 address, or the first of all where IPv6 is configured. */
static void judge_lookup(const struct facts *facts, struct findings *findings)
{
    size_t n_silent = 0, n = 0;
    findings_begin(findings, "lookup");
    for (size_t i = 0; i < facts->n_lookups; i++) {
        if (!facts->lookups[i].extra) {
            findings_say(findings, "%s", n++ ? "; " : "");
            findings_say_address(findings, &facts->lookups[i].probe.to.address);
            findings_say(findings, " port %u: %s", facts->port, answer_text(&facts->lookups[i]));
            n_silent += facts->lookups[i].answer == FACTS_NONE;
        }
    }
    if (n == 0) {
        findings_say(findings, "there is no address to ask");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (facts->lookups[0].answer == FACTS_NONE) {
        judge_no_answer(facts, &facts->lookups[0], findings);
    } else if (n_silent > 0) {
        findings_cure(findings, "nodes use the first address, nodes with -proto_dist inet6_tcp an "
                                "IPv6 one: take the others out of DNS or /etc/hosts, or let epmd "
                                "listen there, too");
        findings_judge(findings, FINDINGS_WARNING, "some_addresses");
    } else {
        findings_judge(findings, FINDINGS_OK, NULL);
    }
}

void judge_there(const struct facts *facts, struct findings *findings)
{
    judge_host(facts, findings);
    judge_lookup(facts, findings);
    if (facts->n_nodes > 0) {
        judge_nodes(facts, findings);
        return;
    }
    judge_name(facts, findings);
    judge_node(facts, findings);
    judge_handshake(facts, findings);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about the node itself mean. */
#include <errno.h>
#include <string.h>

#include "doctor/judge.h"

static void say_endpoint(struct findings *findings, const struct endpoint *endpoint)
{
    findings_say_address(findings, &endpoint->address);
    findings_say(findings, " port %u", endpoint->port);
}

static const struct facts_knock *accepted(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_knocks; i++) {
        if (facts->knocks[i].probe.connected) {
            return &facts->knocks[i];
        }
    }
    return NULL;
}

/* Says on which addresses of this host the node's port is open all the same. */
static bool say_elsewhere(const struct facts *facts, uint16_t port, struct findings *findings)
{
    bool found = false;
    for (size_t i = 0; facts->is_here && i < facts->n_sockets; i++) {
        if (facts->sockets[i].at.port == port) {
            findings_say(findings, "%s", found ? ", " : "; it listens on ");
            say_endpoint(findings, &facts->sockets[i].at);
            found = true;
        }
    }
    return found;
}

static void judge_refusal(const struct facts *facts, uint16_t port, struct findings *findings)
{
    if (say_elsewhere(facts, port, findings)) {
        findings_cure(findings, "the node listens on an address that its name does not lead to: "
                                "see its inet_dist_use_interface, whether it was started with "
                                "-proto_dist inet6_tcp, and DNS or /etc/hosts");
        findings_judge(findings, FINDINGS_FAILED, "other_address");
        return;
    }
    if (!facts->is_here) {
        findings_cure(findings,
                      "the registration may be stale, the node may listen on other "
                      "addresses or in the other family (-proto_dist inet6_tcp), or a "
                      "firewall refuses: make the same check on that host; if all is well "
                      "there, it is the firewall");
        findings_judge(findings, FINDINGS_FAILED, "refused");
        return;
    }
    judge_cure_stale(facts, facts->target.name, findings);
    findings_cure(findings, "; then start the node anew");
    findings_judge(findings, FINDINGS_FAILED, "stale");
}

static void cure_firewall(uint16_t port, const char *does, struct findings *findings)
{
    findings_cure(findings,
                  "a firewall %s what is sent there: let TCP port %u through, or give "
                  "nodes fixed ports (inet_dist_listen_min and _max) and let these through",
                  does, port);
    findings_judge(findings, FINDINGS_FAILED, "firewall");
}

/* The first address is the one that nodes use. */
static void judge_unheard(const struct facts *facts, uint16_t port, struct findings *findings)
{
    int status = facts->knocks[0].probe.status;
    if (status == -ECONNREFUSED) {
        judge_refusal(facts, port, findings);
    } else if (status == -ETIME) {
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (status == -ETIMEDOUT) {
        cure_firewall(port, "drops", findings);
    } else if (probe_is_unreachable(&facts->knocks[0].probe)) {
        /* There is a way to that host: its epmd has answered at the same address. */
        findings_say(findings, ", though port %u of that host answers", facts->port);
        cure_firewall(port, "rejects", findings);
    } else {
        findings_cure(findings, "see to it that packets find their way there: routes, firewall");
        findings_judge(findings, FINDINGS_FAILED, "unreachable");
    }
}

void judge_node(const struct facts *facts, struct findings *findings)
{
    const struct facts_lookup *known = facts_known(facts);
    findings_begin(findings, "node");
    if (!known) {
        findings_say(findings, "its port is not known");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
        return;
    }
    if (facts->knock_withheld) {
        findings_say(findings,
                     "%s port %u; not connected to, as many C and Java nodes end when a "
                     "connection does",
                     facts->is_listened_on ? "something listens on" : "registered with",
                     known->node.port);
        findings_judge(findings, FINDINGS_OK, NULL);
        return;
    }
    for (size_t i = 0; i < facts->n_knocks; i++) {
        findings_say(findings, "%s", i ? "; " : "");
        say_endpoint(findings, &facts->knocks[i].probe.to);
        findings_say(findings, ": %s", probe_connect_text(&facts->knocks[i].probe));
    }
    if (accepted(facts)) {
        findings_judge(findings, FINDINGS_OK, NULL);
    } else {
        judge_unheard(facts, known->node.port, findings);
    }
}

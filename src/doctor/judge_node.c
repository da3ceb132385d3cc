/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about the node itself mean. */
#include <errno.h>
#include <string.h>

#include "doctor/judge.h"

#define BYTES_SHOWN 24 /* of what answers in a node's place */

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
    findings_cure(findings,
                  "the registration is stale: whoever made it holds it, but no longer "
                  "listens. \"epmd -names -l\" shows whose it is, with a stock epmd \"ss -tnp\" "
                  "does: end that, and start the node anew");
    findings_judge(findings, FINDINGS_FAILED, "stale");
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
        findings_cure(findings,
                      "a firewall drops what is sent there: let TCP port %u through, or give "
                      "nodes fixed ports (inet_dist_listen_min and _max) and let these through",
                      port);
        findings_judge(findings, FINDINGS_FAILED, "firewall");
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
                     "something listens on port %u; not connected to, as many C and Java "
                     "nodes end when a connection does",
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

static void judge_stranger(const struct probe *probe, struct findings *findings)
{
    size_t shown = probe->len < BYTES_SHOWN ? probe->len : BYTES_SHOWN;
    char text[4 * BYTES_SHOWN + 4];
    if (probe->len == 0) {
        findings_say(findings, "%s",
                     probe->status < 0 ? "no answer to it"
                                       : "the connection was closed without an "
                                         "answer to it");
    } else {
        name_format(probe->reply, shown, text, sizeof text);
        findings_say(findings, "the answer to it is not a node's: \"%s\"%s", text,
                     shown < probe->len ? "..." : "");
    }
    findings_cure(findings, "%s",
                  probe->len == 0
                      ? "the node hangs, or another program has taken its port: see its log; with "
                        "-proto_dist inet_tls a node may close on whoever speaks no TLS"
                      : "another program has the port: the registration is stale. \"epmd -names "
                        "-l\" on that host shows whose it is: end that");
    findings_judge(findings, FINDINGS_FAILED,
                   probe->len == 0 && probe->status < 0 ? "silent_node" : "not_a_node");
}

void judge_handshake(const struct facts *facts, struct findings *findings)
{
    const struct facts_knock *knock = accepted(facts);
    findings_begin(findings, "handshake");
    findings_judge(findings, FINDINGS_OK, NULL);
    if (!knock) {
        findings_say(findings, "not tried");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (knock->answer == DISTRIBUTION_TLS) {
        findings_say(findings, "it speaks TLS, as with -proto_dist inet_tls: not tried further");
    } else if (knock->answer != DISTRIBUTION_STATUS) {
        judge_stranger(&knock->probe, findings);
    } else if (strcmp(knock->status, "not_allowed") == 0) {
        findings_say(findings, "a node answers: it allows connections from some nodes only");
        findings_cure(findings, "let it allow the others, too: net_kernel:allow/1");
        findings_judge(findings, FINDINGS_WARNING, "node_allows_few");
    } else {
        findings_say(findings, "a node answers: \"%s\"", knock->status);
    }
}

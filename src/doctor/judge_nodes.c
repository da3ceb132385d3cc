/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about each node of this host mean: one step, and one line, a node. */
#include <errno.h>
#include <string.h>

#include "doctor/judge.h"

/* As a string, for what wants one. */
static void copy_name(const struct facts_node *node, char name[NAME_MAX_LEN + 1])
{
    size_t len = node->node.name_len < NAME_MAX_LEN ? node->node.name_len : NAME_MAX_LEN;
    memcpy(name, node->node.name, len);
    name[len] = '\0';
}

static void judge_unconnected(const struct facts *facts, const struct facts_node *node,
                              struct findings *findings)
{
    char name[NAME_MAX_LEN + 1];
    copy_name(node, name);
    if (node->status == -ETIME) {
        findings_say(findings, "not tried, as the time was up");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (node->status == -ECONNREFUSED) {
        findings_say(findings, "refuses");
        judge_cure_stale(facts, name, findings);
        findings_judge(findings, FINDINGS_FAILED, "stale");
    } else {
        findings_say(findings, "%s",
                     node->status == -ETIMEDOUT ? "does not answer at all"
                                                : strerror(-node->status));
        findings_cure(findings, "\"epmd -check NAME\" with this name says more");
        findings_judge(findings, FINDINGS_FAILED, "unreachable");
    }
}

static void judge_named(const struct facts *facts, const struct facts_node *node,
                        struct findings *findings)
{
    char name[NAME_MAX_LEN + 1];
    findings_say(findings, "answers as \"%s\"", node->own_name ? node->own_name : "");
    if (node->is_other) {
        copy_name(node, name);
        findings_cure(findings, "another node has the port: ");
        judge_cure_stale(facts, name, findings);
        findings_judge(findings, FINDINGS_FAILED, "other_name");
    }
}

static void judge_answer(const struct facts *facts, const struct facts_node *node,
                         struct findings *findings)
{
    switch (node->answer.kind) {
    case DISTRIBUTION_NODE:
        judge_named(facts, node, findings);
        return;
    case DISTRIBUTION_TLS:
        findings_say(findings, "answers by TLS");
        return;
    case DISTRIBUTION_STATUS:
        findings_say(findings, "answers \"%s\"", node->answer.status);
        return;
    case DISTRIBUTION_MORE:
    case DISTRIBUTION_OTHER:
        break;
    }
    bool silent = node->status < 0;
    findings_say(findings, "%s", silent ? "accepts, but says nothing" : "is not a node's");
    findings_cure(findings, "%s",
                  silent ? "the node hangs: see its log"
                         : "another program has the port: the registration is stale. \"epmd -names "
                           "-l\" shows whose it is: end that");
    findings_judge(findings, FINDINGS_FAILED, silent ? "silent_node" : "not_a_node");
}

static void judge_one(const struct facts *facts, const struct facts_node *node,
                      struct findings *findings)
{
    findings_begin(findings, "node");
    findings_judge(findings, FINDINGS_OK, NULL);
    findings_say_quoted(findings, node->node.name, node->node.name_len);
    findings_say(findings, ", port %u: ", node->node.port);
    if (node->withheld) {
        findings_say(findings, "registered, not connected to, as type %u is a C or Java node's",
                     node->node.type);
    } else if (!node->connected) {
        judge_unconnected(facts, node, findings);
    } else {
        judge_answer(facts, node, findings);
    }
}

void judge_nodes(const struct facts *facts, struct findings *findings)
{
    for (size_t i = 0; i < facts->n_nodes; i++) {
        judge_one(facts, &facts->nodes[i], findings);
    }
    if (facts->n_nodes_left_out > 0) {
        findings_begin(findings, "node");
        findings_say(findings, "%zu more, which are not tried: a host has no port for them",
                     facts->n_nodes_left_out);
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
    findings_leave(findings, "cookies");
}

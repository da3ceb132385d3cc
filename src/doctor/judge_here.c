/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about this host mean. */
#include "client/names_reply.h"
#include "doctor/judge.h"

static void judge_others(const struct facts *facts, struct findings *findings)
{
    uint16_t variable = facts->variable_port;
    findings_begin(findings, "others");
    findings_judge(findings, FINDINGS_OK, NULL);
    if (facts->n_others == 0) {
        findings_say(findings, "no epmd was found on another port of this host");
    }
    for (size_t i = 0; i < facts->n_others; i++) {
        const struct facts_epmd *other = &facts->others[i];
        size_t n = names_reply_count(&other->names);
        findings_say(findings, "%s%s epmd answers on port %u, with %zu node%s", i ? "; " : "",
                     other->ours ? "another such" : "a stock (or another)", other->port, n,
                     n == 1 ? "" : "s");
    }
    if (variable != 0 && variable != facts->port) {
        findings_say(findings, "; ERL_EPMD_PORT is %u here, but this check is of port %u", variable,
                     facts->port);
    }
    if (facts->processes_hidden) {
        findings_say(findings, "; some processes can be looked into by root only");
    }
    if (facts->n_others > 0 || (variable != 0 && variable != facts->port)) {
        findings_cure(findings, "nodes of one cluster all have to use the same port: give all of "
                                "them, and epmd, the same ERL_EPMD_PORT, or none");
        findings_judge(findings, FINDINGS_WARNING, "second_epmd");
    }
}

void judge_here(const struct facts *facts, struct findings *findings)
{
    judge_port(facts, findings);
    judge_epmd(facts, findings);
    judge_exposure(facts, findings);
    judge_restart(facts, findings);
    judge_others(facts, findings);
}

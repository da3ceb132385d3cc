/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about this host mean. */
#include "client/names_reply.h"
#include "doctor/judge.h"

void judge_fault(const struct facts *facts, struct findings *findings, const char *cause)
{
    findings_judge(findings, facts->is_here ? FINDINGS_FAILED : FINDINGS_WARNING, cause);
}

bool judge_other_port(const struct facts *facts, struct findings *findings)
{
    for (size_t i = 0; facts->is_here && i < facts->n_others; i++) {
        const struct facts_epmd *other = &facts->others[i];
        if (facts->target.has_name && names_reply_has(&other->names, facts->target.name)) {
            findings_say(findings, "; the epmd on port %u of this host knows that name",
                         other->port);
            findings_cure(findings,
                          "let all nodes use the same port: start them without ERL_EPMD_PORT, or "
                          "all with ERL_EPMD_PORT=%u",
                          other->port);
            return true;
        }
    }
    return false;
}

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

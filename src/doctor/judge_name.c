/* SPDX-License-Identifier: Apache-2.0 */
/* What it means whether the node's name is known. */
#include <string.h>

#include "client/names_reply.h"
#include "client/output.h"
#include "doctor/judge.h"
#include "doctor/suggest.h"

#define NAMES_SHOWN 5
#define DENIAL_SHOWN_MS INT64_C(600000)

/* Suggests what is close, or else shows what there is. */
static void say_names(const struct facts *facts, struct findings *findings)
{
    struct protocol_node close[SUGGEST_MAX], node;
    size_t n_close = suggest_names(&facts->names, facts->target.name, close);
    for (size_t i = 0; i < n_close; i++) {
        findings_say(findings, "%s", i ? " or " : "; did you mean ");
        findings_say_quoted(findings, close[i].name, close[i].name_len);
    }
    if (n_close > 0) {
        findings_say(findings, "?");
        return;
    }
    struct wire_reader reader;
    size_t n = names_reply_count(&facts->names);
    names_reply_init(&reader, &facts->names);
    findings_say(findings, n ? "; %zu are: " : "; no node is", n);
    for (size_t i = 0; i < n && i < NAMES_SHOWN && listing_read_name(&reader, &node); i++) {
        findings_say(findings, "%s", i ? ", " : "");
        findings_say_quoted(findings, node.name, node.name_len);
    }
    findings_say(findings, "%s", n > NAMES_SHOWN ? ", ..." : "");
}

/* Says that the name was refused lately, and why: the node has heard no reason. */
static bool say_denial(const struct facts *facts, struct findings *findings)
{
    struct inventory_denial denial;
    char at[OUTPUT_TIME_SIZE] = "";
    if (!facts->is_here || !facts_find_denial(&facts->here, facts->target.name, &denial) ||
        facts->now_ms - denial.at_ms > DENIAL_SHOWN_MS) {
        return false;
    }
    output_format_time(denial.at_ms, false, "%Y-%m-%d %H:%M:%S", at);
    findings_say(findings, "; its last registration was refused at %s: %s", at, denial.reason);
    findings_cure(findings, "start the node again once the reason is gone; erl has reported it as "
                            "a name in use");
    return true;
}

static void judge_unknown(const struct facts *facts, struct findings *findings)
{
    findings_say_quoted(findings, facts->target.name, strlen(facts->target.name));
    findings_say(findings, " is not registered on port %u there", facts->port);
    if (judge_other_port(facts, findings)) {
        findings_judge(findings, FINDINGS_FAILED, "other_port");
        return;
    }
    if (facts->names.bytes) {
        say_names(facts, findings);
    }
    if (say_denial(facts, findings)) {
        findings_judge(findings, FINDINGS_FAILED, "unknown_name");
        return;
    }
    findings_cure(findings, "start the node with -sname or -name; if it runs, it was started with "
                            "another ERL_EPMD_PORT, or has lost an epmd that was ended: see its "
                            "log, and start it anew");
    if (!facts->is_here) { /* an epmd tells its own host alone what it has refused */
        findings_cure(findings,
                      "; if erl has reported the name as one in use, \"epmd -check\" with "
                      "this name on that host says more");
    }
    findings_judge(findings, FINDINGS_FAILED, "unknown_name");
}

static bool has_answer(const struct facts *facts, enum facts_answer answer)
{
    for (size_t i = 0; i < facts->n_lookups; i++) {
        if (facts->lookups[i].answer == answer) {
            return true;
        }
    }
    return false;
}

/* Whether this host's name leads to another one, so that the epmds of both were asked. */
static bool is_elsewhere(const struct facts *facts)
{
    return facts->is_here && facts->n_addresses > 0 &&
           !facts_has_address(facts, &facts->addresses[0]);
}

void judge_name(const struct facts *facts, struct findings *findings)
{
    const struct facts_lookup *known = facts_known(facts);
    findings_begin(findings, "name");
    if (!facts->target.has_name || (!known && !has_answer(facts, FACTS_UNKNOWN))) {
        findings_say(findings, "%s",
                     facts->target.has_name ? "no epmd there says" : "none was given");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
        return;
    }
    if (!known) {
        judge_unknown(facts, findings);
        return;
    }
    const struct protocol_node *node = &known->node;
    const char *type = protocol_type_name(node->type);
    findings_say_quoted(findings, facts->target.name, strlen(facts->target.name));
    findings_say(findings, " is registered: port %u, type %u (%s), versions %u to %u", node->port,
                 node->type, type ? type : "a C or Java node", node->lowest, node->highest);
    findings_judge(findings, FINDINGS_OK, NULL);
    if (has_answer(facts, FACTS_UNKNOWN)) {
        findings_say(findings, "; but not at each of the addresses");
        findings_cure(findings, "%s",
                      is_elsewhere(facts) ? "first let the name of this host lead here: see above"
                                          : "different epmds answer at these addresses: let one "
                                            "of them have all of them");
        findings_judge(findings, FINDINGS_WARNING, "several_epmds");
    }
}

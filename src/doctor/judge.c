/* SPDX-License-Identifier: Apache-2.0 */
/* What several steps say and advise. */
#include "doctor/judge.h"

#include <string.h>

#include "client/names_reply.h"

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

void judge_say_holder(struct findings *findings, const struct facts_socket *socket)
{
    const struct process *process = &socket->process;
    char text[NAME_TEXT_SIZE];
    if (process->pid == 0) {
        findings_say(findings, "a process with a socket of user %s", socket->user);
        return;
    }
    name_format((const uint8_t *)process->name, strlen(process->name), text, sizeof text);
    findings_say(findings, "%s (process %ld, socket of user %s", *text ? text : "a process",
                 (long)process->pid, socket->user);
    if (*process->program) {
        name_format((const uint8_t *)process->program, strlen(process->program), text, sizeof text);
        findings_say(findings, ", program %s%s", text,
                     process->missing    ? ", which is gone"
                     : process->replaced ? ", replaced since"
                                         : "");
    }
    findings_say(findings, ")");
}

void judge_say_unit(const struct unit *unit, struct findings *findings)
{
    bool has_result = *unit->result && strcmp(unit->result, "success") != 0; /* since its start */
    findings_say(findings, "; %s %s (%s", unit->name,
                 unit->n_restarts > 1 ? "fails again and again" : "has failed",
                 has_result ? unit->result : unit->sub);
    if (unit->exit_status != 0) {
        findings_say(findings, ", its program ended with status %u", unit->exit_status);
    }
    if (unit->n_restarts != 0) {
        findings_say(findings, ", started again %u time%s", unit->n_restarts,
                     unit->n_restarts == 1 ? "" : "s");
    }
    findings_say(findings, ")");
    if (*unit->last_line) {
        findings_say(findings, "; its last line in the log: %s", unit->last_line);
    }
}

void judge_cure_unit(const struct unit *unit, struct findings *findings)
{
    findings_cure(findings,
                  "mend what \"journalctl -u %s\" shows, then: systemctl reset-failed %s && "
                  "systemctl restart epmd.socket",
                  unit->name, unit->name);
}

/* The connection that holds the name may be any process's: one that a node has left open to its
 * children, or a forwarder's. */
void judge_cure_stale(const struct facts *facts, const char *name, struct findings *findings)
{
    struct inventory_node held;
    char peer[ADDRESS_TEXT_SIZE];
    findings_cure(findings, "the registration is stale: a process holds its connection, but no "
                            "longer listens. ");
    if (!facts_find_registration(&facts->here, name, &held)) {
        findings_cure(findings,
                      "\"ss -tnp dport = %u\" shows the connections to epmd and their processes: "
                      "end the one that holds the name; or, as root, free the name without ending "
                      "epmd: ss -K dst ADDRESS dport = %u sport = PORT, with the connection's own "
                      "address and port",
                      facts->port, facts->port);
        return;
    }
    address_format(&held.peer.address, peer);
    bool ipv4 = address_is_ipv4(&held.peer.address);
    findings_cure(findings,
                  "\"ss -tnp sport = %u\" shows its process, and \"epmd -names -l\" its user: end "
                  "that process; or, as root, free the name without ending epmd: ss -K src "
                  "%s%s%s sport = %u dport = %u",
                  held.peer.port, ipv4 ? "" : "[", peer, ipv4 ? "" : "]", held.peer.port,
                  facts->port);
}

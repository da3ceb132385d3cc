/* SPDX-License-Identifier: Apache-2.0 */
/* What it means which process holds the port of this host. */
#include <errno.h>
#include <string.h>

#include "doctor/judge.h"
#include "options/options.h"

#define INIT 1 /* holds the sockets of units */

static bool holds_port(const struct facts *facts, size_t i)
{
    return facts->sockets[i].at.port == facts->port;
}

static bool was_said(const struct facts *facts, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (holds_port(facts, k) &&
            facts->sockets[k].process.pid == facts->sockets[i].process.pid) {
            return true;
        }
    }
    return false;
}

/* Returns how many sockets listen on the port. */
static size_t say_holders(const struct facts *facts, struct findings *findings)
{
    size_t n = 0;
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (!holds_port(facts, i)) {
            continue;
        }
        if (!was_said(facts, i)) {
            findings_say(findings, "%s", n ? ", and by " : "held by ");
            judge_say_holder(findings, &facts->sockets[i]);
        }
        n++;
    }
    return n;
}

static bool holder_is_hidden(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (holds_port(facts, i) && facts->sockets[i].process.pid == 0) {
            return true;
        }
    }
    return false;
}

static void judge_no_listener(const struct facts *facts, struct findings *findings)
{
    findings_say(findings, "nothing listens on port %u of this host", facts->port);
    if (judge_other_port(facts, findings)) {
        judge_fault(facts, findings, "other_port");
        return;
    }
    const struct unit *failed = units_has_failed(&facts->service)  ? &facts->service
                                : units_has_failed(&facts->socket) ? &facts->socket
                                                                   : NULL;
    if (failed) {
        judge_say_unit(failed, findings);
        judge_cure_unit(failed, findings);
        judge_fault(facts, findings, "unit_fails");
        return;
    }
    findings_cure(findings, "start it: epmd -daemon");
    if (facts->port != OPTIONS_PORT_DEFAULT) {
        findings_cure(findings, " -port %u", facts->port);
    }
    findings_cure(findings, "; where systemd runs it: systemctl start epmd.socket");
    judge_fault(facts, findings, "not_running");
}

/* A manager that gives a service up closes its socket, too: that was what listened until now. */
static bool was_given_up(const struct facts *facts)
{
    return strstr(facts->socket.result, "limit-hit") && holder_is_hidden(facts);
}

/* The unit that is to hold the port cannot, as a node's own epmd was there before. */
static void judge_socket_unit(const struct facts *facts, struct findings *findings)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (holds_port(facts, i) && facts->sockets[i].process.pid == INIT) {
            return;
        }
    }
    if (!units_has_failed(&facts->socket) || was_given_up(facts)) {
        return;
    }
    judge_say_unit(&facts->socket, findings);
    findings_say(findings, ": the port is taken");
    findings_cure(findings,
                  "to change over to epmd.socket, end the epmd that has the port and start the "
                  "unit: epmd -kill (or, with nodes registered, kill its process), then systemctl "
                  "restart epmd.socket. Nodes since OTP 24 register again; start older, C and "
                  "Java nodes anew. To keep the epmd that runs: systemctl disable --now "
                  "epmd.socket");
    findings_judge(findings, FINDINGS_WARNING, "socket_failed");
}

static void judge_holder(const struct facts *facts, struct findings *findings)
{
    findings_judge(findings, FINDINGS_OK, NULL);
    if (facts->processes_status < 0) {
        findings_say(findings, "; which process that is cannot be told here (%s)",
                     strerror(-facts->processes_status));
    } else if (holder_is_hidden(facts)) {
        findings_say(findings, "; which process that is cannot be seen from here");
    }
    if (facts->here.status == -ECONNREFUSED) {
        findings_say(findings, "; but it does not listen on a loopback address");
        findings_cure(findings, "let it listen on 127.0.0.1 and ::1, too: nodes register there");
        judge_fault(facts, findings, "no_loopback");
    } else {
        judge_socket_unit(facts, findings);
    }
}

void judge_port(const struct facts *facts, struct findings *findings)
{
    findings_begin(findings, "port");
    if (say_holders(facts, findings) > 0) {
        judge_holder(facts, findings);
    } else if (facts->here.status == -ECONNREFUSED) {
        judge_no_listener(facts, findings);
    } else {
        findings_say(findings, "something listens on port %u; what that is cannot be told here",
                     facts->port);
        if (facts->sockets_status < 0) {
            findings_say(findings, " (%s)", strerror(-facts->sockets_status));
        }
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
}

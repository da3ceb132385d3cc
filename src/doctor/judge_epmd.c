/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of this host's epmd mean, and what would become of its registrations. */
#include <errno.h>
#include <string.h>

#include "client/names_reply.h"
#include "client/output.h"
#include "doctor/judge.h"

#define INIT 1 /* holds the sockets of units; 0 is a process that cannot be seen, or none */

/* The socket of a unit accepts connections, though its service does not run. */
#define IF_SYSTEMD \
    "if that is systemd, \"systemctl status epmd.service\" says why epmd does not start"

/* The socket that holds the port, or NULL. */
static const struct facts_socket *find_holder(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (facts->sockets[i].at.port == facts->port) {
            return &facts->sockets[i];
        }
    }
    return NULL;
}

static void say_nodes(struct findings *findings, size_t n)
{
    findings_say(findings, "%zu node%s", n, n == 1 ? "" : "s");
}

static void say_ours(const struct inventory_daemon *daemon, struct findings *findings)
{
    char since[OUTPUT_TIME_SIZE] = "";
    output_format_time(daemon->started_ms, false, "%Y-%m-%d %H:%M:%S", since);
    findings_say(findings, "this epmd, version %s, process %u, serving since %s, with ",
                 daemon->version, (unsigned)daemon->pid, since);
    say_nodes(findings, daemon->n_nodes);
}

/* Adds what an end of the epmd costs, and which nodes mend that by themselves. */
static void cure_end(const struct inventory_daemon *daemon, struct findings *findings)
{
    findings_cure(findings, "end this one (kill %u), ", (unsigned)daemon->pid);
    if (daemon->n_nodes == 0) {
        findings_cure(findings, "which costs nothing, as no node is registered, ");
    } else {
        findings_cure(findings,
                      "which costs its %u registration%s (nodes since OTP 24 register again within "
                      "seconds; start older, C and Java nodes anew), ",
                      (unsigned)daemon->n_nodes, daemon->n_nodes == 1 ? "" : "s");
    }
}

/* A reload executes the program at that path. */
static void judge_missing(const struct inventory_daemon *daemon, const struct process *process,
                          struct findings *findings)
{
    findings_say(findings, "; its program is gone: ");
    findings_say_quoted(findings, process->program, strlen(process->program));
    if (daemon->watcher == INVENTORY_MANAGER) {
        findings_cure(findings, "have the unit start a program that is there (ExecStart=), and "
                                "restart it: systemctl daemon-reload && systemctl restart "
                                "epmd.service, which keeps the registrations");
    } else {
        findings_cure(findings, "restart it from a path that stays, as -reload would find nothing "
                                "there: ");
        cure_end(daemon, findings);
        findings_cure(findings, "and start the program at its new path");
    }
    findings_judge(findings, FINDINGS_WARNING, "program_gone");
}

static void judge_program(const struct facts *facts, struct findings *findings)
{
    const struct inventory_daemon *daemon = &facts->here.daemon;
    const struct facts_socket *holder = find_holder(facts);
    if (holder && holder->process.missing) {
        judge_missing(daemon, &holder->process, findings);
        return;
    }
    if (!(holder && holder->process.replaced) && strcmp(daemon->version, EPMD_VERSION) == 0) {
        return;
    }
    findings_say(findings, "; the program on disk is another one (this is %s)", EPMD_VERSION);
    findings_cure(findings, "let that take over: ");
    if (daemon->watcher == INVENTORY_NO_WATCHER) {
        cure_end(daemon, findings);
        findings_cure(findings, "and start it anew");
    } else {
        findings_cure(findings, "epmd -reload");
    }
    findings_judge(findings, FINDINGS_WARNING, "old_program");
}

/* Ending nodes makes room at once; only a start takes a new limit. */
static void cure_full(const struct inventory_daemon *daemon, struct findings *findings)
{
    findings_cure(findings,
                  "end nodes that are not needed (\"epmd -names -l\" shows them), or raise "
                  "its limit of open files: ");
    if (daemon->watcher == INVENTORY_MANAGER) {
        findings_cure(findings,
                      "LimitNOFILE= in the unit, then systemctl daemon-reload && systemctl "
                      "restart epmd.service, which keeps the registrations");
    } else {
        cure_end(daemon, findings);
        findings_cure(findings, "and start it where ulimit -n is higher");
    }
}

/* The nodes that find no room are told that their name is in use. */
static bool judge_full(const struct facts *facts, struct findings *findings)
{
    const struct inventory_daemon *daemon = &facts->here.daemon;
    if (daemon->max_nodes == 0 || daemon->n_nodes < daemon->max_nodes) {
        return false;
    }
    findings_say(
        findings,
        "; it is full: %u of %u nodes, and each further node is refused, which erl reports "
        "as a name in use",
        (unsigned)daemon->n_nodes, (unsigned)daemon->max_nodes);
    cure_full(daemon, findings);
    judge_fault(facts, findings, "full");
    return true;
}

static void judge_answer(const struct facts *facts, struct findings *findings)
{
    findings_judge(findings, FINDINGS_OK, NULL);
    if (!facts->here.ours) {
        findings_say(findings, "a stock (or another) epmd answers, with ");
        say_nodes(findings, names_reply_count(&facts->here.names));
        return;
    }
    say_ours(&facts->here.daemon, findings);
    if (!judge_full(facts, findings)) {
        judge_program(facts, findings);
    }
}

/* A connection that is not even accepted: its packets are dropped by a filter, or by the kernel,
 * because as many connections as may wait do already. */
static void judge_unaccepted(const struct facts *facts, struct findings *findings)
{
    const struct facts_socket *holder = find_holder(facts);
    if (!holder) {
        findings_say(findings, ": no connection is accepted");
        findings_cure(findings, "a firewall drops packets on loopback, or what listens hangs: "
                                "\"ss -ltn\" shows in Recv-Q how many connections wait");
        judge_fault(facts, findings, "silent");
        return;
    }
    if (holder->n_waiting > holder->max_waiting) {
        findings_say(findings, ": no connection is accepted, as %u wait already, and no more may",
                     (unsigned)holder->n_waiting);
        findings_cure(findings, "it hangs or is overloaded: see its log, then start it anew");
        judge_fault(facts, findings, "silent");
        return;
    }
    findings_say(findings,
                 ": no connection is accepted, though only %u wait of the %u that may: packets on "
                 "loopback are dropped",
                 (unsigned)holder->n_waiting, (unsigned)holder->max_waiting);
    findings_cure(findings, "let the firewall pass what is on the interface lo (\"nft list "
                            "ruleset\", \"iptables -S\")");
    judge_fault(facts, findings, "firewall");
}

static void judge_failed_unit(const struct facts *facts, struct findings *findings)
{
    judge_say_unit(&facts->service, findings);
    judge_cure_unit(&facts->service, findings);
    judge_fault(facts, findings, "unit_fails");
}

/* A manager that has started the service too often closes its socket, and what waits there. */
static bool was_closed_by_manager(const struct facts *facts)
{
    const struct facts_socket *holder = find_holder(facts);
    return units_has_failed(&facts->service) && (!holder || holder->process.pid <= INIT);
}

static void judge_silence(const struct facts *facts, struct findings *findings)
{
    findings_say(findings, "what listens has not answered within %d s", FACTS_PROBE_MS / 1000);
    if (units_has_failed(&facts->service)) {
        judge_failed_unit(facts, findings);
    } else if (!facts->here.accepts) {
        judge_unaccepted(facts, findings);
    } else {
        findings_cure(findings, "if that is an epmd, it hangs or is overloaded: see its log, then "
                                "start it anew; if not, end it; " IF_SYSTEMD);
        judge_fault(facts, findings, "silent");
    }
}

void judge_epmd(const struct facts *facts, struct findings *findings)
{
    findings_begin(findings, "epmd");
    switch (facts->here.status) {
    case 0:
        judge_answer(facts, findings);
        return;
    case -EPROTO:
        findings_say(findings, "what listens does not answer as an epmd");
        if (was_closed_by_manager(facts)) {
            judge_failed_unit(facts, findings);
            return;
        }
        findings_cure(findings, "end it, or let epmd and all nodes use another port with "
                                "ERL_EPMD_PORT; " IF_SYSTEMD);
        judge_fault(facts, findings, "not_epmd");
        return;
    case -ETIMEDOUT:
        judge_silence(facts, findings);
        return;
    default:
        findings_say(findings, "not asked: %s", strerror(-facts->here.status));
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
}

static void cure_on_a_system_that_keeps_nothing(struct findings *findings)
{
    findings_cure(findings, "none on this system, which does not number its sockets: let nodes be "
                            "of OTP 24 or later, which register again by themselves");
}

/* A second epmd -daemon would find the port taken and change nothing. */
static void judge_unwatched(const struct facts *facts, struct findings *findings)
{
    findings_say(findings, "nothing watches over it: registrations are lost when it ends");
    if (facts->keeps_nothing) {
        cure_on_a_system_that_keeps_nothing(findings);
    } else {
        cure_end(&facts->here.daemon, findings);
        findings_cure(findings, "and start it with -daemon or -keeper, or under systemd by a unit "
                                "with FileDescriptorStoreMax=, as this epmd's own has");
    }
    findings_judge(findings, FINDINGS_WARNING, "not_kept");
}

static void judge_watched(const struct inventory_daemon *daemon, struct findings *findings)
{
    findings_say(findings,
                 "%s holds %u of %u registrations: these survive a restart, a crash "
                 "and -reload",
                 daemon->watcher == INVENTORY_KEEPER ? "its keeper" : "the service manager",
                 (unsigned)daemon->n_stored, (unsigned)daemon->n_nodes);
    findings_judge(findings, FINDINGS_OK, NULL);
    if (daemon->n_stored < daemon->n_nodes) {
        findings_cure(findings, "if this stays so, raise FileDescriptorStoreMax= of the unit and "
                                "the limits of open files; the log says more");
        findings_judge(findings, FINDINGS_WARNING, "not_kept");
    }
}

void judge_restart(const struct facts *facts, struct findings *findings)
{
    const struct inventory_daemon *daemon = &facts->here.daemon;
    findings_begin(findings, "restart");
    if (facts->here.status != 0) {
        findings_say(findings, "no epmd answers");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (!facts->here.ours) {
        findings_say(findings, "registrations are lost when it ends; nodes before OTP 24, C nodes "
                               "and Java nodes do not register again");
        if (facts->keeps_nothing) {
            cure_on_a_system_that_keeps_nothing(findings);
        } else {
            findings_cure(findings, "run this epmd in its place, with -daemon or under systemd");
        }
        findings_judge(findings, FINDINGS_WARNING, "not_kept");
    } else if (daemon->watcher == INVENTORY_NO_WATCHER) {
        judge_unwatched(facts, findings);
    } else {
        judge_watched(daemon, findings);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the facts about this host mean. */
#include <errno.h>
#include <string.h>

#include "client/names_reply.h"
#include "client/output.h"
#include "doctor/judge.h"
#include "options/options.h"

/* It holds the sockets of a unit whose service does not run. */
#define IF_SYSTEMD \
    "if that is systemd, \"systemctl status epmd.service\" says why epmd does not start"

/* What is wrong with this host's epmd matters to a target elsewhere no more than as a
 * warning. */
static void judge_fault(const struct facts *facts, struct findings *findings, const char *cause)
{
    findings_judge(findings, facts->is_here ? FINDINGS_FAILED : FINDINGS_WARNING, cause);
}

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

static void say_holder(struct findings *findings, const struct facts_socket *socket)
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
        findings_say(findings, ", program %s%s", text, process->replaced ? ", replaced since" : "");
    }
    findings_say(findings, ")");
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
            say_holder(findings, &facts->sockets[i]);
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

static void judge_nobody(const struct facts *facts, struct findings *findings)
{
    findings_say(findings, "nothing listens on port %u of this host", facts->port);
    if (judge_other_port(facts, findings)) {
        judge_fault(facts, findings, "other_port");
        return;
    }
    findings_cure(findings, "start it: epmd -daemon");
    if (facts->port != OPTIONS_PORT_DEFAULT) {
        findings_cure(findings, " -port %u", facts->port);
    }
    findings_cure(findings, "; where systemd runs it: systemctl start epmd.socket");
    judge_fault(facts, findings, "not_running");
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
    }
}

static void judge_port(const struct facts *facts, struct findings *findings)
{
    findings_begin(findings, "port");
    if (say_holders(facts, findings) > 0) {
        judge_holder(facts, findings);
    } else if (facts->here.status == -ECONNREFUSED) {
        judge_nobody(facts, findings);
    } else {
        findings_say(findings, "something listens on port %u; what that is cannot be told here",
                     facts->port);
        if (facts->sockets_status < 0) {
            findings_say(findings, " (%s)", strerror(-facts->sockets_status));
        }
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
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

static bool is_replaced(const struct facts *facts)
{
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (holds_port(facts, i) && facts->sockets[i].process.replaced) {
            return true;
        }
    }
    return false;
}

static void judge_answer(const struct facts *facts, struct findings *findings)
{
    const struct facts_epmd *here = &facts->here;
    findings_judge(findings, FINDINGS_OK, NULL);
    if (!here->ours) {
        findings_say(findings, "a stock (or another) epmd answers, with ");
        say_nodes(findings, names_reply_count(&here->names));
        return;
    }
    say_ours(&here->daemon, findings);
    if (is_replaced(facts) || strcmp(here->daemon.version, EPMD_VERSION) != 0) {
        findings_say(findings, "; the program on disk is another one (this is %s)", EPMD_VERSION);
        findings_cure(findings, "let that take over: %s",
                      here->daemon.watcher == INVENTORY_NOBODY ? "end this one, and start it anew"
                                                               : "epmd -reload");
        findings_judge(findings, FINDINGS_WARNING, "old_program");
    }
}

static void judge_epmd(const struct facts *facts, struct findings *findings)
{
    findings_begin(findings, "epmd");
    switch (facts->here.status) {
    case 0:
        judge_answer(facts, findings);
        return;
    case -EPROTO:
        findings_say(findings, "what listens does not answer as an epmd");
        findings_cure(findings, "end it, or let epmd and all nodes use another port with "
                                "ERL_EPMD_PORT; " IF_SYSTEMD);
        judge_fault(facts, findings, "not_epmd");
        return;
    case -ETIMEDOUT:
        findings_say(findings, "what listens has not answered within %d s", FACTS_PROBE_MS / 1000);
        findings_cure(findings, "if that is an epmd, it hangs or is overloaded: see its log, then "
                                "start it anew; if not, end it; " IF_SYSTEMD);
        judge_fault(facts, findings, "silent");
        return;
    default:
        findings_say(findings, "not asked: %s", strerror(-facts->here.status));
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    }
}

static void judge_lost(struct findings *findings, const char *cure)
{
    findings_cure(findings, "%s", cure);
    findings_judge(findings, FINDINGS_WARNING, "not_kept");
}

static void judge_restart(const struct facts *facts, struct findings *findings)
{
    const struct inventory_daemon *daemon = &facts->here.daemon;
    findings_begin(findings, "restart");
    if (facts->here.status != 0) {
        findings_say(findings, "no epmd answers");
        findings_judge(findings, FINDINGS_SKIPPED, NULL);
    } else if (!facts->here.ours) {
        findings_say(findings, "registrations are lost when it ends; nodes before OTP 24, C nodes "
                               "and Java nodes do not register again");
        judge_lost(findings, "run this epmd in its place, with -daemon or under systemd");
    } else if (daemon->watcher == INVENTORY_NOBODY) {
        findings_say(findings, "nothing watches over it: registrations are lost when it ends");
        judge_lost(findings, "start it with -daemon or -keeper, or under systemd by a unit with "
                             "FileDescriptorStoreMax=, as this epmd's own has");
    } else {
        findings_say(findings,
                     "%s holds %u of %u registrations: these survive a restart, a crash "
                     "and -reload",
                     daemon->watcher == INVENTORY_KEEPER ? "its keeper" : "the service manager",
                     (unsigned)daemon->n_stored, (unsigned)daemon->n_nodes);
        findings_judge(findings, FINDINGS_OK, NULL);
        if (daemon->n_stored < daemon->n_nodes) {
            judge_lost(findings, "if this stays so, raise FileDescriptorStoreMax= of the unit and "
                                 "the limits of open files; the log says more");
        }
    }
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
        findings_say(findings, "%s%s epmd answers on port %u, with ", i ? "; " : "",
                     other->ours ? "another such" : "a stock (or another)", other->port);
        say_nodes(findings, names_reply_count(&other->names));
    }
    if (variable != 0 && variable != facts->port) {
        findings_say(findings, "; ERL_EPMD_PORT is %u here, but this check is of port %u", variable,
                     facts->port);
    }
    if (facts->processes_hidden) {
        findings_say(findings, "; not all processes may be looked into (root may)");
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

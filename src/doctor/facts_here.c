/* SPDX-License-Identifier: Apache-2.0 */
/* What a check finds out about this host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "doctor/facts.h"
#include "options/options.h"
#include "system/clock.h"
#include "system/interfaces.h"
#include "system/listeners.h"
#include "system/user.h"

#define INIT 1 /* holds the sockets of units beside the processes that serve them */

static void gather_interfaces(struct facts *facts)
{
    static struct interfaces_address read[FACTS_INTERFACES_MAX];
    size_t n = 0;
    facts->interfaces_status = interfaces_read(read, FACTS_INTERFACES_MAX, &n);
    for (size_t i = 0; facts->interfaces_status == 0 && i < n; i++) {
        struct facts_interface *interface = &facts->interfaces[facts->n_interfaces++];
        interface->address = read[i].address;
        interface->prefix_bits = read[i].prefix_bits;
        snprintf(interface->name, sizeof interface->name, "%.*s", (int)sizeof interface->name - 1,
                 read[i].name);
    }
}

static void gather_sockets(struct facts *facts)
{
    static struct listeners_socket read[FACTS_SOCKETS_MAX];
    size_t n = 0;
    facts->sockets_status = listeners_read(facts->port, read, FACTS_SOCKETS_MAX, &n);
    for (size_t i = 0; facts->sockets_status == 0 && i < n; i++) {
        struct facts_socket *socket = &facts->sockets[facts->n_sockets++];
        char user[FACTS_USER_SIZE];
        socket->at = read[i].at;
        socket->both_families = read[i].both_families;
        socket->inode = read[i].inode;
        socket->n_waiting = read[i].n_waiting;
        socket->max_waiting = read[i].max_waiting;
        user_format(read[i].uid, user, sizeof user);
        name_format((const uint8_t *)user, strlen(user), socket->user, sizeof socket->user);
    }
}

/* Whether either loopback address accepts a connection at once, as both do where nothing is
 * dropped and epmd's queue is not full. */
static bool accepts(uint16_t port)
{
    static const char *const loopbacks[] = {"::1", "127.0.0.1"};
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks; i++) {
        struct probe probe;
        struct endpoint to = {.port = port};
        address_parse(loopbacks[i], &to.address);
        probe_connect(&probe, &to, FACTS_CONNECT_MS);
        if (probe.connected || probe.status == -ETIMEDOUT) {
            return probe.connected;
        }
    }
    return false;
}

/* Several processes may hold a socket: the one that serves counts most, init least. */
static void on_socket(void *argument, pid_t pid, uint32_t inode)
{
    struct facts *facts = argument;
    for (size_t i = 0; i < facts->n_sockets; i++) {
        struct facts_socket *socket = &facts->sockets[i];
        pid_t known = socket->process.pid;
        bool serves = facts->here.ours && (uint32_t)pid == facts->here.daemon.pid;
        if (socket->inode == inode && (known == 0 || known == INIT || serves)) {
            socket->process.pid = pid;
        }
    }
}

static void gather_processes(struct facts *facts)
{
    facts->processes_status = processes_visit_sockets(on_socket, facts, &facts->processes_hidden);
    for (size_t i = 0; i < facts->n_sockets; i++) {
        struct facts_socket *socket = &facts->sockets[i];
        if (socket->process.pid != 0) {
            processes_describe(socket->process.pid, &socket->process);
        }
    }
}

/* The names that Debian's units and ours have. */
static void gather_units(struct facts *facts)
{
    snprintf(facts->service.name, sizeof facts->service.name, "epmd.service");
    snprintf(facts->socket.name, sizeof facts->socket.name, "epmd.socket");
    if (units_read(&facts->service) < 0) {
        facts->service.active[0] = '\0';
    }
    if (units_read(&facts->socket) < 0) {
        facts->socket.active[0] = '\0';
    }
}

/* What costs no question to an epmd takes as long as this host takes for it. */
static void gather_apart(struct facts *facts, void (*gather)(struct facts *facts))
{
    int64_t before_ms = clock_now_ms();
    gather(facts);
    facts->deadline_ms += clock_now_ms() - before_ms;
}

void facts_gather_here(struct facts *facts)
{
    gather_interfaces(facts);
    gather_sockets(facts);
    facts_ask_epmd(facts, facts->port, &facts->here);
    facts->here.accepts = facts->here.status == -ETIMEDOUT && accepts(facts->port);
    /* The question has started what a socket unit starts on demand. */
    gather_apart(facts, gather_units);
    gather_apart(facts, gather_processes);
}

static bool is_known(const struct facts *facts, uint16_t port)
{
    for (size_t i = 0; i < facts->n_others; i++) {
        if (facts->others[i].port == port) {
            return true;
        }
    }
    return port == facts->port;
}

static void gather_other(struct facts *facts, uint16_t port)
{
    struct facts_epmd *other = &facts->others[facts->n_others];
    if (port == 0 || is_known(facts, port) || facts->n_others == FACTS_OTHERS_MAX) {
        return;
    }
    facts_ask_epmd(facts, port, other);
    facts->n_others += other->status == 0;
}

/* Those at the ports where nodes look by default or by the variable, and those of each process
 * that is called epmd. */
void facts_gather_others(struct facts *facts)
{
    gather_other(facts, OPTIONS_PORT_DEFAULT);
    gather_other(facts, facts->variable_port);
    for (size_t i = 0; i < facts->n_sockets; i++) {
        if (strcmp(facts->sockets[i].process.name, "epmd") == 0) {
            gather_other(facts, facts->sockets[i].at.port);
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier process has left, matched with its connections. */
#include "daemon/restore.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "system/cloexec.h"
#include "system/descriptors.h"
#include "system/log.h"

struct known {
    uint64_t id;
    struct registry_node *node; /* NULL: its connection has been found */
};

static int compare_known(const void *a, const void *b)
{
    uint64_t left = ((const struct known *)a)->id, right = ((const struct known *)b)->id;
    return left < right ? -1 : left > right;
}

/* Where sockets have no numbers, all have the 0, and none is to be taken for another. */
static struct known *find_known(uint64_t id, struct known *known, size_t n_known)
{
    const struct known key = {.id = id};
    return id && n_known ? bsearch(&key, known, n_known, sizeof *known, compare_known) : NULL;
}

/* The process before may have ended between the two: told the watcher, not the node. */
static bool tell_registered(int fd, const struct registry_node *node)
{
    uint8_t reply[PROTOCOL_REPLY_MAX];
    if (descriptors_socket_has_sent(fd)) {
        return true;
    }
    size_t len = protocol_encode_alive(reply, node->info.highest, true, node->creation);
    return send(fd, reply, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* Returns false where the connection has ended, and leaves it to the caller. */
static bool adopt_one(struct connections *all, int fd, struct known *known)
{
    struct listener_peer peer;
    struct registry_node *node = known->node;
    if (listener_has_something(fd) || listener_identify(fd, &peer) < 0 ||
        !tell_registered(fd, node)) {
        return false;
    }
    listener_set_patience(fd); /* of an older epmd, which had no such thing, or had it for all */
    descriptors_watch_peer(fd, !peer.local);
    if (connection_adopt(all, fd, &peer.peer, peer.local, node) < 0) {
        return false;
    }
    known->node = NULL;
    return true;
}

/* Gives the connections to the nodes that they belong to. Returns how many. */
static size_t adopt_all(const struct inheritance *inheritance, struct connections *all,
                        struct known *known, size_t n_known)
{
    size_t n_adopted = 0;
    for (size_t i = 0; i < inheritance->n_nodes; i++) {
        int fd = inheritance->nodes[i];
        struct known *found = find_known(descriptors_socket_id(fd), known, n_known);
        if (found && !found->node) {
            close(fd); /* a second duplicate of the same connection */
        } else if (found && adopt_one(all, fd, found)) {
            n_adopted++;
        } else {
            shutdown(fd, SHUT_RDWR);
            close(fd);
        }
    }
    return n_adopted;
}

static size_t adopt(const struct inheritance *inheritance, struct connections *all)
{
    struct registry *registry = &all->sessions.registry;
    struct registry_node *node, *next;
    size_t n_known = 0;
    struct known *known = calloc(registry->n_live + 1, sizeof *known);
    if (known) {
        DL_FOREACH (registry->live, node) {
            known[n_known++] = (struct known){.id = node->id, .node = node};
        }
        qsort(known, n_known, sizeof *known, compare_known);
    }
    size_t n_adopted = adopt_all(inheritance, all, known, n_known);
    free(known);
    DL_FOREACH_SAFE (registry->live, node, next) {
        if (!node->owner) {
            state_remove(&all->store.state, node);
            registry_remove(registry, node);
        }
    }
    return n_adopted;
}

static void report_restored(const struct snapshot_report *report, size_t n_adopted, size_t n_gone)
{
    log_line(LOG_INFO, "restored %zu registration%s; %zu node%s left in between", n_adopted,
             n_adopted == 1 ? "" : "s", n_gone, n_gone == 1 ? " has" : "s have");
    if (report->n_damaged + report->n_refused + report->lost_len > 0) {
        log_line(LOG_WARNING,
                 "of the inherited state %zu records are damaged, %zu found no room, "
                 "%" PRIu64 " bytes are none; they are dropped",
                 report->n_damaged, report->n_refused, report->lost_len);
    }
}

static void report_state(int status, const struct snapshot_report *report)
{
    if (status == -EPROTONOSUPPORT) {
        log_line(LOG_WARNING,
                 "the inherited state is of version %" PRIu32
                 ", which this epmd does not know; it is dropped",
                 report->version);
    } else if (status < 0) {
        log_line(LOG_WARNING, "the inherited state cannot be read: %s; it is dropped",
                 strerror(-status));
    }
}

static void report_shed(unsigned n_sheddings, const struct snapshot_report *report)
{
    if (n_sheddings > 0) {
        log_line(LOG_ERR,
                 "this program has been started again and again and never served: it goes on "
                 "without the names of nodes that have left, and without %zu registration%s, those "
                 "with the longest extra fields",
                 report->n_shed, report->n_shed == 1 ? "" : "s");
    }
}

static void restore_from_state(const struct inheritance *inheritance, struct connections *all)
{
    struct registry *registry = &all->sessions.registry;
    struct snapshot_report report;
    unsigned n_sheddings = store_begin_start(&all->store, &all->sessions.counters);
    int status = state_load(&all->store.state, registry, n_sheddings, &report);
    report_state(status, &report);
    report_shed(n_sheddings, &report);
    size_t n_live = registry->n_live;
    size_t n_adopted = adopt(inheritance, all);
    if (status == 0) {
        report_restored(&report, n_adopted, n_live - n_adopted);
    }
}

void restore_all(const struct inheritance *inheritance, struct connections *all)
{
    if (all->store.state.fd >= 0 && inheritance->memory >= 0) {
        restore_from_state(inheritance, all);
        return;
    }
    if (inheritance->n_nodes > 0) {
        log_line(LOG_WARNING,
                 "%zu connections were inherited without the state that tells whose they are; "
                 "they are closed",
                 inheritance->n_nodes);
    }
    adopt_all(inheritance, all, NULL, 0);
}

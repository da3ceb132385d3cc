/* SPDX-License-Identifier: Apache-2.0 */
/* What an earlier process has left. */
#include "daemon/inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/connection.h"
#include "daemon/listener.h"
#include "daemon/server.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/memory_file.h"
#include "system/notify.h"

static int socket_option(int fd, int option)
{
    int value;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static bool is_for_metrics(const struct options *options, int fd)
{
    struct endpoint own;
    return listener_endpoint(fd, &own) == 0 && own.port == options->metrics.port &&
           address_equal(&own.address, &options->metrics.address);
}

static void sort_listener(const struct options *options, struct inheritance *out, int fd)
{
    if (out->metrics < 0 && is_for_metrics(options, fd)) {
        out->metrics = fd;
    } else {
        out->listeners[out->n_listeners++] = fd;
    }
}

static void sort_descriptor(const struct options *options, struct inheritance *out, int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (socket_option(fd, SO_TYPE) == SOCK_SEQPACKET) {
        out->channel = fd;
    } else if (socket_option(fd, SO_ACCEPTCONN) == 1) {
        sort_listener(options, out, fd);
    } else if (socket_option(fd, SO_TYPE) == SOCK_STREAM) {
        out->nodes[out->n_nodes++] = fd;
    } else if (out->memory < 0 && memory_file_is(fd)) {
        out->memory = fd;
    } else {
        close(fd);
    }
}

int inheritance_take(const struct options *options, struct inheritance *out)
{
    *out = (struct inheritance){.channel = -1, .memory = -1, .metrics = -1};
    size_t n = options->systemd || notify_has_keeper() ? (size_t)notify_listen_fds() : 0;
    if (n == 0) {
        return 0;
    }
    out->listeners = calloc(n, sizeof *out->listeners);
    out->nodes = calloc(n, sizeof *out->nodes);
    if (!out->listeners || !out->nodes) {
        log_line(LOG_ERR, "cannot take %zu passed descriptors: %s", n, strerror(ENOMEM));
        inheritance_free(out);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        sort_descriptor(options, out, NOTIFY_LISTEN_FDS_START + (int)i);
    }
    return 0;
}

void inheritance_free(struct inheritance *inheritance)
{
    free(inheritance->listeners);
    free(inheritance->nodes);
    inheritance->listeners = NULL;
    inheritance->nodes = NULL;
}

struct known {
    uint64_t id;
    struct registry_node *node;
};

static int compare_known(const void *a, const void *b)
{
    uint64_t left = ((const struct known *)a)->id, right = ((const struct known *)b)->id;
    return left < right ? -1 : left > right;
}

/* Where sockets have no numbers, all have the 0, and none is to be taken for another. */
static struct registry_node *find_known(uint64_t id, const struct known *known, size_t n_known)
{
    const struct known key = {.id = id};
    const struct known *found =
        id && n_known ? bsearch(&key, known, n_known, sizeof *known, compare_known) : NULL;
    return found ? found->node : NULL;
}

/* Gives the connections to the nodes that they belong to. Returns how many. */
static size_t adopt_all(const struct inheritance *inheritance, struct server *server,
                        const struct known *known, size_t n_known)
{
    size_t n_adopted = 0;
    for (size_t i = 0; i < inheritance->n_nodes; i++) {
        int fd = inheritance->nodes[i];
        struct registry_node *node = find_known(descriptors_socket_id(fd), known, n_known);
        if (node && !node->owner && connection_adopt(server, fd, node) == 0) {
            n_adopted++;
        } else {
            shutdown(fd, SHUT_RDWR);
            close(fd);
        }
    }
    return n_adopted;
}

static size_t adopt(const struct inheritance *inheritance, struct server *server)
{
    struct registry *registry = &server->sessions.registry;
    struct registry_node *node, *next;
    size_t n_known = 0;
    struct known *known = calloc(registry->n_live + 1, sizeof *known);
    if (known) {
        DL_FOREACH (registry->live, node) {
            known[n_known++] = (struct known){.id = node->id, .node = node};
        }
        qsort(known, n_known, sizeof *known, compare_known);
    }
    size_t n_adopted = adopt_all(inheritance, server, known, n_known);
    free(known);
    DL_FOREACH_SAFE (registry->live, node, next) {
        if (!node->owner) {
            registry_remove(registry, node);
        }
    }
    return n_adopted;
}

static void report_restored(const struct snapshot_report *report, size_t n_adopted, size_t n_gone)
{
    log_line(LOG_INFO, "restored %zu registrations; %zu nodes have left in between", n_adopted,
             n_gone);
    if (report->n_damaged + report->n_refused + report->n_lost > 0) {
        log_line(LOG_WARNING,
                 "of the inherited state %zu records are damaged, %zu found no room, "
                 "%zu bytes are none; they are dropped",
                 report->n_damaged, report->n_refused, report->n_lost);
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

static size_t restore_from_state(const struct inheritance *inheritance, struct server *server)
{
    struct registry *registry = &server->sessions.registry;
    struct snapshot_report report;
    int status = state_load(&server->store.state, registry, &report);
    report_state(status, &report);
    size_t n_live = registry->n_live;
    size_t n_adopted = adopt(inheritance, server);
    if (status == 0) {
        report_restored(&report, n_adopted, n_live - n_adopted);
    }
    return n_adopted;
}

size_t inheritance_restore(const struct inheritance *inheritance, struct server *server)
{
    if (server->store.state.fd >= 0 && inheritance->memory >= 0) {
        return restore_from_state(inheritance, server);
    }
    if (inheritance->n_nodes > 0) {
        log_line(LOG_WARNING,
                 "%zu connections were inherited without the state that tells whose they are; "
                 "they are closed",
                 inheritance->n_nodes);
    }
    return adopt_all(inheritance, server, NULL, 0);
}

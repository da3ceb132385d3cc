/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives this process. */
#include "daemon/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/connection.h"
#include "daemon/server.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/memory_file.h"
#include "system/notify.h"

/* Registrations that the shipped unit's FileDescriptorStoreMax= has room for, and the
 * state: for managers that do not tell. */
#define MANAGER_MAX (4096 + 1)

/* How long a registration may wait for our own keeper: it answers in microseconds,
 * unless it has been stopped. */
#define KEEPER_PATIENCE_MS 250
#define CLOSING_PATIENCE_MS 1000

#define MESSAGE_NODE "FDSTORE=1\nFDNAME=n\n"
#define MESSAGE_LISTENER "FDSTORE=1\nFDNAME=l\n"
#define MESSAGE_STATE "FDSTORE=1\nFDNAME=s\n"

/* ---- what was passed on to us ---- */

static int socket_option(int fd, int option)
{
    int value;
    socklen_t len = sizeof value;
    return getsockopt(fd, SOL_SOCKET, option, &value, &len) < 0 ? -1 : value;
}

static void sort_descriptor(struct store_inheritance *out, int fd)
{
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (socket_option(fd, SO_TYPE) == SOCK_SEQPACKET) {
        out->channel = fd;
    } else if (socket_option(fd, SO_ACCEPTCONN) == 1) {
        out->listeners[out->n_listeners++] = fd;
    } else if (socket_option(fd, SO_TYPE) == SOCK_STREAM) {
        out->nodes[out->n_nodes++] = fd;
    } else if (out->memory < 0 && memory_file_is(fd)) {
        out->memory = fd;
    } else {
        close(fd);
    }
}

int store_inherit(const struct options *options, struct store_inheritance *out)
{
    *out = (struct store_inheritance){.channel = -1, .memory = -1};
    size_t n = options->systemd || notify_has_keeper() ? (size_t)notify_listen_fds() : 0;
    if (n == 0) {
        return 0;
    }
    out->listeners = calloc(n, sizeof *out->listeners);
    out->nodes = calloc(n, sizeof *out->nodes);
    if (!out->listeners || !out->nodes) {
        store_inheritance_free(out);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        sort_descriptor(out, NOTIFY_LISTEN_FDS_START + (int)i);
    }
    return 0;
}

void store_inheritance_free(struct store_inheritance *inheritance)
{
    free(inheritance->listeners);
    free(inheritance->nodes);
    inheritance->listeners = NULL;
    inheritance->nodes = NULL;
}

/* ---- the watcher ---- */

static void store_lose_watcher(struct store *store, const char *why)
{
    log_line(LOG_WARNING, "%s has gone (%s): from now on registrations end with this process",
             store->keeper ? "the keeper" : "the service manager", why);
    event_del(&store->flush);
    event_del(&store->hangup);
    event_del(&store->watchdog);
    close(store->channel);
    store->channel = -1;
    store->server->sessions.can_reload = false;
}

static int store_send(struct store *store, const char *message, const int *fds, size_t n_fds)
{
    if (store->channel < 0) {
        return -ENOTCONN;
    }
    int status = notify_send(store->channel, message, fds, n_fds);
    if (status == -EAGAIN && store->keeper) {
        struct pollfd pollfd = {.fd = store->channel, .events = POLLOUT};
        if (poll(&pollfd, 1, KEEPER_PATIENCE_MS) > 0) {
            status = notify_send(store->channel, message, fds, n_fds);
        }
    }
    if (status < 0 && status != -EAGAIN) {
        store_lose_watcher(store, strerror(-status));
    }
    return status;
}

static void on_hangup(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    char byte;
    if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0) {
        store_lose_watcher(argument, "its end of the channel is closed");
    }
}

static void on_watchdog(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    store_send(argument, "WATCHDOG=1\n", NULL, 0);
}

static void store_note_full(struct store *store, bool is_full)
{
    if (is_full && !store->is_full) {
        log_line(LOG_WARNING,
                 "%zu registrations are stored, which is all that the service manager "
                 "takes (FileDescriptorStoreMax=): the next ones would not survive a "
                 "restart",
                 store->n_stored);
        store_send(store, "STATUS=The store is full: the next registrations are not stored\n", NULL,
                   0);
    }
    store->is_full = is_full;
}

static void store_flush_state(struct store *store)
{
    int status = store_send(store, MESSAGE_STATE, &store->state.fd, 1);
    store->state_waits = status == -EAGAIN;
}

static void store_flush_announcement(struct store *store)
{
    char message[80];
    snprintf(message, sizeof message, "READY=1\nSTATUS=Listening on port %u\n",
             store->server->options->port);
    store->announcement_waits = store_send(store, message, NULL, 0) == -EAGAIN;
}

/* Collects what waits and the manager has room for. Returns how many. */
static size_t store_collect(struct store *store, int fds[NOTIFY_FDS_MAX])
{
    size_t n = 0;
    const struct connection *waiting;
    DL_FOREACH (store->server->capacity.queues[CAPACITY_UNSTORED], waiting) {
        if (n == NOTIFY_FDS_MAX || store->n_stored + n >= store->max_stored) {
            break;
        }
        fds[n++] = waiting->session.fd;
    }
    return n;
}

/* Lets the first `n` of those who wait do so no longer. */
static void store_settle(struct store *store, size_t n, bool stored)
{
    struct capacity *capacity = &store->server->capacity;
    for (size_t i = 0; i < n; i++) {
        struct connection *settled = capacity->queues[CAPACITY_UNSTORED];
        settled->stored = stored;
        capacity_move(capacity, settled, CAPACITY_KEPT);
    }
    store->n_stored += stored ? n : 0;
}

/* Hands over a batch of registrations. */
static void store_flush_nodes(struct store *store)
{
    int fds[NOTIFY_FDS_MAX];
    char message[100];
    const struct connection *waiting;
    size_t n_waiting;
    DL_COUNT(store->server->capacity.queues[CAPACITY_UNSTORED], waiting, n_waiting);
    size_t n = store_collect(store, fds);
    if (n == 0) {
        store_note_full(store, n_waiting > 0);
        store_settle(store, n_waiting, false);
        return;
    }
    snprintf(message, sizeof message, MESSAGE_NODE "STATUS=%zu registrations wait to be stored\n",
             n_waiting - n);
    if (store_send(store, message, fds, n) == 0) {
        store_settle(store, n, true);
    }
}

/* Hands over some of what waits, in the order in which it is needed. */
static void store_flush(struct store *store)
{
    if (store->state_waits) {
        store_flush_state(store);
    } else if (store->announcement_waits) {
        store_flush_announcement(store);
    } else {
        store_flush_nodes(store);
    }
}

static bool store_waits(const struct store *store)
{
    return store->state_waits || store->announcement_waits ||
           store->server->capacity.queues[CAPACITY_UNSTORED];
}

static void on_flush(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct store *store = argument;
    store_flush(store);
    if (store->channel < 0 || store_waits(store)) {
        return;
    }
    event_del(&store->flush);
    if (store->is_busy && !store->is_full) {
        log_line(LOG_INFO, "all registrations are with the service manager again");
    }
    store->is_busy = false;
}

void store_await(struct store *store)
{
    if (store->channel < 0 || store->is_busy) {
        return;
    }
    log_line(LOG_WARNING,
             "%s is busy: the last registrations would not survive a restart until it "
             "takes them",
             store->keeper ? "the keeper" : "the service manager");
    store->is_busy = true;
    event_add(&store->flush, NULL);
}

static void store_open_channel(struct store *store, const struct store_inheritance *inheritance)
{
    store->keeper = inheritance->channel >= 0;
    store->channel = store->keeper ? inheritance->channel : notify_open_manager();
    if (store->channel < 0) {
        if (store->channel != -ENOENT) {
            log_line(LOG_WARNING, "cannot reach the service manager: %s",
                     strerror(-store->channel));
        }
        store->channel = -1;
        return;
    }
    struct event_base *base = store->server->base;
    event_assign(&store->flush, base, store->channel, EV_WRITE | EV_PERSIST, on_flush, store);
    event_assign(&store->hangup, base, store->channel, EV_READ | EV_PERSIST, on_hangup, store);
    event_assign(&store->watchdog, base, -1, EV_PERSIST, on_watchdog, store);
    if (store->keeper) {
        event_add(&store->hangup, NULL);
    }
}

void store_open(struct store *store, struct server *server,
                const struct store_inheritance *inheritance)
{
    *store = (struct store){.server = server, .channel = -1, .state.fd = -1};
    if (!server->options->systemd && inheritance->channel < 0) {
        return;
    }
    store_open_channel(store, inheritance);
    if (store->channel < 0) {
        return;
    }
    size_t room = store->keeper ? SIZE_MAX : notify_store_max(MANAGER_MAX);
    store->max_stored = room > 0 ? room - 1 : 0; /* and the state */
    int status = state_open(&store->state, inheritance->memory);
    if (status == 0 && inheritance->memory < 0) {
        status = store_send(store, MESSAGE_STATE, &store->state.fd, 1);
        store->state_waits = status == -EAGAIN;
        status = store->state_waits ? 0 : status;
    }
    if (status < 0) {
        log_line(LOG_WARNING,
                 "cannot keep the registrations' state: %s; they will not survive "
                 "this process",
                 strerror(-status));
        state_close(&store->state);
    }
}

/* ---- what comes back ---- */

struct known {
    uint64_t id;
    struct registry_node *node;
};

static int compare_known(const void *a, const void *b)
{
    uint64_t left = ((const struct known *)a)->id, right = ((const struct known *)b)->id;
    return left < right ? -1 : left > right;
}

static struct registry_node *find_known(uint64_t id, const struct known *known, size_t n_known)
{
    const struct known key = {.id = id};
    const struct known *found =
        n_known ? bsearch(&key, known, n_known, sizeof *known, compare_known) : NULL;
    return found ? found->node : NULL;
}

/* Gives the connections to the nodes that they belong to. Returns how many. */
static size_t adopt_all(struct store *store, const struct store_inheritance *inheritance,
                        const struct known *known, size_t n_known)
{
    size_t n_adopted = 0;
    for (size_t i = 0; i < inheritance->n_nodes; i++) {
        int fd = inheritance->nodes[i];
        struct registry_node *node = find_known(descriptors_socket_id(fd), known, n_known);
        if (node && !node->owner && connection_adopt(store->server, fd, node) == 0) {
            n_adopted++;
        } else {
            shutdown(fd, SHUT_RDWR);
            close(fd);
        }
    }
    return n_adopted;
}

static size_t store_adopt(struct store *store, const struct store_inheritance *inheritance)
{
    struct registry *registry = &store->server->sessions.registry;
    struct registry_node *node, *next;
    size_t n_known = 0;
    struct known *known = calloc(registry->n_live + 1, sizeof *known);
    if (known) {
        DL_FOREACH (registry->live, node) {
            known[n_known++] = (struct known){.id = node->id, .node = node};
        }
        qsort(known, n_known, sizeof *known, compare_known);
    }
    size_t n_adopted = adopt_all(store, inheritance, known, n_known);
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

void store_restore(struct store *store, const struct store_inheritance *inheritance)
{
    struct registry *registry = &store->server->sessions.registry;
    struct snapshot_report report;
    if (store->state.fd < 0 || inheritance->memory < 0) {
        if (inheritance->n_nodes > 0) {
            log_line(LOG_WARNING,
                     "%zu connections were inherited without the state that tells whose they "
                     "are; they are closed",
                     inheritance->n_nodes);
        }
        adopt_all(store, inheritance, NULL, 0);
    } else {
        int status = state_load(&store->state, registry, &report);
        size_t n_live = registry->n_live;
        size_t n_adopted = store_adopt(store, inheritance);
        if (status == -EPROTONOSUPPORT) {
            log_line(LOG_WARNING,
                     "the inherited state is of version %" PRIu32 ", which this epmd "
                     "does not know; it is dropped",
                     report.version);
        } else if (status < 0) {
            log_line(LOG_WARNING, "the inherited state cannot be read: %s; it is dropped",
                     strerror(-status));
        } else {
            report_restored(&report, n_adopted, n_live - n_adopted);
        }
        store->n_stored = n_adopted;
    }
    int status = state_rewrite(&store->state, registry);
    if (status < 0) {
        log_line(LOG_WARNING, "cannot write the registrations' state: %s", strerror(-status));
    }
}

/* ---- what is kept ---- */

void store_announce(struct store *store)
{
    uint64_t us = notify_watchdog_us() / 3;
    if (store->channel < 0) {
        return;
    }
    store_flush_announcement(store);
    if (store->channel >= 0 && store_waits(store)) {
        event_add(&store->flush, NULL);
    }
    if (store->channel >= 0 && us > 0) {
        struct timeval interval = {.tv_sec = (time_t)(us / 1000000),
                                   .tv_usec = (suseconds_t)(us % 1000000)};
        event_add(&store->watchdog, &interval);
    }
}

void store_add_listener(struct store *store, int fd)
{
    if (store->keeper) {
        store_send(store, MESSAGE_LISTENER, &fd, 1);
    }
}

bool store_add(struct store *store, struct connection *connection)
{
    struct registry_node *node = connection->session.node;
    if (store->channel < 0 || store->state.fd < 0) {
        return true;
    }
    node->id = descriptors_socket_id(connection->session.fd);
    int status = state_add(&store->state, &store->server->sessions.registry, node);
    if (status < 0) {
        log_line(LOG_ERR, "cannot write the registrations' state: %s", strerror(-status));
        return true;
    }
    store_note_full(store, store->n_stored >= store->max_stored);
    if (store->is_full) {
        return true;
    }
    if (store->state_waits || store->is_busy) {
        return false; /* whoever came first is stored first */
    }
    status = store_send(store, MESSAGE_NODE, &connection->session.fd, 1);
    if (status == 0) {
        connection->stored = true;
        store->n_stored++;
    }
    return status != -EAGAIN;
}

void store_remove(struct store *store, struct connection *connection)
{
    if (store->channel < 0 || store->state.fd < 0) {
        return;
    }
    state_remove(&store->state, connection->session.node);
    if (connection->stored) {
        /* The watcher's duplicate would keep the connection open. */
        shutdown(connection->session.fd, SHUT_RDWR);
        store->n_stored--;
    }
}

bool store_is_open(const struct store *store)
{
    return store->channel >= 0 && store->state.fd >= 0;
}

void store_close(struct store *store)
{
    if (store->channel >= 0) {
        struct pollfd pollfd = {.fd = store->channel, .events = POLLOUT};
        while (store->channel >= 0 && store_waits(store) &&
               poll(&pollfd, 1, CLOSING_PATIENCE_MS) > 0) {
            store_flush(store);
        }
    }
    if (store->channel >= 0) {
        event_del(&store->flush);
        event_del(&store->hangup);
        event_del(&store->watchdog);
        close(store->channel);
    }
    store->channel = -1;
    state_close(&store->state);
}

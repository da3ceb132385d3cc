/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives this process. */
#include "daemon/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/connection.h"
#include "daemon/server.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/notify.h"

/* Registrations that the shipped unit's FileDescriptorStoreMax= has room for, and the
 * state: for managers that do not tell. */
#define MANAGER_MAX (4096 + 1)

/* How long a registration may wait for our own keeper: it answers in microseconds, unless
 * it has been stopped. Then nobody waits again until it has taken what there is. */
#define KEEPER_PATIENCE_MS 250
#define CLOSING_PATIENCE_MS 1000

#define MESSAGE_NODE "FDSTORE=1\nFDNAME=n\n"
#define MESSAGE_LISTENER "FDSTORE=1\nFDNAME=l\n"
#define MESSAGE_STATE "FDSTORE=1\nFDNAME=s\n"

/* How often what waits is offered. That the channel is writable would not tell: the
 * kernel may refuse descriptors nevertheless (unix(7), ETOOMANYREFS). */
static const struct timeval flush_interval = {.tv_usec = 10000};

/* ---- the watcher ---- */

static const char *watcher_name(const struct store *store)
{
    return store->keeper ? "the keeper" : "the service manager";
}

static void store_hang_up(struct store *store)
{
    event_del(&store->flush);
    event_del(&store->hangup);
    event_del(&store->watchdog);
    close(store->channel);
    store->channel = -1;
}

static void store_lose_watcher(struct store *store, const char *why)
{
    log_line(LOG_WARNING, "%s has gone (%s): from now on registrations end with this process",
             watcher_name(store), why);
    store_hang_up(store);
    store->server->sessions.can_reload = false;
}

static int store_send(struct store *store, const char *message, const int *fds, size_t n_fds)
{
    if (store->channel < 0) {
        return -ENOTCONN;
    }
    int status = notify_send(store->channel, message, fds, n_fds);
    if (status < 0 && status != -EAGAIN) {
        store_lose_watcher(store, strerror(-status));
    }
    return status;
}

/* Hands one descriptor over, for which a keeper gets a moment. */
static int store_hand_over(struct store *store, const char *message, int fd)
{
    int status = store_send(store, message, &fd, 1);
    struct pollfd pollfd = {.fd = store->channel, .events = POLLOUT};
    if (status == -EAGAIN && store->keeper && poll(&pollfd, 1, KEEPER_PATIENCE_MS) > 0) {
        status = store_send(store, message, &fd, 1);
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

static int store_flush_state(struct store *store)
{
    int status = store_send(store, MESSAGE_STATE, &store->state.fd, 1);
    store->state_waits = status == -EAGAIN;
    return status;
}

static int store_flush_announcement(struct store *store)
{
    char message[80];
    snprintf(message, sizeof message, NOTIFY_READY "STATUS=Listening on port %u\n",
             store->server->options->port);
    int status = store_send(store, message, NULL, 0);
    store->announcement_waits = status == -EAGAIN;
    return status;
}

/* Collects what waits and the manager has room for. Returns how many. */
static size_t store_collect(struct store *store, int fds[NOTIFY_FDS_SENT_MAX])
{
    size_t n = 0;
    const struct connection *waiting;
    DL_FOREACH (store->server->capacity.queues[CAPACITY_UNSTORED], waiting) {
        if (n == NOTIFY_FDS_SENT_MAX || store->n_stored + n >= store->max_stored) {
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
static int store_flush_nodes(struct store *store)
{
    int fds[NOTIFY_FDS_SENT_MAX];
    char message[100];
    const struct connection *waiting;
    size_t n_waiting;
    DL_COUNT(store->server->capacity.queues[CAPACITY_UNSTORED], waiting, n_waiting);
    size_t n = store_collect(store, fds);
    if (n == 0) {
        store_note_full(store, n_waiting > 0);
        store_settle(store, n_waiting, false);
        return 0;
    }
    snprintf(message, sizeof message, MESSAGE_NODE "STATUS=%zu registrations wait to be stored\n",
             n_waiting - n);
    int status = store_send(store, message, fds, n);
    if (status == 0) {
        store_settle(store, n, true);
    }
    return status;
}

/* Hands over some of what waits, in the order in which it is needed. Returns 0 where the
 * watcher took it, or a negative errno. */
static int store_flush(struct store *store)
{
    if (store->state_waits) {
        return store_flush_state(store);
    }
    return store->announcement_waits ? store_flush_announcement(store) : store_flush_nodes(store);
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
    while (store_waits(store) && store_flush(store) == 0) {
        /* as much as it takes now */
    }
    if (store->channel < 0 || store_waits(store)) {
        return;
    }
    event_del(&store->flush);
    if (store->is_busy && !store->is_full) {
        log_line(LOG_INFO, "all registrations are with %s again", watcher_name(store));
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
             watcher_name(store));
    store->is_busy = true;
    event_add(&store->flush, &flush_interval);
}

static void store_open_channel(struct store *store, const struct inheritance *inheritance)
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
    event_assign(&store->flush, base, -1, EV_PERSIST, on_flush, store);
    event_assign(&store->hangup, base, store->channel, EV_READ | EV_PERSIST, on_hangup, store);
    event_assign(&store->watchdog, base, -1, EV_PERSIST, on_watchdog, store);
    if (store->keeper) {
        event_add(&store->hangup, NULL);
    }
}

void store_open(struct store *store, struct server *server, const struct inheritance *inheritance)
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
        status = store_flush_state(store);
        status = status == -EAGAIN ? 0 : status;
    }
    if (status < 0) {
        log_line(LOG_WARNING,
                 "cannot keep the registrations' state: %s; they will not survive "
                 "this process",
                 strerror(-status));
        state_close(&store->state);
    }
}

/* ---- what is kept ---- */

void store_begin(struct store *store, size_t n_restored)
{
    store->n_stored = n_restored;
    int status = state_rewrite(&store->state, &store->server->sessions.registry);
    if (status < 0) {
        log_line(LOG_WARNING, "cannot write the registrations' state: %s", strerror(-status));
    }
}

int store_announce(struct store *store)
{
    uint64_t us = notify_watchdog_us() / 3;
    if (store->channel < 0) {
        return 0;
    }
    int status = store_flush_announcement(store);
    if (store->keeper && store->channel < 0) {
        return status;
    }
    if (store->channel >= 0 && store_waits(store)) {
        event_add(&store->flush, &flush_interval);
    }
    if (store->channel >= 0 && us > 0) {
        struct timeval interval = {.tv_sec = (time_t)(us / 1000000),
                                   .tv_usec = (suseconds_t)(us % 1000000)};
        event_add(&store->watchdog, &interval);
    }
    return 0;
}

void store_add_listener(struct store *store, int fd)
{
    if (store->keeper) {
        store_hand_over(store, MESSAGE_LISTENER, fd);
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
    status = store_hand_over(store, MESSAGE_NODE, connection->session.fd);
    if (status == 0) {
        connection->stored = true;
        store->n_stored++;
    }
    return status != -EAGAIN;
}

void store_remove(struct store *store, struct connection *connection)
{
    if (store_is_open(store)) {
        state_remove(&store->state, connection->session.node);
    }
    if (connection->stored && !store->is_closed) {
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
    int64_t deadline_ms = clock_now_ms() + CLOSING_PATIENCE_MS;
    while (store->channel >= 0 && store_waits(store) && clock_now_ms() < deadline_ms) {
        if (store_flush(store) < 0) {
            poll(NULL, 0, 1);
        }
    }
    if (store->channel >= 0) {
        store_hang_up(store);
    }
    store->is_closed = true;
    state_close(&store->state);
}

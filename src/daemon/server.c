/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon. */
#include "daemon/server.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/flood.h"
#include "daemon/report.h"
#include "daemon/restore.h"
#include "system/clock.h"
#include "system/keeper.h"
#include "system/log.h"

static_assert(ACCEPTOR_LISTENERS_MAX <= INVENTORY_LISTENERS_MAX, "no room for all listeners");

/* ---- accepting ---- */

static void on_accepted(void *argument, int fd, const struct listener_peer *peer)
{
    struct server *server = argument;
    connections_admit(&server->connections, CONNECTION_EPMD, fd, peer);
}

static void on_scraped(void *argument, int fd, const struct listener_peer *peer)
{
    struct server *server = argument;
    connections_admit(&server->connections, CONNECTION_HTTP, fd, peer);
}

static bool on_shortage(void *argument)
{
    struct server *server = argument;
    return capacity_evict(&server->connections.capacity);
}

/* ---- the beginning ---- */

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (!config) {
        return NULL;
    }
    event_config_avoid_method(config, "select"); /* its descriptors end at FD_SETSIZE */
    /* At each turn of the loop the cached time would cost more than it saves. */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV |
                                      EVENT_BASE_FLAG_NO_CACHE_TIME);
    /* An event of the last priority that goes on is to see first what has come meanwhile. */
    event_config_set_max_dispatch_interval(config, NULL, 1, CONNECTIONS_PRIORITY_LAST);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    if (base && event_base_priority_init(base, CONNECTIONS_PRIORITIES) < 0) {
        event_base_free(base);
        return NULL;
    }
    return base;
}

/* Logs why there is no socket for -metrics. A process that has nodes to lose goes on. */
static int metrics_fail(const struct endpoint *endpoint, int error, bool goes_on)
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&endpoint->address, address);
    log_line(LOG_ERR, "-metrics: cannot listen on %s port %u: %s%s", address, endpoint->port,
             strerror(-error), goes_on ? "; there are no metrics" : "");
    if (goes_on) {
        return 0;
    }
    return error == -EADDRINUSE ? -EADDRNOTAVAIL : error; /* the former is about epmd's port */
}

static void server_keep_listeners(struct server *server, const struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        store_add_listener(&server->connections.store, acceptor_descriptor(acceptor, i));
    }
}

static int server_listen_for_scrapes(struct server *server, const struct inheritance *inheritance)
{
    const struct acceptor_hooks hooks = {
        .argument = server, .accepted = on_scraped, .shortage = on_shortage};
    const struct endpoint *endpoint = &server->options->metrics;
    if (endpoint->port == 0) {
        return 0;
    }
    acceptor_init(&server->scraped, server->base, &hooks);
    bool is_new = inheritance->metrics < 0;
    int status = is_new ? acceptor_open_at(&server->scraped, endpoint)
                        : acceptor_adopt(&server->scraped, &inheritance->metrics, 1);
    if (status < 0) {
        return metrics_fail(endpoint, status, inheritance->memory >= 0);
    }
    if (is_new) {
        server_keep_listeners(server, &server->scraped);
    }
    return 0;
}

static int server_listen(struct server *server, const struct inheritance *inheritance,
                         struct endpoint *in_use)
{
    const struct acceptor_hooks hooks = {
        .argument = server, .accepted = on_accepted, .shortage = on_shortage};
    acceptor_init(&server->acceptor, server->base, &hooks);
    if (inheritance->n_listeners > 0) {
        return acceptor_adopt(&server->acceptor, inheritance->listeners, inheritance->n_listeners);
    }
    if (server->options->systemd) {
        log_line(LOG_ERR, "-systemd: no TCP socket that listens was passed (LISTEN_FDS); is there "
                          "a .socket unit that starts this service?");
        return -ENOTCONN;
    }
    return acceptor_open(&server->acceptor, server->options, in_use);
}

/* What the daemon tells of itself that never changes while it serves. */
static void server_describe(struct server *server)
{
    const struct policy *policy = &server->options->policy;
    struct inventory_daemon *self = &server->connections.sessions.self;
    struct agreement_socket sockets[ACCEPTOR_LISTENERS_MAX];
    *self = (struct inventory_daemon){.port = server->options->port,
                                      .pid = (uint32_t)getpid(),
                                      .started_ms = clock_now_ms(),
                                      .relaxed = policy->relaxed,
                                      .version = EPMD_VERSION};
    self->n_listeners = acceptor_list_sockets(&server->acceptor, sockets);
    for (size_t i = 0; i < self->n_listeners; i++) {
        self->listeners[i] = sockets[i].endpoint;
    }
    networks_format(&policy->allow_lookup, self->allow_lookup);
    networks_format(&policy->allow_names, self->allow_names);
    networks_format(&policy->allow_register, self->allow_register);
}

static int server_set_up(struct server *server, const struct inheritance *inheritance,
                         struct endpoint *in_use)
{
    struct connections *connections = &server->connections;
    const struct connections_hooks hooks = life_hooks(&server->life);
    const struct store_config config = {.base = server->base,
                                        .registry = &connections->sessions.registry,
                                        .port = server->options->port,
                                        .systemd = server->options->systemd,
                                        .channel = inheritance->channel,
                                        .memory = inheritance->memory};
    life_init(&server->life, connections, &server->acceptor, &server->scraped);
    int status = server_listen(server, inheritance, in_use);
    if (status < 0) {
        return status; /* before what is inherited is taken over: server_init() can be repeated */
    }
    store_open(&connections->store, &config);
    if (inheritance->n_listeners == 0) {
        server_keep_listeners(server, &server->acceptor);
    }
    store_require_numbers(&connections->store, acceptor_descriptor(&server->acceptor, 0));
    status = server_listen_for_scrapes(server, inheritance);
    if (status == 0) {
        status = life_watch_signals(&server->life);
    }
    if (status == 0) {
        status = connections_init(connections, &hooks, inheritance->n_nodes);
    }
    if (status == 0) {
        restore_all(inheritance, connections);
        store_begin(&connections->store);
        server_describe(server);
    }
    return status;
}

int server_init(struct server *server, const struct options *options, struct endpoint *in_use)
{
    struct inheritance inheritance;
    *server = (struct server){.options = options,
                              .connections.options = options,
                              .connections.store.handover.watcher.channel = -1,
                              .connections.store.state.fd = -1};
    int status = inheritance_take(options, &inheritance);
    if (status < 0) {
        return status;
    }
    server->base = new_base();
    if (server->base) {
        flood_init(server->base);
        server->connections.base = server->base;
        status = server_set_up(server, &inheritance, in_use);
    } else {
        log_line(LOG_ERR, "cannot set up the event loop: %s", strerror(errno));
        status = -ENOMEM;
    }
    inheritance_free(&inheritance);
    if (status < 0) {
        server_deinit(server);
    }
    return status;
}

int server_announce(struct server *server)
{
    acceptor_announce(&server->acceptor, server->options);
    if (server->scraped.n_listeners > 0) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&server->options->metrics.address, address);
        log_line(LOG_INFO, "metrics on %s port %u", address, server->options->metrics.port);
    }
    life_watch_idleness(&server->life);
    return store_announce(&server->connections.store);
}

/* ---- serving, and the end ---- */

int server_run(struct server *server)
{
    if (event_base_dispatch(server->base) < 0) {
        return -EIO;
    }
    sigset_t hangup; /* too late for a reload, too early to die of it */
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
    report_denials(&server->connections.sessions.counters);
    return life_exit_status(&server->life);
}

void server_deinit(struct server *server)
{
    struct connections *connections = &server->connections;
    bool was_killed = server->life.phase == LIFE_KILLED;
    bool goes_on = server->base && life_goes_on(&server->life);
    acceptor_close(&server->acceptor);
    acceptor_close(&server->scraped);
    if (!was_killed) {
        store_close(&connections->store); /* so that what follows ends only our side */
    }
    connections_deinit(connections, goes_on);
    store_close(&connections->store);
    flood_deinit();
    life_deinit(&server->life);
    if (server->base) {
        event_base_free(server->base);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon. */
#include "daemon/server.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/flood.h"
#include "daemon/report.h"
#include "daemon/restore.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/keeper.h"
#include "system/log.h"

/* What is in the sockets' buffers when a reload begins is served first, for so long. */
#define ARRIVED_MS 50

/* Between two reloads that peers ask for: each costs a new process, and a pause. */
#define RELOAD_INTERVAL_MS 10000

static_assert(ACCEPTOR_LISTENERS_MAX <= INVENTORY_LISTENERS_MAX, "no room for all listeners");

/* ---- life ---- */

static bool is_over(enum server_life life)
{
    return life == SERVER_REPLACED || life == SERVER_ENDED;
}

/* How long the answers that are under way may take. */
static struct timeval drain_time(const struct server *server, enum server_life life)
{
    /* Each of them has its own deadline, which is this at the most. */
    const struct timeval patience = {.tv_sec = server->options->packet_timeout_s};
    const struct timeval moment = {.tv_usec = 500000};
    return life == SERVER_RELOADING ? patience : moment;
}

/* The only place that changes the daemon's life, and what goes with it. */
static void server_enter(struct server *server, enum server_life life)
{
    if (is_over(server->life) || server->life == SERVER_KILLED) {
        return; /* what is decided stays so */
    }
    server->life = life;
    server->since_ms = clock_now_ms();
    server->connections.is_draining = life != SERVER_SERVING;
    event_del(&server->drained);
    if (life == SERVER_SERVING) {
        acceptor_resume(&server->acceptor);
    } else if (life == SERVER_RELOADING || life == SERVER_ENDING) {
        const struct timeval time = drain_time(server, life);
        event_add(&server->drained, &time);
    }
    if (life == SERVER_ENDING) {
        acceptor_suspend(&server->acceptor); /* peers that connect wait for a successor */
    }
    if (is_over(life)) {
        event_base_loopbreak(server->base);
    }
}

/* Why no successor can take over now, as a sentence in `reason`; REFUSAL_NONE where it can. It
 * asks for what is so at this moment: that there is a watcher would not be enough. A keeper's
 * word comes behind all that it has confirmed, so the registrations are counted after it. */
static enum refusal server_check_successor(struct server *server, char reason[SESSION_REASON_SIZE])
{
    struct store *store = &server->connections.store;
    if (!store_is_open(store)) {
        snprintf(reason, SESSION_REASON_SIZE, "%s", refusal_text(REFUSAL_NO_SUCCESSOR));
        return REFUSAL_NO_SUCCESSOR;
    }
    if (watcher_ask_reload(&store->watcher, reason, SESSION_REASON_SIZE) < 0) {
        return REFUSAL_NO_PROGRAM;
    }
    size_t n_missing = store_count_missing(store);
    if (n_missing > 0) {
        size_t n_live = server->connections.sessions.registry.n_live;
        snprintf(reason, SESSION_REASON_SIZE,
                 "%zu of %zu registration%s not with %s, and a restart would lose %s", n_missing,
                 n_live, n_live == 1 ? " is" : "s are", watcher_name(&store->watcher),
                 n_missing == 1 ? "it" : "them");
        return REFUSAL_NOT_ALL_KEPT;
    }
    return REFUSAL_NONE;
}

static void server_hand_over(struct server *server)
{
    char reason[SESSION_REASON_SIZE];
    struct connections *connections = &server->connections;
    if (server->life == SERVER_ENDING) {
        server_enter(server, SERVER_ENDED);
    } else if (server_check_successor(server, reason) == REFUSAL_NONE) {
        store_note_counters(&connections->store, &connections->sessions.counters);
        server_enter(server, SERVER_REPLACED);
    } else {
        report_not_reloading(reason);
        server_enter(server, SERVER_SERVING);
    }
}

static bool is_drained(const struct server *server)
{
    bool drains = server->life == SERVER_RELOADING || server->life == SERVER_ENDING;
    return drains && server->connections.n_answering == 0;
}

/* A request that is half sent is not waited for: its peer finds the connection closed, and
 * may be one that never sends the rest. One that is complete, but not read yet, is: the event
 * comes behind all that is ready. */
static void server_check_drained(struct server *server)
{
    if (!is_drained(server)) {
        return;
    }
    if (clock_now_ms() - server->since_ms < ARRIVED_MS) {
        event_active(&server->idle, EV_TIMEOUT, 0);
    } else {
        server_hand_over(server);
    }
}

static void on_idle(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    if (is_drained(argument)) {
        server_hand_over(argument);
    }
}

static void on_drained(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    server_hand_over(argument);
}

/* ---- what connections tell ---- */

static enum refusal may_reload(void *argument, char reason[SESSION_REASON_SIZE])
{
    struct server *server = argument;
    const struct store *store = &server->connections.store;
    if (store_is_open(store) && store_was_reloaded(store, RELOAD_INTERVAL_MS)) {
        snprintf(reason, SESSION_REASON_SIZE, "%s", refusal_text(REFUSAL_RELOADED_LATELY));
        return REFUSAL_RELOADED_LATELY;
    }
    return server_check_successor(server, reason);
}

/* Frees the port, so that another epmd may take it as soon as the client has its answer, and
 * makes all registrations end. */
static void server_obey_kill(struct server *server)
{
    server_enter(server, SERVER_KILLED);
    if (server->connections.store.watcher.keeper) {
        acceptor_free_port(&server->acceptor); /* else the keeper's duplicates listen on */
    }
    acceptor_close(&server->acceptor);
    acceptor_free_port(&server->scraped);
    acceptor_close(&server->scraped);
}

static void on_command(void *argument, enum session_verdict command)
{
    struct server *server = argument;
    if (command == SESSION_SHUTDOWN) {
        server_obey_kill(server);
    } else if (server->life == SERVER_SERVING) {
        store_note_reload(&server->connections.store);
        server_enter(server, SERVER_RELOADING);
    }
}

static void on_ended(void *argument, enum session_verdict command)
{
    struct server *server = argument;
    if (command == SESSION_SHUTDOWN) {
        event_base_loopbreak(server->base); /* whatever became of the reply */
    } else {
        server_check_drained(server);
    }
}

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

/* ---- signals ---- */

static void on_hangup(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    struct server *server = argument;
    char reason[SESSION_REASON_SIZE];
    if (server->life != SERVER_SERVING) {
        return;
    }
    if (server_check_successor(server, reason) != REFUSAL_NONE) {
        report_not_reloading(reason);
        return;
    }
    log_line(LOG_INFO, "reloading, because of signal %d (%s): a new process takes over",
             (int)signal_number, strsignal((int)signal_number));
    server_enter(server, SERVER_RELOADING);
    server_check_drained(server);
}

static void on_signal(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    struct server *server = argument;
    const struct store *store = &server->connections.store;
    log_line(LOG_INFO, "ending, because of signal %d (%s)", (int)signal_number,
             strsignal((int)signal_number));
    /* A service manager that restarts us has kept the sockets; ours would be cut off. */
    bool has_successor = store_is_open(store) && !store->watcher.keeper;
    server_enter(server, has_successor ? SERVER_ENDING : SERVER_ENDED);
    server_check_drained(server);
    if (server->life == SERVER_KILLED) {
        event_base_loopbreak(server->base); /* its client may never read the answer */
    }
}

static int server_watch_signals(struct server *server)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a state that may not grow is an error, not the end */
    evsignal_assign(&server->on_sigterm, server->base, SIGTERM, on_signal, server);
    evsignal_assign(&server->on_sigint, server->base, SIGINT, on_signal, server);
    evsignal_assign(&server->on_sighup, server->base, SIGHUP, on_hangup, server);
    /* Without a successor SIGHUP keeps its meaning: the terminal has gone. */
    bool watches_hangup = store_is_open(&server->connections.store);
    if (event_add(&server->on_sigterm, NULL) < 0 || event_add(&server->on_sigint, NULL) < 0 ||
        (watches_hangup && event_add(&server->on_sighup, NULL) < 0)) {
        log_line(LOG_ERR, "cannot watch for signals: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    return 0;
}

/* ---- the beginning ---- */

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (!config) {
        return NULL;
    }
    event_config_avoid_method(config, "select"); /* its descriptors end at FD_SETSIZE */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
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
    int status = acceptor_open(&server->acceptor, server->options, in_use);
    if (status == 0) {
        server_keep_listeners(server, &server->acceptor);
    }
    return status;
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
    const struct connections_hooks hooks = {
        .argument = server, .may_reload = may_reload, .command = on_command, .ended = on_ended};
    const struct store_config config = {.base = server->base,
                                        .registry = &connections->sessions.registry,
                                        .port = server->options->port,
                                        .systemd = server->options->systemd,
                                        .channel = inheritance->channel,
                                        .memory = inheritance->memory};
    evtimer_assign(&server->drained, server->base, on_drained, server);
    event_assign(&server->idle, server->base, -1, 0, on_idle, server);
    event_priority_set(&server->idle, CONNECTIONS_PRIORITY_LAST);
    store_open(&connections->store, &config);
    int status = server_listen(server, inheritance, in_use);
    if (status == 0) {
        store_require_numbers(&connections->store, acceptor_descriptor(&server->acceptor, 0));
        status = server_listen_for_scrapes(server, inheritance);
    }
    if (status == 0) {
        status = server_watch_signals(server);
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
                              .connections.store.watcher.channel = -1,
                              .connections.store.state.fd = -1};
    int status = inheritance_take(options, &inheritance);
    if (status < 0) {
        return status;
    }
    descriptors_raise_limit();
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
    return store_announce(&server->connections.store);
}

/* ---- serving, and the end ---- */

int server_run(struct server *server)
{
    if (event_base_dispatch(server->base) < 0) {
        return -EIO;
    }
    report_denials(&server->connections.sessions.counters);
    return server->life == SERVER_REPLACED ? KEEPER_EXIT_RELOAD : EXIT_SUCCESS;
}

static void drop_event(struct event *event)
{
    if (event_initialized(event)) {
        event_del(event);
    }
}

void server_deinit(struct server *server)
{
    struct connections *connections = &server->connections;
    bool was_killed = server->life == SERVER_KILLED;
    bool goes_on =
        !was_killed && (!connections->store.watcher.keeper || server->life == SERVER_REPLACED);
    sigset_t hangup; /* too late for a reload, too early to die of it */
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
    acceptor_close(&server->acceptor);
    acceptor_close(&server->scraped);
    if (!was_killed) {
        store_close(&connections->store); /* so that what follows ends only our side */
    }
    connections_deinit(connections, goes_on);
    store_close(&connections->store);
    flood_deinit();
    drop_event(&server->drained);
    drop_event(&server->idle);
    drop_event(&server->on_sigterm);
    drop_event(&server->on_sigint);
    drop_event(&server->on_sighup);
    if (server->base) {
        event_base_free(server->base);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon. */
#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <sodium/randombytes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/connection.h"
#include "daemon/description.h"
#include "daemon/flood.h"
#include "daemon/report.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/keeper.h"
#include "system/log.h"

#define DEPARTED_MAX 1000    /* as stock epmd remembers */
#define DEPARTED_MAX_DEBUG 5 /* with -d (epmd(1)) */

static const struct timeval drain_time = {.tv_usec = 500000};

static void on_drained(evutil_socket_t fd, short what, void *argument);
static void server_end(struct server *server);

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    if (!config) {
        return NULL;
    }
    event_config_avoid_method(config, "select"); /* its descriptors end at FD_SETSIZE */
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

static void on_hangup(evutil_socket_t signal_number, short what, void *argument)
{
    (void)signal_number, (void)what;
    server_reload(argument, NULL);
}

static void on_signal(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    log_line(LOG_INFO, "ending, because of signal %d (%s)", (int)signal_number,
             strsignal((int)signal_number));
    server_end(argument);
}

static int server_watch_signals(struct server *server)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a state that may not grow is an error, not the end */
    evsignal_assign(&server->on_sigterm, server->base, SIGTERM, on_signal, server);
    evsignal_assign(&server->on_sigint, server->base, SIGINT, on_signal, server);
    evsignal_assign(&server->on_sighup, server->base, SIGHUP, on_hangup, server);
    /* Without a successor SIGHUP keeps its meaning: the terminal has gone. */
    bool watches_hangup = store_is_open(&server->store);
    if (event_add(&server->on_sigterm, NULL) < 0 || event_add(&server->on_sigint, NULL) < 0 ||
        (watches_hangup && event_add(&server->on_sighup, NULL) < 0)) {
        log_line(LOG_ERR, "cannot watch for signals: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    return 0;
}

static int server_make_sessions(struct server *server, size_t max_descriptors, size_t n_inherited)
{
    const struct options *options = server->options;
    const struct capacity_limits limits = {.max_descriptors = max_descriptors,
                                           .n_inherited = n_inherited,
                                           .n_reserved = metrics_max_descriptors(&server->metrics),
                                           .timeout_s = options->packet_timeout_s,
                                           .max_per_host = options->max_per_host};
    uint8_t seed[HASH_SEED_SIZE];
    randombytes_buf(seed, sizeof seed);
    int status = capacity_init(&server->capacity, server->base, &limits, seed);
    if (status < 0) {
        log_line(LOG_ERR,
                 "%zu descriptors are too few to serve anyone; raise the limit of open files "
                 "(ulimit -n)",
                 max_descriptors);
        return status;
    }
    session_context_init(&server->sessions, capacity_max_registered(&server->capacity),
                         options->debug ? DEPARTED_MAX_DEBUG : DEPARTED_MAX, seed);
    server->sessions.policy = options->policy;
    server->sessions.hooks = connection_hooks;
    server->sessions.port = options->port;
    return 0;
}

static int server_set_up(struct server *server, const struct inheritance *inheritance,
                         struct endpoint *in_use)
{
    size_t max_descriptors = descriptors_raise_limit();
    server->base = new_base();
    if (!server->base) {
        log_line(LOG_ERR, "cannot set up the event loop: %s", strerror(errno));
        return -ENOMEM;
    }
    flood_init(server->base);
    evtimer_assign(&server->drained, server->base, on_drained, server);
    store_open(&server->store, server, inheritance);
    int status = acceptor_open(&server->acceptor, server, inheritance, in_use);
    if (status == 0) {
        status = metrics_open(&server->metrics, server, inheritance);
    }
    if (status == 0) {
        status = server_watch_signals(server);
    }
    if (status == 0) {
        status = server_make_sessions(server, max_descriptors, inheritance->n_nodes);
    }
    if (status == 0) {
        store_begin(&server->store, inheritance_restore(inheritance, server));
        server->sessions.can_reload = store_is_open(&server->store);
        server->started_ms = clock_now_ms();
        description_init(&server->sessions.self, server);
    }
    return status;
}

int server_init(struct server *server, const struct options *options, struct endpoint *in_use)
{
    struct inheritance inheritance;
    *server = (struct server){.options = options, .store.channel = -1, .store.state.fd = -1};
    int status = inheritance_take(options, &inheritance);
    if (status == 0) {
        status = server_set_up(server, &inheritance, in_use);
    }
    inheritance_free(&inheritance);
    if (status < 0) {
        server_deinit(server);
    }
    return status;
}

static void drop_event(struct event *event)
{
    if (event_initialized(event)) {
        event_del(event);
    }
}

void server_obey_kill(struct server *server)
{
    server->ends_registrations = true;
    server->is_draining = false;
    event_del(&server->drained);
    if (server->store.keeper) {
        acceptor_free_port(&server->acceptor); /* else the keeper's duplicates listen on */
    }
    acceptor_close(&server->acceptor);
    metrics_free_port(&server->metrics);
}

void server_deinit(struct server *server)
{
    sigset_t hangup; /* too late for a reload, too early to die of it */
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    sigprocmask(SIG_BLOCK, &hangup, NULL);
    acceptor_close(&server->acceptor);
    metrics_close(&server->metrics);
    if (!server->ends_registrations) {
        store_close(&server->store); /* so that what follows ends only our side */
    }
    server->is_draining = false;
    capacity_close_all(&server->capacity);
    store_close(&server->store);
    flood_deinit();
    session_context_deinit(&server->sessions);
    drop_event(&server->drained);
    drop_event(&server->on_sigterm);
    drop_event(&server->on_sigint);
    drop_event(&server->on_sighup);
    if (server->base) {
        event_base_free(server->base);
    }
}

int server_announce(struct server *server)
{
    acceptor_announce(&server->acceptor);
    metrics_announce(&server->metrics);
    return store_announce(&server->store);
}

int server_run(struct server *server)
{
    int status = event_base_dispatch(server->base) < 0 ? -EIO : server->exit_status;
    report_denials(&server->sessions.counters);
    return status;
}

void server_stop(struct server *server)
{
    event_base_loopbreak(server->base);
}

static void server_hand_over(struct server *server)
{
    server->is_draining = false;
    event_del(&server->drained);
    if (server->drain_status == KEEPER_EXIT_RELOAD && !store_is_open(&server->store)) {
        log_line(LOG_WARNING, "not reloading: %s", refusal_text(REFUSAL_NO_SUCCESSOR));
        acceptor_resume(&server->acceptor);
        return;
    }
    server->exit_status = server->drain_status;
    server_stop(server);
}

static void on_drained(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    server_hand_over(argument);
}

void server_check_drained(struct server *server)
{
    if (server->is_draining && capacity_is_idle(&server->capacity)) {
        server_hand_over(server);
    }
}

/* Serves who is there, and then ends with that status. */
static void server_drain(struct server *server, int status)
{
    server->drain_status = status;
    server->is_draining = true;
    acceptor_suspend(&server->acceptor);
    event_add(&server->drained, &drain_time);
    server_check_drained(server);
}

static void server_end(struct server *server)
{
    /* A service manager that restarts us has kept the sockets; ours would be cut off. */
    if (store_is_open(&server->store) && !server->store.keeper) {
        server_drain(server, EXIT_SUCCESS);
    } else {
        server_stop(server);
    }
}

void server_reload(struct server *server, const struct session *asker)
{
    if (!store_is_open(&server->store)) {
        log_line(LOG_WARNING, "not reloading: %s", refusal_text(REFUSAL_NO_SUCCESSOR));
        return;
    }
    if (server->is_draining) {
        return;
    }
    if (asker) {
        report_reloading(asker);
    } else {
        log_line(LOG_INFO, "reloading, because of signal %d (%s): a new process takes over", SIGHUP,
                 strsignal(SIGHUP));
    }
    server_drain(server, KEEPER_EXIT_RELOAD);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon. */
#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <sodium/randombytes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/connection.h"
#include "daemon/listener.h"
#include "daemon/report.h"
#include "system/descriptors.h"
#include "system/keeper.h"
#include "system/log.h"

#define DEPARTED_MAX 1000    /* as stock epmd remembers */
#define DEPARTED_MAX_DEBUG 5 /* with -d (epmd(1)) */

static const struct timeval accept_pause = {.tv_usec = 50000};

static const struct timeval drain_time = {.tv_usec = 500000};

static void on_drained(evutil_socket_t fd, short what, void *argument);

/* Accepting has failed for lack of something that only time can give back. */
static void pause_accepting(struct server *server, int error)
{
    report_paused(-error);
    for (size_t i = 0; i < server->n_listeners; i++) {
        event_del(&server->listeners[i]);
    }
    event_add(&server->accept_again, &accept_pause);
}

static void on_accept_again(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct server *server = argument;
    for (size_t i = 0; i < server->n_listeners; i++) {
        if (event_add(&server->listeners[i], NULL) < 0) {
            event_add(&server->accept_again, &accept_pause);
        }
    }
}

static bool is_shortage(int error)
{
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/* Who may ask nothing is found out before it costs anything or takes anybody's place. */
static enum refusal check_peer(struct server *server, const struct listener_peer *peer)
{
    if (policy_may_ask_anything(&server->sessions.policy, &peer->peer.address, peer->local)) {
        return capacity_make_room(&server->capacity, peer);
    }
    server->sessions.denials.peers++;
    return REFUSAL_NOTHING_ALLOWED;
}

static void server_admit(struct server *server, int fd, const struct listener_peer *peer)
{
    enum refusal refusal = check_peer(server, peer);
    if (refusal == REFUSAL_NONE) {
        connection_start(server, fd, peer);
    } else {
        report_turned_away(&peer->peer, refusal);
        close(fd);
    }
}

/* Takes one connection a wake-up: another attempt would mostly find nobody waiting. */
static void on_acceptable(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    struct server *server = argument;
    struct listener_peer peer;
    int accepted = listener_accept(fd, &peer);
    if (is_shortage(accepted)) {
        if (!capacity_evict(&server->capacity)) {
            pause_accepting(server, accepted);
        }
    } else if (accepted < 0) {
        return; /* nobody waits any more */
    } else {
        server_admit(server, accepted, &peer);
    }
}

static int server_add_listener(struct server *server, int fd)
{
    struct event *listener = &server->listeners[server->n_listeners];
    event_assign(listener, server->base, fd, EV_READ | EV_PERSIST, on_acceptable, server);
    if (event_add(listener, NULL) < 0) {
        return -ENOMEM;
    }
    server->n_listeners++;
    return 0;
}

static void log_cannot_listen(int level, const struct address *address, uint16_t port, int error,
                              const char *consequence)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    log_line(level, "cannot listen on %s port %u: %s%s", text, port, strerror(-error), consequence);
}

static int server_listen_on(struct server *server, const struct binding *binding,
                            struct endpoint *in_use)
{
    uint16_t port = server->options->port;
    int fd = listener_open(&binding->address, port);
    if (fd == -EADDRINUSE) {
        *in_use = (struct endpoint){.address = binding->address, .port = port};
        return fd;
    }
    if (fd < 0 && !binding->required) {
        log_cannot_listen(LOG_INFO, &binding->address, port, fd, "; left out");
        return 0;
    }
    if (fd < 0) {
        log_cannot_listen(LOG_ERR, &binding->address, port, fd, "");
        return fd;
    }
    int status = server_add_listener(server, fd);
    if (status < 0) {
        close(fd);
    } else {
        store_add_listener(&server->store, fd);
    }
    return status;
}

static int server_listen(struct server *server, struct endpoint *in_use)
{
    struct binding bindings[BINDING_MAX];
    size_t n = binding_plan(server->options, bindings);
    for (size_t i = 0; i < n; i++) {
        int status = server_listen_on(server, &bindings[i], in_use);
        if (status < 0) {
            return status;
        }
    }
    if (server->n_listeners == 0) {
        log_line(LOG_ERR, "there is no address to listen on");
        return -EADDRNOTAVAIL;
    }
    return 0;
}

static int server_adopt_listeners(struct server *server, const int *fds, size_t n)
{
    if (n > SERVER_LISTENERS_MAX) {
        log_line(LOG_ERR, "%zu listening sockets were passed, %d is the most", n,
                 SERVER_LISTENERS_MAX);
        return -E2BIG;
    }
    for (size_t i = 0; i < n; i++) {
        int status = listener_adopt(fds[i]);
        status = status < 0 ? status : server_add_listener(server, fds[i]);
        if (status < 0) {
            log_line(LOG_ERR, "descriptor %d is no TCP socket that listens: %s", fds[i],
                     strerror(-status));
            return status;
        }
    }
    return 0;
}

/* Listens on what an earlier process or the service manager passed on, or else opens
 * sockets of its own. */
static int server_get_listeners(struct server *server, const struct store_inheritance *inheritance,
                                struct endpoint *in_use)
{
    if (inheritance->n_listeners > 0) {
        return server_adopt_listeners(server, inheritance->listeners, inheritance->n_listeners);
    }
    if (server->options->systemd) {
        log_line(LOG_ERR, "-systemd: no TCP socket that listens was passed (LISTEN_FDS); is there "
                          "a .socket unit that starts this service?");
        return -ENOTCONN;
    }
    return server_listen(server, in_use);
}

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
    server_reload(argument);
}

static void on_signal(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    log_line(LOG_INFO, "ending, because of signal %d (%s)", (int)signal_number,
             strsignal((int)signal_number));
    server_stop(argument);
}

static int server_watch_signals(struct server *server)
{
    signal(SIGPIPE, SIG_IGN);
    evsignal_assign(&server->on_sigterm, server->base, SIGTERM, on_signal, server);
    evsignal_assign(&server->on_sigint, server->base, SIGINT, on_signal, server);
    evsignal_assign(&server->on_sighup, server->base, SIGHUP, on_hangup, server);
    if (event_add(&server->on_sigterm, NULL) < 0 || event_add(&server->on_sigint, NULL) < 0) {
        return -ENOMEM;
    }
    /* Without a successor SIGHUP keeps its meaning: the terminal has gone. */
    return store_is_open(&server->store) ? event_add(&server->on_sighup, NULL) : 0;
}

static int server_make_sessions(struct server *server, size_t max_descriptors, size_t n_inherited)
{
    const struct options *options = server->options;
    const struct capacity_limits limits = {.max_descriptors = max_descriptors,
                                           .n_inherited = n_inherited,
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

static int server_set_up(struct server *server, const struct store_inheritance *inheritance,
                         struct endpoint *in_use)
{
    size_t max_descriptors = descriptors_raise_limit();
    server->base = new_base();
    if (!server->base) {
        log_line(LOG_ERR, "cannot set up the event loop: %s", strerror(errno));
        return -ENOMEM;
    }
    report_init(server->base);
    evtimer_assign(&server->accept_again, server->base, on_accept_again, server);
    evtimer_assign(&server->drained, server->base, on_drained, server);
    store_open(&server->store, server, inheritance);
    int status = server_get_listeners(server, inheritance, in_use);
    if (status == 0) {
        status = server_watch_signals(server);
    }
    if (status == 0) {
        status = server_make_sessions(server, max_descriptors, inheritance->n_nodes);
    }
    if (status == 0) {
        store_restore(&server->store, inheritance);
        server->sessions.can_reload = store_is_open(&server->store);
    }
    return status;
}

int server_init(struct server *server, const struct options *options, struct endpoint *in_use)
{
    struct store_inheritance inheritance;
    *server = (struct server){.options = options, .store.channel = -1, .store.state.fd = -1};
    int status = store_inherit(options, &inheritance);
    if (status == 0) {
        status = server_set_up(server, &inheritance, in_use);
    }
    store_inheritance_free(&inheritance);
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

static void server_close_listeners(struct server *server)
{
    drop_event(&server->accept_again);
    while (server->n_listeners > 0) {
        struct event *listener = &server->listeners[--server->n_listeners];
        event_del(listener);
        close(event_get_fd(listener));
    }
}

void server_obey_kill(struct server *server)
{
    server->ends_registrations = true;
    for (size_t i = 0; server->store.keeper && i < server->n_listeners; i++) {
        /* The keeper's duplicate would go on listening until it ends, too. */
        shutdown(event_get_fd(&server->listeners[i]), SHUT_RDWR);
    }
    server_close_listeners(server);
}

void server_deinit(struct server *server)
{
    server_close_listeners(server);
    if (!server->ends_registrations) {
        store_close(&server->store); /* so that what follows ends only our side */
    }
    server->is_draining = false;
    capacity_close_all(&server->capacity);
    store_close(&server->store);
    report_deinit();
    session_context_deinit(&server->sessions);
    drop_event(&server->drained);
    drop_event(&server->on_sigterm);
    drop_event(&server->on_sigint);
    drop_event(&server->on_sighup);
    if (server->base) {
        event_base_free(server->base);
    }
}

void server_announce(struct server *server)
{
    for (size_t i = 0; i < server->n_listeners; i++) {
        struct endpoint endpoint;
        char address[ADDRESS_TEXT_SIZE];
        if (listener_endpoint(event_get_fd(&server->listeners[i]), &endpoint) == 0) {
            address_format(&endpoint.address, address);
            log_line(LOG_INFO, "listening on %s port %u", address, endpoint.port);
        }
    }
    store_announce(&server->store);
}

int server_run(struct server *server)
{
    int status = event_base_dispatch(server->base) < 0 ? -EIO : server->exit_status;
    report_denials(&server->sessions.denials);
    return status;
}

void server_stop(struct server *server)
{
    event_base_loopbreak(server->base);
}

static void server_hand_over(struct server *server)
{
    server->exit_status = KEEPER_EXIT_RELOAD;
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

void server_reload(struct server *server)
{
    if (!store_is_open(&server->store)) {
        log_line(LOG_WARNING, "not reloading: %s", refusal_text(REFUSAL_NO_SUCCESSOR));
        return;
    }
    log_line(LOG_INFO, "reloading: a new process takes over");
    server->is_draining = true;
    for (size_t i = 0; i < server->n_listeners; i++) {
        event_del(&server->listeners[i]);
    }
    event_del(&server->accept_again);
    event_add(&server->drained, &drain_time);
    server_check_drained(server);
}

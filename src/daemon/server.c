/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon. */
#include "daemon/server.h"

#include <errno.h>
#include <signal.h>
#include <sodium/randombytes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/connection.h"
#include "daemon/listener.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/notify.h"

#define DEPARTED_MAX 1000    /* as stock epmd remembers */
#define DEPARTED_MAX_DEBUG 5 /* with -d (epmd(1)) */

#define ACCEPTS_PER_WAKEUP 64 /* then others get their turn */
static const struct timeval accept_pause = {.tv_usec = 50000};

/* Accepting has failed for lack of something that only time can give back. */
static void pause_accepting(struct server *server, int error)
{
    log_line(LOG_WARNING, "cannot accept connections for a moment: %s", strerror(-error));
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

static void on_acceptable(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    struct server *server = argument;
    for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
        struct listener_peer peer;
        int accepted = listener_accept(fd, &peer);
        if (accepted == -EAGAIN || accepted == -EWOULDBLOCK) {
            return;
        }
        if (is_shortage(accepted)) {
            if (!capacity_evict(&server->capacity)) {
                pause_accepting(server, accepted);
            }
            return;
        }
        if (accepted < 0) {
            continue; /* that peer has gone again */
        }
        if (capacity_make_room(&server->capacity)) {
            connection_start(server, accepted, &peer);
        } else {
            close(accepted);
        }
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

static int server_inherit(struct server *server)
{
    int n = notify_listen_fds();
    if (n == 0) {
        log_line(LOG_ERR, "-systemd: no sockets were passed (LISTEN_FDS); is there a .socket "
                          "unit that starts this service?");
        return -ENOTCONN;
    }
    if (n > SERVER_LISTENERS_MAX) {
        log_line(LOG_ERR, "-systemd: %d sockets were passed, %d is the most", n,
                 SERVER_LISTENERS_MAX);
        return -E2BIG;
    }
    for (int i = 0; i < n; i++) {
        int fd = NOTIFY_LISTEN_FDS_START + i;
        int status = listener_adopt(fd);
        status = status < 0 ? status : server_add_listener(server, fd);
        if (status < 0) {
            log_line(LOG_ERR, "-systemd: descriptor %d is no TCP socket that listens: %s", fd,
                     strerror(-status));
            return status;
        }
    }
    return 0;
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
    if (event_add(&server->on_sigterm, NULL) < 0 || event_add(&server->on_sigint, NULL) < 0) {
        return -ENOMEM;
    }
    return 0;
}

static int server_make_sessions(struct server *server, size_t max_descriptors)
{
    uint8_t seed[REGISTRY_SEED_SIZE];
    int status = capacity_init(&server->capacity, server->base, max_descriptors,
                               server->options->packet_timeout_s);
    if (status < 0) {
        log_line(LOG_ERR,
                 "%zu descriptors are too few to serve anyone; raise the limit of "
                 "open files (ulimit -n)",
                 max_descriptors);
        return status;
    }
    randombytes_buf(seed, sizeof seed);
    session_context_init(&server->sessions, capacity_max_registered(&server->capacity),
                         server->options->debug ? DEPARTED_MAX_DEBUG : DEPARTED_MAX, seed);
    server->sessions.policy.relaxed = server->options->relaxed;
    server->sessions.hooks = connection_hooks;
    server->sessions.port = server->options->port;
    return 0;
}

int server_init(struct server *server, const struct options *options, struct endpoint *in_use)
{
    *server = (struct server){.options = options};
    size_t max_descriptors = descriptors_raise_limit();

    server->base = new_base();
    if (!server->base) {
        log_line(LOG_ERR, "cannot set up the event loop: %s", strerror(errno));
        return -ENOMEM;
    }
    evtimer_assign(&server->accept_again, server->base, on_accept_again, server);
    int status = options->systemd ? server_inherit(server) : server_listen(server, in_use);
    if (status == 0) {
        status = server_watch_signals(server);
    }
    if (status == 0) {
        status = server_make_sessions(server, max_descriptors);
    }
    if (status < 0) {
        server_deinit(server);
    }
    return status;
}

void server_close_listeners(struct server *server)
{
    event_del(&server->accept_again);
    while (server->n_listeners > 0) {
        struct event *listener = &server->listeners[--server->n_listeners];
        event_del(listener);
        close(event_get_fd(listener));
    }
}

static void drop_event(struct event *event)
{
    if (event_initialized(event)) {
        event_del(event);
    }
}

void server_deinit(struct server *server)
{
    server_close_listeners(server);
    capacity_close_all(&server->capacity);
    session_context_deinit(&server->sessions);
    drop_event(&server->on_sigterm);
    drop_event(&server->on_sigint);
    event_base_free(server->base);
}

void server_announce(const struct server *server)
{
    char status[64];
    for (size_t i = 0; i < server->n_listeners; i++) {
        struct endpoint endpoint;
        char address[ADDRESS_TEXT_SIZE];
        if (listener_endpoint(event_get_fd(&server->listeners[i]), &endpoint) == 0) {
            address_format(&endpoint.address, address);
            log_line(LOG_INFO, "listening on %s port %u", address, endpoint.port);
        }
    }
    if (server->options->systemd) {
        snprintf(status, sizeof status, "READY=1\nSTATUS=Listening on port %u\n",
                 server->options->port);
        int error = notify_send(status);
        if (error < 0) {
            log_line(LOG_WARNING, "cannot tell systemd that epmd is ready: %s", strerror(-error));
        }
    }
}

int server_run(struct server *server)
{
    return event_base_dispatch(server->base) < 0 ? -EIO : 0;
}

void server_stop(struct server *server)
{
    event_base_loopbreak(server->base);
}

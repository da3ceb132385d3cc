/* SPDX-License-Identifier: Apache-2.0 */
/* The listening sockets, and who gets in. */
#include "daemon/acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/connection.h"
#include "daemon/listener.h"
#include "daemon/report.h"
#include "daemon/server.h"
#include "system/log.h"

static const struct timeval accept_pause = {.tv_usec = 50000};

static void acceptor_stop(struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        event_del(&acceptor->listeners[i]);
    }
}

/* Accepting has failed for lack of something that only time can give back. */
static void acceptor_pause(struct acceptor *acceptor, int error)
{
    report_paused(-error);
    acceptor_stop(acceptor);
    event_add(&acceptor->again, &accept_pause);
}

void acceptor_resume(struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        if (event_add(&acceptor->listeners[i], NULL) < 0) {
            event_add(&acceptor->again, &accept_pause);
        }
    }
}

static void on_accept_again(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    acceptor_resume(argument);
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
    return REFUSAL_NOTHING_ALLOWED;
}

static void acceptor_admit(struct server *server, int fd, const struct listener_peer *peer)
{
    enum refusal refusal = check_peer(server, peer);
    server->sessions.counters.connections++;
    if (refusal == REFUSAL_NONE) {
        refusal = connection_start(server, fd, peer);
    }
    if (refusal != REFUSAL_NONE) {
        server->sessions.counters.refusals[refusal]++;
        report_turned_away(&peer->peer, refusal);
        close(fd);
    }
}

/* Takes one connection a wake-up: another attempt would mostly find nobody waiting. */
static void on_acceptable(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    struct acceptor *acceptor = argument;
    struct listener_peer peer;
    int accepted = listener_accept(fd, &peer);
    if (is_shortage(accepted)) {
        if (!capacity_evict(&acceptor->server->capacity)) {
            acceptor_pause(acceptor, accepted);
        }
    } else if (accepted < 0) {
        return; /* nobody waits any more */
    } else {
        acceptor_admit(acceptor->server, accepted, &peer);
    }
}

static int acceptor_add(struct acceptor *acceptor, int fd)
{
    struct event *listener = &acceptor->listeners[acceptor->n_listeners];
    event_assign(listener, acceptor->server->base, fd, EV_READ | EV_PERSIST, on_acceptable,
                 acceptor);
    if (event_add(listener, NULL) < 0) {
        return -ENOMEM;
    }
    acceptor->n_listeners++;
    listener_await_bytes(fd);
    return 0;
}

static void log_cannot_listen(int level, const struct address *address, uint16_t port, int error,
                              const char *consequence)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    log_line(level, "cannot listen on %s port %u: %s%s", text, port, strerror(-error), consequence);
}

/* The errors of socket(2) and bind(2) for an address of a family that the host does not have. */
static bool lacks_family(int error)
{
    return error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT || error == -EADDRNOTAVAIL;
}

static int acceptor_open_one(struct acceptor *acceptor, const struct binding *binding,
                             struct endpoint *in_use)
{
    uint16_t port = acceptor->server->options->port;
    int fd = listener_open(&binding->address, port);
    if (fd == -EADDRINUSE) {
        *in_use = (struct endpoint){.address = binding->address, .port = port};
        return fd;
    }
    if (lacks_family(fd) && !binding->required) {
        log_cannot_listen(LOG_INFO, &binding->address, port, fd, "; left out");
        return 0;
    }
    if (fd < 0) {
        log_cannot_listen(LOG_ERR, &binding->address, port, fd, "");
        return fd;
    }
    int status = acceptor_add(acceptor, fd);
    if (status < 0) {
        log_cannot_listen(LOG_ERR, &binding->address, port, status, "");
        close(fd);
        return status;
    }
    store_add_listener(&acceptor->server->store, fd);
    return 0;
}

static int acceptor_open_all(struct acceptor *acceptor, struct endpoint *in_use)
{
    struct binding bindings[BINDING_MAX];
    size_t n = binding_plan(acceptor->server->options, bindings);
    for (size_t i = 0; i < n; i++) {
        int status = acceptor_open_one(acceptor, &bindings[i], in_use);
        if (status < 0) {
            return status;
        }
    }
    if (acceptor->n_listeners == 0) {
        log_line(LOG_ERR, "there is no address to listen on");
        return -EADDRNOTAVAIL;
    }
    return 0;
}

static int acceptor_adopt(struct acceptor *acceptor, const int *fds, size_t n)
{
    if (n > ACCEPTOR_LISTENERS_MAX) {
        log_line(LOG_ERR, "%zu listening sockets were passed, %d is the most", n,
                 ACCEPTOR_LISTENERS_MAX);
        return -E2BIG;
    }
    for (size_t i = 0; i < n; i++) {
        int status = listener_adopt(fds[i]);
        status = status < 0 ? status : acceptor_add(acceptor, fds[i]);
        if (status < 0) {
            log_line(LOG_ERR, "descriptor %d is no TCP socket that listens: %s", fds[i],
                     strerror(-status));
            return status;
        }
    }
    return 0;
}

int acceptor_open(struct acceptor *acceptor, struct server *server,
                  const struct inheritance *inheritance, struct endpoint *in_use)
{
    *acceptor = (struct acceptor){.server = server};
    evtimer_assign(&acceptor->again, server->base, on_accept_again, acceptor);
    if (inheritance->n_listeners > 0) {
        return acceptor_adopt(acceptor, inheritance->listeners, inheritance->n_listeners);
    }
    if (server->options->systemd) {
        log_line(LOG_ERR, "-systemd: no TCP socket that listens was passed (LISTEN_FDS); is there "
                          "a .socket unit that starts this service?");
        return -ENOTCONN;
    }
    return acceptor_open_all(acceptor, in_use);
}

size_t acceptor_list_sockets(const struct acceptor *acceptor,
                             struct agreement_socket out[ACCEPTOR_LISTENERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        int fd = event_get_fd(&acceptor->listeners[i]);
        out[n].takes_ipv4 = listener_takes_ipv4(fd);
        n += listener_endpoint(fd, &out[n].endpoint) == 0;
    }
    return n;
}

void acceptor_announce(const struct acceptor *acceptor)
{
    struct agreement_socket sockets[ACCEPTOR_LISTENERS_MAX];
    size_t n = acceptor_list_sockets(acceptor, sockets);
    for (size_t i = 0; i < n; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&sockets[i].endpoint.address, address);
        log_line(LOG_INFO, "listening on %s port %u", address, sockets[i].endpoint.port);
    }
    if (acceptor->server->options->systemd) {
        agreement_check(acceptor->server->options, sockets, n);
    }
}

void acceptor_suspend(struct acceptor *acceptor)
{
    acceptor_stop(acceptor);
    event_del(&acceptor->again);
}

void acceptor_free_port(struct acceptor *acceptor)
{
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        shutdown(event_get_fd(&acceptor->listeners[i]), SHUT_RDWR);
    }
}

void acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor->server) {
        return;
    }
    acceptor_suspend(acceptor);
    while (acceptor->n_listeners > 0) {
        close(event_get_fd(&acceptor->listeners[--acceptor->n_listeners]));
    }
}

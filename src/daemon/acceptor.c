/* SPDX-License-Identifier: Apache-2.0 */
/* Listening sockets, and the connections that they yield. */
#include "daemon/acceptor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/report.h"
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

/* Takes one connection a wake-up: another attempt would mostly find none that waits. */
static void on_acceptable(evutil_socket_t fd, short what, void *argument)
{
    (void)what;
    struct acceptor *acceptor = argument;
    const struct acceptor_hooks *hooks = &acceptor->hooks;
    struct listener_peer peer;
    int accepted = listener_accept(fd, &peer);
    if (accepted >= 0) {
        hooks->accepted(hooks->argument, accepted, &peer);
    } else if (is_shortage(accepted) && !hooks->shortage(hooks->argument)) {
        acceptor_pause(acceptor, accepted);
    }
}

void acceptor_init(struct acceptor *acceptor, struct event_base *base,
                   const struct acceptor_hooks *hooks)
{
    *acceptor = (struct acceptor){.base = base, .hooks = *hooks};
    evtimer_assign(&acceptor->again, base, on_accept_again, acceptor);
}

static int acceptor_add(struct acceptor *acceptor, int fd)
{
    struct event *listener = &acceptor->listeners[acceptor->n_listeners];
    event_assign(listener, acceptor->base, fd, EV_READ | EV_PERSIST, on_acceptable, acceptor);
    if (event_add(listener, NULL) < 0) {
        return -ENOMEM;
    }
    acceptor->n_listeners++;
    listener_prepare(fd);
    return 0;
}

static void log_cannot_listen(int level, const struct address *address, uint16_t port, int error,
                              const char *consequence)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    log_line(level, "cannot listen on %s port %u: %s%s", text, port, strerror(-error), consequence);
}

int acceptor_open_at(struct acceptor *acceptor, const struct endpoint *endpoint)
{
    int fd = listener_open(&endpoint->address, endpoint->port);
    int status = fd < 0 ? fd : acceptor_add(acceptor, fd);
    if (fd >= 0 && status < 0) {
        close(fd);
    }
    return status;
}

/* The errors of socket(2) and bind(2) for an address of a family that the host does not have. */
static bool lacks_family(int error)
{
    return error == -EAFNOSUPPORT || error == -EPROTONOSUPPORT || error == -EADDRNOTAVAIL;
}

static int acceptor_open_one(struct acceptor *acceptor, const struct binding *binding,
                             uint16_t port, struct endpoint *in_use)
{
    const struct endpoint endpoint = {.address = binding->address, .port = port};
    int status = acceptor_open_at(acceptor, &endpoint);
    if (status == -EADDRINUSE) {
        *in_use = endpoint;
    } else if (lacks_family(status) && !binding->required) {
        log_cannot_listen(LOG_INFO, &binding->address, port, status, "; left out");
        return 0;
    } else if (status < 0) {
        log_cannot_listen(LOG_ERR, &binding->address, port, status, "");
    }
    return status;
}

int acceptor_open(struct acceptor *acceptor, const struct options *options, struct endpoint *in_use)
{
    struct binding bindings[BINDING_MAX];
    size_t n = binding_plan(options, bindings);
    for (size_t i = 0; i < n; i++) {
        int status = acceptor_open_one(acceptor, &bindings[i], options->port, in_use);
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

int acceptor_adopt(struct acceptor *acceptor, const int *fds, size_t n)
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

int acceptor_descriptor(const struct acceptor *acceptor, size_t i)
{
    return event_get_fd(&acceptor->listeners[i]);
}

size_t acceptor_list_sockets(const struct acceptor *acceptor,
                             struct agreement_socket out[ACCEPTOR_LISTENERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < acceptor->n_listeners; i++) {
        int fd = acceptor_descriptor(acceptor, i);
        out[n].takes_ipv4 = listener_takes_ipv4(fd);
        n += listener_endpoint(fd, &out[n].endpoint) == 0;
    }
    return n;
}

void acceptor_announce(const struct acceptor *acceptor, const struct options *options)
{
    struct agreement_socket sockets[ACCEPTOR_LISTENERS_MAX];
    size_t n = acceptor_list_sockets(acceptor, sockets);
    for (size_t i = 0; i < n; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&sockets[i].endpoint.address, address);
        log_line(LOG_INFO, "listening on %s port %u", address, sockets[i].endpoint.port);
    }
    if (options->systemd) {
        agreement_check(options, sockets, n);
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
        shutdown(acceptor_descriptor(acceptor, i), SHUT_RDWR);
    }
}

void acceptor_close(struct acceptor *acceptor)
{
    if (!acceptor->base) {
        return;
    }
    acceptor_suspend(acceptor);
    while (acceptor->n_listeners > 0) {
        close(event_get_fd(&acceptor->listeners[--acceptor->n_listeners]));
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server that -metrics asks for. */
#include "daemon/metrics.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/listener.h"
#include "daemon/pages.h"
#include "daemon/server.h"
#include "system/log.h"

#define HEADERS_SIZE_MAX 8192 /* bytes; of the first line, too */

/* What a connection, its request and its buffers take, several times over; and too large
 * for the allocator to set aside for requests of the same size. */
#define RESERVE_SIZE 16384

#define ANY_METHOD                                                                             \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

/* For a request and its reply, from the connection's beginning on. */
static const struct timeval patience = {.tv_sec = 5};

static const struct timeval accept_pause = {.tv_usec = 50000};

/* Starts to accept, after a connection or, when that has failed, after a pause. It is
 * here because libevent hands its callback for errors nothing that leads to a struct
 * metrics. */
static struct event again;

/* ---- places ---- */

/* Closes the connection, if there still is one. */
static void place_close(struct metrics_place *place)
{
    if (place->http) {
        event_del(&place->deadline);
        evhttp_free(place->http);
        place->http = NULL;
        place->bound = NULL;
    }
}

static void on_deadline(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    place_close(argument);
}

/* libevent asks how it is to read and write, once it has accepted a connection. What it
 * allocates until it is back in its loop comes from the reserve, if from nowhere else. */
static struct bufferevent *on_accepted(struct event_base *base, void *argument)
{
    struct metrics_place *place = argument;
    struct metrics *metrics = place->metrics;
    evhttp_del_accept_socket(place->http, place->bound);
    place->bound = NULL;
    event_add(&place->deadline, &patience);
    metrics->accepting = (metrics->accepting + 1) % METRICS_CONNECTIONS_MAX;
    event_active(&again, EV_TIMEOUT, 0);
    free(metrics->reserve);
    metrics->reserve = NULL;
    return bufferevent_socket_new(base, -1, 0);
}

static void on_closed(struct evhttp_connection *connection, void *argument)
{
    (void)connection;
    struct metrics_place *place = argument;
    event_del(&place->deadline);
}

static void on_request(struct evhttp_request *request, void *argument)
{
    struct metrics_place *place = argument;
    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_closed, place);
    pages_answer(place->metrics->server, request);
}

static void on_accept_error(struct evconnlistener *listener, void *argument)
{
    (void)argument;
    evconnlistener_disable(listener);
    event_add(&again, &accept_pause);
}

/* Lets a place's HTTP server accept. Returns 0 or -ENOMEM. */
static int place_listen(struct metrics_place *place)
{
    struct event_base *base = place->metrics->server->base;
    struct evconnlistener *listener = evconnlistener_new(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, place->metrics->fd);
    if (!listener) {
        return -ENOMEM;
    }
    place->bound = evhttp_bind_listener(place->http, listener);
    if (!place->bound) {
        evconnlistener_free(listener);
        return -ENOMEM;
    }
    evconnlistener_set_error_cb(listener, on_accept_error);
    return evconnlistener_enable(listener) < 0 ? -ENOMEM : 0;
}

/* Makes a place ready for a connection. Returns 0 or -ENOMEM. */
static int place_open(struct metrics_place *place)
{
    struct event_base *base = place->metrics->server->base;
    place->http = evhttp_new(base);
    if (!place->http) {
        return -ENOMEM;
    }
    evtimer_assign(&place->deadline, base, on_deadline, place);
    evhttp_set_max_headers_size(place->http, HEADERS_SIZE_MAX);
    evhttp_set_max_body_size(place->http, 0);
    evhttp_set_allowed_methods(place->http, ANY_METHOD);
    evhttp_set_bevcb(place->http, on_accepted, place);
    evhttp_set_gencb(place->http, on_request, place);
    int status = place_listen(place);
    if (status < 0) {
        place_close(place);
    }
    return status;
}

/* Accepts the next connection into the place of the oldest one, which gives way now: so
 * there is always room for a client that knows what it wants. */
static void metrics_accept(struct metrics *metrics)
{
    struct metrics_place *place = &metrics->places[metrics->accepting];
    place_close(place);
    metrics->reserve = metrics->reserve ? metrics->reserve : malloc(RESERVE_SIZE);
    if (!metrics->reserve || place_open(place) < 0) {
        event_add(&again, &accept_pause);
    }
}

static void on_again(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    metrics_accept(argument);
}

/* ---- the socket ---- */

/* Logs why there is no socket. Who has nodes to lose goes on without. */
static int metrics_fail(const struct metrics *metrics, int error,
                        const struct inheritance *inheritance)
{
    const struct endpoint *endpoint = &metrics->server->options->metrics;
    bool goes_on = inheritance->memory >= 0;
    char address[ADDRESS_TEXT_SIZE];
    address_format(&endpoint->address, address);
    log_line(LOG_ERR, "-metrics: cannot listen on %s port %u: %s%s", address, endpoint->port,
             strerror(-error), goes_on ? "; there are no metrics" : "");
    if (goes_on) {
        return 0;
    }
    return error == -EADDRINUSE ? -EADDRNOTAVAIL : error; /* the former is about epmd's port */
}

static int metrics_bind(struct metrics *metrics, const struct inheritance *inheritance)
{
    const struct endpoint *endpoint = &metrics->server->options->metrics;
    if (inheritance->metrics >= 0) {
        int status = listener_adopt(inheritance->metrics);
        return status < 0 ? status : inheritance->metrics;
    }
    int fd = listener_open(&endpoint->address, endpoint->port);
    if (fd >= 0) {
        store_add_listener(&metrics->server->store, fd);
    }
    return fd;
}

int metrics_open(struct metrics *metrics, struct server *server,
                 const struct inheritance *inheritance)
{
    if (server->options->metrics.port == 0) {
        return 0;
    }
    *metrics = (struct metrics){.server = server};
    gethostname(metrics->host, sizeof metrics->host - 1);
    metrics->fd = metrics_bind(metrics, inheritance);
    if (metrics->fd < 0) {
        int status = metrics_fail(metrics, metrics->fd, inheritance);
        metrics->server = NULL;
        return status;
    }
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        metrics->places[i].metrics = metrics;
    }
    evtimer_assign(&again, server->base, on_again, metrics);
    metrics_accept(metrics);
    return 0;
}

size_t metrics_max_descriptors(const struct metrics *metrics)
{
    return metrics->server ? METRICS_CONNECTIONS_MAX : 0;
}

void metrics_announce(const struct metrics *metrics)
{
    char address[ADDRESS_TEXT_SIZE];
    if (metrics->server) {
        const struct endpoint *endpoint = &metrics->server->options->metrics;
        address_format(&endpoint->address, address);
        log_line(LOG_INFO, "metrics on %s port %u", address, endpoint->port);
    }
}

void metrics_free_port(struct metrics *metrics)
{
    if (metrics->server) {
        shutdown(metrics->fd, SHUT_RDWR);
    }
    metrics_close(metrics);
}

void metrics_close(struct metrics *metrics)
{
    if (!metrics->server) {
        return;
    }
    for (size_t i = 0; i < METRICS_CONNECTIONS_MAX; i++) {
        place_close(&metrics->places[i]);
    }
    event_del(&again);
    free(metrics->reserve);
    close(metrics->fd);
    metrics->server = NULL;
}

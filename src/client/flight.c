/* SPDX-License-Identifier: Apache-2.0 */
/* Many exchanges at once. */
#include "client/flight.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

#include "system/clock.h"
#include "system/cloexec.h"

#define REPLY_SIZE_FIRST 512

static void on_event(evutil_socket_t fd, short events, void *argument);

/* ---- the end of a call ---- */

/* Tells of a call that is in no list any more. */
static void call_finish(struct flight_call *call, int status)
{
    struct flight *flight = call->flight;
    if (call->fd >= 0) {
        event_del(&call->event);
        close(call->fd);
        call->fd = -1;
    }
    flight->bytes_left += call->size - call->len; /* what stays is what has come */
    call->status = status;
    call->kind->done(call);
}

/* Ends a call that is out. */
static void call_end(struct flight_call *call, int status)
{
    struct flight *flight = call->flight;
    DL_DELETE(flight->out, call);
    flight->n--;
    call_finish(call, status);
}

/* ---- a call ---- */

static int call_await(struct flight_call *call, short events)
{
    int64_t left_ms = call->deadline_ms - clock_now_ms();
    if (left_ms <= 0) {
        return -ETIMEDOUT;
    }
    const struct timeval timeout = clock_interval(left_ms);
    event_assign(&call->event, call->flight->base, call->fd, events, on_event, call);
    return event_add(&call->event, &timeout) == 0 ? 0 : -ENOMEM;
}

/* Returns 0, or why no connection can be opened. */
static int call_connect(struct flight_call *call)
{
    bool is_ipv4 = call->to.any.sa_family == AF_INET;
    int timeout_ms = call->timeout_ms ? call->timeout_ms : call->kind->timeout_ms;
    call->deadline_ms = clock_now_ms() + timeout_ms;
    call->fd = cloexec_socket(call->to.any.sa_family, SOCK_STREAM, IPPROTO_TCP);
    if (call->fd < 0) {
        return -errno;
    }
    socklen_t len = is_ipv4 ? sizeof call->to.ipv4 : sizeof call->to.ipv6;
    event_assign(&call->event, call->flight->base, call->fd, EV_WRITE, on_event, call);
    if (connect(call->fd, &call->to.any, len) < 0 && errno != EINPROGRESS) {
        return -errno;
    }
    return call_await(call, EV_WRITE);
}

/* The request is short, and the first on its connection: all of it goes at once. */
static int call_send(struct flight_call *call)
{
    uint8_t request[FLIGHT_REQUEST_MAX];
    int error = 0;
    socklen_t error_len = sizeof error;
    if (getsockopt(call->fd, SOL_SOCKET, SO_ERROR, &error, &error_len) < 0 || error != 0) {
        return error ? -error : -errno;
    }
    call->connected = true;
    size_t len = call->kind->write(call, request);
    ssize_t sent = send(call->fd, request, len, MSG_NOSIGNAL);
    if (sent < 0) {
        return -errno;
    }
    return (size_t)sent == len ? call_await(call, EV_READ) : -EIO;
}

/* Makes room for more of the reply. */
static int call_grow(struct flight_call *call)
{
    size_t larger = call->size ? 2 * call->size : REPLY_SIZE_FIRST;
    larger = larger < call->kind->reply_max ? larger : call->kind->reply_max;
    if (larger == call->size) {
        return -EMSGSIZE;
    }
    if (larger - call->size > call->flight->bytes_left) {
        return -ENOBUFS;
    }
    uint8_t *reply = realloc(call->reply, larger);
    if (!reply) {
        return -ENOMEM;
    }
    call->flight->bytes_left -= larger - call->size;
    call->reply = reply;
    call->size = larger;
    return 0;
}

/* Returns 1 where there may be more, 0 at the end. */
static int call_receive(struct flight_call *call)
{
    int status = call->len == call->size ? call_grow(call) : 0;
    if (status < 0) {
        return status;
    }
    ssize_t n = recv(call->fd, call->reply + call->len, call->size - call->len, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 1 : -errno;
    }
    call->len += (size_t)n;
    bool is_enough = call->kind->is_enough && call->kind->is_enough(call->reply, call->len);
    return n > 0 && !is_enough;
}

/* ---- the flight ---- */

/* Takes the first that waits. Without a descriptor for it the flight is full from now on. */
static void start_next(struct flight *flight)
{
    struct flight_call *call = flight->waiting;
    int status = call_connect(call);
    if ((status == -EMFILE || status == -ENFILE) && flight->n > 0) {
        flight->max = flight->n;
        return;
    }
    DL_DELETE(flight->waiting, call);
    if (status < 0) {
        call_finish(call, status);
    } else {
        DL_APPEND(flight->out, call);
        flight->n++;
    }
}

/* A call that fails at once is told of from here, and may add others: those are started by
 * this loop, not by a call of this function inside of it. */
static void start_waiting(struct flight *flight)
{
    if (flight->starts) {
        return;
    }
    flight->starts = true;
    while (flight->waiting && flight->n < flight->max) {
        start_next(flight);
    }
    flight->starts = false;
}

static void on_event(evutil_socket_t fd, short events, void *argument)
{
    (void)fd;
    struct flight_call *call = argument;
    struct flight *flight = call->flight;
    int status = events & EV_TIMEOUT ? -ETIMEDOUT
                 : events & EV_WRITE ? call_send(call)
                                     : call_receive(call);
    if (status == 1) {
        status = call_await(call, EV_READ);
    } else if (status == 0 && !(events & EV_WRITE)) {
        call_end(call, 0);
        start_waiting(flight);
        return;
    }
    if (status < 0) {
        call_end(call, status);
        start_waiting(flight);
    }
}

void flight_init(struct flight *flight, struct event_base *base, size_t max, size_t reply_bytes)
{
    *flight = (struct flight){.base = base, .max = max, .bytes_left = reply_bytes};
}

void flight_add(struct flight *flight, struct flight_call *call)
{
    call->flight = flight;
    call->fd = -1;
    call->connected = false;
    call->status = 0;
    call->reply = NULL;
    call->len = call->size = 0;
    DL_APPEND(flight->waiting, call);
    start_waiting(flight);
}

void flight_release(struct flight *flight, size_t len)
{
    flight->bytes_left += len;
}

void flight_stop(struct flight *flight, int status)
{
    flight->starts = true; /* what is added from now on does not begin */
    while (flight->waiting || flight->out) {
        struct flight_call *call = flight->waiting;
        if (call) {
            DL_DELETE(flight->waiting, call);
            call_finish(call, status);
        } else {
            call_end(flight->out, status);
        }
    }
}

/* ---- the loop ---- */

static void on_time_up(evutil_socket_t fd, short events, void *base)
{
    (void)fd;
    (void)events;
    event_base_loopbreak(base);
}

/* event_base_loopexit() would leave its timer in the loop, to end the next run too early. */
void flight_run_loop(struct event_base *base, int64_t time_ms)
{
    const struct timeval time = clock_interval(time_ms);
    struct event *timer = evtimer_new(base, on_time_up, base);
    if (!timer) {
        return;
    }
    if (time_ms <= 0 || evtimer_add(timer, &time) == 0) {
        event_base_loop(base, 0);
    }
    event_free(timer);
}

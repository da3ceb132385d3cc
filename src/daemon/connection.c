/* SPDX-License-Identifier: Apache-2.0 */
/* One accepted connection. */
#include "daemon/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "daemon/report.h"
#include "daemon/unsent.h"
#include "system/clock.h"
#include "system/descriptors.h"

/* Reads of what HTTP clients send too much: unread, it would make close(2) reset the reply. */
#define SURPLUS_READS_MAX 8

const struct timeval connection_turn_at_last = {.tv_usec = 50000};

static void connection_read(struct connection *connection);
static void connection_send_unsent(struct connection *connection);

/* ---- the end ---- */

/* The end of the last descriptor takes it out of epoll's set, which is cheaper than to do
 * so before; but one that the watcher has a duplicate of is not the last. A reply that stops in
 * the middle must not look complete: NAMES and DUMP have no length, so only a reset tells. */
static void connection_close(struct connection *connection)
{
    bool has_duplicate = handover_has_sent(&connection->entry);
    if (connection->unsent && !has_duplicate) {
        descriptors_reset_on_close(connection->session.fd);
    }
    if (!has_duplicate) {
        close(connection->session.fd);
    }
    if (event_initialized(&connection->event)) {
        event_del(&connection->event);
    }
    if (has_duplicate) {
        close(connection->session.fd);
    }
}

/* Whether the request is complete, and not yet answered. */
static bool is_answering(enum connection_state state)
{
    return state == CONNECTION_TO_BE_LISTED || state == CONNECTION_REPLY_HELD_UP ||
           state == CONNECTION_REPLYING;
}

static void connection_leave_state(struct connection *connection)
{
    struct connections *all = connection->all;
    all->n_answering -= is_answering(connection->state);
    if (connection->state == CONNECTION_TO_BE_LISTED) {
        DL_DELETE(all->to_be_listed, connection);
    }
}

void connection_free(struct connection *connection, enum report_end end)
{
    struct connections *all = connection->all;
    enum session_verdict command = connection->after_reply;
    bool was_registered = connection->session.node != NULL;
    report_closed(&connection->session, end);
    if (connection->protocol == CONNECTION_EPMD) {
        all->sessions.counters.expired += end == REPORT_END_EXPIRED;
        all->sessions.counters.evicted += end == REPORT_END_EVICTED;
    }
    connection_leave_state(connection);
    if (was_registered) {
        store_remove(&all->store, &connection->entry, connection->session.node);
    }
    capacity_remove(&all->capacity, &connection->slot);
    session_deinit(&connection->session, &all->sessions);
    scrape_deinit(&connection->scrape);
    connection_close(connection);
    unsent_free(connection->unsent);
    free(connection);
    if (was_registered) {
        store_tidy(&all->store);
    }
    if (was_registered || all->is_draining) {
        all->hooks.ended(all->hooks.argument, command);
    }
}

/* What the node sent is read and dropped: with unread bytes, close(2) would reset the
 * connection instead of ending it. */
static void connection_end_registration(struct connection *connection)
{
    struct connections *all = connection->all;
    ssize_t n = recv(connection->session.fd, all->input, sizeof all->input, 0);
    if (n > 0) {
        connection_free(connection, REPORT_END_TALKED);
    } else if (n == 0 || !descriptors_may_try_again(errno)) {
        connection_free(connection, n == 0 ? REPORT_END_HUNG_UP : REPORT_END_BROKEN);
    }
}

/* ---- waiting ---- */

static void on_event(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct connection *connection = argument;
    switch (connection->state) {
    case CONNECTION_HELD_UP:
    case CONNECTION_READING:
        connection_read(connection);
        break;
    case CONNECTION_REPLY_HELD_UP:
    case CONNECTION_REPLYING:
        connection_send_unsent(connection);
        break;
    case CONNECTION_REGISTERED:
        connection_end_registration(connection);
        break;
    case CONNECTION_TO_BE_LISTED:
        break; /* it waits for its turn, not for the peer */
    }
}

static enum capacity_queue queue_for(const struct connection *connection)
{
    if (connection->protocol == CONNECTION_HTTP) {
        return CAPACITY_SCRAPE;
    }
    return connection->session.local ? CAPACITY_LOCAL : CAPACITY_REMOTE;
}

/* Starts to wait for an event, unless it does already. Returns 0 or -ENOMEM. */
static int connection_watch(struct connection *connection, short what, unsigned delay_s)
{
    struct event *event = &connection->event;
    struct timeval delay = clock_interval((int64_t)delay_s * 1000);
    if (event_initialized(event)) {
        if (event_get_events(event) == what && event_pending(event, what, NULL)) {
            return 0;
        }
        event_del(event);
    }
    if (!what && !delay_s) {
        return 0;
    }
    event_assign(event, connection->all->base, connection->session.fd, what, on_event, connection);
    return event_add(event, delay_s ? &delay : NULL) < 0 ? -ENOMEM : 0;
}

/* The only place that changes the state, and what is waited for with it. */
static void connection_enter(struct connection *connection, enum connection_state state, short what,
                             unsigned delay_s)
{
    struct connections *all = connection->all;
    connection_leave_state(connection);
    all->n_answering += is_answering(state);
    if (state == CONNECTION_TO_BE_LISTED) {
        DL_APPEND(all->to_be_listed, connection);
    }
    connection->state = state;
    if (connection_watch(connection, what, delay_s) < 0) {
        report_failed(&connection->session);
        connection_free(connection, REPORT_END_NO_MEMORY);
    }
}

static void connection_wait_for_bytes(struct connection *connection)
{
    capacity_move(&connection->all->capacity, &connection->slot, queue_for(connection));
    connection_enter(connection, CONNECTION_READING, EV_READ | EV_PERSIST, 0);
}

static void connection_await_first_bytes(struct connection *connection)
{
    struct capacity_slot *slot = &connection->slot;
    if (slot->queue == CAPACITY_NONE && descriptors_socket_was_silent(connection->session.fd)) {
        slot->progress = CAPACITY_SILENT;
    }
    connection_wait_for_bytes(connection);
}

/* ---- replying ---- */

/* The node has been told; from now on only its end matters. */
static void connection_settle(struct connection *connection)
{
    session_forget_request(&connection->session);
    connection->after_reply = SESSION_WAIT;
    capacity_move(&connection->all->capacity, &connection->slot, CAPACITY_KEPT);
    connection_enter(connection, CONNECTION_REGISTERED, EV_READ | EV_PERSIST, 0);
}

static void connection_finish_reply(struct connection *connection)
{
    if (connection->after_reply == SESSION_REGISTERED) {
        connection_settle(connection);
        return;
    }
    if (connection->protocol == CONNECTION_HTTP) {
        struct connections *all = connection->all;
        descriptors_drain(connection->session.fd, all->input, sizeof all->input, SURPLUS_READS_MAX);
    }
    connection_free(connection, REPORT_END_ANSWERED);
}

/* Waits until the peer takes more, or until -delay_write is over. */
static void connection_wait_to_send(struct connection *connection, unsigned delay_s)
{
    struct connections *all = connection->all;
    if (delay_s > 0) {
        capacity_restart(&all->capacity, &connection->slot, CAPACITY_KEPT);
        connection_enter(connection, CONNECTION_REPLY_HELD_UP, 0, delay_s);
    } else {
        connection->slot.progress = CAPACITY_BEGUN; /* some may read slowly for ever */
        capacity_restart(&all->capacity, &connection->slot, queue_for(connection));
        connection_enter(connection, CONNECTION_REPLYING, EV_WRITE | EV_PERSIST, 0);
    }
}

/* Makes what is left of a reply outlive this call, and waits to send it. Where too many
 * bytes wait in all, this connection may be evicted at once. */
static void connection_keep_unsent(struct connection *connection, const struct unsent *left,
                                   unsigned delay_s)
{
    struct capacity *capacity = &connection->all->capacity;
    connection->unsent = unsent_keep(left);
    if (!connection->unsent) {
        descriptors_reset_on_close(connection->session.fd);
        connection_free(connection, REPORT_END_NO_MEMORY);
        return;
    }
    capacity_count_unsent(capacity, &connection->slot, left->len);
    connection_wait_to_send(connection, delay_s);
    capacity_bound_unsent(capacity);
}

/* Goes on with a reply that had to wait. */
static void connection_send_unsent(struct connection *connection)
{
    struct unsent *unsent = connection->unsent;
    int status = unsent_send(unsent, connection->session.fd);
    capacity_count_unsent(&connection->all->capacity, &connection->slot, unsent->len);
    if (status == 0) {
        unsent_free(unsent);
        connection->unsent = NULL;
        connection_finish_reply(connection);
    } else if (status != -EAGAIN) {
        connection_free(connection, REPORT_END_BROKEN);
    } else if (connection->state == CONNECTION_REPLY_HELD_UP) {
        connection_wait_to_send(connection, 0);
    }
}

void connection_reply(struct connection *connection, struct unsent *reply,
                      enum session_verdict then)
{
    unsigned delay_s =
        connection->protocol == CONNECTION_EPMD ? connection->all->options->delay_write_s : 0;
    connection->after_reply = then;
    int status = delay_s > 0 ? -EAGAIN : unsent_send(reply, connection->session.fd);
    if (status == 0) {
        connection_finish_reply(connection);
    } else if (status == -EAGAIN) {
        connection_keep_unsent(connection, reply, delay_s);
    } else {
        connection_free(connection, REPORT_END_BROKEN);
    }
}

/* ---- listings ---- */

void connection_await_turn(struct connection *connection)
{
    struct connections *all = connection->all;
    enum descriptors_next next = descriptors_peek(connection->session.fd);
    if (next == DESCRIPTORS_BROKEN) { /* which is told once */
        connection_free(connection, REPORT_END_BROKEN);
        return;
    }
    capacity_await_turn(&all->capacity, &connection->slot, next == DESCRIPTORS_END);
    if (!all->to_be_listed) {
        event_add(&all->late, &connection_turn_at_last);
    }
    event_active(&all->turn, EV_TIMEOUT, 0);
    connection_enter(connection, CONNECTION_TO_BE_LISTED, 0, 0);
}

/* ---- reading ---- */

/* What can fail comes before the reply: a node that was told keeps its name. The order is
 * state, watcher, reply. */
static void connection_register(struct connection *connection, struct unsent *reply)
{
    struct connections *all = connection->all;
    struct session *session = &connection->session;
    if (connection_watch(connection, EV_READ | EV_PERSIST, 0) < 0) {
        report_failed(session);
        connection_free(connection, REPORT_END_NO_MEMORY);
        return;
    }
    if (!session->local) { /* this host vanishes with us */
        descriptors_watch_peer(session->fd, true);
    }
    capacity_register(&all->capacity, &connection->slot);
    store_add(&all->store, &connection->entry, session->node, session->fd);
    all->hooks.registered(all->hooks.argument);
    connection_reply(connection, reply, SESSION_REGISTERED);
}

static void connection_command(struct connection *connection, struct unsent *reply,
                               enum session_verdict command)
{
    struct connections *all = connection->all;
    report_command(&connection->session, command);
    all->hooks.command(all->hooks.argument, command);
    connection_reply(connection, reply, command);
}

/* Has the session make something of what was read. */
static void connection_take(struct connection *connection, size_t n)
{
    struct connections *all = connection->all;
    struct session *session = &connection->session;
    struct session_outcome outcome;
    struct unsent reply;
    session_receive(session, &all->sessions, all->input, n, clock_now_ms(), &outcome);
    report_outcome(session, all->input, n, &outcome);
    unsent_init(&reply, outcome.reply, outcome.reply_len);
    switch (outcome.verdict) {
    case SESSION_WAIT:
        if (session_has_begun(session)) {
            connection->slot.progress = CAPACITY_BEGUN;
        }
        connection_wait_for_bytes(connection);
        break;
    case SESSION_CLOSE:
        connection_free(connection, REPORT_END_REFUSED);
        break;
    case SESSION_REGISTERED:
        connection_register(connection, &reply);
        break;
    case SESSION_REPLY:
        connection_reply(connection, &reply, SESSION_REPLY);
        break;
    case SESSION_LIST:
        connection_await_turn(connection);
        break;
    case SESSION_RELOAD:
    case SESSION_SHUTDOWN:
        connection_command(connection, &reply, outcome.verdict);
        break;
    }
}

static void connection_take_scrape(struct connection *connection, size_t n)
{
    struct connections *all = connection->all;
    const struct session *session = &connection->session;
    struct scrape_outcome outcome;
    struct unsent reply;
    scrape_receive(&connection->scrape, &all->scrapes, &session->peer, session->local, all->input,
                   n, &outcome);
    unsent_init(&reply, outcome.reply, outcome.reply_len);
    switch (outcome.verdict) {
    case SCRAPE_WAIT:
        connection_wait_for_bytes(connection);
        break;
    case SCRAPE_CLOSE:
        connection_free(connection, REPORT_END_NO_MEMORY);
        break;
    case SCRAPE_REPLY:
        connection_reply(connection, &reply, SESSION_REPLY);
        sheet_unref(outcome.sheet);
        break;
    }
}

/* Reads what there is of the request, and serves it once it is complete. The connection
 * may be gone then. */
static void connection_read(struct connection *connection)
{
    struct connections *all = connection->all;
    bool is_http = connection->protocol == CONNECTION_HTTP;
    size_t want = is_http ? scrape_want(&connection->scrape) : session_want(&connection->session);
    ssize_t n = recv(connection->session.fd, all->input, want, 0);
    if (n < 0 && descriptors_may_try_again(errno)) {
        connection_await_first_bytes(connection);
    } else if (n <= 0) {
        connection_free(connection, n == 0 ? REPORT_END_HUNG_UP : REPORT_END_BROKEN);
    } else if (is_http) {
        connection_take_scrape(connection, (size_t)n);
    } else {
        connection_take(connection, (size_t)n);
    }
}

/* ---- the beginning ---- */

static struct connection *connection_new(struct connections *all, enum connection_protocol protocol,
                                         int fd, const struct endpoint *peer, bool local)
{
    struct connection *connection = malloc(sizeof *connection);
    if (connection) {
        *connection =
            (struct connection){.all = all, .protocol = protocol, .state = CONNECTION_READING};
        session_init(&connection->session, peer, local, fd);
        capacity_add(&all->capacity, &connection->slot,
                     local ? NULL : &connection->session.peer.address, protocol == CONNECTION_HTTP);
    }
    return connection;
}

enum refusal connection_start(struct connections *all, enum connection_protocol protocol, int fd,
                              const struct endpoint *peer, bool local)
{
    unsigned delay_s = protocol == CONNECTION_EPMD ? all->options->delay_accept_s : 0;
    struct connection *connection = connection_new(all, protocol, fd, peer, local);
    if (!connection) {
        return REFUSAL_NO_MEMORY;
    }
    report_opened(&connection->session);
    if (delay_s) {
        capacity_move(&all->capacity, &connection->slot, CAPACITY_KEPT);
        connection_enter(connection, CONNECTION_HELD_UP, 0, delay_s);
    } else {
        connection_read(connection); /* the listener has waited for something to come */
    }
    return REFUSAL_NONE;
}

int connection_adopt(struct connections *all, int fd, const struct endpoint *peer, bool local,
                     struct registry_node *node)
{
    struct connection *connection = connection_new(all, CONNECTION_EPMD, fd, peer, local);
    if (!connection) {
        return -ENOMEM;
    }
    session_resume(&connection->session, node);
    capacity_register(&all->capacity, &connection->slot);
    store_adopt(&all->store, &connection->entry, fd);
    capacity_move(&all->capacity, &connection->slot, CAPACITY_KEPT);
    connection_enter(connection, CONNECTION_REGISTERED, EV_READ | EV_PERSIST, 0);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One accepted connection. */
#include "daemon/connection.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/description.h"
#include "daemon/server.h"
#include "daemon/unsent.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/keeper.h"

static void connection_read(struct connection *connection);
static void connection_send_unsent(struct connection *connection);

static struct connection *connection_of(struct session *session)
{
    return (struct connection *)((char *)session - offsetof(struct connection, session));
}

static void connection_drop_unsent(struct connection *connection)
{
    if (connection->unsent) {
        capacity_wait_less(&connection->server->capacity, connection->unsent->kept_len);
        unsent_free(connection->unsent);
        connection->unsent = NULL;
    }
}

/* The end of the last descriptor takes it out of epoll's set, which is cheaper than to do
 * so before; but a stored one is not the last. */
static void connection_close(struct connection *connection)
{
    if (!connection->stored) {
        close(connection->session.fd);
    }
    if (event_initialized(&connection->event)) {
        event_del(&connection->event);
    }
    if (connection->stored) {
        close(connection->session.fd);
    }
}

void connection_free(struct connection *connection, enum report_end end)
{
    struct server *server = connection->server;
    report_closed(&connection->session, end);
    server->sessions.counters.expired += end == REPORT_END_EXPIRED;
    server->sessions.counters.gave_way += end == REPORT_END_GAVE_WAY;
    if (connection->after_reply == SESSION_SHUTDOWN) {
        server_stop(server); /* whatever became of the reply */
    }
    if (connection->session.node) {
        store_remove(&server->store, connection);
    }
    capacity_remove(&server->capacity, connection);
    session_deinit(&connection->session, &server->sessions);
    connection_close(connection);
    connection_drop_unsent(connection);
    free(connection);
    server_check_drained(server);
}

void connection_end_with_daemon(struct connection *connection)
{
    const struct server *server = connection->server;
    bool has_successor = !server->store.keeper || server->exit_status == KEEPER_EXIT_RELOAD;
    bool is_left = connection->stored && server->store.is_closed && has_successor;
    connection_free(connection, is_left ? REPORT_END_LEFT : REPORT_END_SHUTDOWN);
}

void connection_give_way(struct connection *connection, const char *why)
{
    report_gave_way(&connection->session, why);
    connection_free(connection, REPORT_END_GAVE_WAY);
}

/* Whether a recv(2) that failed only has to be made again. */
static bool may_come_later(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* What the node sent is read and dropped: with unread bytes, close(2) would reset the
 * connection instead of ending it. */
static void connection_end_registration(struct connection *connection)
{
    struct server *server = connection->server;
    ssize_t n = recv(connection->session.fd, server->input, sizeof server->input, 0);
    if (n > 0) {
        connection_free(connection, REPORT_END_TALKED);
    } else if (n == 0 || !may_come_later(errno)) {
        connection_free(connection, n == 0 ? REPORT_END_HUNG_UP : REPORT_END_BROKEN);
    }
}

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
    }
}

static enum capacity_queue queue_for(const struct connection *connection)
{
    return connection->session.local ? CAPACITY_LOCAL : CAPACITY_REMOTE;
}

/* Starts to wait for an event, unless it does already. Returns 0 or -ENOMEM. */
static int connection_watch(struct connection *connection, short what, unsigned delay_s)
{
    struct event *event = &connection->event;
    struct timeval delay = {.tv_sec = delay_s};

    if (event_initialized(event)) {
        if (event_get_events(event) == what && event_pending(event, what, NULL)) {
            return 0;
        }
        event_del(event);
    }
    event_assign(event, connection->server->base, connection->session.fd, what, on_event,
                 connection);
    return event_add(event, delay_s ? &delay : NULL) < 0 ? -ENOMEM : 0;
}

/* The only place that changes the state, and what is waited for with it. */
static void connection_enter(struct connection *connection, enum connection_state state, short what,
                             unsigned delay_s)
{
    connection->state = state;
    if (connection_watch(connection, what, delay_s) < 0) {
        report_failed(&connection->session);
        connection_free(connection, REPORT_END_NO_MEMORY);
    }
}

/* The node has been told; from now on only its end matters. */
static void connection_settle(struct connection *connection)
{
    struct server *server = connection->server;
    bool waits = connection->unstored;
    session_forget_request(&connection->session);
    capacity_move(&server->capacity, connection, waits ? CAPACITY_UNSTORED : CAPACITY_KEPT);
    if (waits) {
        store_await(&server->store);
    }
    connection_enter(connection, CONNECTION_REGISTERED, EV_READ | EV_PERSIST, 0);
}

static void connection_finish_reply(struct connection *connection)
{
    struct server *server = connection->server;
    switch (connection->after_reply) {
    case SESSION_REGISTERED:
        connection_settle(connection);
        break;
    case SESSION_RELOAD:
        server_reload(server, &connection->session);
        connection_free(connection, REPORT_END_ANSWERED);
        break;
    case SESSION_SHUTDOWN:
        report_killed(&connection->session);
        connection_free(connection, REPORT_END_ANSWERED);
        break;
    default:
        connection_free(connection, REPORT_END_ANSWERED);
        break;
    }
}

/* Makes what is left of a reply outlive this call. Returns 0 or -ENOMEM. */
static int connection_keep_unsent(struct connection *connection, const uint8_t *at, size_t len,
                                  struct listing *listing)
{
    connection->unsent = unsent_new(at, len, listing);
    if (!connection->unsent) {
        return -ENOMEM;
    }
    capacity_wait_more(&connection->server->capacity, len);
    return 0;
}

/* Waits until the peer takes more, or until -delay_write is over. */
static void connection_wait_to_send(struct connection *connection, unsigned delay_s)
{
    struct capacity *capacity = &connection->server->capacity;
    if (delay_s > 0) {
        capacity_move(capacity, connection, CAPACITY_KEPT);
        connection_enter(connection, CONNECTION_REPLY_HELD_UP, 0, delay_s);
    } else {
        capacity_move(capacity, connection, queue_for(connection));
        connection_enter(connection, CONNECTION_REPLYING, EV_WRITE | EV_PERSIST, 0);
    }
    capacity_bound_waiting(capacity);
}

/* Goes on with a reply that had to wait. */
static void connection_send_unsent(struct connection *connection)
{
    struct unsent *unsent = connection->unsent;
    int status = unsent_send(connection->session.fd, &unsent->at, &unsent->len);
    if (status == 0) {
        connection_drop_unsent(connection);
        connection_finish_reply(connection);
    } else if (status != -EAGAIN) {
        connection_free(connection, REPORT_END_BROKEN);
    } else if (connection->state == CONNECTION_REPLY_HELD_UP) {
        connection_wait_to_send(connection, 0);
    }
}

/* Starts to send a reply. Only what the socket does not take at once is kept. */
static void connection_reply(struct connection *connection, const struct session_outcome *outcome)
{
    unsigned delay_s = connection->server->options->delay_write_s;
    const uint8_t *at = outcome->reply;
    size_t len = outcome->reply_len;

    connection->after_reply = outcome->verdict;
    if (outcome->verdict == SESSION_SHUTDOWN) {
        server_obey_kill(connection->server);
    }
    int status = delay_s > 0 ? -EAGAIN : unsent_send(connection->session.fd, &at, &len);
    if (status == 0) {
        connection_finish_reply(connection);
    } else if (status == -EAGAIN &&
               connection_keep_unsent(connection, at, len, outcome->listing) == 0) {
        connection_wait_to_send(connection, delay_s);
    } else {
        connection_free(connection, status == -EAGAIN ? REPORT_END_NO_MEMORY : REPORT_END_BROKEN);
    }
}

/* What can fail comes before the reply: a node that was told keeps its name. */
static void connection_register(struct connection *connection,
                                const struct session_outcome *outcome)
{
    if (connection_watch(connection, EV_READ | EV_PERSIST, 0) < 0) {
        report_failed(&connection->session);
        connection_free(connection, REPORT_END_NO_MEMORY);
        return;
    }
    connection->unstored = !store_add(&connection->server->store, connection);
    connection_reply(connection, outcome);
}

static void connection_wait_for_bytes(struct connection *connection)
{
    if (connection->queue != queue_for(connection)) {
        capacity_move(&connection->server->capacity, connection, queue_for(connection));
    }
    connection_enter(connection, CONNECTION_READING, EV_READ | EV_PERSIST, 0);
}

/* Reads what there is of the request, and serves it once it is complete. The connection
 * may be gone then. */
static void connection_read(struct connection *connection)
{
    struct server *server = connection->server;
    struct session *session = &connection->session;
    struct session_outcome outcome;

    ssize_t n = recv(session->fd, server->input, session_want(session), 0);
    if (n < 0 && may_come_later(errno)) {
        connection_wait_for_bytes(connection);
        return;
    }
    if (n <= 0) {
        connection_free(connection, n == 0 ? REPORT_END_HUNG_UP : REPORT_END_BROKEN);
        return;
    }
    session_receive(session, &server->sessions, server->input, (size_t)n, clock_now_ms(), &outcome);
    report_outcome(session, server->input, (size_t)n, &outcome);
    switch (outcome.verdict) {
    case SESSION_WAIT:
        connection_wait_for_bytes(connection);
        break;
    case SESSION_CLOSE:
        connection_free(connection, REPORT_END_REFUSED);
        break;
    case SESSION_REGISTERED:
        connection_register(connection, &outcome);
        break;
    case SESSION_REPLY:
    case SESSION_RELOAD:
    case SESSION_SHUTDOWN:
        connection_reply(connection, &outcome);
        break;
    }
}

static struct connection *connection_new(struct server *server, int fd,
                                         const struct listener_peer *peer)
{
    struct connection *connection = malloc(sizeof *connection);
    if (connection) {
        *connection = (struct connection){.server = server, .state = CONNECTION_READING};
        session_init(&connection->session, &peer->peer, peer->local, fd);
        capacity_add(&server->capacity, connection);
    }
    return connection;
}

enum refusal connection_start(struct server *server, int fd, const struct listener_peer *peer)
{
    unsigned delay_s = server->options->delay_accept_s;
    struct connection *connection = connection_new(server, fd, peer);
    if (!connection) {
        return REFUSAL_NO_MEMORY;
    }
    report_opened(&connection->session);
    if (delay_s) {
        capacity_move(&server->capacity, connection, CAPACITY_KEPT);
        connection_enter(connection, CONNECTION_HELD_UP, 0, delay_s);
    } else {
        connection_read(connection); /* the listener has waited for something to come */
    }
    return REFUSAL_NONE;
}

static bool descriptor_has_ended(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || !may_come_later(errno);
}

/* The process before may have ended between the two: told the watcher, not the node. */
static int tell_registered(int fd, const struct registry_node *node)
{
    uint8_t reply[PROTOCOL_REPLY_MAX];
    if (descriptors_socket_has_sent(fd)) {
        return 0;
    }
    size_t len = protocol_encode_alive(reply, node->info.highest, true, node->creation);
    return send(fd, reply, len, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -EPIPE;
}

int connection_adopt(struct server *server, int fd, struct registry_node *node)
{
    struct listener_peer peer;
    int status = descriptor_has_ended(fd) ? -ENOTCONN : listener_identify(fd, &peer);
    if (status == 0) {
        status = tell_registered(fd, node);
    }
    if (status < 0) {
        return status;
    }
    struct connection *connection = connection_new(server, fd, &peer);
    if (!connection) {
        return -ENOMEM;
    }
    connection->stored = true;
    session_resume(&connection->session, node);
    capacity_move(&server->capacity, connection, CAPACITY_KEPT);
    connection_enter(connection, CONNECTION_REGISTERED, EV_READ | EV_PERSIST, 0);
    return 0;
}

static bool session_end_if_over(struct session *session)
{
    if (!descriptor_has_ended(session->fd)) {
        return false;
    }
    connection_free(connection_of(session), REPORT_END_HUNG_UP);
    return true;
}

/* A STOP_REQ names its node. */
static void session_end(struct session *session)
{
    if (!session_end_if_over(session)) {
        connection_free(connection_of(session), REPORT_END_STOPPED);
    }
}

static void session_describe(struct session *session, struct inventory_daemon *self)
{
    description_update(self, connection_of(session)->server);
}

const struct session_hooks connection_hooks = {
    .end_if_over = session_end_if_over,
    .end = session_end,
    .describe = session_describe,
};

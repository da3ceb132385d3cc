/* SPDX-License-Identifier: Apache-2.0 */
/* Listings, which are served when nothing cheaper waits. */
#include "daemon/turn.h"

#include "daemon/connection.h"
#include "daemon/report.h"
#include "daemon/unsent.h"
#include "system/descriptors.h"

/* How much of the listings is served at a time, before what came meanwhile is: so a lookup
 * waits for this at the most, and for one making. */
#define TURN_PEERS_MAX 32
#define TURN_BYTES_MAX ((size_t)1 << 20)

/* Looks at the peer of a request before its answer is made. Returns whether it may be
 * answered now. One that has gone gets nothing. One that has sent its end may have gone, or
 * still read: it is answered after all that have not. */
static bool turn_is_next(struct connection *connection)
{
    enum descriptors_next next = descriptors_peek(connection->session.fd);
    if (next == DESCRIPTORS_BROKEN) {
        connection_free(connection, REPORT_END_BROKEN);
        return false;
    }
    if (next == DESCRIPTORS_END && !connection->peer_has_ended) {
        connection->peer_has_ended = true;
        connection_await_turn(connection);
        return false;
    }
    return true;
}

/* Returns how many bytes the answer had. The connection may be gone then. */
static size_t turn_list(struct connection *connection)
{
    struct connections *all = connection->all;
    struct session_outcome outcome;
    struct unsent reply;
    session_list(&connection->session, &all->sessions, &outcome);
    report_outcome(&connection->session, NULL, 0, &outcome);
    if (outcome.verdict != SESSION_REPLY) {
        connection_free(connection, REPORT_END_REFUSED);
        return 0;
    }
    unsent_init_listing(&reply, outcome.listing);
    connection_reply(connection, &reply, SESSION_REPLY);
    return outcome.reply_len;
}

void turn_serve(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct connections *all = argument;
    size_t n_looked_at = 0, len = 0;
    while (all->to_be_listed && n_looked_at++ < TURN_PEERS_MAX && len < TURN_BYTES_MAX) {
        /* One that is not next has left the head of the list. */
        if (turn_is_next(all->to_be_listed)) { /* NOLINT(clang-analyzer-unix.Malloc) */
            len += turn_list(all->to_be_listed);
        }
    }
    event_del(&all->late);
    if (all->to_be_listed) {
        event_add(&all->late, &connection_turn_at_last);
        event_active(&all->turn, EV_TIMEOUT, 0);
    }
}

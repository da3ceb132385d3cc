/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to connections, in words for the log. */
#include "daemon/report.h"

#include <event2/event_struct.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "system/clock.h"
#include "system/log.h"

#define PEER_TEXT_SIZE (ADDRESS_TEXT_SIZE + sizeof " port 65535")

/* A name's longest text, and some words around it. */
#define REQUEST_TEXT_SIZE (NAME_TEXT_SIZE + 160)

/* Of one kind, this many lines are written in a window; the rest is counted. */
#define LINES_A_WINDOW 20
#define WINDOW_S 10

/* Kinds of lines that peers can provoke: one a refusal, and these. */
enum report_kind {
    REPORT_GAVE_WAY = REFUSAL_COUNT,
    REPORT_FAILED,
    REPORT_PAUSED,
    REPORT_KINDS,
};

static struct {
    struct event window; /* armed from the first line of a window on */
    unsigned n_lines[REPORT_KINDS];
} report;

static const char *kind_text(int kind)
{
    switch (kind) {
    case REPORT_GAVE_WAY:
        return "unfinished connections closed, to make room";
    case REPORT_FAILED:
        return "connections closed, out of memory";
    case REPORT_PAUSED:
        return "pauses in accepting connections";
    default:
        return refusal_text((enum refusal)kind);
    }
}

static void report_end_window(void)
{
    for (int kind = 0; kind < REPORT_KINDS; kind++) {
        unsigned n_lines = report.n_lines[kind];
        if (n_lines > LINES_A_WINDOW) {
            log_line(LOG_WARNING, "%s%u times more within %d s: %s",
                     kind < REFUSAL_COUNT ? "refused requests " : "", n_lines - LINES_A_WINDOW,
                     WINDOW_S, kind_text(kind));
        }
        report.n_lines[kind] = 0;
    }
}

static void on_window_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what, (void)argument;
    report_end_window();
}

void report_init(struct event_base *base)
{
    evtimer_assign(&report.window, base, on_window_end, NULL);
}

void report_deinit(void)
{
    if (event_initialized(&report.window)) {
        event_del(&report.window);
        report_end_window();
    }
}

/* Whether a line of that kind is to be written; counts it. */
static bool report_may_log(int kind)
{
    static const struct timeval window = {.tv_sec = WINDOW_S};
    if (!event_pending(&report.window, EV_TIMEOUT, NULL)) {
        event_add(&report.window, &window);
    }
    return ++report.n_lines[kind] <= LINES_A_WINDOW;
}

static const char *peer_text(const struct endpoint *peer, char text[PEER_TEXT_SIZE])
{
    char address[ADDRESS_TEXT_SIZE];
    address_format(&peer->address, address);
    snprintf(text, PEER_TEXT_SIZE, "%s port %u", address, peer->port);
    return text;
}

static const char *name_text(const struct protocol_node *node, char text[NAME_TEXT_SIZE])
{
    name_format(node->name, node->name_len, text, NAME_TEXT_SIZE);
    return text;
}

/* Names a request with all that it says. */
static const char *request_text(const struct protocol_request *request,
                                char text[REQUEST_TEXT_SIZE])
{
    char name[NAME_TEXT_SIZE];
    const struct protocol_node *node = &request->node;
    const char *tag = protocol_tag_name((uint8_t)request->tag);

    if (!tag) {
        snprintf(text, REQUEST_TEXT_SIZE, "a request with tag %d", (int)request->tag);
    } else if (request->tag == PROTOCOL_ALIVE2_REQ) {
        snprintf(text, REQUEST_TEXT_SIZE,
                 "%s \"%s\" (port %u, type %u, protocol %u, versions %u to %u, %u bytes extra)",
                 tag, name_text(node, name), node->port, node->type, node->protocol, node->lowest,
                 node->highest, node->extra_len);
    } else if (node->name) {
        snprintf(text, REQUEST_TEXT_SIZE, "%s \"%s\"", tag, name_text(node, name));
    } else {
        snprintf(text, REQUEST_TEXT_SIZE, "%s", tag);
    }
    return text;
}

static bool refused_before_decoding(enum refusal refusal)
{
    return refusal == REFUSAL_FRAME_EMPTY || refusal == REFUSAL_FRAME_TOO_LONG ||
           refusal == REFUSAL_FRAME_OVERRUN;
}

static void report_taken(const struct session *session, const char *request,
                         const struct registry_node *holder)
{
    char peer[PEER_TEXT_SIZE], owner[PEER_TEXT_SIZE];
    const struct session *holding = holder->owner;
    log_line(LOG_WARNING,
             "refused %s from %s: the name is taken by the node of %s, which listens on port %u"
             " (creation %" PRIu32 ", registered %" PRId64 " s ago)",
             request, peer_text(&session->peer, peer), peer_text(&holding->peer, owner),
             holder->info.port, holder->creation, (clock_now_ms() - holder->since_ms) / 1000);
}

static void report_refusal(const struct session *session, const struct session_outcome *outcome)
{
    char peer[PEER_TEXT_SIZE], request[REQUEST_TEXT_SIZE] = "a request";
    if (!report_may_log((int)outcome->refusal)) {
        return;
    }
    if (!refused_before_decoding(outcome->refusal)) {
        request_text(&outcome->request, request);
    }
    if (outcome->refusal == REFUSAL_NAME_TAKEN) {
        report_taken(session, request, outcome->node);
        return;
    }
    log_line(LOG_WARNING, "refused %s from %s: %s", request, peer_text(&session->peer, peer),
             refusal_text(outcome->refusal));
}

static void report_served(const struct session *session, const struct session_outcome *outcome)
{
    char peer[PEER_TEXT_SIZE], request[REQUEST_TEXT_SIZE], name[NAME_TEXT_SIZE];
    if (!log_shows(LOG_VERBOSITY_REQUESTS)) {
        return;
    }
    log_debug(LOG_VERBOSITY_REQUESTS, "%s from %s, reply of %zu bytes",
              request_text(&outcome->request, request), peer_text(&session->peer, peer),
              outcome->reply_len);
    if (outcome->verdict == SESSION_REGISTERED) {
        const struct registry_node *node = outcome->node;
        log_debug(LOG_VERBOSITY_REGISTRATIONS,
                  "registered \"%s\" at port %u, creation %" PRIu32 ", for %s, descriptor %d",
                  name_text(&node->info, name), node->info.port, node->creation, peer, node->fd);
    }
}

void report_outcome(const struct session *session, const uint8_t *bytes, size_t len,
                    const struct session_outcome *outcome)
{
    char peer[PEER_TEXT_SIZE];
    if (log_shows(LOG_VERBOSITY_BYTES)) {
        log_debug(LOG_VERBOSITY_BYTES, "%zu bytes from %s", len, peer_text(&session->peer, peer));
        log_bytes(bytes, len);
    }
    if (outcome->refusal != REFUSAL_NONE) {
        report_refusal(session, outcome);
    } else if (outcome->verdict != SESSION_WAIT) {
        report_served(session, outcome);
    }
    if (outcome->reply_len > 0 && log_shows(LOG_VERBOSITY_BYTES)) {
        log_debug(LOG_VERBOSITY_BYTES, "%zu bytes to %s", outcome->reply_len,
                  peer_text(&session->peer, peer));
        log_bytes(outcome->reply, outcome->reply_len);
    }
}

void report_opened(const struct session *session)
{
    char peer[PEER_TEXT_SIZE];
    if (log_shows(LOG_VERBOSITY_REGISTRATIONS)) {
        log_debug(LOG_VERBOSITY_REGISTRATIONS, "%s peer %s connected, descriptor %d",
                  session->local ? "local" : "remote", peer_text(&session->peer, peer),
                  session->fd);
    }
}

void report_closed(const struct session *session)
{
    char peer[PEER_TEXT_SIZE], name[NAME_TEXT_SIZE];
    if (!log_shows(LOG_VERBOSITY_REGISTRATIONS)) {
        return;
    }
    peer_text(&session->peer, peer);
    if (session->node) {
        log_debug(LOG_VERBOSITY_REGISTRATIONS,
                  "unregistered \"%s\" at port %u, creation %" PRIu32 ", of %s",
                  name_text(&session->node->info, name), session->node->info.port,
                  session->node->creation, peer);
    }
    log_debug(LOG_VERBOSITY_REGISTRATIONS, "closed the connection of %s, descriptor %d", peer,
              session->fd);
}

void report_expired(const struct session *session)
{
    char peer[PEER_TEXT_SIZE];
    log_debug(LOG_VERBOSITY_REQUESTS, "%s did not finish in time", peer_text(&session->peer, peer));
}

void report_gave_way(const struct session *session, const char *why)
{
    char peer[PEER_TEXT_SIZE];
    if (!report_may_log(REPORT_GAVE_WAY)) {
        return;
    }
    log_line(LOG_WARNING, "%s: closing the unfinished connection of %s", why,
             peer_text(&session->peer, peer));
}

void report_killed(const struct session *session)
{
    char peer[PEER_TEXT_SIZE];
    log_line(LOG_INFO, "ending, because of a KILL_REQ from %s", peer_text(&session->peer, peer));
}

void report_failed(const struct session *session)
{
    char peer[PEER_TEXT_SIZE];
    if (report_may_log(REPORT_FAILED)) {
        log_line(LOG_ERR, "closing the connection of %s: cannot wait for it: out of memory",
                 peer_text(&session->peer, peer));
    }
}

void report_turned_away(const struct endpoint *peer, enum refusal refusal)
{
    char text[PEER_TEXT_SIZE];
    if (report_may_log((int)refusal)) {
        log_line(LOG_WARNING, "turned %s away: %s", peer_text(peer, text), refusal_text(refusal));
    }
}

void report_paused(int error)
{
    if (report_may_log(REPORT_PAUSED)) {
        log_line(LOG_WARNING, "cannot accept connections for a moment: %s", strerror(error));
    }
}

void report_denials(const struct session_denials *denials)
{
    static const struct session_denials none;
    if (memcmp(denials, &none, sizeof none) != 0) {
        log_line(LOG_INFO,
                 "not allowed since the start: %" PRIu64 " peers turned away, %" PRIu64
                 " lookups, %" PRIu64 " lists of names, %" PRIu64 " registrations, %" PRIu64
                 " commands",
                 denials->peers, denials->lookups, denials->names, denials->registrations,
                 denials->commands);
    }
}

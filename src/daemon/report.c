/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to connections, in words for the log and in its fields. */
#include "daemon/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/flood.h"
#include "system/clock.h"
#include "system/log.h"

/* A name's longest text, and some words around it. */
#define REQUEST_TEXT_SIZE (NAME_TEXT_SIZE + 160)

static const struct {
    const char *word;
    const char *text;
} ends[] = {
    [REPORT_END_ANSWERED] = {"answered", "the peer has its answer"},
    [REPORT_END_REFUSED] = {"refused", "what it asked was refused"},
    [REPORT_END_HUNG_UP] = {"hung_up", "the peer closed it"},
    [REPORT_END_BROKEN] = {"broken", "it broke, or the peer reset it"},
    [REPORT_END_TALKED] = {"talked", "the node sent something, which ends a registration"},
    [REPORT_END_STOPPED] = {"stopped", "a STOP_REQ asked for it"},
    [REPORT_END_EXPIRED] = {"expired", "the peer did not finish in time (-packet_timeout)"},
    [REPORT_END_EVICTED] = {"evicted", "others needed the room"},
    [REPORT_END_NO_MEMORY] = {"no_memory", "out of memory"},
    [REPORT_END_SHUTDOWN] = {"shutdown", "epmd ends"},
    [REPORT_END_KEPT] = {"kept", "the keeper or the service manager goes on holding it"},
};

/* Begins the fields of a line about a peer. */
static struct log_fields peer_fields(const struct endpoint *peer, char address[ADDRESS_TEXT_SIZE])
{
    address_format(&peer->address, address);
    return (struct log_fields){.peer = address, .peer_port = peer->port};
}

/* Adds a node's name to them, or leaves them alone where it has none. */
static void add_name(struct log_fields *fields, const struct protocol_node *node,
                     char name[NAME_TEXT_SIZE])
{
    if (node->name) {
        name_format(node->name, node->name_len, name, NAME_TEXT_SIZE);
        fields->name = name;
    }
}

/* Names a request with all that it says. Its name is in the fields. */
static void request_text(const struct protocol_request *request, const struct log_fields *fields,
                         char text[REQUEST_TEXT_SIZE])
{
    const struct protocol_node *node = &request->node;
    if (!fields->request) {
        snprintf(text, REQUEST_TEXT_SIZE, "a request with tag %d", (int)request->tag);
    } else if (request->tag == PROTOCOL_ALIVE2_REQ) {
        snprintf(text, REQUEST_TEXT_SIZE,
                 "%s \"%s\" (port %u, type %u, protocol %u, versions %u to %u, %u bytes extra)",
                 fields->request, fields->name ? fields->name : "", node->port, node->type,
                 node->protocol, node->lowest, node->highest, node->extra_len);
    } else if (fields->name) {
        snprintf(text, REQUEST_TEXT_SIZE, "%s \"%s\"", fields->request, fields->name);
    } else {
        snprintf(text, REQUEST_TEXT_SIZE, "%s", fields->request);
    }
}

/* A peer's request, in words and in fields. */
struct request_line {
    struct log_fields fields;
    char peer[ADDRESS_TEXT_SIZE];
    char name[NAME_TEXT_SIZE];
    char text[REQUEST_TEXT_SIZE];
};

static void describe_request(const struct session *session, const struct session_outcome *outcome,
                             struct request_line *line)
{
    const struct protocol_request *request = &outcome->request;
    bool is_decoded = request->tag != 0 || outcome->refusal == REFUSAL_TAG_UNKNOWN;
    line->fields = peer_fields(&session->peer, line->peer);
    if (is_decoded) {
        line->fields.request = protocol_tag_name((uint8_t)request->tag);
        add_name(&line->fields, &request->node, line->name);
        request_text(request, &line->fields, line->text);
    } else {
        snprintf(line->text, sizeof line->text, "a request");
    }
}

static void report_taken(const struct request_line *line, const struct registry_node *holder)
{
    char owner[ADDRESS_TEXT_SIZE];
    const struct session *holding = holder->owner;
    struct log_fields fields = line->fields;
    address_format(&holding->peer.address, owner);
    fields.holder = owner;
    fields.holder_port = holding->peer.port;
    log_event(LOG_WARNING, &fields,
              "refused %s from %s port %u: the name is taken by the node of %s port %u, which "
              "listens on port %u (creation %" PRIu32 ", registered %" PRId64 " s ago)",
              line->text, fields.peer, fields.peer_port, owner, fields.holder_port,
              holder->info.port, holder->creation, (clock_now_ms() - holder->since_ms) / 1000);
}

static void report_refusal(const struct session *session, const struct session_outcome *outcome)
{
    struct request_line line;
    if (!flood_allows((int)outcome->refusal)) {
        return;
    }
    describe_request(session, outcome, &line);
    line.fields.reason = refusal_word(outcome->refusal);
    if (outcome->refusal == REFUSAL_NAME_TAKEN) {
        report_taken(&line, outcome->node);
    } else {
        log_event(LOG_WARNING, &line.fields, "refused %s from %s port %u: %s", line.text,
                  line.fields.peer, line.fields.peer_port,
                  outcome->reason ? outcome->reason : refusal_text(outcome->refusal));
    }
}

static void report_served(const struct session *session, const struct session_outcome *outcome)
{
    struct request_line line;
    describe_request(session, outcome, &line);
    log_event(LOG_VERBOSITY_REQUESTS, &line.fields, "%s from %s port %u, reply of %zu bytes",
              line.text, line.fields.peer, line.fields.peer_port, outcome->reply_len);
    if (outcome->verdict == SESSION_REGISTERED) {
        const struct registry_node *node = outcome->node;
        log_event(LOG_VERBOSITY_REGISTRATIONS, &line.fields,
                  "registered \"%s\" at port %u, creation %" PRIu32
                  ", for %s port %u, descriptor %d",
                  line.name, node->info.port, node->creation, line.fields.peer,
                  line.fields.peer_port, node->fd);
    }
}

static void report_bytes(const struct session *session, const char *direction, const uint8_t *bytes,
                         size_t len)
{
    char address[ADDRESS_TEXT_SIZE];
    if (len > 0 && log_shows(LOG_VERBOSITY_BYTES)) {
        struct log_fields fields = peer_fields(&session->peer, address);
        log_event(LOG_VERBOSITY_BYTES, &fields, "%zu bytes %s %s port %u", len, direction,
                  fields.peer, fields.peer_port);
        log_bytes(bytes, len);
    }
}

static void report_listing(const struct session *session, const struct listing *listing)
{
    for (size_t i = 0; i < listing->n_sheets; i++) {
        report_bytes(session, "to", listing->sheets[i]->bytes, listing->sheets[i]->len);
    }
}

void report_outcome(const struct session *session, const uint8_t *bytes, size_t len,
                    const struct session_outcome *outcome)
{
    bool is_served = outcome->verdict != SESSION_WAIT && outcome->verdict != SESSION_LIST;
    report_bytes(session, "from", bytes, len);
    if (outcome->refusal != REFUSAL_NONE) {
        report_refusal(session, outcome);
    } else if (is_served && log_shows(LOG_VERBOSITY_REQUESTS)) {
        report_served(session, outcome);
    }
    if (outcome->listing) {
        report_listing(session, outcome->listing);
    } else {
        report_bytes(session, "to", outcome->reply, outcome->reply_len);
    }
}

void report_opened(const struct session *session)
{
    char address[ADDRESS_TEXT_SIZE];
    if (log_shows(LOG_VERBOSITY_REGISTRATIONS)) {
        struct log_fields fields = peer_fields(&session->peer, address);
        log_event(LOG_VERBOSITY_REGISTRATIONS, &fields,
                  "%s peer %s port %u connected, descriptor %d",
                  session->local ? "local" : "remote", fields.peer, fields.peer_port, session->fd);
    }
}

static void report_unregistered(const struct session *session, struct log_fields fields,
                                enum report_end end)
{
    char name[NAME_TEXT_SIZE];
    const struct registry_node *node = session->node;
    add_name(&fields, &node->info, name);
    log_event(LOG_VERBOSITY_REGISTRATIONS, &fields,
              "unregistered \"%s\" at port %u, creation %" PRIu32
              ", with the connection of %s port %u, descriptor %d: %s",
              name, node->info.port, node->creation, fields.peer, fields.peer_port, session->fd,
              ends[end].text);
}

void report_closed(const struct session *session, enum report_end end)
{
    char address[ADDRESS_TEXT_SIZE];
    bool is_expired = end == REPORT_END_EXPIRED;
    int level = is_expired ? LOG_VERBOSITY_REQUESTS : LOG_VERBOSITY_REGISTRATIONS;
    if (!log_shows(level)) {
        return;
    }
    struct log_fields fields = peer_fields(&session->peer, address);
    fields.reason = ends[end].word;
    if (session->node && end != REPORT_END_KEPT) {
        report_unregistered(session, fields, end);
    } else {
        log_event(level, &fields, "closed the connection of %s port %u, descriptor %d: %s",
                  fields.peer, fields.peer_port, session->fd, ends[end].text);
    }
}

void report_evicted(const struct session *session, const char *why)
{
    char address[ADDRESS_TEXT_SIZE];
    if (flood_allows(FLOOD_EVICTED)) {
        struct log_fields fields = peer_fields(&session->peer, address);
        fields.reason = ends[REPORT_END_EVICTED].word;
        log_event(LOG_WARNING, &fields, "%s: closing the unfinished connection of %s port %u", why,
                  fields.peer, fields.peer_port);
    }
}

void report_command(const struct session *session, enum session_verdict command)
{
    char address[ADDRESS_TEXT_SIZE];
    bool is_kill = command == SESSION_SHUTDOWN;
    if (is_kill || flood_allows(FLOOD_RELOADING)) {
        struct log_fields fields = peer_fields(&session->peer, address);
        fields.request = protocol_tag_name(is_kill ? PROTOCOL_KILL_REQ : PROTOCOL_RELOAD_REQ);
        log_event(LOG_INFO, &fields, "%s, because of a %s from %s port %u%s",
                  is_kill ? "ending" : "reloading", fields.request, fields.peer, fields.peer_port,
                  is_kill ? "" : ": a new process takes over");
    }
}

void report_not_reloading(const char *reason)
{
    if (flood_allows(FLOOD_NOT_RELOADING)) {
        log_line(LOG_WARNING, "not reloading: %s", reason);
    }
}

void report_failed(const struct session *session)
{
    char address[ADDRESS_TEXT_SIZE];
    if (flood_allows(FLOOD_FAILED)) {
        struct log_fields fields = peer_fields(&session->peer, address);
        fields.reason = ends[REPORT_END_NO_MEMORY].word;
        log_event(LOG_ERR, &fields,
                  "closing the connection of %s port %u: cannot wait for it: out of memory",
                  fields.peer, fields.peer_port);
    }
}

void report_turned_away(const struct endpoint *peer, enum refusal refusal)
{
    char address[ADDRESS_TEXT_SIZE];
    if (flood_allows((int)refusal)) {
        struct log_fields fields = peer_fields(peer, address);
        fields.reason = refusal_word(refusal);
        log_event(LOG_WARNING, &fields, "turned %s port %u away: %s", fields.peer, fields.peer_port,
                  refusal_text(refusal));
    }
}

void report_paused(int error)
{
    if (flood_allows(FLOOD_PAUSED)) {
        log_line(LOG_WARNING, "cannot accept connections for a moment: %s", strerror(error));
    }
}

void report_denials(const struct counters *counters)
{
    const uint64_t *of = counters->refusals;
    uint64_t peers = of[REFUSAL_NOTHING_ALLOWED], lookups = of[REFUSAL_LOOKUP_NOT_ALLOWED],
             names = of[REFUSAL_NAMES_NOT_ALLOWED],
             registrations = of[REFUSAL_REGISTER_NOT_ALLOWED],
             commands = of[REFUSAL_NOT_LOCAL] + of[REFUSAL_NOT_RELAXED] + of[REFUSAL_NODES_ALIVE];
    if (peers + lookups + names + registrations + commands > 0) {
        log_line(LOG_INFO,
                 "not allowed since the start: %" PRIu64 " peers turned away, %" PRIu64
                 " lookups, %" PRIu64 " lists of names, %" PRIu64 " registrations, %" PRIu64
                 " commands",
                 peers, lookups, names, registrations, commands);
    }
}

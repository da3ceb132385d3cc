/* SPDX-License-Identifier: Apache-2.0 */
/* All connections: what they share, and which peers get in. */
#include "daemon/connections.h"

#include <sodium/randombytes.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/report.h"
#include "daemon/turn.h"
#include "system/clock.h"
#include "system/descriptors.h"
#include "system/log.h"

#define DEPARTED_MAX 1000    /* as stock epmd remembers */
#define DEPARTED_MAX_DEBUG 5 /* with -d (epmd(1)) */

/* Times are shown in seconds, and a reply that is made anew costs as much as its nodes: so
 * a clock that is slewed, by up to a second in half an hour, is not followed all the way. */
#define CLOCK_TOLERANCE_MS 500

static struct connection *connection_of(struct session *session)
{
    return (struct connection *)((char *)session - offsetof(struct connection, session));
}

static struct connection *connection_of_slot(struct capacity_slot *slot)
{
    return (struct connection *)((char *)slot - offsetof(struct connection, slot));
}

/* ---- which get in, and which have to go ---- */

/* A peer that may ask nothing is found out before it costs anything or takes another's place.
 * To connect to -metrics is enough to be served there. */
static enum refusal connections_check(struct connections *all, enum connection_protocol protocol,
                                      const struct listener_peer *peer)
{
    if (protocol == CONNECTION_HTTP) {
        capacity_make_room_for_scrape(&all->capacity);
        return REFUSAL_NONE;
    }
    if (policy_may_ask_anything(&all->sessions.policy, &peer->peer.address, peer->local)) {
        return capacity_make_room(&all->capacity, peer->local ? NULL : &peer->peer.address);
    }
    return REFUSAL_NOTHING_ALLOWED;
}

void connections_admit(struct connections *all, enum connection_protocol protocol, int fd,
                       const struct listener_peer *peer)
{
    enum refusal refusal = connections_check(all, protocol, peer);
    all->sessions.counters.connections += protocol == CONNECTION_EPMD;
    if (refusal == REFUSAL_NONE) {
        refusal = connection_start(all, protocol, fd, &peer->peer, peer->local);
    }
    if (refusal != REFUSAL_NONE) {
        all->sessions.counters.refusals[refusal]++;
        report_turned_away(&peer->peer, refusal);
        close(fd);
    }
}

static void evict(void *argument, struct capacity_slot *slot, enum capacity_why why)
{
    (void)argument;
    struct connection *connection = connection_of_slot(slot);
    switch (why) {
    case CAPACITY_EXPIRED:
        connection_free(connection, REPORT_END_EXPIRED);
        return;
    case CAPACITY_FEW_DESCRIPTORS:
        report_evicted(&connection->session, "descriptors run short");
        break;
    case CAPACITY_MUCH_UNSENT:
        report_evicted(&connection->session, "too much waits to be read");
        break;
    case CAPACITY_FEW_SCRAPES:
        break; /* which is usual: some browsers open connections to have them ready */
    }
    connection_free(connection, REPORT_END_EVICTED);
}

/* ---- what sessions and scrapes ask ---- */

static bool end_if_over(struct session *session)
{
    if (!listener_has_something(session->fd)) {
        return false;
    }
    connection_free(connection_of(session), REPORT_END_HUNG_UP);
    return true;
}

/* A STOP_REQ names its node. */
static void end(struct session *session)
{
    if (!end_if_over(session)) {
        connection_free(connection_of(session), REPORT_END_STOPPED);
    }
}

static enum refusal may_register(struct session *session)
{
    const struct connection *connection = connection_of(session);
    return capacity_may_register(&connection->all->capacity, &connection->slot);
}

static enum refusal may_reload(struct session *session, char reason[SESSION_REASON_SIZE])
{
    const struct connections_hooks *hooks = &connection_of(session)->all->hooks;
    return hooks->may_reload(hooks->argument, reason);
}

/* Brings up to date what may change while the daemon serves: of the times, only what people
 * would notice. */
static void connections_describe(struct connections *all)
{
    struct inventory_daemon *self = &all->sessions.self, before = *self;
    int64_t clock_ms = clock_zero_ms();
    bool moved = llabs(clock_ms - self->clock_ms) > CLOCK_TOLERANCE_MS;
    store_describe(&all->store, self);
    if (moved) {
        registry_spoil_text(&all->sessions.registry, REGISTRY_INFO);
        self->started_ms += clock_ms - self->clock_ms;
        self->clock_ms = clock_ms;
    }
    self->generation +=
        moved || self->watcher != before.watcher || self->n_stored != before.n_stored;
}

static void describe(struct session *session)
{
    connections_describe(connection_of(session)->all);
}

static void look(void *argument, const struct endpoint *peer, bool local, struct overview *out)
{
    struct connections *all = argument;
    const struct session_context *sessions = &all->sessions;
    connections_describe(all);
    *out = (struct overview){
        .host = all->host,
        .shows_names = !all->options->metrics_no_names &&
                       policy_check(&sessions->policy, PROTOCOL_NAMES_REQ, &peer->address, local,
                                    sessions->registry.n_live) == REFUSAL_NONE,
        .is_draining = all->is_draining,
        .daemon = &sessions->self,
        .registry = &sessions->registry,
        .counters = &sessions->counters,
        .n_connections = all->capacity.n_connections,
        .max_connections = all->capacity.max_connections,
        .n_waiting = all->capacity.unsent_len,
        .now_ms = clock_now_ms(),
        .cpu_us = clock_cpu_us(),
    };
}

/* ---- all of them ---- */

static void connections_init_sessions(struct connections *all, const uint8_t seed[HASH_SEED_SIZE])
{
    const struct options *options = all->options;
    session_context_init(&all->sessions, capacity_max_registered(&all->capacity),
                         options->debug ? DEPARTED_MAX_DEBUG : DEPARTED_MAX, seed);
    all->sessions.policy = options->policy;
    all->sessions.port = options->port;
    all->sessions.hooks = (struct session_hooks){
        .end_if_over = end_if_over,
        .end = end,
        .may_register = may_register,
        .may_reload = may_reload,
        .describe = describe,
    };
}

int connections_init(struct connections *all, const struct connections_hooks *hooks,
                     size_t n_inherited)
{
    const struct options *options = all->options;
    const struct capacity_hooks capacity_hooks = {.argument = all, .evict = evict};
    const struct capacity_limits limits = {
        .max_descriptors = descriptors_raise_limit(),
        .n_inherited = n_inherited,
        .scrapes = options->metrics.port != 0,
        .timeout_s = options->packet_timeout_s,
        .max_per_host = options->max_per_host,
        .max_registered = options->max_nodes_per_host,
        .for_local = options->reserve_local,
    };
    uint8_t seed[HASH_SEED_SIZE];
    randombytes_buf(seed, sizeof seed);
    int status = capacity_init(&all->capacity, all->base, &capacity_hooks, &limits, seed);
    if (status < 0) {
        log_line(LOG_ERR,
                 "%zu descriptors are too few to serve any peer; raise the limit of open files "
                 "(ulimit -n)",
                 limits.max_descriptors);
        return status;
    }
    all->hooks = *hooks;
    event_assign(&all->turn, all->base, -1, 0, turn_serve, all);
    event_priority_set(&all->turn, CONNECTIONS_PRIORITY_LAST);
    evtimer_assign(&all->late, all->base, turn_serve, all);
    all->scrapes = (struct scrape_context){.look = look, .argument = all};
    gethostname(all->host, sizeof all->host - 1);
    connections_init_sessions(all, seed);
    return 0;
}

void connections_deinit(struct connections *all, bool goes_on)
{
    struct capacity_slot *slot;
    while ((slot = capacity_any(&all->capacity))) {
        struct connection *connection = connection_of_slot(slot);
        bool is_kept = goes_on && handover_has_sent(&connection->entry);
        connection_free(connection, is_kept ? REPORT_END_KEPT : REPORT_END_SHUTDOWN);
    }
    capacity_deinit(&all->capacity);
    if (event_initialized(&all->turn)) {
        event_del(&all->turn);
        event_del(&all->late);
    }
    session_context_deinit(&all->sessions);
}

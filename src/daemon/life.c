/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's life. */
#include "daemon/life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/report.h"
#include "system/clock.h"
#include "system/keeper.h"
#include "system/log.h"

/* What is in the sockets' buffers when a reload begins is served first, for so long. */
#define ARRIVED_MS 50

/* Between two reloads that peers ask for: each costs a new process, and a pause. */
#define RELOAD_INTERVAL_MS 10000

/* ---- phases ---- */

static bool is_over(enum life_phase phase)
{
    return phase == LIFE_REPLACED || phase == LIFE_ENDED || phase == LIFE_RETIRED;
}

/* Whether a peer or a signal may have a successor take over. */
static bool may_change(enum life_phase phase)
{
    return phase == LIFE_SERVING || phase == LIFE_IDLE;
}

/* Whether a service manager keeps what this process has, and may start a successor. */
static bool has_manager(const struct life *life)
{
    const struct store *store = &life->connections->store;
    return store_is_open(store) && !store_has_keeper(store);
}

/* How long the answers that are under way may take. */
static struct timeval drain_time(const struct life *life, enum life_phase phase)
{
    /* Each of them has its own deadline, which is this at the most. */
    const int64_t patience_ms = (int64_t)life->connections->options->packet_timeout_s * 1000;
    const int64_t moment_ms = 500;
    return clock_interval(phase == LIFE_RELOADING ? patience_ms : moment_ms);
}

/* The only place that changes the daemon's life, and what goes with it. */
static void life_enter(struct life *life, enum life_phase phase)
{
    if (is_over(life->phase) || life->phase == LIFE_KILLED) {
        return; /* what is decided stays so */
    }
    life->phase = phase;
    life->since_ms = clock_now_ms();
    life->connections->is_draining = phase != LIFE_SERVING;
    event_del(&life->drained);
    if (phase == LIFE_RELOADING || phase == LIFE_ENDING || phase == LIFE_IDLE) {
        const struct timeval time = drain_time(life, phase);
        event_add(&life->drained, &time);
    }
    if (phase == LIFE_ENDING || (phase == LIFE_IDLE && has_manager(life))) {
        acceptor_suspend(life->acceptor); /* peers that connect wait for a successor */
    } else if (phase == LIFE_SERVING || phase == LIFE_RELOADING) {
        acceptor_resume(life->acceptor);
    }
    if (phase == LIFE_SERVING) {
        idleness_await(&life->idleness);
    }
    if (is_over(phase)) {
        event_base_loopbreak(life->base);
    }
}

/* Why no successor can take over now, as a sentence in `reason`; REFUSAL_NONE where it can. It
 * asks for what is so at this moment: that there is a watcher would not be enough. A keeper's
 * word comes behind all that it has confirmed, so the registrations are counted after it. */
static enum refusal life_check_successor(struct life *life, char reason[SESSION_REASON_SIZE])
{
    struct store *store = &life->connections->store;
    if (!store_is_open(store)) {
        snprintf(reason, SESSION_REASON_SIZE, "%s", refusal_text(REFUSAL_NO_SUCCESSOR));
        return REFUSAL_NO_SUCCESSOR;
    }
    if (watcher_ask_reload(&store->handover.watcher, reason, SESSION_REASON_SIZE) < 0) {
        return REFUSAL_NO_PROGRAM;
    }
    size_t n_missing = store_count_missing(store);
    if (n_missing > 0) {
        size_t n_live = life->connections->sessions.registry.n_live;
        snprintf(reason, SESSION_REASON_SIZE,
                 "%zu of %zu registration%s not with %s, and a restart would lose %s", n_missing,
                 n_live, n_live == 1 ? " is" : "s are", watcher_name(&store->handover.watcher),
                 n_missing == 1 ? "it" : "them");
        return REFUSAL_NOT_ALL_KEPT;
    }
    return REFUSAL_NONE;
}

/* Frees the port, so that another epmd may take it at once. */
static void life_free_port(struct life *life)
{
    /* A keeper's duplicates would listen on; a service manager's socket is its own. */
    if (store_has_keeper(&life->connections->store)) {
        acceptor_free_port(life->acceptor);
        acceptor_free_port(life->scraped);
    }
    acceptor_close(life->acceptor);
    acceptor_close(life->scraped);
}

static void life_retire(struct life *life)
{
    if (!idleness_is_over(&life->idleness)) {
        life_enter(life, LIFE_SERVING);
        return;
    }
    life_free_port(life); /* first, so that hardly a peer connects that is not served */
    log_line(LOG_INFO, "ending, because no node has been registered for %u s (-exit_when_idle)",
             life->idleness.config.limit_s);
    idleness_forget(&life->idleness);
    life_enter(life, LIFE_RETIRED);
}

static void life_finish(struct life *life)
{
    char reason[SESSION_REASON_SIZE];
    struct connections *connections = life->connections;
    if (life->phase == LIFE_ENDING) {
        life_enter(life, LIFE_ENDED);
    } else if (life->phase == LIFE_IDLE) {
        life_retire(life);
    } else if (life_check_successor(life, reason) == REFUSAL_NONE) {
        store_note_counters(&connections->store, &connections->sessions.counters);
        life_enter(life, LIFE_REPLACED);
    } else {
        report_not_reloading(reason);
        life_enter(life, LIFE_SERVING);
    }
}

static bool is_drained(const struct life *life)
{
    if (life->phase == LIFE_IDLE) { /* what is half sent may be a registration */
        return life->connections->capacity.n_connections == 0;
    }
    bool drains = life->phase == LIFE_RELOADING || life->phase == LIFE_ENDING;
    return drains && life->connections->n_answering == 0;
}

/* But for LIFE_IDLE, a request that is half sent is not waited for: its peer finds the connection
 * closed, and may be one that never sends the rest. One that is complete, but not read yet, is: the
 * event comes behind all that is ready. */
static void life_check_drained(struct life *life)
{
    if (!is_drained(life)) {
        return;
    }
    if (life->phase == LIFE_IDLE || clock_now_ms() - life->since_ms < ARRIVED_MS) {
        event_active(&life->served, EV_TIMEOUT, 0);
    } else {
        life_finish(life);
    }
}

static void on_served(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    if (is_drained(argument)) {
        life_finish(argument);
    }
}

static void on_drained(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    life_finish(argument);
}

/* ---- what connections tell ---- */

static enum refusal may_reload(void *argument, char reason[SESSION_REASON_SIZE])
{
    struct life *life = argument;
    const struct store *store = &life->connections->store;
    if (store_is_open(store) && store_was_reloaded(store, RELOAD_INTERVAL_MS)) {
        snprintf(reason, SESSION_REASON_SIZE, "%s", refusal_text(REFUSAL_RELOADED_LATELY));
        return REFUSAL_RELOADED_LATELY;
    }
    return life_check_successor(life, reason);
}

/* The port is free as soon as the client has its answer; then all registrations end. */
static void life_obey_kill(struct life *life)
{
    life_enter(life, LIFE_KILLED);
    life_free_port(life);
}

static void on_command(void *argument, enum session_verdict command)
{
    struct life *life = argument;
    if (command == SESSION_SHUTDOWN) {
        life_obey_kill(life);
    } else if (may_change(life->phase)) {
        store_note_reload(&life->connections->store);
        life_enter(life, LIFE_RELOADING);
    }
}

static void on_registered(void *argument)
{
    struct life *life = argument;
    idleness_look(&life->idleness);
    if (life->phase == LIFE_IDLE) {
        life_enter(life, LIFE_SERVING);
    }
}

static void on_ended(void *argument, enum session_verdict command)
{
    struct life *life = argument;
    idleness_look(&life->idleness);
    if (command == SESSION_SHUTDOWN) {
        event_base_loopbreak(life->base); /* whatever became of the reply */
    } else {
        life_check_drained(life);
    }
}

/* ---- idleness ---- */

static void on_idle_for_long(void *argument)
{
    struct life *life = argument;
    if (life->phase == LIFE_SERVING) {
        life_enter(life, LIFE_IDLE);
        life_check_drained(life);
    }
}

void life_watch_idleness(struct life *life)
{
    struct connections *connections = life->connections;
    const struct idleness_config config = {.base = life->base,
                                           .registry = &connections->sessions.registry,
                                           .store = &connections->store,
                                           .limit_s = connections->options->exit_when_idle_s,
                                           .over = on_idle_for_long,
                                           .argument = life};
    idleness_start(&life->idleness, &config);
}

/* ---- signals ---- */

static void on_hangup(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    struct life *life = argument;
    char reason[SESSION_REASON_SIZE];
    if (!may_change(life->phase)) {
        return;
    }
    if (life_check_successor(life, reason) != REFUSAL_NONE) {
        report_not_reloading(reason);
        return;
    }
    log_line(LOG_INFO, "reloading, because of signal %d (%s): a new process takes over",
             (int)signal_number, strsignal((int)signal_number));
    life_enter(life, LIFE_RELOADING);
    life_check_drained(life);
}

static void on_signal(evutil_socket_t signal_number, short what, void *argument)
{
    (void)what;
    struct life *life = argument;
    log_line(LOG_INFO, "ending, because of signal %d (%s)", (int)signal_number,
             strsignal((int)signal_number));
    /* A service manager that restarts us has kept the sockets; ours would be cut off. */
    life_enter(life, has_manager(life) ? LIFE_ENDING : LIFE_ENDED);
    life_check_drained(life);
    if (life->phase == LIFE_KILLED) {
        event_base_loopbreak(life->base); /* its client may never read the answer */
    }
}

int life_watch_signals(struct life *life)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a state that may not grow is an error, not the end */
    evsignal_assign(&life->on_sigterm, life->base, SIGTERM, on_signal, life);
    evsignal_assign(&life->on_sigint, life->base, SIGINT, on_signal, life);
    evsignal_assign(&life->on_sighup, life->base, SIGHUP, on_hangup, life);
    /* Without a successor SIGHUP keeps its meaning: the terminal has gone. */
    bool watches_hangup = store_is_open(&life->connections->store);
    if (event_add(&life->on_sigterm, NULL) < 0 || event_add(&life->on_sigint, NULL) < 0 ||
        (watches_hangup && event_add(&life->on_sighup, NULL) < 0)) {
        log_line(LOG_ERR, "cannot watch for signals: %s", strerror(ENOMEM));
        return -ENOMEM;
    }
    return 0;
}

/* ---- beginning and end ---- */

struct connections_hooks life_hooks(struct life *life)
{
    return (struct connections_hooks){.argument = life,
                                      .may_reload = may_reload,
                                      .command = on_command,
                                      .registered = on_registered,
                                      .ended = on_ended};
}

void life_init(struct life *life, struct connections *connections, struct acceptor *acceptor,
               struct acceptor *scraped)
{
    *life = (struct life){.base = connections->base,
                          .connections = connections,
                          .acceptor = acceptor,
                          .scraped = scraped};
    evtimer_assign(&life->drained, life->base, on_drained, life);
    event_assign(&life->served, life->base, -1, 0, on_served, life);
    event_priority_set(&life->served, CONNECTIONS_PRIORITY_LAST);
}

int life_exit_status(const struct life *life)
{
    if (life->phase == LIFE_RETIRED && has_manager(life)) {
        return LIFE_EXIT_IDLE;
    }
    return life->phase == LIFE_REPLACED ? KEEPER_EXIT_RELOAD : EXIT_SUCCESS;
}

bool life_goes_on(const struct life *life)
{
    bool follows = life->phase == LIFE_REPLACED || !store_has_keeper(&life->connections->store);
    return life->phase != LIFE_KILLED && follows;
}

static void drop_event(struct event *event)
{
    if (event_initialized(event)) {
        event_del(event);
    }
}

void life_deinit(struct life *life)
{
    idleness_deinit(&life->idleness);
    drop_event(&life->drained);
    drop_event(&life->served);
    drop_event(&life->on_sigterm);
    drop_event(&life->on_sigint);
    drop_event(&life->on_sighup);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives this process. */
#include "daemon/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "system/clock.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/notify.h"
#include "system/program.h"

/* Registrations that the shipped unit's FileDescriptorStoreMax= has room for, and the
 * state: for managers that do not tell. */
#define MANAGER_MAX (4096 + 1)

#define CLOSING_PATIENCE_MS 1000

#define REWRITE_PAUSE_FIRST_MS 10
#define REWRITE_PAUSE_MAX_MS 10000

/* Starts of one program that may fail before some of the state is left out. */
#define FAILED_STARTS_MAX 3

#define MESSAGE_NODE "FDSTORE=1\nFDNAME=n\n"
#define MESSAGE_LISTENER "FDSTORE=1\nFDNAME=l\n"
#define MESSAGE_STATE "FDSTORE=1\nFDNAME=s\n"

/* How often what waits is offered. That the channel is writable would not tell: the
 * kernel may refuse descriptors nevertheless (unix(7), ETOOMANYREFS). */
static const struct timeval flush_interval = {.tv_usec = 10000};

/* A service manager drops a connection that has ended when its own loop gets there. */
static const struct timeval leaving_time = {.tv_sec = 1};

/* ---- what an entry is ---- */

/* The only place that changes an entry's safety. */
static void store_enter(struct store *store, struct store_entry *entry, enum store_safety safety)
{
    if (entry->prev) { /* in a list: its head's `prev` is the tail */
        DL_DELETE(store->entries[entry->safety], entry); /* NOLINT(clang-analyzer-core*) */
        store->n_entries[entry->safety]--;
    }
    entry->safety = safety;
    DL_APPEND(store->entries[safety], entry);
    store->n_entries[safety]++;
}

static void store_forget(struct store *store, struct store_entry *entry)
{
    DL_DELETE(store->entries[entry->safety], entry);
    store->n_entries[entry->safety]--;
    entry->prev = NULL;
}

bool store_has_sent(const struct store_entry *entry)
{
    return entry->safety == STORE_SENT || entry->safety == STORE_HELD;
}

static bool has_watcher(const struct store *store)
{
    return store->watcher.channel >= 0;
}

static size_t count_sent(const struct store *store)
{
    return store->n_entries[STORE_SENT] + store->n_entries[STORE_HELD];
}

static bool has_room(const struct store *store)
{
    return count_sent(store) + store->n_leaving < store->max_stored;
}

/* How many would survive this process, as far as can be known. */
static size_t count_safe(const struct store *store)
{
    if (!store_is_open(store)) {
        return 0;
    }
    return store->watcher.confirms ? store->n_entries[STORE_HELD] : count_sent(store);
}

size_t store_count_missing(const struct store *store)
{
    return store->registry->n_live - count_safe(store);
}

/* ---- handing over ---- */

/* A store that is full and churns is told of once, until there is some room. */
static void store_note_full(struct store *store, bool is_full)
{
    if (!is_full && count_sent(store) > store->max_stored - store->max_stored / 8) {
        return;
    }
    if (is_full && !store->is_full) {
        log_line(LOG_WARNING,
                 "%zu registrations are stored, which is all that the service manager "
                 "takes (FileDescriptorStoreMax=): the next ones would not survive a "
                 "restart",
                 count_sent(store));
        watcher_send(&store->watcher,
                     "STATUS=The store is full: the next registrations are not stored\n");
    }
    store->is_full = is_full;
}

/* Makes a state that lacks something whole. After a failure it is left alone for longer and
 * longer: to write all anew costs as much as there is. */
static int store_flush_records(struct store *store)
{
    int64_t now_ms = clock_now_ms();
    if (now_ms < store->rewrite_at_ms) {
        return -EAGAIN;
    }
    int status = state_rewrite(&store->state, store->registry);
    if (status == 0) {
        store->rewrite_pause_ms = 0;
        return 0;
    }
    if (store->rewrite_pause_ms == 0) {
        log_line(LOG_ERR,
                 "cannot write the registrations' state: %s; the last registrations would not "
                 "survive a restart until it can be written",
                 strerror(-status));
    }
    int64_t longer_ms =
        store->rewrite_pause_ms ? 2 * store->rewrite_pause_ms : REWRITE_PAUSE_FIRST_MS;
    store->rewrite_pause_ms = longer_ms < REWRITE_PAUSE_MAX_MS ? longer_ms : REWRITE_PAUSE_MAX_MS;
    store->rewrite_at_ms = now_ms + store->rewrite_pause_ms;
    return -EAGAIN;
}

static int store_flush_state(struct store *store)
{
    int status = watcher_send_descriptors(&store->watcher, MESSAGE_STATE, &store->state.fd, 1,
                                          &store->state_message);
    store->state_waits = status == -EAGAIN;
    return status;
}

static int store_flush_announcement(struct store *store)
{
    char message[80];
    snprintf(message, sizeof message, NOTIFY_READY "STATUS=Listening on port %u\n", store->port);
    int status = watcher_send(&store->watcher, message);
    store->announcement_waits = status == -EAGAIN;
    return status;
}

/* Hands over a batch of registrations, the oldest first. */
static int store_flush_nodes(struct store *store)
{
    int fds[NOTIFY_FDS_SENT_MAX];
    char message[100];
    const struct store_entry *entry;
    size_t n = 0;
    DL_FOREACH (store->entries[STORE_WAITING], entry) {
        if (n == NOTIFY_FDS_SENT_MAX ||
            count_sent(store) + store->n_leaving + n >= store->max_stored) {
            break;
        }
        fds[n++] = entry->fd;
    }
    store_note_full(store, n == 0);
    if (n == 0) {
        return -ENOSPC;
    }
    snprintf(message, sizeof message, MESSAGE_NODE "STATUS=%zu registrations wait to be stored\n",
             store->n_entries[STORE_WAITING] - n);
    uint64_t number;
    int status = watcher_send_descriptors(&store->watcher, message, fds, n, &number);
    while (status == 0 && n-- > 0) {
        struct store_entry *oldest = store->entries[STORE_WAITING];
        oldest->message = number;
        store_enter(store, oldest, STORE_SENT);
    }
    return status;
}

/* Whether there is something to hand over, though perhaps no room for it. */
static bool store_waits(const struct store *store)
{
    return store->state_waits || store->announcement_waits || store->state.dirty ||
           store->n_entries[STORE_WAITING] > 0;
}

/* Hands over some of what waits, in the order in which it is needed. Returns 0 where the
 * watcher took it, -ENOSPC where it has no room, or another negative errno. */
static int store_flush(struct store *store)
{
    if (store->state_waits) {
        return store_flush_state(store);
    }
    if (store->announcement_waits) {
        return store_flush_announcement(store);
    }
    return store->state.dirty ? store_flush_records(store) : store_flush_nodes(store);
}

static void on_flush(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct store *store = argument;
    int status = 0;
    while (has_watcher(store) && store_waits(store) && status == 0) {
        status = store_flush(store);
    }
    if (has_watcher(store) && status == -EAGAIN) {
        return;
    }
    event_del(&store->flush); /* a full store has room when a node leaves */
    if (store->is_busy && has_watcher(store) && status == 0) {
        log_line(LOG_INFO, "all registrations are with %s again", watcher_name(&store->watcher));
    }
    store->is_busy = false;
}

/* Goes on as soon as the watcher takes more. */
static void store_await(struct store *store)
{
    if (!has_watcher(store) || event_pending(&store->flush, EV_TIMEOUT, NULL)) {
        return;
    }
    event_add(&store->flush, &flush_interval);
    if (has_room(store) && !store->is_busy) {
        log_line(LOG_WARNING,
                 "%s is busy: the last registrations would not survive a restart until it "
                 "takes them",
                 watcher_name(&store->watcher));
        store->is_busy = true;
    }
}

static void on_left(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct store *store = argument;
    store->n_leaving = 0;
    if (store->n_entries[STORE_WAITING] > 0) {
        event_add(&store->flush, &flush_interval);
    }
}

/* ---- what a keeper answers ---- */

/* All up to a message are held. */
static void store_confirm(struct store *store, uint64_t message)
{
    struct store_entry *oldest;
    while ((oldest = store->entries[STORE_SENT]) && oldest->message <= message) {
        store_enter(store, oldest, STORE_HELD);
    }
}

/* None of a message is held: it is offered again when something else has gone. A message that
 * brought no registration, a listening socket or a question, says nothing of the keeper's room. */
static void store_take_back(struct store *store, const struct notify_answer *answer)
{
    struct store_entry *entry, *next;
    bool brought_some = false;
    DL_FOREACH_SAFE (store->entries[STORE_SENT], entry, next) {
        if (entry->message == answer->number) {
            store_enter(store, entry, STORE_WAITING);
            brought_some = true;
        }
    }
    if (!brought_some) {
        return;
    }
    store->max_stored = count_sent(store);
    if (!store->is_full) {
        log_line(LOG_ERR,
                 "the keeper does not take more than %zu registrations (%s): the next ones would "
                 "not survive a restart",
                 store->max_stored, answer->reason);
    }
    store->is_full = true;
}

static void on_answer(void *argument, const struct notify_answer *answer)
{
    struct store *store = argument;
    if (answer->error == 0) {
        store_confirm(store, answer->number);
    } else if (answer->number == store->state_message) {
        log_line(LOG_ERR,
                 "the keeper does not take the registrations' state (%s): they end with this "
                 "process",
                 answer->reason);
        state_close(&store->state);
    } else {
        store_confirm(store, answer->number - 1);
        store_take_back(store, answer);
    }
}

/* ---- beginning ---- */

static int store_open_state(struct store *store, int memory)
{
    int status = state_open(&store->state, memory);
    if (status == 0 && memory < 0) {
        store->state.dirty = true;
        status = store_flush_state(store);
    }
    return status == -EAGAIN ? 0 : status;
}

void store_open(struct store *store, const struct store_config *config)
{
    *store = (struct store){
        .registry = config->registry, .port = config->port, .watcher.channel = -1, .state.fd = -1};
    if (config->systemd || config->channel >= 0) {
        watcher_open(&store->watcher, config->base, config->channel, on_answer, store);
    }
    if (!has_watcher(store)) {
        return;
    }
    event_assign(&store->flush, config->base, -1, EV_PERSIST, on_flush, store);
    evtimer_assign(&store->left, config->base, on_left, store);
    size_t room = watcher_room(&store->watcher, MANAGER_MAX);
    store->max_stored = room > 0 ? room - 1 : 0; /* and the state */
    int status = store_open_state(store, config->memory);
    if (status < 0) {
        log_line(LOG_WARNING,
                 "cannot keep the registrations' state: %s; they will not survive "
                 "this process",
                 strerror(-status));
        state_close(&store->state);
    }
}

void store_require_numbers(struct store *store, int fd)
{
    if (store_is_open(store) && descriptors_socket_id(fd) == 0) {
        log_line(LOG_WARNING,
                 "this system does not number its sockets (SO_COOKIE): registrations end with "
                 "this process");
        state_close(&store->state);
    }
}

unsigned store_begin_start(struct store *store, struct counters *counters)
{
    uint64_t program = program_id();
    if (!store_is_open(store)) {
        return 0;
    }
    state_read_note(&store->state, &store->note);
    *counters = store->note.counters;
    store->note.counters = (struct counters){0}; /* what is counted twice is counted wrong */
    if (store->note.program != program) {
        store->note.program = program;
        store->note.n_failed_starts = 0;
    }
    unsigned n_failed = store->note.n_failed_starts++;
    (void)state_write_note(&store->state, &store->note);
    return n_failed < FAILED_STARTS_MAX ? 0 : n_failed - FAILED_STARTS_MAX + 1;
}

void store_adopt(struct store *store, struct store_entry *entry, int fd)
{
    *entry = (struct store_entry){.fd = fd};
    store_enter(store, entry, store->watcher.confirms ? STORE_HELD : STORE_SENT);
}

void store_begin(struct store *store)
{
    if (store_is_open(store) && store->state.dirty) {
        (void)store_flush_records(store);
    }
}

int store_announce(struct store *store)
{
    if (!has_watcher(store)) {
        return 0;
    }
    store->note.n_failed_starts = 0;
    if (store_is_open(store)) {
        (void)state_write_note(&store->state, &store->note);
    }
    int status = store_flush_announcement(store);
    if (store->watcher.keeper && !has_watcher(store)) {
        return status;
    }
    if (has_watcher(store) && store_waits(store)) {
        event_add(&store->flush, &flush_interval);
    }
    watcher_feed(&store->watcher);
    return 0;
}

/* ---- what is kept ---- */

void store_add_listener(struct store *store, int fd)
{
    if (store->watcher.keeper) {
        uint64_t number; /* a listening socket that is not held is opened again */
        watcher_hand_over(&store->watcher, MESSAGE_LISTENER, fd, &number);
    }
}

/* Writes a node to the state. Returns whether it may be handed over, now or later. */
static bool store_record(struct store *store, struct registry_node *node, int fd)
{
    node->id = store_is_open(store) ? descriptors_socket_id(fd) : 0;
    if (node->id == 0) {
        return false;
    }
    bool fits = state_add(&store->state, node) != -EFBIG;
    if (!fits) {
        node->id = 0;
        if (!store->is_long) {
            log_line(LOG_WARNING,
                     "the state of the registrations is as long as it may be: the next ones "
                     "would not survive a restart");
        }
    }
    store->is_long = !fits;
    return fits;
}

void store_add(struct store *store, struct store_entry *entry, struct registry_node *node, int fd)
{
    *entry = (struct store_entry){.fd = fd};
    if (!store_record(store, node, fd)) {
        store_enter(store, entry, STORE_NOT_KEPT);
        return;
    }
    bool waits = store_waits(store); /* what came first is handed over first */
    store_enter(store, entry, STORE_WAITING);
    store_note_full(store, !has_room(store));
    if (!waits && !store->is_full &&
        watcher_hand_over(&store->watcher, MESSAGE_NODE, fd, &entry->message) == 0) {
        store_enter(store, entry, STORE_SENT);
    } else {
        store_await(store);
    }
}

void store_remove(struct store *store, struct store_entry *entry, const struct registry_node *node)
{
    if (!entry->prev) {
        return; /* it was never added */
    }
    if (store_is_open(store) && node->id) {
        state_remove(&store->state, node);
    }
    if (store_has_sent(entry) && !store->is_closed) {
        /* The watcher's duplicate would keep the connection open. */
        shutdown(entry->fd, SHUT_RDWR);
        if (has_watcher(store) && (!store->watcher.keeper || store->is_full)) {
            store->n_leaving++;
            event_add(&store->left, &leaving_time);
        }
    }
    store_forget(store, entry);
}

void store_tidy(struct store *store)
{
    if (store_is_open(store) && (store->state.dirty || state_is_stale(&store->state))) {
        store->state.dirty = true;
        (void)store_flush_records(store);
        if (store->state.dirty) {
            event_add(&store->flush, &flush_interval);
        }
    }
}

bool store_is_open(const struct store *store)
{
    return has_watcher(store) && store->state.fd >= 0;
}

void store_describe(const struct store *store, struct inventory_daemon *self)
{
    self->watcher = !store_is_open(store)   ? INVENTORY_NOBODY
                    : store->watcher.keeper ? INVENTORY_KEEPER
                                            : INVENTORY_MANAGER;
    self->n_stored = (uint32_t)count_safe(store);
}

/* ---- the end ---- */

bool store_was_reloaded(const struct store *store, int64_t interval_ms)
{
    int64_t last_ms = store->note.reloaded_ms;
    return last_ms > 0 && clock_now_ms() - last_ms < interval_ms;
}

void store_note_reload(struct store *store)
{
    store->note.reloaded_ms = clock_now_ms();
}

void store_note_counters(struct store *store, const struct counters *counters)
{
    store->note.counters = *counters;
    (void)state_write_note(&store->state, &store->note);
}

void store_close(struct store *store)
{
    int64_t deadline_ms = clock_now_ms() + CLOSING_PATIENCE_MS;
    int status = 0;
    while (has_watcher(store) && store_waits(store) && status != -ENOSPC &&
           clock_now_ms() < deadline_ms) {
        status = store_flush(store);
        if (status < 0) {
            poll(NULL, 0, 1);
        }
    }
    if (has_watcher(store)) {
        event_del(&store->flush);
        event_del(&store->left);
    }
    watcher_close(&store->watcher);
    store->is_closed = true;
    state_close(&store->state);
}

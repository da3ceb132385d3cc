/* SPDX-License-Identifier: Apache-2.0 */
/* What outlives this process. */
#include "daemon/store.h"

#include <errno.h>
#include <string.h>

#include "system/clock.h"
#include "system/descriptors.h"
#include "system/log.h"
#include "system/program.h"

/* Starts of one program that may fail before some of the state is left out. */
#define FAILED_STARTS_MAX 3

#define MESSAGE_LISTENER "FDSTORE=1\nFDNAME=l\n"

bool store_is_open(const struct store *store)
{
    return handover_has_watcher(&store->handover) && store->state.fd >= 0;
}

bool store_has_keeper(const struct store *store)
{
    return store->handover.watcher.keeper;
}

static size_t count_safe(const struct store *store)
{
    return store_is_open(store) ? handover_count_safe(&store->handover) : 0;
}

size_t store_count_missing(const struct store *store)
{
    return store->handover.registry->n_live - count_safe(store);
}

/* ---- beginning ---- */

static int store_open_state(struct store *store, int memory)
{
    int status = state_open(&store->state, memory);
    if (status == 0 && memory < 0) {
        store->state.dirty = true;
        status = handover_send_state(&store->handover);
    }
    return status;
}

void store_open(struct store *store, const struct store_config *config)
{
    const struct handover_config handover = {.base = config->base,
                                             .state = &store->state,
                                             .registry = config->registry,
                                             .port = config->port,
                                             .systemd = config->systemd,
                                             .channel = config->channel};
    *store = (struct store){.state.fd = -1};
    handover_open(&store->handover, &handover);
    if (!handover_has_watcher(&store->handover)) {
        return;
    }
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

void store_adopt(struct store *store, struct handover_entry *entry, int fd)
{
    handover_adopt(&store->handover, entry, fd);
}

void store_begin(struct store *store)
{
    if (store_is_open(store) && store->state.dirty) {
        (void)state_rewrite(&store->state, store->handover.registry);
    }
}

int store_announce(struct store *store)
{
    store->note.n_failed_starts = 0;
    if (store_is_open(store)) {
        (void)state_write_note(&store->state, &store->note);
    }
    return handover_announce(&store->handover);
}

/* ---- what is kept ---- */

void store_add_listener(struct store *store, int fd)
{
    struct watcher *watcher = &store->handover.watcher;
    if (watcher->keeper) {
        uint64_t number; /* a listening socket that is not held is opened again */
        watcher_hand_over(watcher, MESSAGE_LISTENER, fd, &number);
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

void store_add(struct store *store, struct handover_entry *entry, struct registry_node *node,
               int fd)
{
    if (store_record(store, node, fd)) {
        handover_add(&store->handover, entry, fd);
    } else {
        handover_leave_out(&store->handover, entry, fd);
    }
}

void store_remove(struct store *store, struct handover_entry *entry,
                  const struct registry_node *node)
{
    if (!entry->prev) {
        return; /* it was never added */
    }
    if (store_is_open(store) && node->id) {
        state_remove(&store->state, node);
    }
    handover_remove(&store->handover, entry, !store->is_closed);
}

void store_tidy(struct store *store)
{
    if (store_is_open(store) && (store->state.dirty || state_is_stale(&store->state))) {
        store->state.dirty = true;
        (void)state_rewrite(&store->state, store->handover.registry);
        handover_await_state(&store->handover);
    }
}

void store_describe(const struct store *store, struct inventory_daemon *self)
{
    self->watcher = !store_is_open(store)     ? INVENTORY_NO_WATCHER
                    : store_has_keeper(store) ? INVENTORY_KEEPER
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

void store_note_idle(struct store *store, int64_t since_ms)
{
    store->note.idle_since_ms = since_ms;
    if (store_is_open(store)) {
        (void)state_write_note(&store->state, &store->note);
    }
}

int64_t store_idle_since(const struct store *store)
{
    return store->note.idle_since_ms;
}

void store_close(struct store *store)
{
    handover_close(&store->handover);
    store->is_closed = true;
    state_close(&store->state);
}

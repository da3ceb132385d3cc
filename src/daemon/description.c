/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon tells of itself. */
#include "daemon/description.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/server.h"
#include "system/clock.h"

/* Times are shown in seconds, and a reply that is made anew costs as much as its nodes: so
 * a clock that is slewed, by up to a second in half an hour, is not followed all the way. */
#define CLOCK_TOLERANCE_MS 500

static_assert(ACCEPTOR_LISTENERS_MAX <= INVENTORY_LISTENERS_MAX, "no room for all listeners");

static enum inventory_watcher watcher_of(const struct store *store)
{
    if (!store_is_open(store)) {
        return INVENTORY_NOBODY;
    }
    return store->keeper ? INVENTORY_KEEPER : INVENTORY_MANAGER;
}

void description_init(struct inventory_daemon *self, const struct server *server)
{
    const struct policy *policy = &server->sessions.policy;
    struct agreement_socket sockets[ACCEPTOR_LISTENERS_MAX];
    *self = (struct inventory_daemon){.port = server->sessions.port,
                                      .pid = (uint32_t)getpid(),
                                      .relaxed = policy->relaxed,
                                      .version = EPMD_VERSION};
    self->n_listeners = acceptor_list_sockets(&server->acceptor, sockets);
    for (size_t i = 0; i < self->n_listeners; i++) {
        self->listeners[i] = sockets[i].endpoint;
    }
    networks_format(&policy->allow_lookup, self->allow_lookup);
    networks_format(&policy->allow_names, self->allow_names);
    networks_format(&policy->allow_register, self->allow_register);
    description_update(self, server);
}

void description_update(struct inventory_daemon *self, const struct server *server)
{
    enum inventory_watcher watcher = watcher_of(&server->store);
    uint32_t n_stored = watcher == INVENTORY_NOBODY ? 0 : (uint32_t)server->store.n_stored;
    int64_t clock_ms = clock_zero_ms();
    bool moved = llabs(clock_ms - self->clock_ms) > CLOCK_TOLERANCE_MS;
    self->generation += moved || watcher != self->watcher || n_stored != self->n_stored;

    self->watcher = watcher;
    self->n_stored = n_stored;
    if (moved) {
        self->clock_ms = clock_ms;
        self->started_ms = clock_ms + server->started_ms;
    }
}

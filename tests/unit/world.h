/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with everything behind them but connections.
 *
 * Two worlds are alike: the same seed, thus the same creations.
 */
#ifndef EPMD_TESTS_WORLD_H
#define EPMD_TESTS_WORLD_H

#include "core/session.h"
#include "requests.h"

#define WORLD_PORT 4369
#define WORLD_MAX_LIVE 4
#define WORLD_MAX_DEPARTED 3
#define WORLD_NOW_MS 123456789
#define WORLD_CLOCK_MS 1700000000000

extern const uint8_t world_seed[HASH_SEED_SIZE];

struct world {
    struct session_context context;
    enum refusal registering, reloading; /* what the hooks answer */
};

/* Stands for a connection: what the hooks are asked about it, and how often. */
struct client {
    struct session session; /* first, for the hooks to find the rest */
    struct world *world;
    bool has_ended;
    size_t n_asked;
    size_t n_ends;
    uint32_t n_stored; /* what the daemon tells this one */
};

void world_init(struct world *world);
void world_deinit(struct world *world);

/* Opens a connection from this host with descriptor `fd`. */
void client_open(struct client *client, struct world *world, int fd);
void client_close(struct client *client);

/* Sends bytes, which end at the border of memory while they are read. A listing is made at
 * once, and `reply` leads to all of it. */
struct session_outcome client_send_bytes(struct client *client, const uint8_t *bytes, size_t len);
struct session_outcome client_send(struct client *client, const struct request *request);

/* Opens a connection and registers that name, which has to succeed. */
void client_register(struct client *client, struct world *world, int fd, const char *name);

#endif

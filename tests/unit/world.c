/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions with everything behind them but connections. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#include "flat.h"
#include "guarded.h"

const uint8_t world_seed[HASH_SEED_SIZE] = "sixteen bytes..";

static void end(struct session *session)
{
    struct client *client = (struct client *)(void *)session;
    client->n_ends++;
    client_close(client);
}

static bool end_if_over(struct session *session)
{
    struct client *client = (struct client *)(void *)session;
    bool over = client->has_ended;
    client->n_asked++;
    if (over) {
        end(session);
    }
    return over;
}

static enum refusal may_register(struct session *session)
{
    return ((struct client *)(void *)session)->world->registering;
}

static enum refusal may_reload(struct session *session, char reason[SESSION_REASON_SIZE])
{
    const struct world *world = ((struct client *)(void *)session)->world;
    snprintf(reason, SESSION_REASON_SIZE, "%s", refusal_text(world->reloading));
    return world->reloading;
}

static void describe(struct session *session)
{
    const struct client *client = (struct client *)(void *)session;
    struct inventory_daemon *self = &client->world->context.self;
    self->generation += self->n_stored != client->n_stored;
    self->n_stored = client->n_stored;
}

void world_init(struct world *world)
{
    session_context_init(&world->context, WORLD_MAX_LIVE, WORLD_MAX_DEPARTED, world_seed);
    world->registering = REFUSAL_NONE;
    world->reloading = REFUSAL_NO_SUCCESSOR;
    world->context.hooks = (struct session_hooks){.end_if_over = end_if_over,
                                                  .end = end,
                                                  .may_register = may_register,
                                                  .may_reload = may_reload,
                                                  .describe = describe};
    world->context.port = WORLD_PORT;
    world->context.self = (struct inventory_daemon){.port = WORLD_PORT, .clock_ms = WORLD_CLOCK_MS};
}

void world_deinit(struct world *world)
{
    session_context_deinit(&world->context);
}

void client_open(struct client *client, struct world *world, int fd)
{
    static const struct endpoint peer = {.address = {{[15] = 1}}, .port = 40000};
    *client = (struct client){.world = world};
    session_init(&client->session, &peer, true, fd);
}

void client_close(struct client *client)
{
    session_deinit(&client->session, &client->world->context);
}

struct session_outcome client_send_bytes(struct client *client, const uint8_t *bytes, size_t len)
{
    struct session_outcome outcome;
    session_receive(&client->session, &client->world->context, guarded_copy(bytes, len), len,
                    WORLD_NOW_MS, &outcome);
    if (outcome.verdict == SESSION_LIST) {
        session_list(&client->session, &client->world->context, &outcome);
        outcome.reply = outcome.listing ? flat(outcome.listing) : NULL;
    }
    return outcome;
}

struct session_outcome client_send(struct client *client, const struct request *request)
{
    return client_send_bytes(client, request->bytes, request->len);
}

void client_register(struct client *client, struct world *world, int fd, const char *name)
{
    struct protocol_node info = node_info(name);
    struct request request = request_alive(&info);
    client_open(client, world, fd);
    if (client_send(client, &request).verdict != SESSION_REGISTERED) {
        abort();
    }
}

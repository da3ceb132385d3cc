/* SPDX-License-Identifier: Apache-2.0 */
/* A world with two nodes, and a connection that asks. */
#include "fixture.h"

#include <string.h>

struct fixture fixture;

int fixture_setup(void **state)
{
    (void)state;
    world_init(&fixture.world);
    client_register(&fixture.alice, &fixture.world, 7, "alice");
    client_register(&fixture.bob, &fixture.world, 9, "bob");
    client_open(&fixture.asker, &fixture.world, 11);
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    client_close(&fixture.asker);
    client_close(&fixture.bob);
    client_close(&fixture.alice);
    world_deinit(&fixture.world);
    return 0;
}

struct registry *registry(void)
{
    return &fixture.world.context.registry;
}

struct registry_node *find(const char *name)
{
    return registry_find(registry(), (const uint8_t *)name, strlen(name));
}

void assert_closed(struct session_outcome outcome, enum refusal refusal)
{
    assert_int_equal(outcome.verdict, SESSION_CLOSE);
    assert_int_equal(outcome.refusal, refusal);
    assert_int_equal(outcome.reply_len, 0);
}

void assert_replied(struct session_outcome outcome, enum session_verdict verdict,
                    enum refusal refusal, const void *reply, size_t len)
{
    assert_int_equal(outcome.verdict, verdict);
    assert_int_equal(outcome.refusal, refusal);
    assert_int_equal(outcome.reply_len, len);
    assert_memory_equal(outcome.reply, reply, len);
}

struct session_outcome ask_alive(const char *name, uint16_t highest)
{
    struct protocol_node info = node_info(name);
    info.highest = highest;
    struct request request = request_alive(&info);
    return client_send(&fixture.asker, &request);
}

struct session_outcome ask_named(uint8_t tag, const char *name)
{
    struct request request = request_named(tag, name, strlen(name));
    return client_send(&fixture.asker, &request);
}

struct session_outcome ask_bare(uint8_t tag)
{
    struct request request = request_bare(tag);
    return client_send(&fixture.asker, &request);
}

void ask_again(void)
{
    client_close(&fixture.asker);
    client_open(&fixture.asker, &fixture.world, 11);
}

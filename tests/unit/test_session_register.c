/* SPDX-License-Identifier: Apache-2.0 */
/* Registrations: who gets a name, who keeps it, and when it is free again. */
#include "core/session.h"
#include "fixture.h"

static void alive_registers(void **state)
{
    (void)state;
    struct session_outcome outcome = ask_alive("carol", 6);
    struct registry_node *node = find("carol");
    assert_non_null(node);
    const uint8_t creation[] = {(uint8_t)(node->creation >> 24), (uint8_t)(node->creation >> 16),
                                (uint8_t)(node->creation >> 8), (uint8_t)node->creation};
    assert_int_equal(outcome.reply_len, 6);
    assert_memory_equal(outcome.reply + 2, creation, 4);
    assert_replied(outcome, SESSION_REGISTERED, REFUSAL_NONE, outcome.reply, 6);
    assert_memory_equal(outcome.reply, "\x76\0", 2);
    assert_ptr_equal(outcome.node, node);
    assert_ptr_equal(fixture.asker.session.node, node);
    assert_ptr_equal(node->owner, &fixture.asker.session);
    assert_int_equal(node->fd, 11);
    assert_int_equal(node->since_ms, WORLD_NOW_MS);
}

static void old_nodes_get_narrow_creations(void **state)
{
    (void)state;
    struct session_outcome outcome = ask_alive("carol", 5);
    const uint8_t expected[] = {121, 0, 0, (uint8_t)(find("carol")->creation % 3 + 1)};
    assert_replied(outcome, SESSION_REGISTERED, REFUSAL_NONE, expected, sizeof expected);
}

static void end_of_session_unregisters(void **state)
{
    (void)state;
    uint32_t creation = find("alice")->creation;
    client_close(&fixture.alice);
    assert_null(find("alice"));
    assert_null(fixture.alice.session.node);
    assert_int_equal(ask_alive("alice", 6).verdict, SESSION_REGISTERED);
    assert_int_equal(find("alice")->creation, creation + 1);
}

static void taken_name_is_refused(void **state)
{
    (void)state;
    struct registry_node *holder = find("alice");
    struct session_outcome outcome = ask_alive("alice", 6);
    assert_replied(outcome, SESSION_REPLY, REFUSAL_NAME_TAKEN, "\x76\x01\0\0\0\x63", 6);
    assert_ptr_equal(outcome.node, holder);
    assert_int_equal(fixture.alice.n_asked, 1);
    assert_int_equal(fixture.alice.n_ends, 0);

    ask_again();
    assert_replied(ask_alive("alice", 5), SESSION_REPLY, REFUSAL_NAME_TAKEN, "\x79\x01\0\x63", 4);
}

/* Stock epmd unregistered the holder here. */
static void refused_session_leaves_the_holder(void **state)
{
    (void)state;
    struct registry_node *holder = find("alice");
    ask_alive("alice", 6);
    assert_null(fixture.asker.session.node);
    client_close(&fixture.asker);
    assert_ptr_equal(find("alice"), holder);
    assert_ptr_equal(holder->owner, &fixture.alice.session);
    assert_int_equal(registry()->n_live, 2);
}

static void name_of_an_ended_connection_is_free(void **state)
{
    (void)state;
    uint32_t creation = find("alice")->creation;
    fixture.alice.has_ended = true;
    assert_int_equal(ask_alive("alice", 6).verdict, SESSION_REGISTERED);
    assert_int_equal(fixture.alice.n_ends, 1);
    assert_int_equal(fixture.bob.n_asked, 0);
    assert_null(fixture.alice.session.node);
    assert_ptr_equal(find("alice")->owner, &fixture.asker.session);
    assert_int_equal(find("alice")->creation, creation + 1);
    assert_int_equal(registry()->n_live, 2);
}

static void free_name_asks_nobody(void **state)
{
    (void)state;
    fixture.alice.has_ended = true;
    ask_alive("carol", 6);
    assert_int_equal(fixture.alice.n_asked, 0);
    assert_int_equal(fixture.alice.n_ends, 0);
}

static void full_registry_refuses(void **state)
{
    (void)state;
    struct client others[WORLD_MAX_LIVE - 2];
    client_register(&others[0], &fixture.world, 20, "third");
    client_register(&others[1], &fixture.world, 21, "fourth");
    assert_replied(ask_alive("carol", 6), SESSION_REPLY, REFUSAL_REGISTRY_FULL,
                   "\x76\x01\0\0\0\x63", 6);
    client_close(&others[0]);
    ask_again();
    assert_int_equal(ask_alive("carol", 6).verdict, SESSION_REGISTERED);
    client_close(&others[1]);
}

static void bad_names_are_refused_or_closed(void **state)
{
    (void)state;
    char long_name[257] = "";
    repeat((uint8_t *)long_name, "a", 256);
    assert_replied(ask_alive("\xff", 6), SESSION_REPLY, REFUSAL_NAME_NOT_UTF8, "\x76\x01\0\0\0\x63",
                   6);
    ask_again();
    assert_replied(ask_alive(long_name, 5), SESSION_REPLY, REFUSAL_NAME_TOO_LONG, "\x79\x01\0\x63",
                   4);
    ask_again();
    assert_closed(ask_alive("", 6), REFUSAL_NAME_EMPTY);
    assert_int_equal(registry()->n_live, 2);
}

static void resumed_session_holds_the_node(void **state)
{
    (void)state;
    struct protocol_node info = node_info("carol");
    struct registry_node *node;
    assert_int_equal(registry_add(registry(), &info, &node), REFUSAL_NONE);
    session_resume(&fixture.asker.session, node);
    assert_ptr_equal(fixture.asker.session.node, node);
    assert_ptr_equal(node->owner, &fixture.asker.session);
    assert_int_equal(node->fd, 11);
    client_close(&fixture.asker);
    assert_null(find("carol"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(alive_registers),
        FIXTURE_TEST(old_nodes_get_narrow_creations),
        FIXTURE_TEST(end_of_session_unregisters),
        FIXTURE_TEST(taken_name_is_refused),
        FIXTURE_TEST(refused_session_leaves_the_holder),
        FIXTURE_TEST(name_of_an_ended_connection_is_free),
        FIXTURE_TEST(free_name_asks_nobody),
        FIXTURE_TEST(full_registry_refuses),
        FIXTURE_TEST(bad_names_are_refused_or_closed),
        FIXTURE_TEST(resumed_session_holds_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

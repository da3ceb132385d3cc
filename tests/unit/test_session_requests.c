/* SPDX-License-Identifier: Apache-2.0 */
/* All requests but registrations: what they are answered, and who may ask them. */
#include "core/session.h"
#include <stdio.h>

#include "fixture.h"

static void port_tells_the_node(void **state)
{
    (void)state;
    static const uint8_t found[] = {119, 0, 0x89, 0x1b, 77,  0,   0, 6, 0,
                                    5,   0, 3,    'b',  'o', 'b', 0, 0};
    fixture.asker.session.local = false;
    struct session_outcome outcome = ask_named('z', "bob");
    assert_replied(outcome, SESSION_REPLY, REFUSAL_NONE, found, sizeof found);
    assert_ptr_equal(outcome.node, find("bob"));
    ask_again();
    assert_replied(ask_named('z', "bo"), SESSION_REPLY, REFUSAL_NONE, "\x77\x01", 2);
    ask_again();
    assert_closed(ask_named('z', ""), REFUSAL_NAME_EMPTY);
    client_close(&fixture.bob);
    ask_again();
    assert_replied(ask_named('z', "bob"), SESSION_REPLY, REFUSAL_NONE, "\x77\x01", 2);
}

static void names_are_listed(void **state)
{
    (void)state;
    static const char names[] = "\0\0\x11\x11name bob at port 35099\nname alice at port 35099\n";
    fixture.asker.session.local = false;
    assert_replied(ask_bare('n'), SESSION_REPLY, REFUSAL_NONE, names, sizeof names - 1);
}

static void everything_is_dumped(void **state)
{
    (void)state;
    static const char dump[] = "\0\0\x11\x11"
                               "active name     <bob> at port 35099, fd = 9\n\0"
                               "old/unused name <alice>, port = 35099, fd = 7 \n";
    client_close(&fixture.alice);
    assert_replied(ask_bare('d'), SESSION_REPLY, REFUSAL_NONE, dump, sizeof dump);
}

static void listing_is_shared_until_a_change(void **state)
{
    (void)state;
    static const uint8_t tags[] = {'n', 'd', 'i'};
    for (size_t i = 0; i < LENGTH(tags); i++) {
        struct listing *first = listing_ref(ask_bare(tags[i]).listing);
        ask_again();
        struct session_outcome second = ask_bare(tags[i]);
        assert_ptr_equal(second.listing, first);
        assert_int_equal(second.reply_len, first->len);
        struct client carol;
        client_register(&carol, &fixture.world, 20, "carol");
        ask_again();
        assert_ptr_not_equal(ask_bare(tags[i]).listing, first);
        client_close(&carol);
        listing_unref(first);
    }
}

static void info_tells_of_each_node(void **state)
{
    (void)state;
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    fixture.asker.n_stored = 1;
    struct session_outcome outcome = ask_bare('i');
    assert_int_equal(outcome.verdict, SESSION_REPLY);
    assert_int_equal(inventory_read_daemon(&reader, outcome.reply, outcome.reply_len, &daemon), 0);
    assert_int_equal(daemon.port, WORLD_PORT);
    assert_int_equal(daemon.n_stored, 1);
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_memory_equal(node.info.name, "bob", 3);
    assert_int_equal(node.creation, find("bob")->creation);
    assert_int_equal(node.since_ms, WORLD_CLOCK_MS + WORLD_NOW_MS);
    assert_int_equal(node.peer.port, fixture.bob.session.peer.port);
    assert_true(address_equal(&node.peer.address, &fixture.bob.session.peer.address));
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_memory_equal(node.info.name, "alice", 5);
    assert_int_equal(inventory_read_node(&reader, &node), 0);
}

/* What has not changed is not written again: the group of the first 64 nodes stays. */
static void a_change_writes_one_group_anew(void **state)
{
    (void)state;
    static const uint8_t tags[] = {'n', 'd', 'i'};
    struct registry *nodes = registry();
    nodes->max_live = 3 * REGISTRY_GROUP_MAX;
    static struct client clients[2 * REGISTRY_GROUP_MAX + 20];
    for (int i = 0; i < (int)LENGTH(clients); i++) {
        char name[16];
        snprintf(name, sizeof name, "node%d", i);
        client_register(&clients[i], &fixture.world, 20 + i, name);
    }
    for (size_t i = 0; i < LENGTH(tags); i++) {
        ask_again();
        struct listing *first = listing_ref(ask_bare(tags[i]).listing);
        client_close(&clients[LENGTH(clients) - 1 - i]); /* one of the newest */
        ask_again();
        struct listing *second = ask_bare(tags[i]).listing;
        assert_int_equal(second->n_sheets, first->n_sheets);
        assert_ptr_not_equal(second->sheets[1], first->sheets[1]);
        assert_ptr_equal(second->sheets[2], first->sheets[2]);
        assert_ptr_equal(second->sheets[3], first->sheets[3]);
        listing_unref(first);
    }
    for (size_t i = 0; i < LENGTH(clients); i++) {
        client_close(&clients[i]);
    }
}

static void info_follows_the_daemon(void **state)
{
    (void)state;
    struct listing *first = listing_ref(ask_bare('i').listing);
    ask_again();
    fixture.asker.n_stored = 2;
    struct session_outcome outcome = ask_bare('i');
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    assert_ptr_not_equal(outcome.listing, first);
    assert_int_equal(inventory_read_daemon(&reader, outcome.reply, outcome.reply_len, &daemon), 0);
    assert_int_equal(daemon.n_stored, 2);
    listing_unref(first);
}

static void strangers_are_closed(void **state)
{
    (void)state;
    fixture.world.context.policy.relaxed = true;
    fixture.world.reloading = REFUSAL_NONE;
    fixture.asker.session.local = false;
    assert_closed(ask_alive("carol", 6), REFUSAL_REGISTER_NOT_ALLOWED);
    assert_closed(ask_alive("alice", 6), REFUSAL_REGISTER_NOT_ALLOWED);
    assert_closed(ask_alive("\xff", 6), REFUSAL_REGISTER_NOT_ALLOWED);
    assert_closed(ask_bare('d'), REFUSAL_NOT_LOCAL);
    assert_closed(ask_bare('k'), REFUSAL_NOT_LOCAL);
    assert_closed(ask_bare('r'), REFUSAL_NOT_LOCAL);
    assert_closed(ask_bare('i'), REFUSAL_NOT_LOCAL);
    assert_closed(ask_named('s', "alice"), REFUSAL_NOT_LOCAL);
    assert_int_equal(registry()->n_live, 2);
    assert_int_equal(fixture.alice.n_asked, 0);
}

static void kill_needs_an_empty_registry(void **state)
{
    (void)state;
    assert_replied(ask_bare('k'), SESSION_REPLY, REFUSAL_NODES_ALIVE, "NO", 2);
    client_close(&fixture.alice);
    client_close(&fixture.bob);
    ask_again();
    assert_replied(ask_bare('k'), SESSION_SHUTDOWN, REFUSAL_NONE, "OK", 2);
}

static void relaxed_kill_is_obeyed(void **state)
{
    (void)state;
    fixture.world.context.policy.relaxed = true;
    assert_replied(ask_bare('k'), SESSION_SHUTDOWN, REFUSAL_NONE, "OK", 2);
}

static void relaxed_stop_ends_the_node(void **state)
{
    (void)state;
    fixture.world.context.policy.relaxed = true;
    assert_replied(ask_named('s', "carol"), SESSION_REPLY, REFUSAL_NONE, "NOEXIST", 7);
    assert_int_equal(registry()->n_live, 2);
    ask_again();
    assert_replied(ask_named('s', "alice"), SESSION_REPLY, REFUSAL_NONE, "STOPPED", 7);
    assert_int_equal(fixture.alice.n_ends, 1);
    assert_int_equal(fixture.bob.n_ends, 0);
    assert_null(find("alice"));
    ask_again();
    assert_replied(ask_named('s', "alice"), SESSION_REPLY, REFUSAL_NONE, "NOEXIST", 7);
    ask_again();
    assert_replied(ask_named('s', "\xff"), SESSION_REPLY, REFUSAL_NONE, "NOEXIST", 7);
    ask_again();
    assert_closed(ask_named('s', ""), REFUSAL_NAME_EMPTY);
}

static void stop_needs_relaxed(void **state)
{
    (void)state;
    assert_closed(ask_named('s', "alice"), REFUSAL_NOT_RELAXED);
    assert_non_null(find("alice"));
}

static void reload_needs_a_successor(void **state)
{
    (void)state;
    static const char no[] = "NO: there is no keeper and no service manager, the registrations "
                             "would be lost";
    assert_replied(ask_bare('r'), SESSION_REPLY, REFUSAL_NO_SUCCESSOR, no, sizeof no - 1);
    fixture.world.reloading = REFUSAL_NONE;
    ask_again();
    assert_replied(ask_bare('r'), SESSION_RELOAD, REFUSAL_NONE, "OK", 2);
    assert_int_equal(registry()->n_live, 2);
}

static void a_refusal_of_the_owner_is_told(void **state)
{
    (void)state;
    fixture.world.registering = REFUSAL_HOST_FULL;
    assert_replied(ask_alive("carol", 6), SESSION_REPLY, REFUSAL_HOST_FULL, "v\1\0\0\0\x63", 6);
    assert_null(find("carol"));
    fixture.world.registering = REFUSAL_KEPT_FOR_LOCAL;
    ask_again();
    assert_replied(ask_alive("carol", 5), SESSION_REPLY, REFUSAL_KEPT_FOR_LOCAL, "y\1\0\x63", 4);
    assert_int_equal(registry()->n_live, 2);
}

static void unknown_tag_is_closed(void **state)
{
    (void)state;
    assert_closed(ask_bare('q'), REFUSAL_TAG_UNKNOWN);
    fixture.asker.session.local = false;
    assert_closed(ask_bare('q'), REFUSAL_TAG_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(port_tells_the_node),
        FIXTURE_TEST(names_are_listed),
        FIXTURE_TEST(everything_is_dumped),
        FIXTURE_TEST(listing_is_shared_until_a_change),
        FIXTURE_TEST(info_tells_of_each_node),
        FIXTURE_TEST(info_follows_the_daemon),
        FIXTURE_TEST(a_change_writes_one_group_anew),
        FIXTURE_TEST(strangers_are_closed),
        FIXTURE_TEST(kill_needs_an_empty_registry),
        FIXTURE_TEST(relaxed_kill_is_obeyed),
        FIXTURE_TEST(relaxed_stop_ends_the_node),
        FIXTURE_TEST(stop_needs_relaxed),
        FIXTURE_TEST(reload_needs_a_successor),
        FIXTURE_TEST(a_refusal_of_the_owner_is_told),
        FIXTURE_TEST(unknown_tag_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

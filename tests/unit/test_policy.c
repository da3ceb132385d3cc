/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what: every tag from here and from elsewhere, relaxed and not. */
#include "core/policy.h"

#include "unit.h"

static enum refusal check(enum protocol_tag tag, bool local, bool relaxed, size_t n_live)
{
    static const struct address peer = {{[10] = 0xff, 0xff, 192, 0, 2, 2}};
    struct policy policy;
    policy_init(&policy);
    policy.relaxed = relaxed;
    return policy_check(&policy, tag, &peer, local, n_live);
}

static const size_t n_lives[] = {0, 1, SIZE_MAX};

static void anyone_may_look_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(n_lives); i++) {
        for (int flags = 0; flags < 4; flags++) {
            bool local = flags & 1;
            bool relaxed = flags & 2;
            assert_int_equal(check(PROTOCOL_PORT2_REQ, local, relaxed, n_lives[i]), REFUSAL_NONE);
            assert_int_equal(check(PROTOCOL_NAMES_REQ, local, relaxed, n_lives[i]), REFUSAL_NONE);
        }
    }
}

static void strangers_may_nothing_else(void **state)
{
    (void)state;
    static const enum protocol_tag tags[] = {PROTOCOL_DUMP_REQ, PROTOCOL_KILL_REQ,
                                             PROTOCOL_STOP_REQ, PROTOCOL_RELOAD_REQ,
                                             PROTOCOL_INFO_REQ};
    assert_int_equal(check(PROTOCOL_ALIVE2_REQ, false, true, 0), REFUSAL_REGISTER_NOT_ALLOWED);
    for (size_t i = 0; i < LENGTH(tags); i++) {
        for (size_t k = 0; k < LENGTH(n_lives); k++) {
            assert_int_equal(check(tags[i], false, false, n_lives[k]), REFUSAL_NOT_LOCAL);
            assert_int_equal(check(tags[i], false, true, n_lives[k]), REFUSAL_NOT_LOCAL);
        }
    }
}

static void locals_may_register_dump_reload_and_be_informed(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(n_lives); i++) {
        for (int relaxed = 0; relaxed < 2; relaxed++) {
            assert_int_equal(check(PROTOCOL_ALIVE2_REQ, true, relaxed, n_lives[i]), REFUSAL_NONE);
            assert_int_equal(check(PROTOCOL_DUMP_REQ, true, relaxed, n_lives[i]), REFUSAL_NONE);
            assert_int_equal(check(PROTOCOL_RELOAD_REQ, true, relaxed, n_lives[i]), REFUSAL_NONE);
            assert_int_equal(check(PROTOCOL_INFO_REQ, true, relaxed, n_lives[i]), REFUSAL_NONE);
        }
    }
}

static void kill_needs_no_nodes_or_relaxed(void **state)
{
    (void)state;
    assert_int_equal(check(PROTOCOL_KILL_REQ, true, false, 0), REFUSAL_NONE);
    assert_int_equal(check(PROTOCOL_KILL_REQ, true, false, 1), REFUSAL_NODES_ALIVE);
    assert_int_equal(check(PROTOCOL_KILL_REQ, true, false, SIZE_MAX), REFUSAL_NODES_ALIVE);
    assert_int_equal(check(PROTOCOL_KILL_REQ, true, true, 0), REFUSAL_NONE);
    assert_int_equal(check(PROTOCOL_KILL_REQ, true, true, 1), REFUSAL_NONE);
}

static void stop_needs_relaxed(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(n_lives); i++) {
        assert_int_equal(check(PROTOCOL_STOP_REQ, true, false, n_lives[i]), REFUSAL_NOT_RELAXED);
        assert_int_equal(check(PROTOCOL_STOP_REQ, true, true, n_lives[i]), REFUSAL_NONE);
    }
}

static bool is_local(const char *peer_text, const char *own_text)
{
    struct address peer, own;
    assert_int_equal(address_parse(peer_text, &peer), 0);
    assert_int_equal(address_parse(own_text, &own), 0);
    return policy_is_local(&peer, &own);
}

static void local_is_loopback_or_our_own_address(void **state)
{
    (void)state;
    assert_true(is_local("127.0.0.1", "127.0.0.1"));
    assert_true(is_local("127.0.0.0", "192.0.2.1"));
    assert_true(is_local("127.255.255.255", "192.0.2.1"));
    assert_true(is_local("::1", "2001:db8::1"));
    assert_true(is_local("::ffff:127.0.0.1", "::ffff:192.0.2.1"));
    assert_true(is_local("192.0.2.1", "192.0.2.1"));
    assert_true(is_local("::ffff:192.0.2.1", "192.0.2.1"));
    assert_true(is_local("2001:db8::1", "2001:db8::1"));
}

static void all_else_is_remote(void **state)
{
    (void)state;
    assert_false(is_local("126.255.255.255", "192.0.2.1"));
    assert_false(is_local("128.0.0.0", "192.0.2.1"));
    assert_false(is_local("192.0.2.2", "192.0.2.1"));
    assert_false(is_local("192.0.2.1", "127.0.0.1"));
    assert_false(is_local("::2", "::1"));
    assert_false(is_local("::127.0.0.1", "::1"));
    assert_false(is_local("2001:db8::2", "2001:db8::1"));
    assert_false(is_local("fe80::1", "fe80::2"));
    assert_false(is_local("0.0.0.0", "192.0.2.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(anyone_may_look_up),
        cmocka_unit_test(strangers_may_nothing_else),
        cmocka_unit_test(locals_may_register_dump_reload_and_be_informed),
        cmocka_unit_test(kill_needs_no_nodes_or_relaxed),
        cmocka_unit_test(stop_needs_relaxed),
        cmocka_unit_test(local_is_loopback_or_our_own_address),
        cmocka_unit_test(all_else_is_remote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

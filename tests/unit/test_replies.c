/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that protocol.c encodes, byte by byte. */
#include <string.h>

#include "core/protocol.h"

#include "guarded.h"
#include "requests.h"
#include "unit.h"
#include <errno.h>

static void assert_alive(uint16_t highest, bool accepted, uint32_t creation, const void *expected,
                         size_t len)
{
    uint8_t *reply = guarded_room(PROTOCOL_REPLY_MAX);
    assert_int_equal(protocol_encode_alive(reply, highest, accepted, creation), len);
    assert_memory_equal(reply, expected, len);
}

static void wide_creation_from_version_6_on(void **state)
{
    (void)state;
    static const uint16_t versions[] = {6, 7, UINT16_MAX};
    for (size_t i = 0; i < LENGTH(versions); i++) {
        assert_alive(versions[i], true, 4, "\x76\0\0\0\0\x04", 6);
        assert_alive(versions[i], true, 0x01020304, "\x76\0\x01\x02\x03\x04", 6);
        assert_alive(versions[i], true, UINT32_MAX, "\x76\0\xff\xff\xff\xff", 6);
    }
}

static void narrow_creation_before(void **state)
{
    (void)state;
    static const uint16_t versions[] = {0, 1, 5};
    for (size_t i = 0; i < LENGTH(versions); i++) {
        assert_alive(versions[i], true, 4, "\x79\0\0\x02", 4);
        assert_alive(versions[i], true, 5, "\x79\0\0\x03", 4);
        assert_alive(versions[i], true, 6, "\x79\0\0\x01", 4);
        assert_alive(versions[i], true, UINT32_MAX, "\x79\0\0\x01", 4);
    }
}

static void refusal_says_result_1(void **state)
{
    (void)state;
    assert_alive(6, false, 4, "\x76\x01\0\0\0\x63", 6);
    assert_alive(UINT16_MAX, false, 0, "\x76\x01\0\0\0\x63", 6);
    assert_alive(5, false, 4, "\x79\x01\0\x63", 4);
    assert_alive(0, false, 0, "\x79\x01\0\x63", 4);
}

static void node_is_given_out_as_it_came(void **state)
{
    (void)state;
    static const uint8_t expected[] = {119, 0, 0x89, 0x1b, 77,  2, 0, 6,    0, 5,
                                       0,   3, 'b',  'o',  'b', 0, 2, 0xff, 0};
    struct protocol_node info = node_info("bob");
    info.protocol = 2;
    info.extra = (const uint8_t *)"\xff";
    info.extra_len = 2;
    uint8_t *reply = guarded_room(PROTOCOL_REPLY_MAX);
    assert_int_equal(protocol_encode_node(reply, &info), sizeof expected);
    assert_memory_equal(reply, expected, sizeof expected);
}

static void node_fields_reach_their_limits(void **state)
{
    (void)state;
    static const uint8_t ones[] = {119,  0,    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                   0xff, 0xff, 0,    1,    'a',  0,    0};
    static const uint8_t zeros[] = {119, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0};
    struct protocol_node info = node_info("a");
    info.port = info.highest = info.lowest = UINT16_MAX;
    info.type = info.protocol = UINT8_MAX;
    uint8_t *reply = guarded_room(PROTOCOL_REPLY_MAX);
    assert_int_equal(protocol_encode_node(reply, &info), sizeof ones);
    assert_memory_equal(reply, ones, sizeof ones);

    info = (struct protocol_node){.name = info.name, .name_len = 1};
    assert_int_equal(protocol_encode_node(reply, &info), sizeof zeros);
    assert_memory_equal(reply, zeros, sizeof zeros);
}

static void longest_node_fits(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX];
    struct protocol_node info = node_info("");
    info.name = name;
    info.name_len = (uint16_t)repeat(name, "\xf4\x8f\xbf\xbf", NAME_MAX_CHARACTERS);
    info.extra = extra;
    info.extra_len = (uint16_t)repeat(extra, "e", PROTOCOL_EXTRA_MAX);
    uint8_t *reply = guarded_room(PROTOCOL_REPLY_MAX);
    assert_int_equal(protocol_encode_node(reply, &info), PROTOCOL_REPLY_MAX);
    assert_memory_equal(reply + 10, "\x03\xfc", 2);
    assert_memory_equal(reply + 12, name, sizeof name);
    assert_memory_equal(reply + 12 + sizeof name, "\x03\xfc", 2);
    assert_memory_equal(reply + 14 + sizeof name, extra, sizeof extra);
}

static void node_is_read_as_it_was_given_out(void **state)
{
    (void)state;
    uint8_t reply[PROTOCOL_REPLY_MAX];
    struct protocol_node info = node_info("alice"), out;
    info.extra = (const uint8_t *)"x\0y";
    info.extra_len = 3;
    size_t len = protocol_encode_node(reply, &info);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(protocol_decode_node(guarded_copy(reply, cut), cut, &out), -EINVAL);
    }
    const uint8_t *whole = guarded_copy(reply, len);
    assert_int_equal(protocol_decode_node(whole, len, &out), 0);
    assert_int_equal(out.port, info.port);
    assert_int_equal(out.type, info.type);
    assert_int_equal(out.protocol, info.protocol);
    assert_int_equal(out.highest, info.highest);
    assert_int_equal(out.lowest, info.lowest);
    assert_int_equal(out.name_len, 5);
    assert_memory_equal(out.name, "alice", 5);
    assert_int_equal(out.extra_len, 3);
    assert_memory_equal(out.extra, "x\0y", 3);
}

static void other_replies_are_no_node(void **state)
{
    (void)state;
    struct protocol_node out;
    assert_int_equal(protocol_decode_node((const uint8_t *)"\x77\1", 2, &out), -ENOENT);
    assert_int_equal(protocol_decode_node((const uint8_t *)"\x77\1more", 6, &out), -ENOENT);
    assert_int_equal(protocol_decode_node((const uint8_t *)"\x76\0\0\0\0\1", 6, &out), -EINVAL);
}

static void short_replies(void **state)
{
    (void)state;
    uint8_t *reply = guarded_room(PROTOCOL_REPLY_MAX);
    assert_int_equal(protocol_encode_no_node(reply), 2);
    assert_memory_equal(reply, "\x77\x01", 2);
    assert_int_equal(protocol_encode_text(reply, "NOEXIST"), 7);
    assert_memory_equal(reply, "NOEXIST", 7);
    assert_int_equal(protocol_encode_text(reply, ""), 0);
}

static void alive_refusals_told_by_a_reply(void **state)
{
    (void)state;
    static const enum refusal told[] = {
        REFUSAL_NAME_NOT_UTF8, REFUSAL_NAME_TOO_LONG, REFUSAL_EXTRA_TOO_LONG, REFUSAL_NAME_TAKEN,
        REFUSAL_REGISTRY_FULL, REFUSAL_HOST_FULL,     REFUSAL_KEPT_FOR_LOCAL, REFUSAL_NO_MEMORY,
    };
    for (int i = REFUSAL_NONE; i <= REFUSAL_NO_MEMORY; i++) {
        bool expected = false;
        for (size_t k = 0; k < LENGTH(told); k++) {
            expected |= told[k] == (enum refusal)i;
        }
        assert_int_equal(protocol_alive_refusal_has_reply((enum refusal)i), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wide_creation_from_version_6_on),
        cmocka_unit_test(narrow_creation_before),
        cmocka_unit_test(refusal_says_result_1),
        cmocka_unit_test(node_is_given_out_as_it_came),
        cmocka_unit_test(node_fields_reach_their_limits),
        cmocka_unit_test(longest_node_fits),
        cmocka_unit_test(node_is_read_as_it_was_given_out),
        cmocka_unit_test(other_replies_are_no_node),
        cmocka_unit_test(short_replies),
        cmocka_unit_test(alive_refusals_told_by_a_reply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

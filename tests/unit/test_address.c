/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses: their texts, and one representation for both families. */
#include "core/address.h"

#include <errno.h>
#include <string.h>

#include "guarded.h"
#include "unit.h"

static struct address parse(const char *text)
{
    struct address address;
    size_t size = strlen(text) + 1;
    assert_int_equal(address_parse((const char *)guarded_copy(text, size), &address), 0);
    return address;
}

static const struct {
    const char *text;
    const char *canonical;
} good[] = {
    {"0.0.0.0", "0.0.0.0"},
    {"127.0.0.1", "127.0.0.1"},
    {"255.255.255.255", "255.255.255.255"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"::ffff:c000:201", "192.0.2.1"},
    {"::", "::"},
    {"0:0:0:0:0:0:0:0", "::"},
    {"::1", "::1"},
    {"2001:DB8::00a1", "2001:db8::a1"},
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
};

static void reads_and_writes_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(good); i++) {
        char *text = (char *)guarded_room(ADDRESS_TEXT_SIZE);
        struct address address = parse(good[i].text);
        address_format(&address, text);
        assert_string_equal(text, good[i].canonical);
    }
}

static void refuses_what_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "localhost",
        "127.0.0",
        "127.1",
        "127.0.0.256",
        "127.0.0.1 ",
        " 127.0.0.1",
        "1.2.3.4.5",
        "127.0.0.-1",
        "0x7f000001",
        "127.0.0.1:4369",
        ":",
        ":::",
        "::1%lo",
        "[::1]",
        "::1/128",
        "1::2::3",
        "12345::",
        "::g",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "::ffff:256.0.0.1",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
    };
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct address address, before;
        memset(&address, 0xaa, sizeof address);
        before = address;
        const uint8_t *text = guarded_copy(bad[i], strlen(bad[i]) + 1);
        assert_int_equal(address_parse((const char *)text, &address), -EINVAL);
        assert_memory_equal(&address, &before, sizeof address);
    }
}

static void ipv4_is_held_mapped(void **state)
{
    (void)state;
    static const uint8_t mapped[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1};
    static const uint8_t ipv4[4] = {192, 0, 2, 1};
    struct address address = address_from_ipv4(guarded_copy(ipv4, sizeof ipv4));
    struct address dotted = parse("192.0.2.1");
    struct address colons = parse("::ffff:192.0.2.1");
    assert_memory_equal(address.bytes, mapped, sizeof mapped);
    assert_true(address_is_ipv4(&address));
    assert_true(address_equal(&address, &dotted));
    assert_true(address_equal(&address, &colons));
}

static void differs_in_any_bit(void **state)
{
    (void)state;
    struct address address = parse("::ffff:192.0.2.1");
    for (unsigned bit = 0; bit < 128; bit++) {
        struct address other = address;
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(address_equal(&address, &other));
        assert_int_equal(address_is_ipv4(&other), bit / 8 >= 12);
    }
}

static bool is_loopback(const char *text)
{
    struct address address = parse(text);
    return address_is_loopback(&address);
}

static void knows_loopback(void **state)
{
    (void)state;
    assert_true(is_loopback("127.0.0.0"));
    assert_true(is_loopback("127.0.0.1"));
    assert_true(is_loopback("127.255.255.255"));
    assert_true(is_loopback("::ffff:127.1.2.3"));
    assert_true(is_loopback("::1"));
    assert_false(is_loopback("126.255.255.255"));
    assert_false(is_loopback("128.0.0.0"));
    assert_false(is_loopback("0.0.0.1"));
    assert_false(is_loopback("0.0.0.0"));
    assert_false(is_loopback("::"));
    assert_false(is_loopback("::2"));
    assert_false(is_loopback("::127.0.0.1"));
    assert_false(is_loopback("1::1"));
    assert_false(is_loopback("::1:0:0:1"));
    assert_false(is_loopback("7f00::"));
}

static void only_1_is_loopback_in_ipv6(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 128; bit++) {
        struct address other = parse("::1");
        other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(address_is_loopback(&other));
    }
}

static void knows_wildcards(void **state)
{
    (void)state;
    static const char *const wildcards[] = {"0.0.0.0", "::", "::ffff:0.0.0.0"};
    for (size_t i = 0; i < LENGTH(wildcards); i++) {
        struct address address = parse(wildcards[i]);
        assert_true(address_is_wildcard(&address));
        for (unsigned bit = address_is_ipv4(&address) ? 96 : 0; bit < 128; bit++) {
            struct address other = address;
            other.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(address_is_wildcard(&other));
        }
    }
}

static bool covers(const char *bound_text, const char *text)
{
    struct address bound = parse(bound_text), address = parse(text);
    return address_covers(&bound, &address);
}

static void covers_itself_or_its_family(void **state)
{
    (void)state;
    assert_true(covers("192.0.2.1", "192.0.2.1"));
    assert_true(covers("0.0.0.0", "192.0.2.1"));
    assert_true(covers("::", "::1"));
    assert_true(covers("::", "::"));
    assert_false(covers("192.0.2.1", "192.0.2.2"));
    assert_false(covers("192.0.2.1", "0.0.0.0"));
    assert_false(covers("::", "192.0.2.1"));
    assert_false(covers("::", "0.0.0.0"));
    assert_false(covers("0.0.0.0", "::1"));
}

/* The first and the last address of each network, and their neighbours. */
static void knows_the_edges_of_private_networks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_private;
    } addresses[] = {
        {"9.255.255.255", false},
        {"10.0.0.0", true},
        {"10.255.255.255", true},
        {"11.0.0.0", false},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.167.255.255", false},
        {"192.168.0.0", true},
        {"192.168.255.255", true},
        {"192.169.0.0", false},
        {"169.253.255.255", false},
        {"169.254.0.0", true},
        {"169.254.255.255", true},
        {"169.255.0.0", false},
        {"127.0.0.1", false},
        {"0.0.0.0", false},
        {"fbff::1", false},
        {"fc00::", true},
        {"fdff:ffff::1", true},
        {"fe00::", false},
        {"fe7f:ffff::1", false},
        {"fe80::", true},
        {"febf:ffff::1", true},
        {"fec0::", false},
        {"::1", false},
        {"::", false},
        {"a00::1", false},
        {"::ffff:10.1.2.3", true},
    };
    for (size_t i = 0; i < LENGTH(addresses); i++) {
        struct address address;
        assert_int_equal(address_parse(addresses[i].text, &address), 0);
        if (address_is_private(&address) != addresses[i].is_private) {
            fail_msg("%s", addresses[i].text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_writes_texts),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(ipv4_is_held_mapped),
        cmocka_unit_test(differs_in_any_bit),
        cmocka_unit_test(knows_the_edges_of_private_networks),
        cmocka_unit_test(knows_loopback),
        cmocka_unit_test(only_1_is_loopback_in_ipv6),
        cmocka_unit_test(knows_wildcards),
        cmocka_unit_test(covers_itself_or_its_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

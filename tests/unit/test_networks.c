/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of networks: what they may say, who is in them, and what that allows. */
#include "core/networks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/policy.h"
#include "guarded.h"
#include "unit.h"

static struct address address_of(const char *text)
{
    struct address address;
    assert_int_equal(address_parse(text, &address), 0);
    return address;
}

static struct networks parse(const char *text)
{
    struct networks networks;
    char error[NETWORKS_ERROR_SIZE];
    const uint8_t *copy = guarded_copy(text, strlen(text) + 1);
    if (networks_parse((const char *)copy, &networks, error) != 0) {
        fail_msg("%s: %s", text, error);
    }
    return networks;
}

static bool has(const char *list, const char *peer)
{
    struct networks networks = parse(list);
    struct address address = address_of(peer);
    return networks_contain(&networks, &address);
}

static void assert_error(const char *text, const char *expected)
{
    struct networks networks, before;
    char error[NETWORKS_ERROR_SIZE];
    memset(&networks, 0xaa, sizeof networks);
    before = networks;
    const uint8_t *copy = guarded_copy(text, strlen(text) + 1);
    assert_int_equal(networks_parse((const char *)copy, &networks, error), -EINVAL);
    assert_memory_equal(&networks, &before, sizeof networks);
    assert_string_equal(error, expected);
}

static struct address flipped(struct address address, unsigned bit)
{
    address.bytes[bit / 8] ^= (uint8_t)(0x80U >> bit % 8);
    return address;
}

/* What is not in the first `bits` bits becomes 0. */
static struct address cut(struct address address, unsigned bits)
{
    for (unsigned bit = bits; bit < 128; bit++) {
        address.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
    }
    return address;
}

/* Each bit of the prefix decides, and none behind it, as long as the family stays. */
static void assert_prefix_decides(const struct networks *networks, const struct address *inside,
                                  unsigned prefix, unsigned first_bit)
{
    assert_true(networks_contain(networks, inside));
    for (unsigned bit = first_bit; bit < 128; bit++) {
        struct address other = flipped(*inside, bit);
        assert_int_equal(networks_contain(networks, &other), bit >= prefix);
    }
}

static void every_prefix_of(const char *text, unsigned first_bit)
{
    struct address inside = address_of(text);
    for (unsigned prefix = first_bit; prefix <= 128; prefix++) {
        char base[ADDRESS_TEXT_SIZE], list[ADDRESS_TEXT_SIZE + 4];
        struct address network = cut(inside, prefix);
        address_format(&network, base);
        snprintf(list, sizeof list, "%s/%u", base, prefix - first_bit);
        struct networks networks = parse(list);
        assert_int_equal(networks.n, 1);
        assert_int_equal(networks.networks[0].prefix_bits, prefix);
        assert_true(address_equal(&networks.networks[0].base, &network));
        assert_prefix_decides(&networks, &inside, prefix, first_bit);
    }
}

static void every_prefix_decides(void **state)
{
    (void)state;
    every_prefix_of("255.255.255.255", 96);
    every_prefix_of("170.85.170.85", 96);
    every_prefix_of("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0);
    every_prefix_of("aaaa:5555:aaaa:5555:aaaa:5555:aaaa:5555", 0);
}

static void bits_beyond_any_prefix_are_an_error(void **state)
{
    (void)state;
    for (unsigned prefix = 0; prefix < 32; prefix++) {
        char list[ADDRESS_TEXT_SIZE + 4], base[ADDRESS_TEXT_SIZE], expected[NETWORKS_ERROR_SIZE];
        struct address ones = address_of("255.255.255.255"), network = cut(ones, 96 + prefix);
        address_format(&network, base);
        snprintf(list, sizeof list, "255.255.255.255/%u", prefix);
        snprintf(expected, sizeof expected,
                 "\"%s\" has bits beyond its prefix: the network is %s/%u, "
                 "the address alone 255.255.255.255",
                 list, base, prefix);
        assert_error(list, expected);
    }
    for (unsigned prefix = 0; prefix < 128; prefix++) {
        char list[ADDRESS_TEXT_SIZE + 4], base[ADDRESS_TEXT_SIZE], expected[NETWORKS_ERROR_SIZE];
        struct address one = flipped(address_of("::"), prefix);
        address_format(&one, base);
        snprintf(list, sizeof list, "%s/%u", base, prefix);
        snprintf(expected, sizeof expected,
                 "\"%s\" has bits beyond its prefix: the network is ::/%u, the address alone %s",
                 list, prefix, base);
        assert_error(list, expected);
    }
}

static void edges_of_networks(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.0.0.0"));
    assert_true(has("10.0.0.0/8", "10.255.255.255"));
    assert_false(has("10.0.0.0/8", "9.255.255.255"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("172.16.0.0/12", "172.31.255.255"));
    assert_false(has("172.16.0.0/12", "172.32.0.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.128"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("fe80::/10", "febf:ffff::1"));
    assert_false(has("fe80::/10", "fec0::"));
    assert_true(has("192.0.2.1", "192.0.2.1"));
    assert_false(has("192.0.2.1", "192.0.2.0"));
    assert_true(has("2001:db8::1", "2001:DB8:0::1"));
    assert_false(has("2001:db8::1", "2001:db8::2"));
}

static void families_stay_apart(void **state)
{
    (void)state;
    assert_true(has("0.0.0.0/0", "203.0.113.1"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_false(has("0.0.0.0/0", "::"));
    assert_true(has("::/0", "2001:db8::1"));
    assert_true(has("::/0", "::1"));
    assert_false(has("::/0", "203.0.113.1"));
    assert_false(has("::/64", "203.0.113.1"));
    assert_true(has("::/0,0.0.0.0/0", "203.0.113.1"));
    assert_false(has("::192.0.2.1", "192.0.2.1"));
}

static void mapped_is_ipv4(void **state)
{
    (void)state;
    assert_true(has("::ffff:10.0.0.0/104", "10.1.2.3"));
    assert_false(has("::ffff:10.0.0.0/104", "11.1.2.3"));
    assert_true(has("::ffff:0:0/96", "203.0.113.1"));
    assert_false(has("::ffff:0:0/96", "2001:db8::1"));
    assert_true(has("::ffff:192.0.2.1", "192.0.2.1"));
    assert_true(has("::ffff:c000:201/128", "192.0.2.1"));
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_error("::ffff:10.0.0.0/95",
                 "\"::ffff:10.0.0.0/95\": the prefix is no number of bits from 96 to 128");
    assert_error("::ffff:10.0.0.0/8",
                 "\"::ffff:10.0.0.0/8\": the prefix is no number of bits from 96 to 128");
    assert_error("::ffff:10.1.0.0/104",
                 "\"::ffff:10.1.0.0/104\" has bits beyond its prefix: the network is 10.0.0.0/8, "
                 "the address alone 10.1.0.0");
}

static void lists_have_many_words(void **state)
{
    (void)state;
    static const char *const lists[] = {"10.0.0.0/8,fd00::/8,192.0.2.1",
                                        "10.0.0.0/8 fd00::/8 192.0.2.1",
                                        " , 10.0.0.0/8 ,, fd00::/8, 192.0.2.1 , "};
    for (size_t i = 0; i < LENGTH(lists); i++) {
        assert_int_equal(parse(lists[i]).n, 3);
        assert_true(has(lists[i], "10.1.2.3"));
        assert_true(has(lists[i], "fdff::1"));
        assert_true(has(lists[i], "192.0.2.1"));
        assert_false(has(lists[i], "192.0.2.2"));
    }
}

static void words_have_their_meaning(void **state)
{
    (void)state;
    assert_true(has("any", "203.0.113.1"));
    assert_false(has("local", "203.0.113.1"));
    assert_false(has("none", "203.0.113.1"));
    assert_true(has("any,10.0.0.0/8", "203.0.113.1"));
    assert_true(has("10.0.0.0/8,any", "2001:db8::1"));
    assert_true(has("local,10.0.0.0/8", "10.1.2.3"));
    assert_false(has("local,10.0.0.0/8", "203.0.113.1"));
}

static void private_is_all_private_networks(void **state)
{
    (void)state;
    assert_true(has("private", "10.1.2.3") && has("private", "172.31.0.1"));
    assert_true(has("private", "fd00::1") && has("private", "fe80::1"));
    assert_false(has("private", "8.8.8.8") || has("private", "2001:db8::1"));
    assert_true(has("8.8.8.0/24,private", "8.8.8.8") && has("8.8.8.0/24,private", "192.168.0.1"));
    assert_error("private none", "\"none\" stands alone");
    struct networks networks = parse("8.8.8.0/24 private any local");
    char text[NETWORKS_TEXT_SIZE];
    networks_format(&networks, text);
    assert_string_equal(text, "any,local,private,8.8.8.0/24");
}

static void nobody_is_in_nothing(void **state)
{
    (void)state;
    struct networks nothing = {.n = 0};
    struct address peer = address_of("127.0.0.1");
    assert_false(networks_contain(&nothing, &peer));
}

static void none_stands_alone(void **state)
{
    (void)state;
    assert_error("none,any", "\"none\" stands alone");
    assert_error("local none", "\"none\" stands alone");
    assert_error("none,10.0.0.0/8", "\"none\" stands alone");
}

static void empty_lists_are_no_lists(void **state)
{
    (void)state;
    assert_error("", "the list is empty; \"none\" stands for no peer");
    assert_error(" , ,", "the list is empty; \"none\" stands for no peer");
}

static void words_that_are_wrong(void **state)
{
    (void)state;
    static const char *const bad[] = {"localhost", "Any",       "anyone",       "!10.0.0.0/8",
                                      "10",        "10.0.0",    "10.0.0.0-10",  "10.0.0.0/8;any",
                                      "10.*",      "10.0.0/24", "fe80::1%eth0", "[::1]",
                                      "/8",        "/",         "none/8",       "10.0.0.256/32"};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        char expected[NETWORKS_ERROR_SIZE], list[64];
        bool is_address = strncmp(bad[i], "10.0.0.0/", 9) == 0;
        snprintf(list, sizeof list, "any,%s,::1", bad[i]);
        snprintf(expected, sizeof expected,
                 is_address
                     ? "\"%s\": the prefix is no number of bits from 0 to 32"
                     : "\"%s\" is no address, no network and none of any, local, private, none",
                 bad[i]);
        assert_error(list, expected);
    }
}

static void prefixes_that_are_wrong(void **state)
{
    (void)state;
    static const char *const ipv4[] = {"10.0.0.0/",    "10.0.0.0/33",        "10.0.0.0/x",
                                       "10.0.0.0/-8",  "10.0.0.0/+8",        "10.0.0.0/8x",
                                       "10.0.0.0/0x8", "10.0.0.0/8/8",       "10.0.0.0/0008",
                                       "10.0.0.0/128", "10.0.0.0/4294967304"};
    static const char *const ipv6[] = {"fd00::/",     "fd00::/129", "fd00::/999",
                                       "fd00::/0008", "fd00::/8.0", "fd00::/18446744073709551624"};
    char expected[NETWORKS_ERROR_SIZE];
    for (size_t i = 0; i < LENGTH(ipv4); i++) {
        snprintf(expected, sizeof expected, "\"%s\": the prefix is no number of bits from 0 to 32",
                 ipv4[i]);
        assert_error(ipv4[i], expected);
    }
    for (size_t i = 0; i < LENGTH(ipv6); i++) {
        snprintf(expected, sizeof expected, "\"%s\": the prefix is no number of bits from 0 to 128",
                 ipv6[i]);
        assert_error(ipv6[i], expected);
    }
}

static void wildcards_are_no_peers(void **state)
{
    (void)state;
    assert_error("0.0.0.0", "\"0.0.0.0\" is no peer's address; any stands for every peer");
    assert_error("::", "\"::\" is no peer's address; any stands for every peer");
}

static void long_words_are_cut(void **state)
{
    (void)state;
    static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128";
    char list[4096];
    assert_int_equal(parse(longest).n, 1);
    snprintf(list, sizeof list, "%s0", longest);
    assert_error(list, "\"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/1280\": "
                       "the prefix is no number of bits from 0 to 128");
    memset(list, 'f', sizeof list - 1);
    list[sizeof list - 1] = '\0';
    assert_error(list, "\"ffffffffffffffffffffffffffffffffffffffffffffffffff\" "
                       "is no address, no network and none of any, local, private, none");
}

static void networks_are_bounded(void **state)
{
    (void)state;
    char list[2048] = "local";
    size_t len = strlen(list);
    for (int i = 0; i < NETWORKS_MAX; i++) {
        len += (size_t)snprintf(list + len, sizeof list - len, ",10.0.%d.0/24", i);
    }
    assert_int_equal(parse(list).n, NETWORKS_MAX);
    assert_true(has(list, "10.0.63.1"));
    assert_false(has(list, "10.0.64.1"));
    snprintf(list + len, sizeof list - len, ",any");
    assert_true(has(list, "10.0.64.1"));
    snprintf(list + len, sizeof list - len, ",::1");
    assert_error(list, "more than 64 networks");
}

static const struct {
    enum protocol_tag tag;
    size_t list; /* the one that governs it */
    enum refusal refusal;
} governed[] = {
    {PROTOCOL_PORT2_REQ, offsetof(struct policy, allow_lookup), REFUSAL_LOOKUP_NOT_ALLOWED},
    {PROTOCOL_NAMES_REQ, offsetof(struct policy, allow_names), REFUSAL_NAMES_NOT_ALLOWED},
    {PROTOCOL_ALIVE2_REQ, offsetof(struct policy, allow_register), REFUSAL_REGISTER_NOT_ALLOWED},
};

/* A policy that lets 10.0.0.0/8 do what one of its lists is for, and nobody else anything. */
static struct policy policy_with(size_t list)
{
    struct policy policy = {.relaxed = true};
    *(struct networks *)(void *)((char *)&policy + list) = parse("10.0.0.0/8");
    return policy;
}

static void assert_text(const char *list, const char *expected)
{
    struct networks networks;
    char text[NETWORKS_TEXT_SIZE], error[NETWORKS_ERROR_SIZE];
    assert_int_equal(networks_parse(list, &networks, error), 0);
    networks_format(&networks, text);
    assert_string_equal(text, expected);
}

static void lists_have_a_text(void **state)
{
    (void)state;
    static const struct networks nobody;
    char longest[4096] = "any,local", text[NETWORKS_TEXT_SIZE];
    assert_text("any", "any");
    assert_text(" none ", "none");
    assert_text("10.0.0.0/8 local,192.0.2.1", "local,10.0.0.0/8,192.0.2.1");
    assert_text("0.0.0.0/0,::/0,2001:db8::/32", "0.0.0.0/0,::/0,2001:db8::/32");
    assert_text("::ffff:192.0.2.0/120", "192.0.2.0/24");
    assert_text("::/128,0.0.0.0/32,::1/128", "::/128,0.0.0.0/32,::1");
    networks_format(&nobody, text);
    assert_string_equal(text, "none");
    for (size_t i = 0; i < NETWORKS_MAX; i++) {
        size_t len = strlen(longest);
        snprintf(longest + len, sizeof longest - len, ",ffff:ffff:ffff:ffff:ffff:ffff:ffff:%x/127",
                 0xff00 + 2 * (unsigned)i);
    }
    assert_text(longest, longest);
}

static void each_list_governs_one_request(void **state)
{
    (void)state;
    struct address inside = address_of("10.1.2.3"), outside = address_of("11.1.2.3");
    for (size_t i = 0; i < LENGTH(governed); i++) {
        struct policy policy = policy_with(governed[i].list);
        assert_true(policy_may_ask_anything(&policy, &inside, false));
        assert_false(policy_may_ask_anything(&policy, &outside, false));
        for (size_t k = 0; k < LENGTH(governed); k++) {
            enum refusal refusal = governed[k].refusal;
            assert_int_equal(policy_check(&policy, governed[k].tag, &outside, false, 0), refusal);
            assert_int_equal(policy_check(&policy, governed[k].tag, &inside, false, 0),
                             i == k ? REFUSAL_NONE : refusal);
        }
    }
}

static void no_list_opens_commands(void **state)
{
    (void)state;
    static const enum protocol_tag commands[] = {PROTOCOL_DUMP_REQ, PROTOCOL_KILL_REQ,
                                                 PROTOCOL_STOP_REQ, PROTOCOL_RELOAD_REQ,
                                                 PROTOCOL_INFO_REQ};
    struct address peer = address_of("10.1.2.3");
    struct policy open = {.relaxed = true,
                          .allow_lookup.any = true,
                          .allow_names.any = true,
                          .allow_register.any = true};
    for (size_t i = 0; i < LENGTH(commands); i++) {
        assert_int_equal(policy_check(&open, commands[i], &peer, false, 0), REFUSAL_NOT_LOCAL);
        assert_int_equal(policy_check(&open, commands[i], &peer, true, 0), REFUSAL_NONE);
    }
}

static void no_list_shuts_out_this_host(void **state)
{
    (void)state;
    struct address peer = address_of("192.0.2.1");
    struct policy shut = {
        .allow_lookup.none = true, .allow_names.none = true, .allow_register.none = true};
    assert_true(policy_may_ask_anything(&shut, &peer, true));
    assert_false(policy_may_ask_anything(&shut, &peer, false));
    for (size_t i = 0; i < LENGTH(governed); i++) {
        assert_int_equal(policy_check(&shut, governed[i].tag, &peer, true, 1), REFUSAL_NONE);
        assert_int_equal(policy_check(&shut, governed[i].tag, &peer, false, 1),
                         governed[i].refusal);
    }
}

static void starts_as_stock(void **state)
{
    (void)state;
    struct policy policy;
    memset(&policy, 0xaa, sizeof policy);
    policy_init(&policy);
    struct address peer = address_of("203.0.113.1");
    assert_false(policy.relaxed);
    assert_int_equal(policy_check(&policy, PROTOCOL_PORT2_REQ, &peer, false, 1), REFUSAL_NONE);
    assert_int_equal(policy_check(&policy, PROTOCOL_NAMES_REQ, &peer, false, 1), REFUSAL_NONE);
    assert_int_equal(policy_check(&policy, PROTOCOL_ALIVE2_REQ, &peer, false, 1),
                     REFUSAL_REGISTER_NOT_ALLOWED);
    assert_int_equal(policy_check(&policy, PROTOCOL_ALIVE2_REQ, &peer, true, 1), REFUSAL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_prefix_decides),
        cmocka_unit_test(bits_beyond_any_prefix_are_an_error),
        cmocka_unit_test(edges_of_networks),
        cmocka_unit_test(families_stay_apart),
        cmocka_unit_test(mapped_is_ipv4),
        cmocka_unit_test(lists_have_many_words),
        cmocka_unit_test(words_have_their_meaning),
        cmocka_unit_test(private_is_all_private_networks),
        cmocka_unit_test(nobody_is_in_nothing),
        cmocka_unit_test(none_stands_alone),
        cmocka_unit_test(empty_lists_are_no_lists),
        cmocka_unit_test(words_that_are_wrong),
        cmocka_unit_test(prefixes_that_are_wrong),
        cmocka_unit_test(wildcards_are_no_peers),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(networks_are_bounded),
        cmocka_unit_test(lists_have_a_text),
        cmocka_unit_test(each_list_governs_one_request),
        cmocka_unit_test(no_list_opens_commands),
        cmocka_unit_test(no_list_shuts_out_this_host),
        cmocka_unit_test(starts_as_stock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses the daemon listens on: one line for each list that a user may name. */
#include "daemon/binding.h"

#include <stdio.h>
#include <string.h>

#include "guarded.h"
#include "unit.h"

static void add_addresses(struct options *options, const char *list)
{
    char words[512];
    assert_true((size_t)snprintf(words, sizeof words, "%s", list) < sizeof words);
    for (char *rest = words, *word; (word = strtok_r(rest, " ", &rest));) {
        assert_int_equal(address_parse(word, &options->addresses[options->n_addresses++]), 0);
    }
}

/* The plan as text, an exclamation mark after what is required. */
static void assert_plan(const char *named, const char *expected)
{
    struct options options = {.n_addresses = 0};
    struct binding *bindings =
        (struct binding *)(void *)guarded_room(sizeof(struct binding[BINDING_MAX]));
    char text[512] = "";
    size_t len = 0;

    add_addresses(&options, named);
    size_t n = binding_plan(&options, bindings);
    for (size_t i = 0; i < n; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&bindings[i].address, address);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s", i ? " " : "", address,
                                bindings[i].required ? "!" : "");
    }
    assert_string_equal(text, expected);
}

static void nothing_named_is_everything(void **state)
{
    (void)state;
    assert_plan("", "0.0.0.0 ::");
}

static void loopback_is_added(void **state)
{
    (void)state;
    assert_plan("192.0.2.1", "192.0.2.1! 127.0.0.1 ::1");
    assert_plan("2001:db8::1", "2001:db8::1! 127.0.0.1 ::1");
    assert_plan("192.0.2.1 2001:db8::1", "192.0.2.1! 2001:db8::1! 127.0.0.1 ::1");
    assert_plan("127.0.0.2", "127.0.0.2! 127.0.0.1 ::1");
}

static void named_loopback_is_not_required(void **state)
{
    (void)state;
    assert_plan("127.0.0.1", "127.0.0.1 ::1");
    assert_plan("::1", "::1 127.0.0.1");
    assert_plan("::1 127.0.0.1", "::1 127.0.0.1");
    assert_plan("::ffff:127.0.0.1", "127.0.0.1 ::1");
    assert_plan("::1 192.0.2.1", "::1 192.0.2.1! 127.0.0.1");
}

static void wildcard_covers_its_family(void **state)
{
    (void)state;
    assert_plan("0.0.0.0", "0.0.0.0! ::1");
    assert_plan("::", "::! 127.0.0.1");
    assert_plan("0.0.0.0 ::", "0.0.0.0! ::!");
    assert_plan(":: 0.0.0.0", "::! 0.0.0.0!");
    assert_plan("192.0.2.1 0.0.0.0", "0.0.0.0! ::1");
    assert_plan("0.0.0.0 127.0.0.1 2001:db8::1", "0.0.0.0! 2001:db8::1! ::1");
    assert_plan("2001:db8::1 :: 192.0.2.1", "::! 192.0.2.1! 127.0.0.1");
}

static void longest_list_fits(void **state)
{
    (void)state;
    struct options options = {.n_addresses = OPTIONS_ADDRESSES_MAX};
    struct binding *bindings =
        (struct binding *)(void *)guarded_room(sizeof(struct binding[BINDING_MAX]));
    for (size_t i = 0; i < OPTIONS_ADDRESSES_MAX; i++) {
        options.addresses[i] = address_from_ipv4((const uint8_t[]){10, 0, 0, (uint8_t)(i + 1)});
    }
    assert_int_equal(binding_plan(&options, bindings), BINDING_MAX);
    for (size_t i = 0; i < OPTIONS_ADDRESSES_MAX; i++) {
        assert_true(address_equal(&bindings[i].address, &options.addresses[i]));
        assert_true(bindings[i].required);
    }
    assert_false(bindings[BINDING_MAX - 1].required);
    assert_false(bindings[BINDING_MAX - 2].required);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_named_is_everything),
        cmocka_unit_test(loopback_is_added),
        cmocka_unit_test(named_loopback_is_not_required),
        cmocka_unit_test(wildcard_covers_its_family),
        cmocka_unit_test(longest_list_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

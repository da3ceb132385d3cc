/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are close to one that is not known. */
#include "doctor/suggest.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

static char text[70000];

static struct exchange_reply reply_of(const char *const *names)
{
    size_t len = 4;
    memcpy(text, "\0\0\x11\x11", 4);
    for (; *names; names++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "name %s at port 1\n", *names);
    }
    return (struct exchange_reply){.bytes = (uint8_t *)text, .len = len};
}

/* The suggestions, each with a blank behind it. */
static const char *suggest(const char *name, const char *const *names)
{
    static char found[256];
    struct protocol_node close[SUGGEST_MAX];
    struct exchange_reply reply = reply_of(names);
    size_t n = suggest_names(&reply, name, close), len = 0;
    found[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        len += (size_t)snprintf(found + len, sizeof found - len, "%.*s ", (int)close[i].name_len,
                                (const char *)close[i].name);
    }
    return found;
}

static void the_closest_come_first(void **state)
{
    (void)state;
    static const char *const names[] = {"rabbitmq1", "rabbit", "rabbits", "cow", "rabit", NULL};
    assert_string_equal(suggest("rabbitt", names), "rabbit rabbits rabit ");
    assert_string_equal(suggest("elephant", names), "");
    assert_string_equal(suggest("now", names), "cow ");
}

static void capitals_are_as_good(void **state)
{
    (void)state;
    static const char *const names[] = {"xx", "Rabbit", "RABBIT", NULL};
    assert_string_equal(suggest("rabbit", names), "Rabbit RABBIT ");
}

/* One and a third of the characters may differ, and not one more. */
static void how_far_a_name_may_be(void **state)
{
    (void)state;
    static const char *const names[] = {"abcdxxx", "abcxxxx", NULL};
    assert_string_equal(suggest("abcdefg", names), "abcdxxx ");
    static const char *const short_names[] = {"ax", "xx", NULL};
    assert_string_equal(suggest("ab", short_names), "ax ");
}

static void no_more_than_three(void **state)
{
    (void)state;
    static const char *const names[] = {"abcd", "abce", "abcf", "abcg", "abc", NULL};
    assert_string_equal(suggest("abc", names), "abc abcd abce ");
}

static void long_names_are_not_compared(void **state)
{
    (void)state;
    char longest[65], longer[66];
    memset(longest, 'a', sizeof longest - 1);
    longest[64] = '\0';
    memset(longer, 'a', sizeof longer - 1);
    longer[65] = '\0';
    const char *const names[] = {longer, longest, NULL};
    assert_int_equal(strlen(suggest(longest, names)), 65);
    assert_string_equal(suggest(longer, names), "");
}

static void no_names_at_all(void **state)
{
    (void)state;
    struct protocol_node close[SUGGEST_MAX];
    struct exchange_reply none = {0};
    static const char *const names[] = {NULL};
    assert_int_equal(suggest_names(&none, "a", close), 0);
    assert_string_equal(suggest("a", names), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_closest_come_first),      cmocka_unit_test(capitals_are_as_good),
        cmocka_unit_test(how_far_a_name_may_be),       cmocka_unit_test(no_more_than_three),
        cmocka_unit_test(long_names_are_not_compared), cmocka_unit_test(no_names_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

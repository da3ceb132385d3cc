/* SPDX-License-Identifier: Apache-2.0 */
/* The first step of the handshake: what is said, and what may come back. */
#include "doctor/distribution.h"

#include <string.h>

#include "guarded.h"
#include "unit.h"

static void newer_nodes_are_greeted_in_the_newer_way(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0,    18, 'N', 0, 0, 0, 0x14, 3,   7,   0x0f,
                                       0x94, 0,  0,   0, 1, 0, 3,    'a', '@', 'b'};
    uint8_t hello[DISTRIBUTION_HELLO_MAX];
    assert_int_equal(distribution_encode_hello(hello, 6, "a@b"), sizeof expected);
    assert_memory_equal(hello, expected, sizeof expected);
    assert_int_equal(distribution_encode_hello(hello, 7, "a@b"), sizeof expected);
}

static void older_nodes_are_greeted_in_the_older_way(void **state)
{
    (void)state;
    static const uint8_t expected[] = {0, 10, 'n', 0, 5, 0, 7, 0x0f, 0x94, 'a', '@', 'b'};
    uint8_t hello[DISTRIBUTION_HELLO_MAX];
    assert_int_equal(distribution_encode_hello(hello, 5, "a@b"), sizeof expected);
    assert_memory_equal(hello, expected, sizeof expected);
}

static void long_names_fit_or_are_refused(void **state)
{
    (void)state;
    char name[DISTRIBUTION_NAME_MAX + 2];
    memset(name, 'a', sizeof name);
    name[DISTRIBUTION_NAME_MAX] = '\0';
    uint8_t *hello = guarded_room(DISTRIBUTION_HELLO_MAX);
    assert_int_equal(distribution_encode_hello(hello, 6, name), DISTRIBUTION_HELLO_MAX);
    name[DISTRIBUTION_NAME_MAX] = 'a';
    name[DISTRIBUTION_NAME_MAX + 1] = '\0';
    assert_int_equal(distribution_encode_hello(hello, 6, name), 0);
}

static enum distribution_answer decode(const char *bytes, size_t len,
                                       char status[DISTRIBUTION_STATUS_SIZE])
{
    return distribution_decode_answer(guarded_copy(bytes, len), len, status);
}

static void a_status_is_read(void **state)
{
    (void)state;
    char status[DISTRIBUTION_STATUS_SIZE];
    assert_int_equal(decode("\0\3sok", 5, status), DISTRIBUTION_STATUS);
    assert_string_equal(status, "ok");
    assert_int_equal(decode("\0\1s", 3, status), DISTRIBUTION_STATUS);
    assert_string_equal(status, "");
    assert_int_equal(decode("\0\3s\033\xff", 5, status), DISTRIBUTION_STATUS);
    assert_string_equal(status, "??");
    /* The challenge may have come with it. */
    assert_int_equal(decode("\0\3sok\0\20N", 8, status), DISTRIBUTION_STATUS);
    assert_string_equal(status, "ok");
}

static void every_prefix_of_a_status_may_become_one(void **state)
{
    (void)state;
    char status[DISTRIBUTION_STATUS_SIZE];
    for (size_t len = 0; len < 14; len++) {
        assert_int_equal(decode("\0\014snot_allowed", len, status), DISTRIBUTION_MORE);
    }
    assert_int_equal(decode("\0\014snot_allowed", 14, status), DISTRIBUTION_STATUS);
}

static void the_longest_status_fits(void **state)
{
    (void)state;
    char status[DISTRIBUTION_STATUS_SIZE], bytes[3 + DISTRIBUTION_STATUS_SIZE] = {0};
    memset(bytes, 's', sizeof bytes);
    bytes[0] = 0;
    bytes[1] = DISTRIBUTION_STATUS_SIZE;
    assert_int_equal(decode(bytes, 2 + DISTRIBUTION_STATUS_SIZE, status), DISTRIBUTION_STATUS);
    assert_int_equal(strlen(status), DISTRIBUTION_STATUS_SIZE - 1);
    bytes[1] = DISTRIBUTION_STATUS_SIZE + 1;
    assert_int_equal(decode(bytes, sizeof bytes, status), DISTRIBUTION_OTHER);
}

static void strangers_are_told_from_nodes(void **state)
{
    (void)state;
    char status[DISTRIBUTION_STATUS_SIZE];
    assert_int_equal(decode("\0\0", 2, status), DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\3n", 3, status), DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\1n", 3, status), DISTRIBUTION_OTHER);
    assert_int_equal(decode("SSH-2.0", 7, status), DISTRIBUTION_OTHER);
    assert_int_equal(decode("HTTP/1.1", 8, status), DISTRIBUTION_OTHER);
    assert_int_equal(decode("\x15\3\3\0\2\2\x0a", 7, status), DISTRIBUTION_TLS);
    assert_int_equal(decode("\x15\3", 2, status), DISTRIBUTION_TLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newer_nodes_are_greeted_in_the_newer_way),
        cmocka_unit_test(older_nodes_are_greeted_in_the_older_way),
        cmocka_unit_test(long_names_fit_or_are_refused),
        cmocka_unit_test(a_status_is_read),
        cmocka_unit_test(every_prefix_of_a_status_may_become_one),
        cmocka_unit_test(the_longest_status_fits),
        cmocka_unit_test(strangers_are_told_from_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

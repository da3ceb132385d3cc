/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the handshake: what is said, and what may come back. */
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

static struct distribution_answer decode(const char *bytes, size_t len)
{
    struct distribution_answer answer;
    distribution_decode_answer(guarded_copy(bytes, len), len, &answer);
    return answer;
}

static void assert_status(const char *bytes, size_t len, const char *status, bool is_whole)
{
    struct distribution_answer answer = decode(bytes, len);
    assert_int_equal(answer.kind, DISTRIBUTION_STATUS);
    assert_string_equal(answer.status, status);
    assert_int_equal(answer.is_whole, is_whole);
}

static void a_status_is_read(void **state)
{
    (void)state;
    assert_status("\0\4snok", 6, "nok", true);
    assert_status("\0\1s", 3, "", true);
    assert_status("\0\3s\033\xff", 5, "??", true);
    /* A challenge follows these. */
    assert_status("\0\3sok", 5, "ok", false);
    assert_status("\0\020sok_simultaneous", 18, "ok_simultaneous", false);
}

static void every_prefix_of_a_status_may_become_one(void **state)
{
    (void)state;
    for (size_t len = 0; len < 14; len++) {
        struct distribution_answer answer = decode("\0\014snot_allowed", len);
        assert_int_equal(answer.kind, DISTRIBUTION_MORE);
        assert_false(answer.is_whole);
    }
    assert_status("\0\014snot_allowed", 14, "not_allowed", true);
}

/* A status, and a challenge with flags, number, creation and name. */
#define NEWER                  \
    "\0\3sok"                  \
    "\0\x1aN\1\2\3\4\5\6\7\10" \
    "\1\1\1\1\2\2\2\2\0\7b@there"
/* The same with a version, flags and number before the name. */
#define OLDER             \
    "\0\3sok"             \
    "\0\x12n\0\5\1\2\3\4" \
    "\1\1\1\1"            \
    "b@there"

static void assert_named(const char *bytes, size_t len, uint32_t creation)
{
    for (size_t i = 5; i < len; i++) {
        assert_status(bytes, i, "ok", false);
    }
    struct distribution_answer answer = decode(bytes, len);
    assert_int_equal(answer.kind, DISTRIBUTION_NODE);
    assert_true(answer.is_whole);
    assert_string_equal(answer.status, "ok");
    assert_int_equal(answer.name_len, 7);
    assert_int_equal(answer.creation, creation);
    assert_memory_equal(answer.name, "b@there", 7);
}

static void a_challenge_has_the_nodes_name(void **state)
{
    (void)state;
    assert_named(NEWER, sizeof NEWER - 1, 0x02020202);
    assert_named(OLDER, sizeof OLDER - 1, 0);
}

static void what_is_no_challenge_is_no_nodes(void **state)
{
    (void)state;
    static const char *const others[] = {
        "\0\3sok\0\3xyz",   /* another tag */
        "\0\3sok\0\3Nyz",   /* too short for its fields */
        "\0\3sok\xff\xffN", /* longer than any */
    };
    assert_int_equal(decode(others[0], 10).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode(others[1], 10).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode(others[2], 8).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\3sok\0\0", 7).kind, DISTRIBUTION_OTHER);
    /* A name of no bytes, and one that is longer than its message. */
    assert_int_equal(decode("\0\3sok\0\013n0000000000", 18).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\3sok\0\023N0000000000000000\0\0", 26).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\3sok\0\024N0000000000000000\0\2a", 27).kind, DISTRIBUTION_OTHER);
}

static void the_longest_name_fits(void **state)
{
    (void)state;
    static char bytes[5 + 2 + 19 + DISTRIBUTION_NODE_MAX + 1];
    size_t len = 19 + DISTRIBUTION_NODE_MAX;
    memset(bytes, 'n', sizeof bytes);
    memcpy(bytes, "\0\3sok", 5);
    bytes[5] = (char)(len >> 8);
    bytes[6] = (char)(len & 0xff);
    bytes[7] = 'N';
    bytes[24] = (char)(DISTRIBUTION_NODE_MAX >> 8);
    bytes[25] = (char)(DISTRIBUTION_NODE_MAX & 0xff);
    struct distribution_answer answer = decode(bytes, 7 + len);
    assert_int_equal(answer.kind, DISTRIBUTION_NODE);
    assert_int_equal(answer.name_len, DISTRIBUTION_NODE_MAX);
    bytes[6]++;
    bytes[25]++;
    assert_int_equal(decode(bytes, 8 + len).kind, DISTRIBUTION_OTHER);
}

static void the_longest_status_fits(void **state)
{
    (void)state;
    char bytes[3 + DISTRIBUTION_STATUS_SIZE] = {0};
    memset(bytes, 's', sizeof bytes);
    bytes[0] = 0;
    bytes[1] = DISTRIBUTION_STATUS_SIZE;
    struct distribution_answer answer = decode(bytes, 2 + DISTRIBUTION_STATUS_SIZE);
    assert_int_equal(answer.kind, DISTRIBUTION_STATUS);
    assert_int_equal(strlen(answer.status), DISTRIBUTION_STATUS_SIZE - 1);
    bytes[1] = DISTRIBUTION_STATUS_SIZE + 1;
    assert_int_equal(decode(bytes, sizeof bytes).kind, DISTRIBUTION_OTHER);
}

static void strangers_are_told_from_nodes(void **state)
{
    (void)state;
    assert_int_equal(decode("\0\0", 2).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\3n", 3).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\0\1n", 3).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("SSH-2.0", 7).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("HTTP/1.1", 8).kind, DISTRIBUTION_OTHER);
    assert_int_equal(decode("\x15\3\3\0\2\2\x0a", 7).kind, DISTRIBUTION_TLS);
    assert_int_equal(decode("\x15\3", 2).kind, DISTRIBUTION_TLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newer_nodes_are_greeted_in_the_newer_way),
        cmocka_unit_test(older_nodes_are_greeted_in_the_older_way),
        cmocka_unit_test(long_names_fit_or_are_refused),
        cmocka_unit_test(a_status_is_read),
        cmocka_unit_test(every_prefix_of_a_status_may_become_one),
        cmocka_unit_test(a_challenge_has_the_nodes_name),
        cmocka_unit_test(what_is_no_challenge_is_no_nodes),
        cmocka_unit_test(the_longest_name_fits),
        cmocka_unit_test(the_longest_status_fits),
        cmocka_unit_test(strangers_are_told_from_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

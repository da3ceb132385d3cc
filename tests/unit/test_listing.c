/* SPDX-License-Identifier: Apache-2.0 */
/* The replies to NAMES_REQ and DUMP_REQ, byte by byte. */
#include "core/listing.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "flat.h"
#include "guarded.h"
#include "requests.h"
#include "unit.h"
#include "world.h"

static struct registry registry;

static int setup(void **state)
{
    (void)state;
    registry_init(&registry, 4, 3, world_seed);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_deinit(&registry);
    return 0;
}

static struct registry_node *add(const char *name, uint16_t port, int fd)
{
    struct protocol_node info = node_info(name);
    struct registry_node *node = NULL;
    info.port = port;
    assert_int_equal(registry_add(&registry, &info, &node), REFUSAL_NONE);
    node->fd = fd;
    return node;
}

static void assert_listing(listing_maker *make, uint16_t port, const void *expected, size_t len)
{
    struct listing *listing = make(&registry, port);
    assert_non_null(listing);
    assert_int_equal(listing->len, len);
    assert_memory_equal(flat(listing), expected, len);
    listing_unref(listing);
}

#define ASSERT_LISTING(make, port, text) assert_listing(make, port, text, sizeof text - 1)

static void nothing_but_the_port(void **state)
{
    (void)state;
    ASSERT_LISTING(listing_new_names, 4369, "\0\0\x11\x11");
    ASSERT_LISTING(listing_new_dump, 4369, "\0\0\x11\x11");
    ASSERT_LISTING(listing_new_names, UINT16_MAX, "\0\0\xff\xff");
    ASSERT_LISTING(listing_new_dump, 1, "\0\0\0\x01");
}

static void names_newest_first(void **state)
{
    (void)state;
    add("alice", 0, 7);
    add("\xc3\xa9 b", UINT16_MAX, 9);
    ASSERT_LISTING(listing_new_names, 4369,
                   "\0\0\x11\x11"
                   "name \xc3\xa9 b at port 65535\n"
                   "name alice at port 0\n");
}

static void names_without_departed(void **state)
{
    (void)state;
    struct registry_node *alice = add("alice", 1, 7);
    add("bob", 2, 9);
    registry_remove(&registry, alice);
    ASSERT_LISTING(listing_new_names, 4369, "\0\0\x11\x11name bob at port 2\n");
}

static void dump_live_then_departed(void **state)
{
    (void)state;
    struct registry_node *carol = add("carol", 3, 5), *dave = add("dave", 4, 6);
    add("alice", 1, 7);
    add("bob", 2, 9);
    registry_remove(&registry, dave);
    registry_remove(&registry, carol);
    ASSERT_LISTING(listing_new_dump, 4369,
                   "\0\0\x11\x11"
                   "active name     <bob> at port 2, fd = 9\n\0"
                   "active name     <alice> at port 1, fd = 7\n\0"
                   "old/unused name <dave>, port = 4, fd = 6 \n\0"
                   "old/unused name <carol>, port = 3, fd = 5 \n\0");
}

static void longest_lines_fit(void **state)
{
    (void)state;
    char name[NAME_MAX_LEN + 1] = "", expected[2 * NAME_MAX_LEN + 256];
    repeat((uint8_t *)name, "\xf4\x8f\xbf\xbf", NAME_MAX_CHARACTERS);
    registry_remove(&registry, add(name, UINT16_MAX, INT_MIN));
    add("a", UINT16_MAX, INT_MAX);
    memcpy(expected, "\0\0\xff\xff", 4);
    int len = 4 + snprintf(expected + 4, sizeof expected - 4,
                           "active name     <a> at port 65535, fd = 2147483647\n%c"
                           "old/unused name <%s>, port = 65535, fd = -2147483648 \n",
                           0, name);
    assert_listing(listing_new_dump, UINT16_MAX, expected, (size_t)len + 1);
}

/* Reads all names of a reply's lines into one text. */
static const char *read_names(const char *lines, size_t len)
{
    static char text[4096];
    struct wire_reader reader;
    struct protocol_node node;
    size_t used = 0;
    text[0] = '\0';
    wire_reader_init(&reader, guarded_copy(lines, len), len);
    while (listing_read_name(&reader, &node)) {
        used += (size_t)snprintf(text + used, sizeof text - used, "<%.*s>%u", (int)node.name_len,
                                 (const char *)node.name, node.port);
    }
    assert_int_equal(wire_reader_left(&reader), 0);
    return text;
}

#define ASSERT_NAMES(lines, expected) \
    assert_string_equal(read_names(lines, sizeof lines - 1), expected)

static void names_are_read(void **state)
{
    (void)state;
    ASSERT_NAMES("", "");
    ASSERT_NAMES("name alice at port 0\n", "<alice>0");
    ASSERT_NAMES("name \xc3\xa9 b at port 65535\nname a at port 1\n", "<\xc3\xa9 b>65535<a>1");
    ASSERT_NAMES("name x at port 5 at port 6\n", "<x at port 5>6");
    ASSERT_NAMES("name name  at port 00007\n", "<name >7");
    ASSERT_NAMES("name  at port 8\n", "<>8");
}

static void lines_that_are_none_are_passed_over(void **state)
{
    (void)state;
    static char longest[NAME_MAX_LEN + 32], longer[NAME_MAX_LEN + 32];
    ASSERT_NAMES("\n\nname\nname a at port \nname a at port 65536\nname a at port 123456\n", "");
    ASSERT_NAMES("name a at port 000001\n", "");
    ASSERT_NAMES("name a at port 1x\nname a at port -1\nname a at port  1\nname a at port", "");
    ASSERT_NAMES("Name a at port 1\nname a at port 2\nname b at port 3", "<a>2");
    ASSERT_NAMES("name a\nb at port 1\nname at port 2\n at port 3\n", "");
    int len = snprintf(longest, sizeof longest, "name %0*d at port 1\n", NAME_MAX_LEN, 0);
    assert_int_equal(strlen(read_names(longest, (size_t)len)), NAME_MAX_LEN + 3);
    len = snprintf(longer, sizeof longer, "name %0*d at port 1\n", NAME_MAX_LEN + 1, 0);
    assert_string_equal(read_names(longer, (size_t)len), "");
}

static void written_names_are_read(void **state)
{
    (void)state;
    add("alice", 1, 7);
    add("at port 7", 2, 8);
    struct listing *listing = listing_new_names(&registry, 4369);
    assert_string_equal(read_names((const char *)flat(listing) + 4, listing->len - 4),
                        "<at port 7>2<alice>1");
    listing_unref(listing);
}

static void last_reference_frees(void **state)
{
    (void)state;
    add("alice", 1, 7);
    struct listing *listing = listing_new_names(&registry, 4369);
    assert_int_equal(listing->n_refs, 1);
    assert_ptr_equal(listing_ref(listing), listing);
    assert_int_equal(listing->n_refs, 2);
    listing_unref(listing);
    assert_int_equal(listing->n_refs, 1);
    assert_memory_equal(flat(listing), "\0\0\x11\x11name alice", 14);
    listing_unref(listing);
    listing_unref(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_but_the_port),   TEST(names_newest_first),
        TEST(names_without_departed), TEST(dump_live_then_departed),
        TEST(longest_lines_fit),      TEST(last_reference_frees),
        TEST(names_are_read),         TEST(lines_that_are_none_are_passed_over),
        TEST(written_names_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

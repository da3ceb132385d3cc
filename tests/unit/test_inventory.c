/* SPDX-License-Identifier: Apache-2.0 */
/* The reply to INFO_REQ: what is written is read, whatever else is there. */
#include "core/inventory.h"

#include <errno.h>
#include <string.h>

#include "flat.h"
#include "guarded.h"
#include "requests.h"
#include "unit.h"
#include "world.h"

#define HEADER_SIZE 2
#define RECORD_HEADER_SIZE 3

static struct registry registry;
static struct denials denials;

static int setup(void **state)
{
    (void)state;
    registry_init(&registry, 4, 3, world_seed);
    denials = (struct denials){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_deinit(&registry);
    return 0;
}

static struct registry_node *add(const struct protocol_node *info, int64_t since_ms)
{
    struct registry_node *node = NULL;
    assert_int_equal(registry_add(&registry, info, &node), REFUSAL_NONE);
    node->since_ms = since_ms;
    node->peer.port = 40000;
    assert_int_equal(address_parse("192.0.2.7", &node->peer.address), 0);
    return node;
}

static struct inventory_daemon sample_daemon(void)
{
    struct inventory_daemon daemon = {.port = 4370,
                                      .pid = 0xfedcba98,
                                      .watcher = INVENTORY_KEEPER,
                                      .n_stored = 7,
                                      .started_ms = INT64_C(1800000000123),
                                      .relaxed = true,
                                      .version = "1.2.3",
                                      .n_listeners = 2,
                                      .allow_lookup = "any",
                                      .allow_names = "10.0.0.0/8,fd00::/8",
                                      .allow_register = "none",
                                      .clock_ms = INT64_C(1800000000000)};
    daemon.listeners[0].port = 4370;
    daemon.listeners[1].port = 4371;
    address_parse("::", &daemon.listeners[0].address);
    address_parse("127.0.0.1", &daemon.listeners[1].address);
    return daemon;
}

static void assert_daemon(const struct inventory_daemon *daemon,
                          const struct inventory_daemon *expected, size_t n_nodes)
{
    assert_int_equal(daemon->port, expected->port);
    assert_int_equal(daemon->pid, expected->pid);
    assert_int_equal(daemon->watcher, expected->watcher);
    assert_int_equal(daemon->n_nodes, n_nodes);
    assert_int_equal(daemon->n_stored, expected->n_stored);
    assert_int_equal(daemon->started_ms, expected->started_ms);
    assert_int_equal(daemon->relaxed, expected->relaxed);
    assert_string_equal(daemon->version, expected->version);
    assert_string_equal(daemon->allow_lookup, expected->allow_lookup);
    assert_string_equal(daemon->allow_names, expected->allow_names);
    assert_string_equal(daemon->allow_register, expected->allow_register);
    assert_int_equal(daemon->n_listeners, expected->n_listeners);
    for (size_t i = 0; i < expected->n_listeners; i++) {
        assert_int_equal(daemon->listeners[i].port, expected->listeners[i].port);
        assert_true(address_equal(&daemon->listeners[i].address, &expected->listeners[i].address));
    }
    assert_int_equal(daemon->max_nodes, 4);
    assert_int_equal(daemon->clock_ms, 0);
}

static void assert_node(const struct inventory_node *node, const struct registry_node *expected,
                        int64_t clock_ms)
{
    const struct protocol_node *info = &expected->info;
    assert_int_equal(node->since_ms, clock_ms + expected->since_ms);
    assert_int_equal(node->creation, expected->creation);
    assert_int_equal(node->peer.port, expected->peer.port);
    assert_true(address_equal(&node->peer.address, &expected->peer.address));
    assert_int_equal(node->info.port, info->port);
    assert_int_equal(node->info.type, info->type);
    assert_int_equal(node->info.protocol, info->protocol);
    assert_int_equal(node->info.highest, info->highest);
    assert_int_equal(node->info.lowest, info->lowest);
    assert_int_equal(node->info.name_len, info->name_len);
    assert_memory_equal(node->info.name, info->name, info->name_len);
    assert_int_equal(node->info.extra_len, info->extra_len);
    assert_memory_equal(node->info.extra, info->extra, info->extra_len);
}

/* Two nodes, the second of which has the longest name and extra there are. */
static void add_two(void)
{
    static uint8_t name[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX];
    struct protocol_node small = node_info("alice"), large = {.port = 1,
                                                              .type = 72,
                                                              .protocol = 3,
                                                              .highest = UINT16_MAX,
                                                              .lowest = 1,
                                                              .extra_len = PROTOCOL_EXTRA_MAX,
                                                              .name = name,
                                                              .extra = extra};
    large.name_len = (uint16_t)repeat(name, "\xf0\x9f\x92\xa9", NAME_MAX_CHARACTERS);
    memset(extra, 0xfe, sizeof extra);
    add(&small, 5);
    add(&large, 7000);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    struct inventory_daemon expected = sample_daemon(), daemon;
    struct inventory_reader reader;
    struct inventory_node node;
    add_two();
    struct listing *listing = inventory_new(&registry, &expected, &denials);
    const uint8_t *bytes = guarded_copy(flat(listing), listing->len);
    assert_int_equal(inventory_read_daemon(&reader, bytes, listing->len, &daemon), 0);
    assert_daemon(&daemon, &expected, 2);
    const struct registry_node *nodes[] = {registry.live, registry.live->next};
    for (size_t i = 0; i < LENGTH(nodes); i++) {
        assert_int_equal(inventory_read_node(&reader, &node), 1);
        assert_node(&node, nodes[i], expected.clock_ms);
    }
    assert_int_equal(inventory_read_node(&reader, &node), 0);
    assert_int_equal(inventory_read_node(&reader, &node), 0);
    listing_unref(listing);
}

static void nothing_registered_is_read(void **state)
{
    (void)state;
    static const struct inventory_daemon expected;
    struct inventory_daemon daemon;
    struct inventory_reader reader;
    struct inventory_node node;
    struct listing *listing = inventory_new(&registry, &expected, &denials);
    assert_int_equal(inventory_read_daemon(&reader, flat(listing), listing->len, &daemon), 0);
    assert_daemon(&daemon, &expected, 0);
    assert_int_equal(inventory_read_node(&reader, &node), 0);
    listing_unref(listing);
}

static void most_of_everything_fits(void **state)
{
    (void)state;
    struct inventory_daemon expected = sample_daemon(), daemon;
    struct inventory_reader reader;
    memset(expected.version, 'v', sizeof expected.version - 1);
    memset(expected.allow_lookup, 'l', sizeof expected.allow_lookup - 1);
    memset(expected.allow_names, 'n', sizeof expected.allow_names - 1);
    memset(expected.allow_register, 'r', sizeof expected.allow_register - 1);
    expected.n_listeners = INVENTORY_LISTENERS_MAX;
    struct listing *listing = inventory_new(&registry, &expected, &denials);
    assert_int_equal(inventory_read_daemon(&reader, flat(listing), listing->len, &daemon), 0);
    assert_daemon(&daemon, &expected, 0);
    listing_unref(listing);
}

/* The protocol, from its description in the header and not from the code. */
static void bytes_are_as_described(void **state)
{
    (void)state;
    static const uint8_t start[] = "i\1"                          /* header */
                                   "\1\0\x45"                     /* daemon */
                                   "\x11\x12\xfe\xdc\xba\x98\1\1" /* port, pid, keeper, relaxed */
                                   "\0\0\1\xa3\x18\x5c\x50\x7b"   /* started */
                                   "\0\0\0\1\0\0\0\7"             /* nodes, stored */
                                   "\0\5"
                                   "1.2.3\0\3"
                                   "any\0\1x\0\4none" /* texts */
                                   "\0\1\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\0\0\1\x11\x12"
                                   "\0\0\0\4";                 /* max_nodes */
    static const uint8_t node[] = "\2\0\x2d"                   /* node */
                                  "\0\0\1\xa3\x18\x5c\x53\xe8" /* since */
                                  "\1\2\3\4"                   /* creation */
                                  "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7\x9c\x40"
                                  "\x89\x1b\x4d\0\0\6\0\5\0\3"
                                  "bob\0\0";
    static const uint8_t denial[] = "\3\0\x20"                   /* denial */
                                    "\0\0\1\xa3\x18\x5c\x57\xd0" /* at */
                                    "\0\x11the name is taken\0\3eve";
    const size_t start_len = sizeof start - 1, node_len = sizeof node - 1;
    const size_t denial_len = sizeof denial - 1;
    struct inventory_daemon daemon = sample_daemon();
    struct protocol_node info = node_info("bob"), eve = node_info("eve");
    struct registry_node *bob = add(&info, 1000);
    denials_add(&denials, &eve, REFUSAL_NAME_TAKEN, 2000);
    strcpy(daemon.allow_names, "x");
    daemon.n_listeners = 1;
    daemon.listeners[0] = daemon.listeners[1];
    daemon.listeners[0].port = 4370;
    bob->creation = 0x01020304;
    struct listing *listing = inventory_new(&registry, &daemon, &denials);
    assert_int_equal(listing->len, start_len + node_len + denial_len);
    assert_memory_equal(flat(listing), start, start_len);
    assert_memory_equal(flat(listing) + start_len, node, node_len);
    assert_memory_equal(flat(listing) + start_len + node_len, denial, denial_len);
    listing_unref(listing);
}

static void denials_are_read(void **state)
{
    (void)state;
    struct inventory_daemon expected = sample_daemon(), daemon;
    struct inventory_reader reader;
    struct inventory_node node;
    struct inventory_denial denial;
    struct protocol_node eve = node_info("eve"), mallory = node_info("mallory");
    add_two();
    denials_add(&denials, &eve, REFUSAL_NAME_TAKEN, 5);
    denials_add(&denials, &mallory, REFUSAL_REGISTRY_FULL, 7);
    struct listing *listing = inventory_new(&registry, &expected, &denials);
    const uint8_t *bytes = guarded_copy(flat(listing), listing->len);
    assert_int_equal(inventory_read_daemon(&reader, bytes, listing->len, &daemon), 0);
    assert_int_equal(inventory_read_denial(&reader, &denial), 0); /* nodes come first */
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_int_equal(inventory_read_denial(&reader, &denial), 1);
    assert_int_equal(denial.at_ms, expected.clock_ms + 5);
    assert_string_equal(denial.reason, refusal_text(REFUSAL_NAME_TAKEN));
    assert_int_equal(denial.name_len, 3);
    assert_memory_equal(denial.name, "eve", 3);
    assert_int_equal(inventory_read_denial(&reader, &denial), 1);
    assert_string_equal(denial.reason, refusal_text(REFUSAL_REGISTRY_FULL));
    assert_int_equal(inventory_read_denial(&reader, &denial), 0);
    listing_unref(listing);
}

/* Before it told how many nodes there is room for. */
static void an_older_epmd_tells_no_maximum(void **state)
{
    (void)state;
    static const uint8_t reply[] = "i\1\1\0\x22"
                                   "\x11\x11\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                   "\0\0\0\0\0\0\0\0\0\0";
    struct inventory_daemon daemon;
    struct inventory_reader reader;
    assert_int_equal(inventory_read_daemon(&reader, reply, sizeof reply - 1, &daemon), 0);
    assert_int_equal(daemon.max_nodes, 0);
}

/* Reads all that can be read; returns what the last step did. */
static int read_all(const uint8_t *bytes, size_t len, size_t *n_nodes)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    *n_nodes = 0;
    int status = inventory_read_daemon(&reader, bytes, len, &daemon);
    if (status < 0) {
        return status;
    }
    while ((status = inventory_read_node(&reader, &node)) == 1) {
        (*n_nodes)++;
    }
    return status;
}

static void every_prefix_is_an_error(void **state)
{
    (void)state;
    struct inventory_daemon daemon = sample_daemon();
    size_t n_nodes;
    add_two();
    struct listing *listing = inventory_new(&registry, &daemon, &denials);
    for (size_t len = 0; len < listing->len; len++) {
        assert_int_equal(read_all(guarded_copy(flat(listing), len), len, &n_nodes), -EINVAL);
    }
    const uint8_t *whole = guarded_copy(flat(listing), listing->len);
    assert_int_equal(read_all(whole, listing->len, &n_nodes), 0);
    assert_int_equal(n_nodes, 2);
    listing_unref(listing);
}

static void other_replies_are_none(void **state)
{
    (void)state;
    size_t n_nodes;
    assert_int_equal(read_all((const uint8_t *)"\0\0\x11\x11name a at port 1\n", 21, &n_nodes),
                     -EINVAL);
    assert_int_equal(read_all((const uint8_t *)"NO", 2, &n_nodes), -EINVAL);
    assert_int_equal(read_all((const uint8_t *)"i\2", 2, &n_nodes), -EPROTONOSUPPORT);
    assert_int_equal(read_all((const uint8_t *)"i\0", 2, &n_nodes), -EPROTONOSUPPORT);
    assert_int_equal(read_all((const uint8_t *)"i\1", 2, &n_nodes), -EINVAL);
    assert_int_equal(read_all((const uint8_t *)"i\1\2\0\0", 5, &n_nodes), -EINVAL);
}

/* Copies a record with `n_more` bytes at its body's end, and another record before it. */
static size_t copy_grown(uint8_t *out, const uint8_t *record, size_t n_more, bool another)
{
    size_t len = (size_t)record[1] << 8 | record[2], at = 0;
    if (another) {
        memcpy(out, "\x63\0\3abc", 6);
        at = 6;
    }
    out[at] = record[0];
    out[at + 1] = (uint8_t)((len + n_more) >> 8);
    out[at + 2] = (uint8_t)((len + n_more) & 0xff);
    memcpy(out + at + 3, record + 3, len);
    memset(out + at + 3 + len, 0xee, n_more);
    return at + 3 + len + n_more;
}

static void what_a_later_epmd_adds_is_passed_over(void **state)
{
    (void)state;
    static uint8_t bytes[GUARDED_MAX];
    struct inventory_daemon expected = sample_daemon(), daemon;
    struct inventory_reader reader;
    struct inventory_node node;
    size_t len = HEADER_SIZE, at = HEADER_SIZE;
    add_two();
    struct listing *listing = inventory_new(&registry, &expected, &denials);
    memcpy(bytes, flat(listing), HEADER_SIZE);
    while (at < listing->len) {
        const uint8_t *record = flat(listing) + at;
        len += copy_grown(bytes + len, record, 300, at > HEADER_SIZE);
        at += RECORD_HEADER_SIZE + ((size_t)record[1] << 8 | record[2]);
    }
    memcpy(bytes + len, "\x63\0\3abc", 6);
    const uint8_t *grown = guarded_copy(bytes, len + 6);
    assert_int_equal(inventory_read_daemon(&reader, grown, len + 6, &daemon), 0);
    assert_daemon(&daemon, &expected, 2);
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_node(&node, registry.live, expected.clock_ms);
    assert_int_equal(inventory_read_node(&reader, &node), 1);
    assert_node(&node, registry.live->next, expected.clock_ms);
    assert_int_equal(inventory_read_node(&reader, &node), 0);
    listing_unref(listing);
}

static void more_than_there_is_room_for_is_cut(void **state)
{
    (void)state;
    static uint8_t bytes[GUARDED_MAX];
    struct wire_writer writer;
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    static const uint8_t text[4 * NETWORKS_TEXT_SIZE] = {'a', 0x1b, '"', 0x80, 0, 'b'};
    size_t len = 24 + 4 * (2 + sizeof text) + 2 + 100 * 18;
    wire_writer_init(&writer, bytes, sizeof bytes);
    wire_write_bytes(&writer, "i\1\1", 3);
    wire_write_u16(&writer, (uint16_t)len);
    wire_write_bytes(&writer, "\0\1\0\0\0\0\377\377\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 24);
    for (size_t i = 0; i < 4; i++) {
        wire_write_u16(&writer, sizeof text);
        wire_write_bytes(&writer, text, sizeof text);
    }
    wire_write_u16(&writer, 100);
    for (size_t i = 0; i < 100 * 9; i++) {
        wire_write_u16(&writer, 0x0102);
    }
    assert_false(writer.overrun);
    len = wire_writer_len(&writer);
    assert_int_equal(inventory_read_daemon(&reader, guarded_copy(bytes, len), len, &daemon), 0);
    assert_int_equal(daemon.n_listeners, INVENTORY_LISTENERS_MAX);
    assert_int_equal(daemon.watcher, INVENTORY_NO_WATCHER);
    assert_memory_equal(daemon.version, "a?\"??b??", 8);
    assert_int_equal(strlen(daemon.version), sizeof daemon.version - 1);
    assert_int_equal(strlen(daemon.allow_register), sizeof daemon.allow_register - 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(nothing_registered_is_read),
        TEST(most_of_everything_fits),
        TEST(bytes_are_as_described),
        TEST(denials_are_read),
        TEST(an_older_epmd_tells_no_maximum),
        TEST(every_prefix_is_an_error),
        TEST(other_replies_are_none),
        TEST(what_a_later_epmd_adds_is_passed_over),
        TEST(more_than_there_is_room_for_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

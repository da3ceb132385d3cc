/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry as bytes: what is written is what comes back, and damage costs no more
 * than what it hit. All bytes end at the border of memory while they are read.
 */
#include <errno.h>
#include <string.h>

#include "core/snapshot.h"
#include "guarded.h"
#include "requests.h"
#include "unit.h"
#include "world.h"

#define MAX_LIVE 4
#define MAX_DEPARTED 3

/* What a watcher would keep. */
struct log {
    uint8_t bytes[8192];
    size_t len;
};

static struct registry before, after;
static struct log written;
static struct snapshot_report report;

static int setup(void **state)
{
    (void)state;
    registry_init(&before, MAX_LIVE, MAX_DEPARTED, world_seed);
    registry_init(&after, MAX_LIVE, MAX_DEPARTED, (const uint8_t *)"another  seed..");
    written.len = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_deinit(&before);
    registry_deinit(&after);
    return 0;
}

static void append(size_t (*encode)(uint8_t *, const struct registry_node *),
                   const struct registry_node *node)
{
    uint8_t *record = guarded_room(SNAPSHOT_RECORD_MAX);
    size_t len = encode(record, node);
    memcpy(written.bytes + written.len, record, len);
    written.len += len;
}

static struct registry_node *arrive(const struct protocol_node *info)
{
    struct registry_node *node = NULL;
    static uint64_t id = 1000;
    assert_int_equal(registry_add(&before, info, &node), REFUSAL_NONE);
    node->id = id++;
    node->since_ms = -5;
    node->fd = 17;
    append(snapshot_encode_live, node);
    return node;
}

static struct registry_node *arrive_as(const char *name)
{
    struct protocol_node info = node_info(name);
    return arrive(&info);
}

static void leave(struct registry_node *node)
{
    append(snapshot_encode_gone, node);
    registry_remove(&before, node);
}

static void replay(size_t len)
{
    struct snapshot_shedding nothing = {0};
    report = (struct snapshot_report){0};
    size_t taken =
        snapshot_replay(guarded_copy(written.bytes, len), len, &after, &nothing, &report);
    report.lost_len = len - taken;
}

static void assert_same_node(const struct registry_node *a, const struct registry_node *b)
{
    assert_int_equal(a->info.name_len, b->info.name_len);
    assert_memory_equal(a->info.name, b->info.name, a->info.name_len);
    assert_int_equal(a->info.extra_len, b->info.extra_len);
    assert_memory_equal(a->info.extra, b->info.extra, a->info.extra_len);
    assert_int_equal(a->info.port, b->info.port);
    assert_int_equal(a->info.type, b->info.type);
    assert_int_equal(a->info.protocol, b->info.protocol);
    assert_int_equal(a->info.highest, b->info.highest);
    assert_int_equal(a->info.lowest, b->info.lowest);
    assert_int_equal(a->creation, b->creation);
    assert_int_equal(a->fd, b->fd);
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->since_ms, b->since_ms);
    assert_null(b->owner);
}

static void assert_same_list(const struct registry_node *a, const struct registry_node *b)
{
    for (; a && b; a = a->next, b = b->next) {
        assert_same_node(a, b);
    }
    assert_true(!a && !b);
}

static void assert_same(void)
{
    assert_same_list(before.live, after.live);
    assert_same_list(before.departed, after.departed);
}

static void assert_report(size_t n_records, size_t n_damaged, size_t n_refused, size_t n_lost)
{
    assert_int_equal(report.n_records, n_records);
    assert_int_equal(report.n_damaged, n_damaged);
    assert_int_equal(report.n_refused, n_refused);
    assert_int_equal(report.lost_len, n_lost);
}

static void test_nothing(void **state)
{
    (void)state;
    replay(0);
    assert_report(0, 0, 0, 0);
    assert_same();
}

static void test_all_that_happened(void **state)
{
    (void)state;
    arrive_as("a");
    struct registry_node *b = arrive_as("b");
    struct registry_node *c = arrive_as("c");
    leave(b);
    leave(c);
    arrive_as("d");
    arrive_as("b");
    replay(written.len);
    assert_report(7, 0, 0, 0);
    assert_same();
}

static void test_a_node_of_extremes(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX];
    for (size_t i = 0; i < sizeof name; i += 4) {
        memcpy(name + i, "\xf4\x8f\xbf\xbf", 4);
    }
    memset(extra, 0xff, sizeof extra);
    struct protocol_node info = {.port = UINT16_MAX,
                                 .type = UINT8_MAX,
                                 .protocol = UINT8_MAX,
                                 .highest = UINT16_MAX,
                                 .lowest = UINT16_MAX,
                                 .name = name,
                                 .name_len = sizeof name,
                                 .extra = extra,
                                 .extra_len = sizeof extra};
    struct registry_node *node = arrive(&info);
    written.len = 0;
    node->creation = UINT32_MAX;
    node->id = UINT64_MAX;
    node->since_ms = INT64_MIN;
    append(snapshot_encode_live, node);
    assert_true(written.len <= SNAPSHOT_RECORD_MAX);
    replay(written.len);
    assert_report(1, 0, 0, 0);
    assert_same();
}

static void test_departed_names_keep_their_order_and_creation(void **state)
{
    (void)state;
    for (const char *name = "abc"; *name; name++) {
        leave(arrive_as((char[]){*name, '\0'}));
    }
    written.len = 0;
    for (const struct registry_node *node = before.departed; node; node = node->next) {
        append(snapshot_encode_departed, node);
    }
    arrive_as("live");
    replay(written.len);
    assert_report(4, 0, 0, 0);
    assert_same();
}

static void test_a_name_that_returns_gets_its_next_creation(void **state)
{
    (void)state;
    struct protocol_node info = node_info("a");
    struct registry_node *node = arrive(&info);
    uint32_t creation = node->creation;
    leave(node);
    replay(written.len);
    assert_int_equal(registry_add(&after, &info, &node), REFUSAL_NONE);
    assert_int_equal(node->creation, creation == UINT32_MAX ? 4 : creation + 1);
}

/* Each prefix: the whole records before its end, and nothing else. */
static void test_every_truncation(void **state)
{
    (void)state;
    size_t ends[3];
    for (size_t i = 0; i < LENGTH(ends); i++) {
        arrive_as((char[]){(char)('a' + i), '\0'});
        ends[i] = written.len;
    }
    for (size_t len = 0, n = 0; len <= written.len; len++) {
        n += n < LENGTH(ends) && len == ends[n];
        replay(len);
        assert_report(n, 0, 0, len - (n ? ends[n - 1] : 0));
        assert_int_equal(after.n_live, n);
        registry_deinit(&after);
        registry_init(&after, MAX_LIVE, MAX_DEPARTED, world_seed);
    }
}

/* Each bit: at most the record that it is in is lost, or those behind it, too, where it
 * is in what tells its length; and nothing is made up. */
static void test_every_flipped_bit(void **state)
{
    (void)state;
    arrive_as("first");
    size_t end = written.len;
    arrive_as("second");
    for (size_t bit = 0; bit < end * 8; bit++) {
        written.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        replay(written.len);
        if (bit < 64) {
            assert_report(0, 0, 0, written.len);
        } else {
            assert_report(1, 1, 0, 0);
            assert_same_node(before.live, after.live);
        }
        written.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        registry_deinit(&after);
        registry_init(&after, MAX_LIVE, MAX_DEPARTED, world_seed);
    }
}

static void test_contradictions_are_damage(void **state)
{
    (void)state;
    struct registry_node *node = arrive_as("a");
    append(snapshot_encode_departed, node); /* while it is live */
    leave(node);
    append(snapshot_encode_gone, before.departed); /* it is not there any more */
    replay(written.len);
    assert_report(2, 2, 0, 0);
    assert_same();
}

/* The departure of the earlier one could not be written. */
static void test_a_live_record_replaces_an_earlier_one_of_its_name(void **state)
{
    (void)state;
    struct registry_node *earlier = arrive_as("a");
    arrive_as("b");
    registry_remove(&before, earlier);
    struct registry_node *later = arrive_as("a");
    replay(written.len);
    assert_report(3, 0, 0, 0);
    assert_same();
    assert_int_equal(after.live->creation, later->creation);
}

/* Every cut: what was taken, and the rest behind it, are the whole. */
static void test_a_replay_goes_on_where_it_stopped(void **state)
{
    (void)state;
    leave(arrive_as("a"));
    arrive_as("b");
    leave(arrive_as("c"));
    arrive_as("a");
    for (size_t cut = 0; cut <= written.len; cut++) {
        struct snapshot_shedding nothing = {0};
        report = (struct snapshot_report){0};
        const uint8_t *bytes = guarded_copy(written.bytes, cut);
        size_t taken = snapshot_replay(bytes, cut, &after, &nothing, &report);
        assert_true(taken <= cut);
        size_t left = written.len - taken;
        bytes = guarded_copy(written.bytes + taken, left);
        assert_int_equal(snapshot_replay(bytes, left, &after, &nothing, &report), left);
        assert_report(6, 0, 0, 0);
        assert_same();
        registry_deinit(&after);
        registry_init(&after, MAX_LIVE, MAX_DEPARTED, world_seed);
    }
}

static void arrive_with_extra(const char *name, uint16_t extra_len)
{
    static const uint8_t extra[PROTOCOL_EXTRA_MAX];
    struct protocol_node info = node_info(name);
    info.extra = extra;
    info.extra_len = extra_len;
    arrive(&info);
}

/* Replays all but what is left out so that `n_kept` stay. */
static void replay_shedding(size_t n_kept)
{
    struct snapshot_census census = {0};
    struct snapshot_shedding shedding = {.departed = true};
    report = (struct snapshot_report){0};
    assert_int_equal(snapshot_count(written.bytes, written.len, &census), written.len);
    assert_int_equal(census.n_live, before.n_live);
    snapshot_choose(&census, n_kept, &shedding);
    assert_int_equal(snapshot_replay(written.bytes, written.len, &after, &shedding, &report),
                     written.len);
}

static void test_the_longest_extra_fields_are_shed_first(void **state)
{
    (void)state;
    append(snapshot_encode_departed, arrive_as("gone"));
    leave(before.live);
    written.len = 0;
    append(snapshot_encode_departed, before.departed);
    arrive_with_extra("a", 0);
    arrive_with_extra("b", 7);
    arrive_with_extra("c", PROTOCOL_EXTRA_MAX);
    arrive_with_extra("d", 7);
    replay_shedding(2);
    assert_int_equal(after.n_departed, 0);
    assert_int_equal(report.n_shed, 2);
    assert_int_equal(report.n_damaged, 0);
    assert_int_equal(after.n_live, 2);
    assert_memory_equal(after.live->info.name, "d", 1);
    assert_memory_equal(after.live->next->info.name, "a", 1);
}

static void test_everything_can_be_shed(void **state)
{
    (void)state;
    arrive_with_extra("a", 0);
    arrive_with_extra("b", 3);
    replay_shedding(0);
    assert_int_equal(report.n_shed, 2);
    assert_int_equal(after.n_live, 0);
}

static void test_what_no_node_could_have_said_is_damage(void **state)
{
    (void)state;
    struct registry_node *node = arrive_as("ab");
    struct registry_node wrong = *node;
    written.len = 0;
    wrong.creation = REGISTRY_CREATION_MIN - 1;
    append(snapshot_encode_live, &wrong);
    wrong.creation = REGISTRY_CREATION_MIN;
    wrong.info.name = (const uint8_t *)"a\0";
    append(snapshot_encode_live, &wrong);
    wrong.info.name_len = 0;
    append(snapshot_encode_live, &wrong);
    replay(written.len);
    assert_report(0, 3, 0, 0);
    assert_null(after.live);
}

static void test_a_smaller_registry_refuses_what_does_not_fit(void **state)
{
    (void)state;
    registry_deinit(&after);
    registry_init(&after, 2, 1, world_seed);
    arrive_as("a");
    struct registry_node *b = arrive_as("b");
    arrive_as("c");
    arrive_as("d");
    leave(b);
    replay(written.len);
    assert_report(3, 0, 2, 0);
    assert_int_equal(after.n_live, 1);
    assert_int_equal(after.n_departed, 1);
}

static void test_header(void **state)
{
    (void)state;
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    uint64_t start = 0;
    uint32_t version = 0;
    snapshot_encode_header(header, UINT64_C(0x123456789abcdef0));
    assert_int_equal(snapshot_decode_header(guarded_copy(header, sizeof header), sizeof header,
                                            &start, &version),
                     0);
    assert_int_equal(start, UINT64_C(0x123456789abcdef0));
    for (size_t len = 0; len < sizeof header; len++) {
        assert_int_equal(snapshot_decode_header(guarded_copy(header, len), len, &start, &version),
                         -EINVAL);
    }
}

static void test_every_flipped_bit_of_the_header(void **state)
{
    (void)state;
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    snapshot_encode_header(header, 4096);
    for (size_t bit = 0; bit < sizeof header * 8; bit++) {
        uint64_t start = 7;
        uint32_t version = 0;
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
        bool in_version = bit / 8 >= 8 && bit / 8 < 12;
        assert_int_equal(snapshot_decode_header(header, sizeof header, &start, &version),
                         in_version ? -EPROTONOSUPPORT : -EINVAL);
        assert_int_equal(start, 7);
        assert_int_not_equal(version, SNAPSHOT_VERSION);
        header[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_that_happened, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_node_of_extremes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_departed_names_keep_their_order_and_creation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_name_that_returns_gets_its_next_creation, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_every_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_flipped_bit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_contradictions_are_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_live_record_replaces_an_earlier_one_of_its_name,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_replay_goes_on_where_it_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_longest_extra_fields_are_shed_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_everything_can_be_shed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_no_node_could_have_said_is_damage, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_smaller_registry_refuses_what_does_not_fit, setup,
                                        teardown),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_every_flipped_bit_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

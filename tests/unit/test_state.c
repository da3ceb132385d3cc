/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state's file: what a write that fails leaves, when it is tried again, and what is in
 * the file beside the records. The file and the clock are the test's own.
 */
#include "daemon/state.h"

#include <errno.h>
#include <string.h>

#include "requests.h"
#include "system/clock.h"
#include "system/log.h"
#include "system/memory_file.h"
#include "unit.h"
#include "world.h"

#define FD 1000 /* of no file */

static struct {
    uint8_t bytes[1 << 17];
    size_t len;
    size_t room; /* a write beyond it stops there, and fails */
    size_t n_writes;
} file;

static int64_t now_ms;
static bool is_sandboxed; /* nothing can be read */
static size_t n_lines;    /* logged */
static struct state state;
static struct registry registry;

/* ---- what the state is made on ---- */

int memory_file_new(void)
{
    return FD;
}

uint64_t memory_file_len(int fd)
{
    assert_false(is_sandboxed);
    assert_int_equal(fd, FD);
    return file.len;
}

ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len)
{
    assert_false(is_sandboxed);
    assert_int_equal(fd, FD);
    size_t left = offset < file.len ? file.len - (size_t)offset : 0;
    len = len < left ? len : left;
    memcpy(out, file.bytes + offset, len);
    return (ssize_t)len;
}

int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    assert_int_equal(fd, FD);
    assert_true(offset + len <= sizeof file.bytes);
    size_t room = offset < file.room ? file.room - (size_t)offset : 0;
    size_t n = len < room ? len : room;
    memcpy(file.bytes + offset, bytes, n);
    file.n_writes++;
    if (n > 0 && offset + n > file.len) {
        file.len = (size_t)offset + n;
    }
    return n == len ? 0 : -ENOSPC;
}

void memory_file_punch(int fd, uint64_t from, uint64_t to)
{
    assert_int_equal(fd, FD);
    assert_true(from <= to && to <= sizeof file.bytes);
    memset(file.bytes + from, 0, (size_t)(to - from));
}

int64_t clock_now_ms(void)
{
    return now_ms;
}

void log_line(int level, const char *format, ...)
{
    (void)level, (void)format;
    n_lines++;
}

/* ---- what is in it ---- */

static int setup(void **unused)
{
    (void)unused;
    memset(&file, 0, sizeof file);
    file.room = sizeof file.bytes;
    now_ms = 1000;
    n_lines = 0;
    registry_init(&registry, WORLD_MAX_LIVE, WORLD_MAX_DEPARTED, world_seed);
    assert_int_equal(state_open(&state, FD), 0);
    assert_int_equal(state_rewrite(&state, &registry), 0);
    return 0;
}

static int teardown(void **unused)
{
    (void)unused;
    registry_deinit(&registry);
    return 0;
}

static struct registry_node *arrive(const char *name)
{
    static uint64_t id = 1;
    const struct protocol_node info = node_info(name);
    struct registry_node *node = NULL;
    assert_int_equal(registry_add(&registry, &info, &node), REFUSAL_NONE);
    node->id = id++;
    return node;
}

/* What a process reads that is given the file now. */
static struct snapshot_report load(unsigned n_sheddings, size_t n_live)
{
    struct registry found;
    struct snapshot_report report;
    registry_init(&found, WORLD_MAX_LIVE, WORLD_MAX_DEPARTED, world_seed);
    assert_int_equal(state_open(&state, FD), 0);
    assert_int_equal(state_load(&state, &found, n_sheddings, &report), 0);
    assert_int_equal(found.n_live, n_live);
    registry_deinit(&found);
    return report;
}

/* ---- the note ---- */

static const struct state_note told = {
    .program = 0x1122334455667788,
    .n_failed_starts = 2,
    .reloaded_ms = 12345,
    .counters = {.connections = 7, .requests = {['n'] = 3}, .expired = 1, .unregistrations = 4},
    .idle_since_ms = 23456,
};

static void assert_note(const struct state_note *expected)
{
    struct state_note found;
    state_read_note(&state, &found);
    assert_int_equal(found.program, expected->program);
    assert_int_equal(found.n_failed_starts, expected->n_failed_starts);
    assert_int_equal(found.reloaded_ms, expected->reloaded_ms);
    assert_memory_equal(&found.counters, &expected->counters, sizeof found.counters);
    assert_int_equal(found.idle_since_ms, expected->idle_since_ms);
}

static void the_note_is_kept_when_the_records_are_written_anew(void **unused)
{
    (void)unused;
    assert_int_equal(state_write_note(&state, &told), 0);
    is_sandboxed = true;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(state_rewrite(&state, &registry), 0);
    }
    is_sandboxed = false;
    assert_note(&told);
    load(0, 0);
    assert_note(&told);
    assert_int_equal(state_rewrite(&state, &registry), 0);
    assert_note(&told);
}

static void the_note_is_kept_when_they_cannot_be_written_anew(void **unused)
{
    (void)unused;
    assert_int_equal(state_write_note(&state, &told), 0);
    arrive("a");
    file.room = (size_t)state.end;
    assert_int_equal(state_rewrite(&state, &registry), -EAGAIN);
    assert_note(&told);
}

/* A program that knows no note writes the records anew without it. */
static void a_note_about_other_records_is_none(void **unused)
{
    (void)unused;
    const struct state_note none = {0};
    uint8_t header[SNAPSHOT_HEADER_SIZE];
    assert_int_equal(state_write_note(&state, &told), 0);
    snapshot_encode_header(header, state.start + 4096);
    assert_int_equal(memory_file_write(FD, 0, header, sizeof header), 0);
    assert_note(&none);
}

static void without_records_there_is_no_note(void **unused)
{
    (void)unused;
    struct state fresh = {.fd = FD};
    assert_int_equal(state_write_note(&fresh, &told), -EINVAL);
}

/* ---- what cannot be written ---- */

static void what_a_failed_write_left_is_wiped_out(void **unused)
{
    static const uint8_t wiped[SNAPSHOT_RECORD_MAX];
    (void)unused;
    struct registry_node *node = arrive("a");
    uint64_t end = state.end;
    file.room = (size_t)end + snapshot_record_len(node) - 1;
    assert_int_equal(state_add(&state, node), -ENOSPC);
    assert_true(state.dirty);
    assert_int_equal(state.end, end);
    assert_int_equal(file.len, file.room);
    assert_memory_equal(file.bytes + end, wiped, file.len - (size_t)end);
}

static void what_a_failed_rewriting_left_is_wiped_out(void **unused)
{
    static const uint8_t wiped[SNAPSHOT_RECORD_MAX];
    (void)unused;
    struct registry_node *node = arrive("a");
    assert_int_equal(state_add(&state, node), 0);
    uint64_t end = state.end, next = (end + 4096) / 4096 * 4096;
    file.room = (size_t)next + snapshot_record_len(node) - 1;
    assert_int_equal(state_rewrite(&state, &registry), -EAGAIN);
    assert_true(state.dirty);
    assert_true(file.len > next);
    assert_memory_equal(file.bytes + next, wiped, file.len - (size_t)next);
    file.len = (size_t)end; /* zeros at the end are no records, which load() would tell of */
    assert_int_equal(load(0, 1).n_damaged, 0);
}

/* Appended to a file that lacks one, a record would be read as if nothing were missing. */
static void to_a_state_that_lacks_something_nothing_is_added(void **unused)
{
    (void)unused;
    struct registry_node *node = arrive("a");
    assert_int_equal(state_add(&state, node), 0);
    state.dirty = true;
    size_t n_writes = file.n_writes;
    assert_int_equal(state_add(&state, arrive("b")), -EAGAIN);
    state_remove(&state, node);
    assert_int_equal(file.n_writes, n_writes);
}

static void it_is_tried_again_after_a_pause_that_grows(void **unused)
{
    static const int pause_ms[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10000, 10000};
    (void)unused;
    arrive("a");
    file.room = (size_t)state.end;
    for (size_t i = 0; i < LENGTH(pause_ms); i++) {
        size_t n_writes = file.n_writes;
        assert_int_equal(state_rewrite(&state, &registry), -EAGAIN);
        assert_true(file.n_writes > n_writes);
        n_writes = file.n_writes;
        now_ms += pause_ms[i] - 1;
        assert_int_equal(state_rewrite(&state, &registry), -EAGAIN);
        assert_int_equal(file.n_writes, n_writes);
        now_ms++;
    }
    assert_int_equal(n_lines, 1);
    file.room = sizeof file.bytes;
    assert_int_equal(state_rewrite(&state, &registry), 0);
    assert_false(state.dirty);
    assert_int_equal(state_rewrite(&state, &registry), 0); /* at once */
    load(0, 1);
}

/* ---- what is true ---- */

static void what_was_read_is_written_anew_only_where_something_is_wrong(void **unused)
{
    (void)unused;
    assert_int_equal(state_add(&state, arrive("a")), 0);
    assert_int_equal(state_add(&state, arrive("b")), 0);
    uint64_t end = state.end;
    load(0, 2);
    assert_false(state.dirty);
    load(1, 2); /* perhaps without departed names */
    assert_true(state.dirty);
    file.bytes[end - 1] ^= 1;
    assert_int_equal(load(0, 1).n_damaged, 1);
    assert_true(state.dirty);
    file.len = (size_t)end - 1;
    assert_true(load(0, 1).lost_len > 0);
    assert_true(state.dirty);
}

static void it_is_stale_when_most_of_it_is_out_of_date(void **unused)
{
    (void)unused;
    state.true_len = 100000;
    state.end = state.start + 2 * state.true_len + (1 << 19);
    assert_false(state_is_stale(&state));
    state.end++;
    assert_true(state_is_stale(&state));
}

static void a_node_that_left_is_no_longer_true(void **unused)
{
    (void)unused;
    struct registry_node *node = arrive("a");
    assert_int_equal(state_add(&state, node), 0);
    assert_int_equal(state.true_len, snapshot_record_len(node));
    state_remove(&state, node);
    assert_int_equal(state.true_len, 0);
}

static void there_is_a_bound(void **unused)
{
    (void)unused;
    struct registry_node *node = arrive("a");
    uint64_t end = state.end;
    state.true_len = STATE_RECORDS_MAX - snapshot_record_len(node) + 1;
    assert_int_equal(state_add(&state, node), -EFBIG);
    assert_int_equal(state.end, end);
    state.true_len--;
    assert_int_equal(state_add(&state, node), 0);
    assert_int_equal(state.true_len, STATE_RECORDS_MAX);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_note_is_kept_when_the_records_are_written_anew),
        TEST(the_note_is_kept_when_they_cannot_be_written_anew),
        TEST(a_note_about_other_records_is_none),
        TEST(without_records_there_is_no_note),
        TEST(what_a_failed_write_left_is_wiped_out),
        TEST(what_a_failed_rewriting_left_is_wiped_out),
        TEST(to_a_state_that_lacks_something_nothing_is_added),
        TEST(it_is_tried_again_after_a_pause_that_grows),
        TEST(what_was_read_is_written_anew_only_where_something_is_wrong),
        TEST(it_is_stale_when_most_of_it_is_out_of_date),
        TEST(a_node_that_left_is_no_longer_true),
        TEST(there_is_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

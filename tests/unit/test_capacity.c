/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many connections there may be, and which one has to go. The clock is the test's own;
 * what is evicted is written down, one letter a connection.
 */
#include "daemon/capacity.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "system/clock.h"
#include "unit.h"
#include "world.h"

#define MAX 64      /* connections */
#define FOR_LOCAL 4 /* of them, kept free of peers from elsewhere */
#define BESIDE 4    /* descriptors that come and go */
#define N_SLOTS 256
#define TIMEOUT_MS 60000
#define SCRAPE_TIMEOUT_MS 5000
#define UNSENT_MAX ((size_t)64 << 20)
#define COARSE_MS 100 /* that libevent's clock may be behind the real one */

static int64_t now_ms;
static struct event_base *base;
static struct capacity capacity;
static struct capacity_slot slots[N_SLOTS];
static struct address hosts[N_SLOTS];
static char letters[N_SLOTS]; /* of the slots */
static size_t n_slots;
static char evicted[N_SLOTS + 1];
static enum capacity_why last_why;

int64_t clock_now_ms(void)
{
    return now_ms;
}

static void evict(void *argument, struct capacity_slot *slot, enum capacity_why why)
{
    (void)argument;
    size_t len = strlen(evicted);
    evicted[len] = letters[slot - slots];
    evicted[len + 1] = '\0';
    last_why = why;
    capacity_remove(&capacity, slot);
}

/* ---- what there is ---- */

static size_t count_open(void)
{
    int lowest_free = dup(STDERR_FILENO);
    close(lowest_free);
    return (size_t)lowest_free;
}

static int init(size_t max_connections, struct capacity_limits limits)
{
    static const struct capacity_hooks hooks = {.evict = evict};
    memset(slots, 0, sizeof slots);
    memset(evicted, 0, sizeof evicted);
    n_slots = 0;
    now_ms = 1000;
    limits.max_descriptors = count_open() + BESIDE + max_connections;
    limits.timeout_s = TIMEOUT_MS / 1000;
    return capacity_init(&capacity, base, &hooks, &limits, world_seed);
}

static int setup(void **state)
{
    (void)state;
    base = event_base_new();
    assert_non_null(base);
    const struct capacity_limits limits = {
        .max_per_host = 40, .max_registered = 30, .for_local = 25};
    assert_int_equal(init(MAX, limits), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct capacity_slot *slot;
    while ((slot = capacity_any(&capacity))) {
        capacity_remove(&capacity, slot);
    }
    capacity_deinit(&capacity);
    event_base_free(base);
    return 0;
}

/* One more connection, in no queue; from the host with that number, or from here: 0. */
static struct capacity_slot *add(char letter, uint8_t host, bool is_scrape)
{
    struct capacity_slot *slot = &slots[n_slots];
    hosts[n_slots] = (struct address){{[10] = 0xff, 0xff, 10, 0, 0, host}};
    letters[n_slots] = letter;
    capacity_add(&capacity, slot, host ? &hosts[n_slots] : NULL, is_scrape);
    n_slots++;
    return slot;
}

static struct capacity_slot *unfinished(char letter, uint8_t host)
{
    struct capacity_slot *slot = add(letter, host, false);
    capacity_move(&capacity, slot, host ? CAPACITY_REMOTE : CAPACITY_LOCAL);
    return slot;
}

static struct capacity_slot *scrape(char letter)
{
    struct capacity_slot *slot = add(letter, 0, true);
    capacity_move(&capacity, slot, CAPACITY_SCRAPE);
    return slot;
}

static enum refusal make_room(uint8_t host)
{
    const struct address address = {{[10] = 0xff, 0xff, 10, 0, 0, host}};
    return capacity_make_room(&capacity, host ? &address : NULL);
}

/* Has the timer run as if so much time had passed. */
static void pass(int64_t ms)
{
    now_ms += ms;
    event_active(&capacity.timer, EV_TIMEOUT, 0);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

/* How long the timer is to sleep, which has just been armed, to within some milliseconds; or
 * -1 where it is not. */
static int64_t sleeps_ms(void)
{
    struct timeval end, now;
    if (!event_pending(&capacity.timer, EV_TIMEOUT, &end)) {
        return -1;
    }
    evutil_gettimeofday(&now, NULL);
    return ((int64_t)end.tv_sec - now.tv_sec) * 1000 + (end.tv_usec - now.tv_usec) / 1000;
}

/* ---- room ---- */

static void peers_from_elsewhere_leave_room_for_local_ones(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX - FOR_LOCAL; i++) {
        uint8_t host = (uint8_t)(1 + i % 3);
        assert_int_equal(make_room(host), REFUSAL_NONE);
        unfinished('r', host);
    }
    assert_string_equal(evicted, "");
    for (size_t i = 0; i < FOR_LOCAL; i++) {
        assert_int_equal(make_room(4), REFUSAL_NONE);
        assert_int_equal(strlen(evicted), i + 1);
        unfinished('r', 4);
    }
    memset(evicted, 0, sizeof evicted);
    for (size_t i = 0; i < FOR_LOCAL; i++) {
        assert_int_equal(make_room(0), REFUSAL_NONE);
        unfinished('l', 0);
    }
    assert_string_equal(evicted, "");
    assert_int_equal(make_room(0), REFUSAL_NONE);
    assert_string_equal(evicted, "r");
}

static void a_peer_from_elsewhere_takes_no_local_ones_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < MAX; i++) {
        unfinished('l', 0);
    }
    assert_int_equal(make_room(1), REFUSAL_NO_ROOM);
    assert_string_equal(evicted, "");
}

static void a_host_has_its_share(void **state)
{
    (void)state;
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(make_room(1), REFUSAL_NONE);
        unfinished('r', 1);
    }
    assert_int_equal(make_room(1), REFUSAL_TOO_MANY);
    assert_int_equal(make_room(2), REFUSAL_NONE);
    capacity_remove(&capacity, &slots[0]);
    assert_int_equal(make_room(1), REFUSAL_NONE);
}

static void descriptors_for_scrapes_are_set_aside(void **state)
{
    (void)state;
    const struct capacity_limits with = {.scrapes = true};
    const struct capacity_limits inherited = {.n_inherited = 1};
    assert_int_equal(init(MAX, with), 0);
    assert_int_equal(capacity.max_connections, MAX - 16);
    assert_int_equal(init(MAX, inherited), 0);
    assert_int_equal(capacity.max_connections, MAX + 1); /* it is a connection itself */
    assert_int_equal(init(16, (struct capacity_limits){0}), 0);
    assert_int_equal(init(15, (struct capacity_limits){0}), -EMFILE);
    assert_int_equal(init(16, with), -EMFILE);
    assert_int_equal(init(MAX, (struct capacity_limits){0}), 0);
}

/* ---- who has to go ---- */

static void the_order_is_scrape_remote_local_complete(void **state)
{
    (void)state;
    capacity_await_turn(&capacity, add('c', 0, false), false);
    capacity_await_turn(&capacity, add('r', 1, false), false);
    capacity_await_turn(&capacity, add('e', 0, false), true); /* its peer has ended */
    capacity_move(&capacity, add('k', 0, false), CAPACITY_KEPT);
    unfinished('m', 1);
    unfinished('o', 2);
    scrape('s');
    scrape('t');
    unfinished('l', 0)->progress = CAPACITY_BEGUN;
    unfinished('n', 0)->progress = CAPACITY_NEW;
    unfinished('q', 0)->progress = CAPACITY_SILENT;
    while (capacity_evict(&capacity)) {
        assert_int_equal(last_why, CAPACITY_FEW_DESCRIPTORS);
    }
    /* Of the host that has more, the newest; of local ones, those that have come least far. */
    assert_string_equal(evicted, "stmorqenlc");
}

static void of_local_ones_only_some_are_looked_at(void **state)
{
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        unfinished('b', 0)->progress = CAPACITY_BEGUN;
    }
    slots[99].progress = CAPACITY_SILENT;
    letters[0] = 'a';
    letters[99] = 'z';
    assert_true(capacity_evict(&capacity));
    assert_string_equal(evicted, "a");
}

static void a_scrape_takes_the_place_of_the_oldest_one(void **state)
{
    (void)state;
    for (char letter = 'a'; letter < 'a' + 16; letter++) {
        capacity_make_room_for_scrape(&capacity);
        assert_string_equal(evicted, "");
        scrape(letter);
    }
    capacity_make_room_for_scrape(&capacity);
    assert_string_equal(evicted, "a");
    assert_int_equal(last_why, CAPACITY_FEW_SCRAPES);
}

/* ---- what peers have yet to read ---- */

static void those_that_hold_most_unsent_bytes_go_first(void **state)
{
    (void)state;
    capacity_count_unsent(&capacity, unfinished('l', 0), UNSENT_MAX / 2);
    capacity_count_unsent(&capacity, unfinished('r', 1), UNSENT_MAX / 4);
    capacity_count_unsent(&capacity, scrape('s'), UNSENT_MAX / 4);
    unfinished('n', 0); /* which holds nothing */
    capacity_bound_unsent(&capacity);
    assert_string_equal(evicted, "");
    capacity_count_unsent(&capacity, unfinished('m', 2), 1);
    capacity_bound_unsent(&capacity);
    assert_string_equal(evicted, "l");
    assert_int_equal(last_why, CAPACITY_MUCH_UNSENT);
    assert_int_equal(capacity.unsent_len, UNSENT_MAX / 2 + 1);
    capacity_count_unsent(&capacity, &slots[1], 10);
    assert_int_equal(capacity.unsent_len, UNSENT_MAX / 4 + 11);
}

/* ---- time ---- */

static void each_has_its_time(void **state)
{
    (void)state;
    struct capacity_slot *local = unfinished('l', 0);
    capacity_await_turn(&capacity, add('c', 0, false), false);
    now_ms++;
    unfinished('r', 1);
    scrape('s');
    capacity_move(&capacity, add('k', 0, false), CAPACITY_KEPT);
    pass(SCRAPE_TIMEOUT_MS - 1);
    assert_string_equal(evicted, "");
    pass(1);
    assert_string_equal(evicted, "s");
    capacity_move(&capacity, local, CAPACITY_LOCAL); /* where it is: its time goes on */
    pass(TIMEOUT_MS - SCRAPE_TIMEOUT_MS - 1);
    assert_string_equal(evicted, "slc");
    pass(1);
    assert_string_equal(evicted, "slcr");
    assert_int_equal(last_why, CAPACITY_EXPIRED);
    assert_int_equal(sleeps_ms(), -1);
}

static void a_reply_that_has_to_wait_has_its_own_time(void **state)
{
    (void)state;
    struct capacity_slot *local = unfinished('l', 0);
    pass(TIMEOUT_MS - 1);
    capacity_restart(&capacity, local, CAPACITY_LOCAL);
    pass(TIMEOUT_MS - 1);
    assert_string_equal(evicted, "");
    pass(1);
    assert_string_equal(evicted, "l");
}

static void a_scrape_wakes_the_timer_sooner(void **state)
{
    (void)state;
    unfinished('l', 0);
    assert_true(sleeps_ms() > TIMEOUT_MS / 2);
    scrape('s');
    assert_true(sleeps_ms() <= SCRAPE_TIMEOUT_MS + COARSE_MS);
}

static void the_timer_sleeps_while_there_is_nothing_to_wait_for(void **state)
{
    (void)state;
    struct capacity_slot *local = unfinished('l', 0);
    assert_true(sleeps_ms() >= 0);
    capacity_move(&capacity, local, CAPACITY_KEPT);
    assert_int_equal(sleeps_ms(), -1);
}

/* ---- registrations ---- */

static void registrations_from_elsewhere_leave_room_for_local_ones(void **state)
{
    (void)state;
    size_t max_registered = capacity_max_registered(&capacity), n = 0;
    assert_int_equal(max_registered, MAX - 8);
    while (capacity_may_register(&capacity, add('r', (uint8_t)(1 + n % 2), false)) ==
           REFUSAL_NONE) {
        capacity_register(&capacity, &slots[n]);
        capacity_move(&capacity, &slots[n++], CAPACITY_KEPT);
    }
    assert_int_equal(n, max_registered - max_registered * 25 / 100);
    assert_int_equal(capacity_may_register(&capacity, &slots[n]), REFUSAL_KEPT_FOR_LOCAL);
    assert_int_equal(capacity_may_register(&capacity, add('l', 0, false)), REFUSAL_NONE);
    capacity_remove(&capacity, &slots[0]);
    assert_int_equal(capacity_may_register(&capacity, &slots[n]), REFUSAL_NONE);
}

static void a_host_registers_no_more_than_its_share(void **state)
{
    (void)state;
    for (size_t i = 0; i < 30; i++) {
        struct capacity_slot *slot = add('r', 1, false);
        assert_int_equal(capacity_may_register(&capacity, slot), REFUSAL_NONE);
        capacity_register(&capacity, slot);
        capacity_move(&capacity, slot, CAPACITY_KEPT);
    }
    assert_int_equal(capacity_may_register(&capacity, add('r', 1, false)), REFUSAL_HOST_FULL);
    assert_int_equal(capacity_may_register(&capacity, add('r', 2, false)), REFUSAL_NONE);
    capacity_remove(&capacity, &slots[0]);
    assert_int_equal(capacity_may_register(&capacity, &slots[30]), REFUSAL_NONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(peers_from_elsewhere_leave_room_for_local_ones),
        TEST(a_peer_from_elsewhere_takes_no_local_ones_place),
        TEST(a_host_has_its_share),
        TEST(descriptors_for_scrapes_are_set_aside),
        TEST(the_order_is_scrape_remote_local_complete),
        TEST(of_local_ones_only_some_are_looked_at),
        TEST(a_scrape_takes_the_place_of_the_oldest_one),
        TEST(those_that_hold_most_unsent_bytes_go_first),
        TEST(each_has_its_time),
        TEST(a_reply_that_has_to_wait_has_its_own_time),
        TEST(a_scrape_wakes_the_timer_sooner),
        TEST(the_timer_sleeps_while_there_is_nothing_to_wait_for),
        TEST(registrations_from_elsewhere_leave_room_for_local_ones),
        TEST(a_host_registers_no_more_than_its_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

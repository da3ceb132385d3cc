/* SPDX-License-Identifier: Apache-2.0 */
/* How long the loop of a flight runs. Its exchanges are tested in tests/cli, with real peers. */
#include "client/flight.h"

#include "system/clock.h"
#include "unit.h"

#define LONG_MS 1000000

static struct event_base *base;
static bool is_over;

static int setup(void **state)
{
    (void)state;
    base = event_base_new();
    is_over = false;
    return base ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    event_base_free(base);
    return 0;
}

static void on_end(evutil_socket_t fd, short events, void *argument)
{
    (void)fd;
    (void)events;
    (void)argument;
    is_over = true;
    event_base_loopbreak(base);
}

static void end_after(int64_t ms)
{
    const struct timeval time = clock_interval(ms);
    assert_int_equal(event_base_once(base, -1, EV_TIMEOUT, on_end, NULL, &time), 0);
}

/* A timer that stays would end the next run of the loop, which has a time of its own. */
static void a_loop_that_is_over_leaves_no_timer(void **state)
{
    (void)state;
    end_after(0);
    flight_run_loop(base, LONG_MS);
    assert_true(is_over);
    assert_int_equal(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
}

static void a_loop_ends_when_its_time_is_up(void **state)
{
    (void)state;
    end_after(LONG_MS);
    flight_run_loop(base, 1);
    assert_false(is_over);
}

static void a_loop_without_a_time_runs_to_its_end(void **state)
{
    (void)state;
    end_after(1);
    flight_run_loop(base, 0);
    assert_true(is_over);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_loop_that_is_over_leaves_no_timer),
        TEST(a_loop_ends_when_its_time_is_up),
        TEST(a_loop_without_a_time_runs_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

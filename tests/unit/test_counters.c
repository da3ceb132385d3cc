/* SPDX-License-Identifier: Apache-2.0 */
/* What a session counts: each request once, as served or by why it was refused. */
#include "core/counters.h"

#include <string.h>

#include "fixture.h"

static struct counters *counters(void)
{
    return &fixture.world.context.counters;
}

/* That nothing is counted but the registrations of the fixture, and what `expected` has. */
static void assert_counted(struct counters expected)
{
    expected.requests[PROTOCOL_ALIVE2_REQ] += 2;
    assert_memory_equal(counters(), &expected, sizeof expected);
}

static void each_request_by_its_tag(void **state)
{
    (void)state;
    static const uint8_t tags[] = {PROTOCOL_NAMES_REQ, PROTOCOL_DUMP_REQ};
    for (size_t i = 0; i < LENGTH(tags); i++) {
        ask_bare(tags[i]);
        ask_again();
    }
    ask_named(PROTOCOL_PORT2_REQ, "bob");
    assert_counted((struct counters){
        .requests = {[PROTOCOL_NAMES_REQ] = 1, [PROTOCOL_DUMP_REQ] = 1, [PROTOCOL_PORT2_REQ] = 1}});
}

static void a_miss_is_a_request_that_is_served(void **state)
{
    (void)state;
    ask_named(PROTOCOL_PORT2_REQ, "carol");
    assert_counted((struct counters){.requests = {[PROTOCOL_PORT2_REQ] = 1}, .misses = 1});
}

static void each_refusal_by_its_reason(void **state)
{
    (void)state;
    ask_alive("bob", 6);
    ask_again();
    ask_bare(PROTOCOL_KILL_REQ);
    ask_again();
    ask_bare('?');
    assert_counted((struct counters){
        .refusals = {
            [REFUSAL_NAME_TAKEN] = 1, [REFUSAL_NODES_ALIVE] = 1, [REFUSAL_TAG_UNKNOWN] = 1}});
}

static void what_is_denied_counts_as_that_alone(void **state)
{
    (void)state;
    fixture.asker.session.local = false;
    fixture.world.context.policy.allow_lookup = (struct networks){.none = true};
    ask_named(PROTOCOL_PORT2_REQ, ""); /* wrong as well */
    assert_counted((struct counters){.refusals = {[REFUSAL_LOOKUP_NOT_ALLOWED] = 1}});
}

static void half_a_request_is_none(void **state)
{
    (void)state;
    client_send_bytes(&fixture.asker, (const uint8_t *)"\0\1", 2);
    assert_counted((struct counters){0});
    client_send_bytes(&fixture.asker, (const uint8_t *)"n", 1);
    assert_counted((struct counters){.requests = {[PROTOCOL_NAMES_REQ] = 1}});
}

static void nodes_that_leave(void **state)
{
    (void)state;
    client_close(&fixture.alice);
    client_close(&fixture.asker);
    assert_counted((struct counters){.unregistrations = 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(each_request_by_its_tag),    FIXTURE_TEST(a_miss_is_a_request_that_is_served),
        FIXTURE_TEST(each_refusal_by_its_reason), FIXTURE_TEST(what_is_denied_counts_as_that_alone),
        FIXTURE_TEST(half_a_request_is_none),     FIXTURE_TEST(nodes_that_leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

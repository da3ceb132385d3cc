/* SPDX-License-Identifier: Apache-2.0 */
/* How requests arrive: whole, in pieces, too short, too long. The outcome is the same. */
#include "core/session.h"

#include <string.h>

#include "guarded.h"
#include "unit.h"
#include "world.h"

#define N_SAMPLES 19

/* The requests that arrive in all possible pieces. */
static void make_samples(struct request samples[N_SAMPLES])
{
    static uint8_t longest[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX];
    struct protocol_node wide = node_info("new"), narrow = wide, taken = node_info("alice");
    struct protocol_node largest = wide, not_utf8 = node_info("a\xff");
    narrow.highest = 5;
    largest.name = longest;
    largest.name_len = (uint16_t)repeat(longest, "\xf0\x9f\x92\xa9", NAME_MAX_CHARACTERS);
    largest.extra = extra;
    largest.extra_len = (uint16_t)repeat(extra, "\xff", sizeof extra);
    const struct request requests[N_SAMPLES] = {
        request_alive(&wide),
        request_alive(&narrow),
        request_alive(&taken),
        request_alive(&largest),
        request_alive(&not_utf8),
        request_bare('x'),
        request_named('x', "\x10\x00M", 3),
        request_named('z', "alice", 5),
        request_named('z', "alice", 6),
        request_named('z', "nobody", 6),
        request_named('z', "a\0b", 3),
        request_bare('z'),
        request_bare('n'),
        request_bare('d'),
        request_bare('k'),
        request_bare('r'),
        request_named('s', "alice", 5),
        request_bare('q'),
        request_named('q', longest, sizeof longest),
    };
    memcpy(samples, requests, sizeof requests);
}

struct arrival {
    struct world world;
    struct client alice, sender;
    struct session_outcome outcome;
};

static void arrival_start(struct arrival *arrival)
{
    world_init(&arrival->world);
    arrival->world.context.policy.relaxed = true;
    client_register(&arrival->alice, &arrival->world, 7, "alice");
    client_open(&arrival->sender, &arrival->world, 8);
}

static void arrival_end(struct arrival *arrival)
{
    client_close(&arrival->sender);
    client_close(&arrival->alice);
    assert_int_equal(arrival->world.context.registry.n_live, 0);
    world_deinit(&arrival->world);
}

/* Hands over a piece that is not the last; the session then wants just what is missing. */
static void arrival_piece(struct arrival *arrival, const struct request *request, size_t from,
                          size_t to)
{
    size_t want = to < 2 ? SESSION_REQUEST_MAX - to : request->len - to;
    struct session *session = &arrival->sender.session;
    arrival->outcome = client_send_bytes(&arrival->sender, request->bytes + from, to - from);
    assert_int_equal(arrival->outcome.verdict, SESSION_WAIT);
    assert_int_equal(arrival->outcome.refusal, REFUSAL_NONE);
    assert_int_equal(arrival->outcome.reply_len, 0);
    assert_int_equal(session_want(session), want);
    assert_null(session->node);
    assert_int_equal(arrival->world.context.registry.n_live, 1);
}

static void arrival_last(struct arrival *arrival, const struct request *request, size_t from)
{
    arrival->outcome =
        client_send_bytes(&arrival->sender, request->bytes + from, request->len - from);
}

static void assert_same_outcome(const struct arrival *a, const struct arrival *b)
{
    const struct session_outcome *x = &a->outcome, *y = &b->outcome;
    assert_int_not_equal(x->verdict, SESSION_WAIT);
    assert_int_equal(x->verdict, y->verdict);
    assert_int_equal(x->refusal, y->refusal);
    assert_int_equal(x->request.tag, y->request.tag);
    assert_int_equal(x->reply_len, y->reply_len);
    assert_memory_equal(x->reply, y->reply, y->reply_len);
    assert_int_equal(a->world.context.registry.n_live, b->world.context.registry.n_live);
    assert_int_equal(a->sender.session.node != NULL, b->sender.session.node != NULL);
}

typedef void arrive(const struct request *request, const struct arrival *whole);

static void for_all_samples(arrive *test)
{
    struct request samples[N_SAMPLES];
    make_samples(samples);
    for (size_t i = 0; i < N_SAMPLES; i++) {
        struct arrival whole;
        arrival_start(&whole);
        assert_int_equal(session_want(&whole.sender.session), SESSION_REQUEST_MAX);
        arrival_last(&whole, &samples[i], 0);
        test(&samples[i], &whole);
        arrival_end(&whole);
    }
}

static void arrive_in_part(const struct request *request, const struct arrival *whole)
{
    (void)whole;
    for (size_t len = 1; len < request->len; len++) {
        struct arrival part;
        arrival_start(&part);
        arrival_piece(&part, request, 0, len);
        arrival_end(&part);
    }
}

static void arrive_in_two(const struct request *request, const struct arrival *whole)
{
    for (size_t len = 1; len < request->len; len++) {
        struct arrival split;
        arrival_start(&split);
        arrival_piece(&split, request, 0, len);
        arrival_last(&split, request, len);
        assert_same_outcome(&split, whole);
        arrival_end(&split);
    }
}

static void arrive_bytewise(const struct request *request, const struct arrival *whole)
{
    struct arrival bytewise;
    arrival_start(&bytewise);
    for (size_t len = 1; len < request->len; len++) {
        arrival_piece(&bytewise, request, len - 1, len);
    }
    arrival_last(&bytewise, request, request->len - 1);
    assert_same_outcome(&bytewise, whole);
    arrival_end(&bytewise);
}

static void a_part_waits(void **state)
{
    (void)state;
    for_all_samples(arrive_in_part);
}

static void two_parts_are_as_one(void **state)
{
    (void)state;
    for_all_samples(arrive_in_two);
}

static void single_bytes_are_as_one(void **state)
{
    (void)state;
    for_all_samples(arrive_bytewise);
}

static void assert_closed(const struct session_outcome *outcome, enum refusal refusal)
{
    assert_int_equal(outcome->verdict, SESSION_CLOSE);
    assert_int_equal(outcome->refusal, refusal);
    assert_int_equal(outcome->reply_len, 0);
    assert_null(outcome->listing);
}

static void every_length_alone(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    for (unsigned len = 0; len <= UINT16_MAX; len++) {
        const uint8_t bytes[2] = {(uint8_t)(len >> 8), (uint8_t)(len & 0xff)};
        struct client client;
        client_open(&client, &world, 7);
        struct session_outcome outcome = client_send_bytes(&client, bytes, 2);
        if (len >= 1 && len <= 3057) {
            assert_int_equal(outcome.verdict, SESSION_WAIT);
            assert_int_equal(session_want(&client.session), len);
        } else {
            assert_closed(&outcome, len == 0 ? REFUSAL_FRAME_EMPTY : REFUSAL_FRAME_TOO_LONG);
        }
        client_close(&client);
    }
    world_deinit(&world);
}

static void longest_frame_is_served(void **state)
{
    (void)state;
    struct protocol_node info = node_info("alice");
    struct request request = request_alive(&info);
    static const uint8_t slack[PROTOCOL_FRAME_MAX];
    request_add_bytes(&request, slack, SESSION_REQUEST_MAX - request.len);
    request_set_length(&request);

    struct arrival arrival;
    world_init(&arrival.world);
    client_open(&arrival.sender, &arrival.world, 7);
    arrival_last(&arrival, &request, 0);
    assert_int_equal(arrival.outcome.verdict, SESSION_REGISTERED);
    client_close(&arrival.sender);
    world_deinit(&arrival.world);
}

static void more_than_announced_is_closed(void **state)
{
    (void)state;
    struct request request = request_named('z', "alice", 5);
    request_add_bytes(&request, "", 1);
    for (size_t first = 0; first < 2; first++) {
        struct arrival arrival;
        arrival_start(&arrival);
        if (first > 0) {
            arrival_piece(&arrival, &request, 0, first);
        }
        arrival_last(&arrival, &request, first);
        assert_closed(&arrival.outcome, REFUSAL_FRAME_OVERRUN);
        arrival_end(&arrival);
    }
}

static void http_is_closed(void **state)
{
    (void)state;
    static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    struct arrival arrival;
    arrival_start(&arrival);
    arrival.outcome = client_send_bytes(&arrival.sender, (const uint8_t *)http, sizeof http - 1);
    assert_closed(&arrival.outcome, REFUSAL_FRAME_TOO_LONG);
    arrival_end(&arrival);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_waits),
        cmocka_unit_test(two_parts_are_as_one),
        cmocka_unit_test(single_bytes_are_as_one),
        cmocka_unit_test(every_length_alone),
        cmocka_unit_test(longest_frame_is_served),
        cmocka_unit_test(more_than_announced_is_closed),
        cmocka_unit_test(http_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

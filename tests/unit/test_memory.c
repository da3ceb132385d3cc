/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory: every allocation of every operation fails once. Nothing is lost,
 * nothing leaks, and the same operation succeeds afterwards.
 *
 * The linker sends the allocations of core and metrics here (--wrap).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/session.h"
#include "flat.h"
#include "metrics/scrape.h"
#include "unit.h"
#include "world.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);

static size_t n_until_failure; /* 0: none fails */
static size_t n_held;          /* allocated and not freed */

static bool fails_now(void)
{
    return n_until_failure > 0 && --n_until_failure == 0;
}

static void *counted(void *memory)
{
    n_held += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails_now()) {
        return NULL;
    }
    n_held -= old != NULL;
    return counted(__real_realloc(old, size));
}

void __wrap_free(void *memory)
{
    n_held -= memory != NULL;
    __real_free(memory);
}

/* What holds memory already is cmocka, where it is linked in. */
static int start_counting(void **state)
{
    (void)state;
    n_held = 0;
    return 0;
}

static void assert_all_found(const struct registry *registry)
{
    size_t n_live = 0, n_departed = 0;
    for (const struct registry_node *node = registry->live; node; node = node->next, n_live++) {
        assert_ptr_equal(registry_find(registry, node->info.name, node->info.name_len), node);
    }
    for (const struct registry_node *node = registry->departed; node; node = node->next) {
        n_departed++;
    }
    assert_int_equal(n_live, registry->n_live);
    assert_int_equal(n_departed, registry->n_departed);
    assert_int_equal(HASH_COUNT(registry->by_name), n_live + n_departed);
}

/* Fails one allocation after the other until it needs no more; returns how many. */
static size_t add_stubbornly(struct registry *registry, const char *name, uint32_t *creation)
{
    struct protocol_node info = node_info(name);
    struct registry_node *node = NULL;
    for (size_t n = 1;; n++) {
        uint64_t generation = registry->generation;
        size_t n_before = n_held;
        n_until_failure = n;
        enum refusal refusal = registry_add(registry, &info, &node);
        bool failed = n_until_failure == 0;
        n_until_failure = 0;
        assert_all_found(registry);
        if (!failed) {
            assert_int_equal(refusal, REFUSAL_NONE);
            *creation = node->creation;
            return n - 1;
        }
        assert_int_equal(refusal, REFUSAL_NO_MEMORY);
        assert_null(node);
        assert_int_equal(n_held, n_before);
        assert_true(registry->generation == generation);
    }
}

static void registry_survives(void **state)
{
    (void)state;
    struct registry registry;
    size_t n_failed = 0;
    uint32_t creation;
    registry_init(&registry, SIZE_MAX, SIZE_MAX, world_seed);
    for (unsigned i = 0; i < 600; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%u", i);
        n_failed += add_stubbornly(&registry, name, &creation);
    }
    assert_int_equal(registry.n_live, 600);
    /* One for each node, two for the table, and some for it to grow. */
    assert_true(n_failed > 600 + 2);
    registry_deinit(&registry);
    assert_int_equal(n_held, 0);
}

static void returning_name_keeps_its_creation(void **state)
{
    (void)state;
    struct registry registry;
    uint32_t first, second;
    registry_init(&registry, 1, 1, world_seed);
    assert_int_equal(add_stubbornly(&registry, "alice", &first), 4); /* node, group, table */
    registry_remove(&registry, registry.live);
    assert_int_equal(add_stubbornly(&registry, "alice", &second), 2);
    assert_int_equal(second, first + 1);
    assert_int_equal(registry.n_departed, 0);
    registry_deinit(&registry);
    assert_int_equal(n_held, 0);
}

/* Alice is registered, her connection has perhaps ended; bob has left. */
static void world_start(struct world *world, struct client *alice, bool has_ended)
{
    struct client bob;
    world_init(world);
    world->context.policy.relaxed = true;
    client_register(&bob, world, 9, "bob");
    client_close(&bob);
    client_register(alice, world, 7, "alice");
    alice->has_ended = has_ended;
}

static void assert_told(const struct session_outcome *outcome, uint8_t tag)
{
    assert_int_equal(outcome->refusal, REFUSAL_NO_MEMORY);
    if (outcome->verdict == SESSION_REPLY) {
        assert_int_equal(tag, 'x');
        assert_memory_equal(outcome->reply, "\x76\x01", 2);
    } else {
        assert_int_equal(outcome->verdict, SESSION_CLOSE);
        assert_int_equal(outcome->reply_len, 0);
    }
}

/* Sends a request in one part (`first` is 0) or two, with the `n`th allocation failing (0:
 * none). Returns whether one failed. */
static bool send_failing(struct world *world, const struct request *request, size_t first, size_t n)
{
    struct client client;
    struct session_outcome outcome = {.verdict = SESSION_WAIT};
    client_open(&client, world, 8);
    n_until_failure = n;
    if (first > 0) {
        outcome = client_send_bytes(&client, request->bytes, first);
    }
    if (outcome.verdict == SESSION_WAIT) {
        outcome = client_send_bytes(&client, request->bytes + first, request->len - first);
    }
    bool failed = n > 0 && n_until_failure == 0;
    n_until_failure = 0;
    if (!failed || outcome.refusal != REFUSAL_NONE) {
        assert_int_equal(outcome.refusal, failed ? REFUSAL_NO_MEMORY : REFUSAL_NONE);
    }
    if (outcome.refusal != REFUSAL_NONE) {
        assert_told(&outcome, request->bytes[2]);
        assert_null(client.session.node);
    }
    client_close(&client);
    return failed;
}

/* Returns how many of the request's allocations failed, each in a world of its own. */
static size_t fail_each(const struct request *request, size_t first, bool has_ended)
{
    for (size_t n = 1;; n++) {
        struct world world;
        struct client alice;
        world_start(&world, &alice, has_ended);
        bool failed = send_failing(&world, request, first, n);
        assert_all_found(&world.context.registry);
        assert_int_equal(world.context.registry.n_live, alice.n_ends ? 0 : 1);
        assert_false(failed && send_failing(&world, request, first, 0));
        client_close(&alice);
        world_deinit(&world);
        assert_int_equal(n_held, 0);
        if (!failed) {
            return n - 1;
        }
    }
}

static void sessions_survive(void **state)
{
    (void)state;
    struct protocol_node carol = node_info("carol"), bob = node_info("bob");
    const struct request requests[] = {
        request_alive(&carol), request_alive(&bob), request_named('z', "alice", 5),
        request_bare('n'),     request_bare('d'),   request_named('s', "alice", 5),
        request_bare('k'),     request_bare('i')};
    /* A new node, a returning one; a listing, its first sheet and one of the group, of which the
     * last gives back what it did not need; the same and a sheet of departed names; without
     * giving back. */
    static const size_t n_allocations[] = {1, 1, 0, 4, 6, 0, 0, 4};
    for (size_t i = 0; i < LENGTH(requests); i++) {
        assert_int_equal(fail_each(&requests[i], 0, false), n_allocations[i]);
        assert_int_equal(fail_each(&requests[i], 1, false), n_allocations[i] + 1);
        assert_int_equal(fail_each(&requests[i], 2, false), n_allocations[i] + 1);
    }
}

static void takeover_survives(void **state)
{
    (void)state;
    struct protocol_node alice = node_info("alice");
    struct request request = request_alive(&alice);
    assert_int_equal(fail_each(&request, 0, true), 2); /* the node, and its group */
    assert_int_equal(fail_each(&request, 5, true), 3);
}

static void listing_needs_no_second_block(void **state)
{
    (void)state;
    static const struct {
        listing_maker *make;
        enum registry_text text;
        size_t gives_back; /* the allocation that only gives back what was not needed */
    } kinds[] = {{listing_new_names, REGISTRY_NAMES, 4}, {listing_new_dump, REGISTRY_DUMP, 2}};
    for (size_t i = 0; i < LENGTH(kinds); i++) {
        struct world world;
        struct client alice;
        world_start(&world, &alice, false);
        struct registry *registry = &world.context.registry;
        struct listing *whole = kinds[i].make(registry, 4369);
        registry_spoil_text(registry, kinds[i].text);
        n_until_failure = kinds[i].gives_back;
        struct listing *loose = kinds[i].make(registry, 4369);
        assert_int_equal(n_until_failure, 0);
        assert_int_equal(loose->len, whole->len);
        uint8_t copy[256];
        assert_true(whole->len <= sizeof copy);
        memcpy(copy, flat(whole), whole->len);
        assert_memory_equal(flat(loose), copy, whole->len);
        n_until_failure = 1;
        assert_null(kinds[i].make(registry, 4369));
        listing_unref(whole);
        listing_unref(loose);
        client_close(&alice);
        world_deinit(&world);
        assert_int_equal(n_held, 0);
    }
}

static void look(void *argument, const struct endpoint *peer, bool local, struct overview *out)
{
    struct world *world = argument;
    (void)peer, (void)local;
    *out = (struct overview){.host = "host",
                             .daemon = &world->context.self,
                             .registry = &world->context.registry,
                             .counters = &world->context.counters};
}

/* Sends a request in one part or in two, with the `n`th allocation failing. */
static struct scrape_outcome scrape_failing(struct world *world, size_t first, size_t n)
{
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    const struct scrape_context context = {.look = look, .argument = world};
    const uint8_t *bytes = (const uint8_t *)request;
    const struct endpoint peer = {.port = 1};
    struct scrape scrape = {0};
    struct scrape_outcome outcome = {.verdict = SCRAPE_WAIT};
    n_until_failure = n;
    if (first > 0) {
        scrape_receive(&scrape, &context, &peer, false, bytes, first, &outcome);
    }
    if (outcome.verdict == SCRAPE_WAIT) {
        scrape_receive(&scrape, &context, &peer, false, bytes + first, sizeof request - 1 - first,
                       &outcome);
    }
    scrape_deinit(&scrape);
    return outcome;
}

/* A request in pieces is held first; then a reply is begun, grows, and at last gives back what
 * it did not need, which may fail unnoticed. */
static void scrapes_survive(void **state)
{
    (void)state;
    static const unsigned statuses[2][6] = {{200, 503, 503, 200, 200},
                                            {200, 0, 503, 503, 200, 200}};
    struct world world;
    world_init(&world);
    for (size_t first = 0; first <= 1; first++) {
        for (size_t n = 0; n <= 4 + first; n++) {
            struct scrape_outcome outcome = scrape_failing(&world, first, n);
            unsigned status = statuses[first][n];
            assert_int_equal(outcome.verdict, status ? SCRAPE_REPLY : SCRAPE_CLOSE);
            assert_int_equal(outcome.status, status);
            assert_true((outcome.sheet != NULL) == (status == 200));
            assert_true(status == 0 || memcmp(outcome.reply, "HTTP/1.1 ", 9) == 0);
            assert_int_equal(n_until_failure, n > 3 + first);
            n_until_failure = 0;
            sheet_unref(outcome.sheet);
            assert_int_equal(n_held, 0);
        }
    }
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(registry_survives, start_counting),
        cmocka_unit_test_setup(returning_name_keeps_its_creation, start_counting),
        cmocka_unit_test_setup(sessions_survive, start_counting),
        cmocka_unit_test_setup(takeover_survives, start_counting),
        cmocka_unit_test_setup(listing_needs_no_second_block, start_counting),
        cmocka_unit_test_setup(scrapes_survive, start_counting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

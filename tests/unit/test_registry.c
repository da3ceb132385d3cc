/* SPDX-License-Identifier: Apache-2.0 */
/* Names and nodes: live ones, departed ones, and the creations that tell them apart. */
#include "core/registry.h"

#include <stdio.h>
#include <string.h>

#include "requests.h"
#include "unit.h"
#include "world.h"

#define MAX_LIVE 4
#define MAX_DEPARTED 3

static struct registry registry;

static int setup(void **state)
{
    (void)state;
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, world_seed);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    registry_deinit(&registry);
    return 0;
}

static struct registry_node *find(const char *name)
{
    return registry_find(&registry, (const uint8_t *)name, strlen(name));
}

static struct registry_node *add(const char *name)
{
    struct protocol_node info = node_info(name);
    struct registry_node *node = NULL;
    assert_int_equal(registry_add(&registry, &info, &node), REFUSAL_NONE);
    return node;
}

/* Registers and leaves; returns the creation. */
static uint32_t visit(const char *name)
{
    struct registry_node *node = add(name);
    uint32_t creation = node->creation;
    registry_remove(&registry, node);
    return creation;
}

/* The names of a list, a blank between two. */
static void assert_list(const struct registry_node *list, const char *expected)
{
    char text[256] = "";
    size_t len = 0;
    for (const struct registry_node *node = list; node; node = node->next) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%.*s", len ? " " : "",
                                node->info.name_len, (const char *)node->info.name);
    }
    assert_string_equal(text, expected);
}

static void starts_empty(void **state)
{
    (void)state;
    assert_null(find("alice"));
    assert_int_equal(registry.n_live, 0);
    assert_int_equal(registry.n_departed, 0);
}

static void keeps_its_own_copy(void **state)
{
    (void)state;
    char name[] = "alice", extra[] = "extra";
    struct protocol_node info = node_info(name);
    struct registry_node *node;
    info.protocol = 3;
    info.extra = (const uint8_t *)extra;
    info.extra_len = 5;
    assert_int_equal(registry_add(&registry, &info, &node), REFUSAL_NONE);
    memset(name, 'x', 5);
    memset(extra, 'x', 5);
    assert_ptr_equal(find("alice"), node);
    assert_null(find("xxxxx"));
    assert_memory_equal(node->info.name, "alice", 5);
    assert_memory_equal(node->info.extra, "extra", 5);
    assert_int_equal(node->info.port, 35099);
    assert_int_equal(node->info.type, 77);
    assert_int_equal(node->info.protocol, 3);
    assert_int_equal(node->info.highest, 6);
    assert_int_equal(node->info.lowest, 5);
    assert_true(node->live);
}

static void longest_node_is_kept(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN], extra[PROTOCOL_EXTRA_MAX];
    struct registry_node *node;
    struct protocol_node info = node_info("");
    repeat(name, "n", info.name_len = sizeof name);
    repeat(extra, "e", info.extra_len = sizeof extra);
    info.name = name;
    info.extra = extra;
    assert_int_equal(registry_add(&registry, &info, &node), REFUSAL_NONE);
    assert_ptr_equal(registry_find(&registry, name, sizeof name), node);
    assert_null(registry_find(&registry, name, sizeof name - 1));
    assert_memory_equal(node->info.extra, extra, sizeof extra);
}

static void names_compare_byte_for_byte(void **state)
{
    (void)state;
    struct registry_node *composed = add("\xc3\xa9"), *decomposed = add("e\xcc\x81");
    struct registry_node *lower = add("ab"), *upper = add("AB");
    assert_ptr_equal(find("\xc3\xa9"), composed);
    assert_ptr_equal(find("e\xcc\x81"), decomposed);
    assert_ptr_equal(find("ab"), lower);
    assert_ptr_equal(find("AB"), upper);
    assert_null(find("a"));
    assert_null(find("abc"));
    assert_null(find("ab "));
}

static void taken_name_changes_nothing(void **state)
{
    (void)state;
    struct registry_node *holder = add("alice"), *out = NULL;
    uint32_t creation = holder->creation;
    uint64_t generation = registry.generation;
    struct protocol_node info = node_info("alice");
    info.port = 1;
    assert_int_equal(registry_add(&registry, &info, &out), REFUSAL_NAME_TAKEN);
    assert_ptr_equal(out, holder);
    assert_int_equal(holder->info.port, 35099);
    assert_int_equal(holder->creation, creation);
    assert_int_equal(registry.n_live, 1);
    assert_true(registry.generation == generation);
}

static void full_registry_changes_nothing(void **state)
{
    (void)state;
    struct registry_node *out = NULL;
    uint32_t creation = visit("eve");
    add("a"), add("b"), add("c");
    struct registry_node *last = add("d");
    uint64_t generation = registry.generation;
    struct protocol_node eve = node_info("eve"), known = node_info("a");
    assert_int_equal(registry_add(&registry, &eve, &out), REFUSAL_REGISTRY_FULL);
    assert_null(out);
    assert_int_equal(registry_add(&registry, &known, &out), REFUSAL_NAME_TAKEN);
    assert_list(registry.live, "d c b a");
    assert_list(registry.departed, "eve");
    assert_true(registry.generation == generation);
    registry_remove(&registry, last);
    assert_int_equal(add("eve")->creation, creation + 1);
}

static void newest_registration_comes_first(void **state)
{
    (void)state;
    struct registry_node *b;
    add("a");
    b = add("b");
    add("c");
    assert_list(registry.live, "c b a");
    registry_remove(&registry, b);
    assert_list(registry.live, "c a");
    add("b");
    assert_list(registry.live, "b c a");
    assert_int_equal(registry.n_live, 3);
}

static void departed_node_is_not_found(void **state)
{
    (void)state;
    struct registry_node *node = add("alice");
    node->owner = &registry;
    node->fd = 12;
    registry_remove(&registry, node);
    assert_null(find("alice"));
    assert_ptr_equal(registry.departed, node);
    assert_false(node->live);
    assert_null(node->owner);
    assert_int_equal(node->fd, 12);
    assert_int_equal(node->info.port, 35099);
    assert_int_equal(registry.n_departed, 1);
    assert_int_equal(registry.n_live, 0);
}

static void first_departed_is_forgotten_first(void **state)
{
    (void)state;
    visit("a"), visit("b"), visit("c");
    assert_list(registry.departed, "a b c");
    visit("d");
    assert_list(registry.departed, "b c d");
    assert_int_equal(registry.n_departed, MAX_DEPARTED);
    visit("b");
    assert_list(registry.departed, "c d b");
    struct registry_node *d = add("d");
    assert_list(registry.departed, "c b");
    assert_int_equal(registry.n_departed, 2);
    registry_remove(&registry, d);
    visit("e");
    assert_list(registry.departed, "b d e");
}

static void nothing_is_remembered_without_room(void **state)
{
    (void)state;
    registry_deinit(&registry);
    registry_init(&registry, MAX_LIVE, 0, world_seed);
    visit("alice");
    assert_null(registry.departed);
    assert_null(registry.by_name);
    assert_int_equal(registry.n_departed, 0);
    visit("alice");
    assert_int_equal(registry.n_new_names, 2);
}

static void creation_grows_with_each_return(void **state)
{
    (void)state;
    uint32_t first = visit("alice");
    assert_true(first >= 4);
    visit("bob");
    assert_int_equal(visit("alice"), first + 1);
    assert_int_equal(visit("alice"), first + 2);
    assert_int_equal(add("alice")->creation, first + 3);
}

static void creation_wraps_to_4(void **state)
{
    (void)state;
    struct registry_node *node = add("alice");
    node->creation = UINT32_MAX - 1;
    registry_remove(&registry, node);
    assert_true(visit("alice") == UINT32_MAX);
    assert_int_equal(visit("alice"), 4);
    assert_int_equal(visit("alice"), 5);
}

/* On little-endian machines this seed makes 3 of the first name's hash: it was searched for. */
static void first_creation_is_never_below_4(void **state)
{
    (void)state;
    static const uint8_t seed[HASH_SEED_SIZE] = {0xdc, 0xed, 0x6a, 0x18};
    registry_deinit(&registry);
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, seed);
    uint32_t creation = visit("alice");
    assert_true(creation >= 4);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    assert_int_equal(creation, 4);
#endif
}

static void forgotten_name_starts_anew(void **state)
{
    (void)state;
    uint32_t first = visit("alice");
    visit("b"), visit("c"), visit("d");
    assert_int_equal(registry.n_new_names, 4);
    assert_int_not_equal(visit("alice"), first + 1);
    assert_int_equal(registry.n_new_names, 5);
}

static void first_creations_come_from_the_seed(void **state)
{
    (void)state;
    static const uint8_t other_seed[HASH_SEED_SIZE] = "another of them";
    uint32_t alice = visit("alice"), bob = visit("bob");
    assert_int_not_equal(alice, bob);
    registry_deinit(&registry);
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, world_seed);
    assert_int_equal(visit("alice"), alice);
    assert_int_equal(visit("bob"), bob);
    registry_deinit(&registry);
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, other_seed);
    assert_int_not_equal(visit("alice"), alice);
}

static void generation_grows_with_every_change(void **state)
{
    (void)state;
    uint64_t before = registry.generation;
    struct registry_node *node = add("alice");
    assert_true(registry.generation > before);
    before = registry.generation;
    assert_ptr_equal(find("alice"), node);
    assert_true(registry.generation == before);
    registry_remove(&registry, node);
    assert_true(registry.generation > before);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_empty),
        TEST(keeps_its_own_copy),
        TEST(longest_node_is_kept),
        TEST(names_compare_byte_for_byte),
        TEST(taken_name_changes_nothing),
        TEST(full_registry_changes_nothing),
        TEST(newest_registration_comes_first),
        TEST(departed_node_is_not_found),
        TEST(first_departed_is_forgotten_first),
        TEST(nothing_is_remembered_without_room),
        TEST(creation_grows_with_each_return),
        TEST(creation_wraps_to_4),
        TEST(first_creation_is_never_below_4),
        TEST(forgotten_name_starts_anew),
        TEST(first_creations_come_from_the_seed),
        TEST(generation_grows_with_every_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

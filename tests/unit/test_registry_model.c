/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry against a model too simple to be wrong: two arrays, searched from end
 * to end. Both take the same random steps, always the same ones, and agree after each.
 */
#include <stdio.h>
#include <string.h>

#include "core/registry.h"
#include "requests.h"
#include "unit.h"
#include "world.h"

#define N_NAMES 300
#define N_STEPS 20000
#define MAX_LIVE 150
#define MAX_DEPARTED 60

struct entry {
    unsigned name; /* which of the names */
    uint32_t creation;
    uint16_t port;
};

struct list {
    size_t n;
    struct entry entries[MAX_LIVE + MAX_DEPARTED];
};

struct model {
    struct list live;     /* oldest registration first */
    struct list departed; /* in the order in which they left */
};

static char names[N_NAMES][8];

static uint32_t next_random(void)
{
    static uint32_t x = 2463534242;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return x;
}

static struct entry *list_find(struct list *list, unsigned name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->entries[i].name == name) {
            return &list->entries[i];
        }
    }
    return NULL;
}

static void list_append(struct list *list, struct entry entry)
{
    list->entries[list->n++] = entry;
}

static struct entry list_remove(struct list *list, const struct entry *entry)
{
    struct entry removed = *entry;
    size_t at = (size_t)(entry - list->entries);
    list->n--;
    memmove(&list->entries[at], &list->entries[at + 1], (list->n - at) * sizeof *entry);
    return removed;
}

static void step_add(struct registry *registry, struct model *model, unsigned name)
{
    struct protocol_node info = node_info(names[name]);
    struct registry_node *node = NULL;
    info.port = (uint16_t)next_random();
    enum refusal refusal = registry_add(registry, &info, &node);
    struct entry *departed = list_find(&model->departed, name);

    if (list_find(&model->live, name)) {
        assert_int_equal(refusal, REFUSAL_NAME_TAKEN);
    } else if (model->live.n == MAX_LIVE) {
        assert_int_equal(refusal, REFUSAL_REGISTRY_FULL);
    } else {
        assert_int_equal(refusal, REFUSAL_NONE);
        assert_true(node->creation >= 4);
        if (departed) {
            assert_int_equal(node->creation, list_remove(&model->departed, departed).creation + 1);
        }
        list_append(&model->live, (struct entry){name, node->creation, info.port});
    }
}

static void step_remove(struct registry *registry, struct model *model, unsigned name)
{
    struct registry_node *node =
        registry_find(registry, (const uint8_t *)names[name], strlen(names[name]));
    struct entry *live = list_find(&model->live, name);
    assert_int_equal(node != NULL, live != NULL);
    if (!node) {
        return;
    }
    registry_remove(registry, node);
    list_append(&model->departed, list_remove(&model->live, live));
    if (model->departed.n > MAX_DEPARTED) {
        list_remove(&model->departed, &model->departed.entries[0]);
    }
}

static void assert_same_entry(const struct registry_node *node, const struct entry *entry,
                              bool live)
{
    assert_int_equal(node->info.name_len, strlen(names[entry->name]));
    assert_memory_equal(node->info.name, names[entry->name], node->info.name_len);
    assert_int_equal(node->creation, entry->creation);
    assert_int_equal(node->info.port, entry->port);
    assert_int_equal(node->live, live);
}

static void assert_same(const struct registry *registry, const struct model *model)
{
    const struct registry_node *node = registry->live;
    for (size_t i = model->live.n; i-- > 0; node = node->next) {
        assert_same_entry(node, &model->live.entries[i], true);
        assert_ptr_equal(registry_find(registry, node->info.name, node->info.name_len), node);
    }
    assert_null(node);
    node = registry->departed;
    for (size_t i = 0; i < model->departed.n; i++, node = node->next) {
        assert_same_entry(node, &model->departed.entries[i], false);
        assert_null(registry_find(registry, node->info.name, node->info.name_len));
    }
    assert_null(node);
    assert_int_equal(registry->n_live, model->live.n);
    assert_int_equal(registry->n_departed, model->departed.n);
}

static void agrees_with_the_model(void **state)
{
    (void)state;
    struct registry registry;
    struct model model = {.live = {.n = 0}};
    for (unsigned i = 0; i < N_NAMES; i++) {
        snprintf(names[i], sizeof names[i], "n%u", i);
    }
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, world_seed);
    for (unsigned i = 0; i < N_STEPS; i++) {
        /* Long runs of either kind: both bounds are reached again and again. */
        bool adding = next_random() % 8 < (i / 1000 % 2 ? 2 : 6);
        (adding ? step_add : step_remove)(&registry, &model, next_random() % N_NAMES);
        assert_same(&registry, &model);
    }
    registry_deinit(&registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

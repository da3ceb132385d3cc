/* SPDX-License-Identifier: Apache-2.0 */
/* Which node has which name, and which names were known before. */
#include "core/registry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* A lookup walks a bucket's chain. Shorter ones than this cost more memory than they
 * save time (docs/performance.md). */
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 6U

static unsigned registry_hash(const struct registry *registry, const void *bytes, size_t len)
{
    return (unsigned)hash_keyed(registry->seed, bytes, len);
}

void registry_init(struct registry *registry, size_t max_live, size_t max_departed,
                   const uint8_t seed[HASH_SEED_SIZE])
{
    *registry = (struct registry){.max_live = max_live, .max_departed = max_departed};
    memcpy(registry->seed, seed, HASH_SEED_SIZE);
}

/* ---- groups ---- */

static void group_spoil(struct registry_group *group)
{
    for (int text = 0; text < REGISTRY_TEXTS; text++) {
        sheet_unref(group->sheets[text]);
        group->sheets[text] = NULL;
    }
}

static void group_free(struct registry *registry, struct registry_group *group)
{
    group_spoil(group);
    DL_DELETE(registry->groups, group);
    registry->n_groups--;
    free(group);
}

/* Returns a group with room for the newest node, or NULL without memory. */
static struct registry_group *newest_group(struct registry *registry)
{
    struct registry_group *group = registry->groups;
    if (group && group->n_nodes < REGISTRY_GROUP_MAX) {
        return group;
    }
    group = calloc(1, sizeof *group);
    if (group) {
        DL_PREPEND(registry->groups, group);
        registry->n_groups++;
    }
    return group;
}

static void group_add(struct registry_group *group, struct registry_node *newest)
{
    group_spoil(group);
    group->first = newest;
    group->n_nodes++;
    newest->group = group;
}

/* Makes one of two small groups that stand next to each other, so that there are never many
 * more groups than full ones would be. */
static void group_merge(struct registry *registry, struct registry_group *group)
{
    struct registry_group *after = group->next;
    if (!after || group->n_nodes + after->n_nodes > REGISTRY_GROUP_MAX / 2) {
        return;
    }
    struct registry_node *node = after->first;
    for (size_t i = 0; i < after->n_nodes; i++, node = node->next) {
        node->group = group;
    }
    group->n_nodes += after->n_nodes;
    group_free(registry, after);
}

/* Takes a node out, which is still in the list. */
static void group_remove(struct registry *registry, struct registry_node *node)
{
    struct registry_group *group = node->group;
    node->group = NULL;
    if (--group->n_nodes == 0) {
        group_free(registry, group);
        return;
    }
    group_spoil(group);
    group->first = group->first == node ? node->next : group->first;
    group_merge(registry, group);
}

void registry_spoil_text(struct registry *registry, enum registry_text text)
{
    struct registry_group *group;
    DL_FOREACH (registry->groups, group) {
        sheet_unref(group->sheets[text]);
        group->sheets[text] = NULL;
    }
}

/* ---- nodes ---- */

void registry_deinit(struct registry *registry)
{
    struct registry_node *node, *next;
    while (registry->groups) {
        group_free(registry, registry->groups);
    }
    HASH_CLEAR(hh, registry->by_name);
    DL_FOREACH_SAFE (registry->live, node, next) {
        free(node);
    }
    DL_FOREACH_SAFE (registry->departed, node, next) {
        free(node);
    }
    *registry = (struct registry){0};
}

/* Finds a name that is live or departed, and the hash of any name. */
static struct registry_node *registry_find_known(const struct registry *registry,
                                                 const uint8_t *name, size_t len, unsigned *hash)
{
    struct registry_node *node;
    *hash = registry_hash(registry, name, len);
    HASH_FIND_BYHASHVALUE(hh, registry->by_name, name, len, *hash, node);
    return node;
}

struct registry_node *registry_find(const struct registry *registry, const uint8_t *name,
                                    size_t len)
{
    unsigned hash;
    struct registry_node *node = registry_find_known(registry, name, len, &hash);
    return node && node->live ? node : NULL;
}

static uint32_t creation_after(uint32_t creation)
{
    return creation == UINT32_MAX ? REGISTRY_CREATION_MIN : creation + 1;
}

/* A keyed hash of a counter: no peer can foresee it, and it needs no more randomness. */
static uint32_t registry_first_creation(struct registry *registry)
{
    uint64_t n = registry->n_new_names++;
    uint32_t creation = registry_hash(registry, &n, sizeof n);
    return creation < REGISTRY_CREATION_MIN ? REGISTRY_CREATION_MIN : creation;
}

static struct registry_node *node_new(const struct protocol_node *info)
{
    struct registry_node *node = malloc(sizeof *node + info->name_len + info->extra_len);
    if (!node) {
        return NULL;
    }
    *node = (struct registry_node){.info = *info};
    node->info.name = node->storage;
    node->info.extra = node->storage + info->name_len;
    memcpy(node->storage, info->name, info->name_len);
    if (info->extra_len > 0) {
        memcpy(node->storage + info->name_len, info->extra, info->extra_len);
    }
    return node;
}

static void registry_forget(struct registry *registry, struct registry_node *departed)
{
    HASH_DEL(registry->by_name, departed);
    DL_DELETE(registry->departed, departed);
    registry->n_departed--;
    free(departed);
}

enum refusal registry_add(struct registry *registry, const struct protocol_node *info,
                          struct registry_node **out)
{
    unsigned hash;
    struct registry_node *known = registry_find_known(registry, info->name, info->name_len, &hash);
    if (known && known->live) {
        *out = known;
        return REFUSAL_NAME_TAKEN;
    }
    if (registry->n_live >= registry->max_live) {
        return REFUSAL_REGISTRY_FULL;
    }
    struct registry_node *node = node_new(info);
    struct registry_group *group = node ? newest_group(registry) : NULL;
    if (!group) {
        free(node);
        return REFUSAL_NO_MEMORY;
    }
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, registry->by_name, node->info.name, node->info.name_len, hash,
                                node);
    if (!node->hh.tbl) {
        free(node);
        if (group->n_nodes == 0) {
            group_free(registry, group);
        }
        return REFUSAL_NO_MEMORY;
    }
    node->live = true;
    node->creation = known ? creation_after(known->creation) : registry_first_creation(registry);
    if (known) {
        registry_forget(registry, known);
    }
    DL_PREPEND(registry->live, node);
    group_add(group, node);
    registry->n_live++;
    registry->generation++;
    *out = node;
    return REFUSAL_NONE;
}

void registry_remove(struct registry *registry, struct registry_node *node)
{
    group_remove(registry, node);
    DL_DELETE(registry->live, node);
    registry->n_live--;
    registry->generation++;
    node->live = false;
    node->owner = NULL;
    node->info.extra_len = 0; /* no reply tells it any more */
    DL_APPEND(registry->departed, node);
    registry->n_departed++;
    if (registry->n_departed > registry->max_departed) {
        registry_forget(registry, registry->departed);
    }
}

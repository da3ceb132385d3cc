/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which node has which name, and which names were known before.
 *
 * A name is known once: it is live, or it is departed. Departed names keep their
 * creation, so that a node that comes back gets the next one and its peers can tell
 * the two incarnations apart. The number of departed names is bounded, and so is
 * that of live ones; the name that departed first is forgotten first.
 *
 * Finding, adding and removing cost the same however many names are known. The hash
 * is keyed, so that no peer can choose names that collide.
 */
#ifndef EPMD_CORE_REGISTRY_H
#define EPMD_CORE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "core/address.h"
#include "core/hash.h"
#include "core/protocol.h"
#include "core/refusal.h"
#include "core/sheet.h"

#define REGISTRY_CREATION_MIN 4 /* what is below tells nodes that they have none */

/* Replies that grow with the nodes. */
enum registry_text {
    REGISTRY_NAMES,
    REGISTRY_DUMP,
    REGISTRY_INFO,
    REGISTRY_TEXTS,
};

#define REGISTRY_GROUP_MAX 64

/* Some live nodes that stand next to each other in the list, with what was last written of
 * them: when one node comes or leaves, only its group has to be written anew. */
struct registry_group {
    struct registry_group *prev, *next; /* in the order of the nodes */
    struct registry_node *first;
    size_t n_nodes;                       /* 1 to REGISTRY_GROUP_MAX */
    struct sheet *sheets[REGISTRY_TEXTS]; /* NULL: to be written */
};

struct registry_node {
    struct registry_node *prev, *next; /* in the list of live or of departed names */
    struct registry_group *group;      /* of a live node */
    void *owner;      /* the session of a live node, set by the caller; else NULL */
    int64_t since_ms; /* when it was registered; set by the caller */
    uint64_t id;      /* of the connection, beyond this process; set by the caller */
    uint32_t creation;
    int fd;               /* carried the registration, for DUMP; set by the caller */
    bool live;            /* or departed */
    struct endpoint peer; /* of that connection, for INFO; set by the caller */

    /* What a lookup needs is side by side. */
    UT_hash_handle hh;
    struct protocol_node info; /* its bytes are in `storage` */
    uint8_t storage[];
};

struct registry {
    struct registry_node *by_name;  /* uthash head: live and departed */
    struct registry_node *live;     /* newest registration first */
    struct registry_node *departed; /* in the order in which they left */
    struct registry_group *groups;  /* of live nodes, in their order */
    size_t n_groups;
    size_t n_live, max_live;
    size_t n_departed, max_departed;
    uint64_t generation; /* grows with every change of the live names */
    uint64_t n_new_names;
    uint8_t seed[HASH_SEED_SIZE];
};

/* Sets up an empty registry for at most `max_live` nodes and `max_departed` names of
 * nodes that left. `seed` is random: hash key, and source of first creations. */
void registry_init(struct registry *registry, size_t max_live, size_t max_departed,
                   const uint8_t seed[HASH_SEED_SIZE]);

/* Frees every node. */
void registry_deinit(struct registry *registry);

/* Registers what `info` says and sets `*out` to the new node, which the registry
 * owns. Otherwise changes nothing and returns REFUSAL_NAME_TAKEN (`*out` is then the
 * holder), REFUSAL_REGISTRY_FULL or REFUSAL_NO_MEMORY. The caller has checked the name. */
enum refusal registry_add(struct registry *registry, const struct protocol_node *info,
                          struct registry_node **out);

/* Makes a live node a departed name, without its extra field. Cannot fail. The node may be gone
 * afterwards. */
void registry_remove(struct registry *registry, struct registry_node *node);

/* Has a text written anew for all groups, because something else has changed that it tells. */
void registry_spoil_text(struct registry *registry, enum registry_text text);

/* Returns the live node of that name, or NULL. */
struct registry_node *registry_find(const struct registry *registry, const uint8_t *name,
                                    size_t len);

#endif

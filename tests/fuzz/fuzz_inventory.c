/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a reply to INFO_REQ, NAMES_REQ or PORT2_REQ from whatever listens on the
 * port: what is read lies in it, and an inventory that is written again from it is read as
 * the same.
 */
#include <errno.h>
#include <string.h>

#include "../unit/flat.h"
#include "core/inventory.h"
#include "fuzz.h"

#define MAX_NODES 64

static const struct denials no_denials;

static void require_text(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    REQUIRE(len < size);
    for (size_t i = 0; i < len; i++) {
        REQUIRE(text[i] >= 0x20 && text[i] < 0x7f);
    }
}

static void require_daemon(const struct inventory_daemon *daemon)
{
    require_text(daemon->version, sizeof daemon->version);
    require_text(daemon->allow_lookup, sizeof daemon->allow_lookup);
    require_text(daemon->allow_names, sizeof daemon->allow_names);
    require_text(daemon->allow_register, sizeof daemon->allow_register);
    REQUIRE(daemon->n_listeners <= INVENTORY_LISTENERS_MAX);
    REQUIRE(daemon->watcher <= INVENTORY_MANAGER);
}

static void require_inside(const uint8_t *part, size_t len, const uint8_t *data, size_t size)
{
    REQUIRE(part >= data && len <= size && part + len <= data + size);
}

/* Registers it with what can be registered, so that it is written again. */
static void keep(struct registry *registry, const struct inventory_node *node)
{
    struct registry_node *kept = NULL;
    if (registry_add(registry, &node->info, &kept) == REFUSAL_NONE) {
        kept->creation = node->creation;
        kept->peer = node->peer;
        kept->since_ms = node->since_ms;
    }
}

static void require_same_node(const struct inventory_node *node, const struct registry_node *kept)
{
    REQUIRE(node->creation == kept->creation && node->since_ms == kept->since_ms);
    REQUIRE(memcmp(&node->peer.address, &kept->peer.address, sizeof node->peer.address) == 0);
    REQUIRE(node->peer.port == kept->peer.port && node->info.port == kept->info.port);
    REQUIRE(node->info.type == kept->info.type && node->info.protocol == kept->info.protocol);
    REQUIRE(node->info.highest == kept->info.highest && node->info.lowest == kept->info.lowest);
    REQUIRE(node->info.name_len == kept->info.name_len);
    REQUIRE(memcmp(node->info.name, kept->info.name, kept->info.name_len) == 0);
    REQUIRE(node->info.extra_len == kept->info.extra_len);
    REQUIRE(memcmp(node->info.extra, kept->info.extra, kept->info.extra_len) == 0);
}

static void require_same(struct registry *registry, const struct inventory_daemon *daemon)
{
    struct inventory_reader reader;
    struct inventory_daemon again;
    struct inventory_node node;
    struct listing *listing = inventory_new(registry, daemon, &no_denials);
    REQUIRE(listing);
    REQUIRE(inventory_read_daemon(&reader, flat(listing), listing->len, &again) == 0);
    again.n_nodes = daemon->n_nodes;
    again.max_nodes = daemon->max_nodes;
    REQUIRE(memcmp(&again, daemon, sizeof again) == 0);
    for (const struct registry_node *kept = registry->live; kept; kept = kept->next) {
        REQUIRE(inventory_read_node(&reader, &node) == 1);
        require_same_node(&node, kept);
    }
    REQUIRE(inventory_read_node(&reader, &node) == 0);
    listing_unref(listing);
}

static void read_names(const uint8_t *data, size_t size)
{
    struct wire_reader reader;
    struct protocol_node node;
    wire_reader_init(&reader, data, size);
    for (const uint8_t *before = data; listing_read_name(&reader, &node); before = reader.at) {
        REQUIRE(reader.at > before && reader.at <= reader.end && node.name_len <= NAME_MAX_LEN);
        require_inside(node.name, node.name_len, before, (size_t)(reader.at - before));
    }
    REQUIRE(wire_reader_left(&reader) == 0);
}

static void read_port(const uint8_t *data, size_t size)
{
    struct protocol_node node;
    int status = protocol_decode_node(data, size, &node);
    REQUIRE(status == 0 || status == -EINVAL || status == -ENOENT);
    if (status == 0) {
        require_inside(node.name, node.name_len, data, size);
        require_inside(node.extra, node.extra_len, data, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t seed[HASH_SEED_SIZE] = "sixteen bytes..";
    static struct inventory_daemon daemon; /* its padding is 0 */
    struct inventory_reader reader;
    struct inventory_node node;
    struct inventory_denial denial;
    struct registry registry;
    int status = inventory_read_daemon(&reader, data, size, &daemon);
    read_names(data, size);
    read_port(data, size);
    REQUIRE(status == 0 || status == -EINVAL || status == -EPROTONOSUPPORT);
    if (status < 0) {
        return 0;
    }
    require_daemon(&daemon);
    registry_init(&registry, MAX_NODES, 0, seed);
    while ((status = inventory_read_node(&reader, &node)) == 1) {
        require_inside(node.info.name, node.info.name_len, data, size);
        require_inside(node.info.extra, node.info.extra_len, data, size);
        keep(&registry, &node);
    }
    REQUIRE(status == 0 || status == -EINVAL);
    while (status == 0 && (status = inventory_read_denial(&reader, &denial)) == 1) {
        require_text(denial.reason, sizeof denial.reason);
        require_inside(denial.name, denial.name_len, data, size);
        status = 0;
    }
    REQUIRE(status == 0 || status == -EINVAL);
    require_same(&registry, &daemon);
    registry_deinit(&registry);
    return 0;
}

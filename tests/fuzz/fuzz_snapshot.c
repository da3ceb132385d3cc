/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what outlived a process: whatever comes back out of it is a registry
 * that nodes could have made, and it survives once more as it is.
 *
 * The first byte tells what follows: 0 a whole file, with header; otherwise bodies of
 * records, each behind its length:16, which get frames with checks that are right.
 */
#include <sodium/crypto_shorthash.h>
#include <string.h>
#include <utlist.h>

#include "core/snapshot.h"
#include "fuzz.h"

#define MAX_LIVE 6
#define MAX_DEPARTED 4

static const uint8_t seed[HASH_SEED_SIZE] = "sixteen bytes..";

struct records {
    size_t len;
    uint8_t bytes[1 << 16];
};

static void add_number(struct records *records, uint64_t number, int n_bytes)
{
    while (n_bytes-- > 0) {
        records->bytes[records->len++] = (uint8_t)(number >> 8 * n_bytes);
    }
}

static void add_framed(struct records *records, const uint8_t *body, size_t len)
{
    static const uint8_t key[crypto_shorthash_KEYBYTES] = {0};
    add_number(records, len, 4);
    add_number(records, ~(uint64_t)len, 4);
    crypto_shorthash(records->bytes + records->len, body, len, key);
    records->len += crypto_shorthash_BYTES;
    if (len > 0) {
        memcpy(records->bytes + records->len, body, len);
    }
    records->len += len;
}

static void frame_all(struct records *records, const uint8_t *data, size_t size)
{
    while (size >= 2) {
        size_t len = (size_t)data[0] << 8 | data[1];
        data += 2;
        size -= 2;
        len = len < size ? len : size;
        if (records->len + 16 + len > sizeof records->bytes) {
            return;
        }
        add_framed(records, data, len);
        data += len;
        size -= len;
    }
}

static void require_node(const struct registry_node *node, bool live)
{
    REQUIRE(node->live == live && !node->owner);
    REQUIRE(node->creation >= REGISTRY_CREATION_MIN);
    REQUIRE(name_check(node->info.name, node->info.name_len) == REFUSAL_NONE);
    REQUIRE(node->info.extra_len <= PROTOCOL_EXTRA_MAX);
}

static void require_same(const struct registry_node *a, const struct registry_node *b)
{
    for (; a && b; a = a->next, b = b->next) {
        uint8_t first[SNAPSHOT_RECORD_MAX], second[SNAPSHOT_RECORD_MAX];
        size_t len = snapshot_encode_live(first, a);
        REQUIRE(len == snapshot_encode_live(second, b));
        REQUIRE(memcmp(first, second, len) == 0);
    }
    REQUIRE(!a && !b);
}

/* As a worker does it that has just started. */
static void write_all(struct records *records, const struct registry *registry)
{
    const struct registry_node *node;
    records->len = 0;
    DL_FOREACH (registry->departed, node) {
        require_node(node, false);
        records->len += snapshot_encode_departed(records->bytes + records->len, node);
    }
    node = registry->live ? registry->live->prev : NULL;
    for (size_t i = 0; i < registry->n_live; i++, node = node->prev) {
        require_node(node, true);
        records->len += snapshot_encode_live(records->bytes + records->len, node);
    }
}

static void require_registry(const struct registry *registry)
{
    static struct records records;
    struct registry again;
    struct snapshot_report report = {0};
    struct snapshot_shedding nothing = {0};
    REQUIRE(registry->n_live <= MAX_LIVE && registry->n_departed <= MAX_DEPARTED);
    write_all(&records, registry);
    registry_init(&again, MAX_LIVE, MAX_DEPARTED, seed);
    REQUIRE(snapshot_replay(records.bytes, records.len, &again, &nothing, &report) == records.len);
    REQUIRE(report.n_records == registry->n_live + registry->n_departed);
    REQUIRE(report.n_damaged + report.n_refused == 0);
    require_same(registry->live, again.live);
    require_same(registry->departed, again.departed);
    registry_deinit(&again);
}

/* However much is left out, what stays is a registry. */
static void replay(const uint8_t *records, size_t len, size_t n_kept)
{
    struct registry registry;
    struct snapshot_report report = {0};
    struct snapshot_census census = {0};
    struct snapshot_shedding shedding = {0};
    REQUIRE(snapshot_count(records, len, &census) <= len);
    if (n_kept < census.n_live) {
        snapshot_choose(&census, n_kept, &shedding);
    }
    registry_init(&registry, MAX_LIVE, MAX_DEPARTED, seed);
    REQUIRE(snapshot_replay(records, len, &registry, &shedding, &report) <= len);
    require_registry(&registry);
    registry_deinit(&registry);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct records records;
    if (size == 0) {
        return 0;
    }
    if (data[0] != 0) {
        records.len = 0;
        frame_all(&records, data + 1, size - 1);
        replay(records.bytes, records.len, data[0]);
        return 0;
    }
    uint64_t start = 0;
    uint32_t version = 0;
    int status = snapshot_decode_header(data + 1, size - 1, &start, &version);
    if (status != 0) {
        REQUIRE(start == 0 && (version == 0 || version != SNAPSHOT_VERSION));
    }
    const size_t skipped = start < size - 1 ? (size_t)start : 0;
    replay(data + 1 + skipped, size - 1 - skipped, SIZE_MAX);
    return 0;
}

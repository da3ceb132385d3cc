/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry as bytes that outlive the process.
 *
 * The bytes are a header and, from where it says, records in the order in which
 * things happened: a node registered, a node left. To append one is all that a
 * change costs; to replay them yields the registry again, with its order, creations
 * and departed names. Each record is checked on its own: a damaged one is dropped,
 * the others stay good. Bytes of another version are recognised, never misread.
 */
#ifndef EPMD_CORE_SNAPSHOT_H
#define EPMD_CORE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "core/registry.h"

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_HEADER_SIZE 32

/* Room for any record: what frames it, and a node with the longest name and extra. */
#define SNAPSHOT_RECORD_MAX (64 + NAME_MAX_LEN + PROTOCOL_EXTRA_MAX)

/* What a replay found. */
struct snapshot_report {
    uint32_t version; /* of the bytes, where that is not ours; else 0 */
    size_t n_records; /* replayed */
    size_t n_damaged; /* dropped: their check failed, or they did not fit the rest */
    size_t n_refused; /* dropped: the registry had no room for them */
    size_t n_lost;    /* bytes at the end that are no records */
};

/* Writes the header of a snapshot whose records begin at offset `start`. */
void snapshot_encode_header(uint8_t out[SNAPSHOT_HEADER_SIZE], uint64_t start);

/* Reads a header. Returns 0, and the offset in `*start`; -EINVAL where it is none, or
 * -EPROTONOSUPPORT, and its version in `*version`, where it is of another version. */
int snapshot_decode_header(const uint8_t *bytes, size_t len, uint64_t *start, uint32_t *version);

/* Each writes one record and returns its length: that a live node has registered,
 * that it has left, that a name is known of a node that left before. */
size_t snapshot_encode_live(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);
size_t snapshot_encode_left(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);
size_t snapshot_encode_departed(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);

/* Replays records into an empty registry; live nodes have no owner yet. */
void snapshot_replay(const uint8_t *records, size_t len, struct registry *registry,
                     struct snapshot_report *report);

#endif

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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/registry.h"

#define SNAPSHOT_VERSION 1
#define SNAPSHOT_HEADER_SIZE 32

/* Room for any record: what frames it, and a node with the longest name and extra. */
#define SNAPSHOT_RECORD_MAX (64 + NAME_MAX_LEN + PROTOCOL_EXTRA_MAX)

/* What a replay found. */
struct snapshot_report {
    uint32_t version;  /* of the bytes, where that is not ours; else 0 */
    size_t n_records;  /* replayed */
    size_t n_damaged;  /* dropped: their check failed, or they did not fit the rest */
    size_t n_refused;  /* dropped: the registry had no room for them */
    size_t n_shed;     /* registrations dropped because the shedding says so */
    uint64_t lost_len; /* bytes at the end that are no records */
};

/* What a replay leaves out, so that an epmd that cannot be started with all of its
 * registrations starts with some of them. All zero: nothing. */
struct snapshot_shedding {
    bool departed;       /* departed names */
    bool registrations;  /* those with extra fields as below */
    uint16_t extra_over; /* bytes: longer extra fields than that */
    size_t n_at;         /* and so many of exactly that length, the first ones */
};

/* How many live nodes there are with an extra field of each length. */
struct snapshot_census {
    size_t n_live;
    size_t n_of_extra[PROTOCOL_EXTRA_MAX + 1];
};

/* Writes the header of a snapshot whose records begin at offset `start`. */
void snapshot_encode_header(uint8_t out[SNAPSHOT_HEADER_SIZE], uint64_t start);

/* Reads a header. Returns 0, and the offset in `*start`; -EINVAL where it is none, or
 * -EPROTONOSUPPORT, and its version in `*version`, where it is of another version. */
int snapshot_decode_header(const uint8_t *bytes, size_t len, uint64_t *start, uint32_t *version);

/* Each writes one record and returns its length: that a live node has registered,
 * that it has left, that a name is known of a node that left before. */
size_t snapshot_encode_live(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);
size_t snapshot_encode_gone(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);
size_t snapshot_encode_departed(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node);

/* How long any of these records of a node is. */
size_t snapshot_record_len(const struct registry_node *node);

/* Replays records into a registry, which starts empty; live nodes have no owner yet. Adds
 * what it finds to `report`, and counts n_at of `shedding` down. Returns how many bytes it
 * has taken: what follows is the start of a record that goes on behind `len`, or is none. */
size_t snapshot_replay(const uint8_t *records, size_t len, struct registry *registry,
                       struct snapshot_shedding *shedding, struct snapshot_report *report);

/* Counts the live nodes that the records leave, as far as they are whole. Returns how many
 * bytes it has taken, as snapshot_replay() does. */
size_t snapshot_count(const uint8_t *records, size_t len, struct snapshot_census *census);

/* Chooses which registrations to leave out so that about `n_kept` are left: those with the
 * longest extra fields go first. */
void snapshot_choose(const struct snapshot_census *census, size_t n_kept,
                     struct snapshot_shedding *shedding);

#endif

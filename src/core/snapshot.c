/* SPDX-License-Identifier: Apache-2.0 */
/* The registry as bytes that outlive the process. */
#include "core/snapshot.h"

#include <errno.h>
#include <string.h>

#include "core/wire.h"

/*
 * header: magic[8] version:32 0:32 start:64 check:64
 * record: length:32 ~length:32 check:64 body[length]
 * body:   kind:8 id:64 since:64 creation:32 fd:32 port:16 type:8 protocol:8
 *         highest:16 lowest:16 nlen:16 name elen:16 extra
 */
static const char magic[8] = {'e', 'p', 'm', 'd', 's', 't', 'a', 't'};

#define FRAME_SIZE 16 /* of a record, before its body */
#define BODY_SIZE 37  /* beside name and extra */

enum record_kind {
    RECORD_LIVE = 1,
    RECORD_GONE = 2, /* a live node's name is a departed one from here on */
    RECORD_DEPARTED = 3,
};

/* A decoded body. */
struct record {
    uint8_t kind;
    uint64_t id;
    int64_t since_ms;
    uint32_t creation;
    int fd;
    struct protocol_node info;
};

/* Against damage, not against malice: a process that can write there owns the registry. */
static uint64_t check_of(const uint8_t *bytes, size_t len)
{
    static const uint8_t seed[HASH_SEED_SIZE] = {0};
    return hash_keyed(seed, bytes, len);
}

void snapshot_encode_header(uint8_t out[SNAPSHOT_HEADER_SIZE], uint64_t start)
{
    struct wire_writer writer;
    wire_writer_init(&writer, out, SNAPSHOT_HEADER_SIZE);
    wire_write_bytes(&writer, magic, sizeof magic);
    wire_write_u32(&writer, SNAPSHOT_VERSION);
    wire_write_u32(&writer, 0);
    wire_write_u64(&writer, start);
    wire_write_u64(&writer, check_of(out, wire_writer_len(&writer)));
}

int snapshot_decode_header(const uint8_t *bytes, size_t len, uint64_t *start, uint32_t *version)
{
    struct wire_reader reader;
    wire_reader_init(&reader, bytes, len);
    const uint8_t *found = wire_read_bytes(&reader, sizeof magic);
    uint32_t found_version = wire_read_u32(&reader);
    if (reader.overrun || memcmp(found, magic, sizeof magic) != 0) {
        return -EINVAL;
    }
    if (found_version != SNAPSHOT_VERSION) {
        *version = found_version;
        return -EPROTONOSUPPORT;
    }
    wire_read_u32(&reader);
    uint64_t found_start = wire_read_u64(&reader);
    size_t checked = len - wire_reader_left(&reader);
    uint64_t check = wire_read_u64(&reader);
    if (reader.overrun || check != check_of(bytes, checked)) {
        return -EINVAL;
    }
    *start = found_start;
    return 0;
}

static size_t encode_record(uint8_t out[SNAPSHOT_RECORD_MAX], enum record_kind kind,
                            const struct registry_node *node)
{
    struct wire_writer body, frame;
    wire_writer_init(&body, out + FRAME_SIZE, SNAPSHOT_RECORD_MAX - FRAME_SIZE);
    wire_write_u8(&body, (uint8_t)kind);
    wire_write_u64(&body, node->id);
    wire_write_u64(&body, (uint64_t)node->since_ms);
    wire_write_u32(&body, node->creation);
    wire_write_u32(&body, (uint32_t)node->fd);
    protocol_write_node(&body, &node->info);

    uint32_t len = (uint32_t)wire_writer_len(&body);
    wire_writer_init(&frame, out, FRAME_SIZE);
    wire_write_u32(&frame, len);
    wire_write_u32(&frame, ~len);
    wire_write_u64(&frame, check_of(out + FRAME_SIZE, len));
    return FRAME_SIZE + len;
}

size_t snapshot_encode_live(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node)
{
    return encode_record(out, RECORD_LIVE, node);
}

size_t snapshot_encode_gone(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node)
{
    return encode_record(out, RECORD_GONE, node);
}

size_t snapshot_encode_departed(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node)
{
    return encode_record(out, RECORD_DEPARTED, node);
}

size_t snapshot_record_len(const struct registry_node *node)
{
    return (size_t)FRAME_SIZE + BODY_SIZE + node->info.name_len + node->info.extra_len;
}

/* Returns -EINVAL where the body is no record, or says what no node could have said. */
static int decode_body(const uint8_t *bytes, size_t len, struct record *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, bytes, len);
    *out = (struct record){.kind = wire_read_u8(&reader)};
    out->id = wire_read_u64(&reader);
    out->since_ms = (int64_t)wire_read_u64(&reader);
    out->creation = wire_read_u32(&reader);
    out->fd = (int)wire_read_u32(&reader);
    protocol_read_node(&reader, &out->info);
    if (reader.overrun || out->info.extra_len > PROTOCOL_EXTRA_MAX || out->kind < RECORD_LIVE ||
        out->kind > RECORD_DEPARTED || out->creation < REGISTRY_CREATION_MIN ||
        name_check(out->info.name, out->info.name_len) != REFUSAL_NONE) {
        return -EINVAL;
    }
    return 0;
}

static int replay_gone(const struct record *record, struct registry *registry)
{
    struct registry_node *node = registry_find(registry, record->info.name, record->info.name_len);
    if (!node) {
        return -EINVAL;
    }
    registry_remove(registry, node);
    return 0;
}

/* A live record replaces an earlier one of its name, whose departure could not be written. */
static enum refusal replay_add(const struct record *record, struct registry *registry,
                               struct registry_node **node)
{
    enum refusal refusal = registry_add(registry, &record->info, node);
    if (refusal == REFUSAL_NAME_TAKEN && record->kind == RECORD_LIVE) {
        registry_remove(registry, *node);
        refusal = registry_add(registry, &record->info, node);
    }
    return refusal;
}

/* Returns 0; -EINVAL where the record contradicts the ones before; -ENOSPC. */
static int replay_record(const struct record *record, struct registry *registry)
{
    struct registry_node *node;
    if (record->kind == RECORD_GONE) {
        return replay_gone(record, registry);
    }
    enum refusal refusal = replay_add(record, registry, &node);
    if (refusal != REFUSAL_NONE) {
        return refusal == REFUSAL_NAME_TAKEN ? -EINVAL : -ENOSPC;
    }
    node->id = record->id;
    node->since_ms = record->since_ms;
    node->creation = record->creation;
    node->fd = record->fd;
    if (record->kind == RECORD_DEPARTED) {
        registry_remove(registry, node);
    }
    return 0;
}

/* Whether a record is left out: that of a node that is shed, or of its departure. */
static bool is_shed(const struct record *record, struct snapshot_shedding *shedding,
                    const struct registry *registry)
{
    uint16_t extra_len = record->info.extra_len;
    if (record->kind == RECORD_DEPARTED) {
        return shedding->departed;
    }
    if (!shedding->registrations) {
        return false;
    }
    if (record->kind == RECORD_GONE) {
        return !registry_find(registry, record->info.name, record->info.name_len);
    }
    if (extra_len == shedding->extra_over && shedding->n_at > 0) {
        shedding->n_at--;
        return true;
    }
    return extra_len > shedding->extra_over;
}

/* Reads the next whole record of `reader`. Returns 1; 0 where there is none; -EINVAL where
 * it is damaged. */
static int next_record(struct wire_reader *reader, struct record *out)
{
    struct wire_reader ahead = *reader;
    uint32_t body_len = wire_read_u32(&ahead);
    uint32_t inverse = wire_read_u32(&ahead);
    uint64_t check = wire_read_u64(&ahead);
    const uint8_t *body = wire_read_bytes(&ahead, body_len);
    if (ahead.overrun || inverse != ~body_len) {
        return 0;
    }
    *reader = ahead;
    return check == check_of(body, body_len) && decode_body(body, body_len, out) == 0 ? 1 : -EINVAL;
}

size_t snapshot_replay(const uint8_t *records, size_t len, struct registry *registry,
                       struct snapshot_shedding *shedding, struct snapshot_report *report)
{
    struct wire_reader reader;
    struct record record;
    int status;
    wire_reader_init(&reader, records, len);
    while ((status = next_record(&reader, &record)) != 0) {
        if (status > 0 && is_shed(&record, shedding, registry)) {
            report->n_shed += record.kind == RECORD_LIVE;
            continue;
        }
        status = status < 0 ? status : replay_record(&record, registry);
        report->n_records += status == 0;
        report->n_refused += status == -ENOSPC;
        report->n_damaged += status == -EINVAL;
    }
    return len - wire_reader_left(&reader);
}

size_t snapshot_count(const uint8_t *records, size_t len, struct snapshot_census *census)
{
    struct wire_reader reader;
    struct record record;
    int status;
    wire_reader_init(&reader, records, len);
    while ((status = next_record(&reader, &record)) != 0) {
        size_t *n = status > 0 ? &census->n_of_extra[record.info.extra_len] : NULL;
        if (n && record.kind == RECORD_LIVE) {
            (*n)++;
            census->n_live++;
        } else if (n && record.kind == RECORD_GONE && *n > 0) {
            (*n)--;
            census->n_live--;
        }
    }
    return len - wire_reader_left(&reader);
}

void snapshot_choose(const struct snapshot_census *census, size_t n_kept,
                     struct snapshot_shedding *shedding)
{
    size_t n_to_shed = census->n_live > n_kept ? census->n_live - n_kept : 0;
    uint16_t extra = PROTOCOL_EXTRA_MAX;
    while (extra > 0 && census->n_of_extra[extra] < n_to_shed) {
        n_to_shed -= census->n_of_extra[extra--];
    }
    shedding->registrations = true;
    shedding->extra_over = extra;
    shedding->n_at = n_to_shed;
}

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

enum record_kind {
    RECORD_LIVE = 1,
    RECORD_LEFT = 2,
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

/* Against damage, not against malice: whoever can write there owns the registry. */
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

size_t snapshot_encode_left(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node)
{
    return encode_record(out, RECORD_LEFT, node);
}

size_t snapshot_encode_departed(uint8_t out[SNAPSHOT_RECORD_MAX], const struct registry_node *node)
{
    return encode_record(out, RECORD_DEPARTED, node);
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
    if (reader.overrun || out->info.extra_len > PROTOCOL_EXTRA_MAX ||
        out->creation < REGISTRY_CREATION_MIN ||
        name_check(out->info.name, out->info.name_len) != REFUSAL_NONE) {
        return -EINVAL;
    }
    return 0;
}

/* Returns 0; -EINVAL where the record contradicts the ones before; -ENOSPC. */
static int replay_record(const struct record *record, struct registry *registry)
{
    struct registry_node *node;
    if (record->kind == RECORD_LEFT) {
        node = registry_find(registry, record->info.name, record->info.name_len);
        if (!node) {
            return -EINVAL;
        }
        registry_remove(registry, node);
        return 0;
    }
    if (record->kind != RECORD_LIVE && record->kind != RECORD_DEPARTED) {
        return -EINVAL;
    }
    enum refusal refusal = registry_add(registry, &record->info, &node);
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

static void replay_body(const uint8_t *body, size_t len, uint64_t check, struct registry *registry,
                        struct snapshot_report *report)
{
    struct record record;
    int status = check == check_of(body, len) ? decode_body(body, len, &record) : -EINVAL;
    if (status == 0) {
        status = replay_record(&record, registry);
    }
    if (status == 0) {
        report->n_records++;
    } else if (status == -ENOSPC) {
        report->n_refused++;
    } else {
        report->n_damaged++;
    }
}

void snapshot_replay(const uint8_t *records, size_t len, struct registry *registry,
                     struct snapshot_report *report)
{
    struct wire_reader reader;
    wire_reader_init(&reader, records, len);
    *report = (struct snapshot_report){0};
    while (wire_reader_left(&reader) > 0) {
        size_t before = wire_reader_left(&reader);
        uint32_t body_len = wire_read_u32(&reader);
        uint32_t inverse = wire_read_u32(&reader);
        uint64_t check = wire_read_u64(&reader);
        const uint8_t *body = wire_read_bytes(&reader, body_len);
        if (reader.overrun || inverse != ~body_len) {
            /* Where the next one begins is unknown. */
            report->n_lost = before;
            return;
        }
        replay_body(body, body_len, check, registry, report);
    }
}

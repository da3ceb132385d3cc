/* SPDX-License-Identifier: Apache-2.0 */
/* What has happened, handed from process to process. */
#include "core/counters.h"

#include <string.h>

static void write_requests(struct wire_writer *writer, const struct counters *counters)
{
    uint16_t n = 0;
    for (unsigned tag = 0; tag < COUNTERS_TAGS; tag++) {
        n = (uint16_t)(n + (counters->requests[tag] > 0));
    }
    wire_write_u16(writer, n);
    for (unsigned tag = 0; tag < COUNTERS_TAGS; tag++) {
        if (counters->requests[tag] > 0) {
            wire_write_u8(writer, (uint8_t)tag);
            wire_write_u64(writer, counters->requests[tag]);
        }
    }
}

static void write_refusals(struct wire_writer *writer, const struct counters *counters)
{
    wire_write_u16(writer, REFUSAL_COUNT);
    for (enum refusal refusal = 0; refusal < REFUSAL_COUNT; refusal++) {
        const char *word = refusal_word(refusal);
        wire_write_u8(writer, (uint8_t)strlen(word));
        wire_write_bytes(writer, word, strlen(word));
        wire_write_u64(writer, counters->refusals[refusal]);
    }
}

void counters_write(struct wire_writer *writer, const struct counters *counters)
{
    wire_write_u64(writer, counters->connections);
    wire_write_u64(writer, counters->misses);
    wire_write_u64(writer, counters->unregistrations);
    wire_write_u64(writer, counters->expired);
    wire_write_u64(writer, counters->evicted);
    write_requests(writer, counters);
    write_refusals(writer, counters);
}

static void read_requests(struct wire_reader *reader, struct counters *out)
{
    for (unsigned n = wire_read_u16(reader); n > 0 && !reader->overrun; n--) {
        uint8_t tag = wire_read_u8(reader);
        uint64_t count = wire_read_u64(reader);
        if (tag < COUNTERS_TAGS) {
            out->requests[tag] = count;
        }
    }
}

static void read_refusal(struct wire_reader *reader, struct counters *out)
{
    size_t len = wire_read_u8(reader);
    const uint8_t *word = wire_read_bytes(reader, len);
    uint64_t count = wire_read_u64(reader);
    for (enum refusal refusal = 0; word && refusal < REFUSAL_COUNT; refusal++) {
        const char *known = refusal_word(refusal);
        if (strlen(known) == len && memcmp(known, word, len) == 0) {
            out->refusals[refusal] = count;
        }
    }
}

void counters_read(struct wire_reader *reader, struct counters *out)
{
    *out = (struct counters){0};
    out->connections = wire_read_u64(reader);
    out->misses = wire_read_u64(reader);
    out->unregistrations = wire_read_u64(reader);
    out->expired = wire_read_u64(reader);
    out->evicted = wire_read_u64(reader);
    read_requests(reader, out);
    for (unsigned n = wire_read_u16(reader); n > 0 && !reader->overrun; n--) {
        read_refusal(reader, out);
    }
}

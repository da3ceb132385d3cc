/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds-checked cursors over bytes in network order. */
#include "core/wire.h"

#include <string.h>

void wire_reader_init(struct wire_reader *reader, const uint8_t *bytes, size_t len)
{
    *reader = (struct wire_reader){.at = bytes, .end = bytes + len};
}

size_t wire_reader_left(const struct wire_reader *reader)
{
    return reader->overrun ? 0 : (size_t)(reader->end - reader->at);
}

const uint8_t *wire_read_bytes(struct wire_reader *reader, size_t len)
{
    if (reader->overrun || len > (size_t)(reader->end - reader->at)) {
        reader->overrun = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += len;
    return bytes;
}

static uint64_t wire_read_uint(struct wire_reader *reader, size_t len)
{
    const uint8_t *bytes = wire_read_bytes(reader, len);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < len; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

uint8_t wire_read_u8(struct wire_reader *reader)
{
    return (uint8_t)wire_read_uint(reader, 1);
}

uint16_t wire_read_u16(struct wire_reader *reader)
{
    return (uint16_t)wire_read_uint(reader, 2);
}

uint32_t wire_read_u32(struct wire_reader *reader)
{
    return (uint32_t)wire_read_uint(reader, 4);
}

uint64_t wire_read_u64(struct wire_reader *reader)
{
    return wire_read_uint(reader, 8);
}

void wire_writer_init(struct wire_writer *writer, uint8_t *bytes, size_t size)
{
    *writer = (struct wire_writer){.start = bytes, .at = bytes, .end = bytes + size};
}

size_t wire_writer_len(const struct wire_writer *writer)
{
    return (size_t)(writer->at - writer->start);
}

void wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t len)
{
    if (writer->overrun || len > (size_t)(writer->end - writer->at)) {
        writer->overrun = true;
        return;
    }
    if (len > 0) {
        memcpy(writer->at, bytes, len);
        writer->at += len;
    }
}

static void wire_write_uint(struct wire_writer *writer, uint64_t value, size_t len)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (len - 1 - i));
    }
    wire_write_bytes(writer, bytes, len);
}

void wire_write_u8(struct wire_writer *writer, uint8_t value)
{
    wire_write_uint(writer, value, 1);
}

void wire_write_u16(struct wire_writer *writer, uint16_t value)
{
    wire_write_uint(writer, value, 2);
}

void wire_write_u32(struct wire_writer *writer, uint32_t value)
{
    wire_write_uint(writer, value, 4);
}

void wire_write_u64(struct wire_writer *writer, uint64_t value)
{
    wire_write_uint(writer, value, 8);
}

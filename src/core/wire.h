/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds-checked cursors over bytes in network order.
 *
 * Both cursors are sticky: the first access past the end marks the cursor, every
 * later access leaves it where it is, and readers get zeros. A caller reads or
 * writes a whole message and asks once, at the end, whether all of it fitted.
 */
#ifndef EPMD_CORE_WIRE_H
#define EPMD_CORE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool overrun; /* something was read past the end */
};

struct wire_writer {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool overrun; /* something did not fit */
};

/* Starts reading at `bytes`; they stay the caller's and must outlive the reader. */
void wire_reader_init(struct wire_reader *reader, const uint8_t *bytes, size_t len);

/* How many bytes are left; 0 after an overrun. */
size_t wire_reader_left(const struct wire_reader *reader);

/* Read one big-endian integer; 0 on an overrun. */
uint8_t wire_read_u8(struct wire_reader *reader);
uint16_t wire_read_u16(struct wire_reader *reader);
uint32_t wire_read_u32(struct wire_reader *reader);
uint64_t wire_read_u64(struct wire_reader *reader);

/* Returns `len` bytes in place, or NULL on an overrun. */
const uint8_t *wire_read_bytes(struct wire_reader *reader, size_t len);

/* Starts writing at `bytes`, of which `size` may be used. */
void wire_writer_init(struct wire_writer *writer, uint8_t *bytes, size_t size);

/* How many bytes have been written so far. */
size_t wire_writer_len(const struct wire_writer *writer);

/* Write one big-endian integer, or nothing on an overrun. */
void wire_write_u8(struct wire_writer *writer, uint8_t value);
void wire_write_u16(struct wire_writer *writer, uint16_t value);
void wire_write_u32(struct wire_writer *writer, uint32_t value);
void wire_write_u64(struct wire_writer *writer, uint64_t value);

/* Writes all of `len` bytes, or none of them on an overrun. */
void wire_write_bytes(struct wire_writer *writer, const void *bytes, size_t len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The cursors: byte order, limits, and that nothing past the end is ever touched. */
#include "core/wire.h"

#include <string.h>

#include "guarded.h"
#include "unit.h"

static uint64_t read_width(struct wire_reader *reader, size_t width)
{
    switch (width) {
    case 1:
        return wire_read_u8(reader);
    case 2:
        return wire_read_u16(reader);
    case 4:
        return wire_read_u32(reader);
    default:
        return wire_read_u64(reader);
    }
}

static void write_width(struct wire_writer *writer, size_t width, uint64_t value)
{
    switch (width) {
    case 1:
        wire_write_u8(writer, (uint8_t)value);
        break;
    case 2:
        wire_write_u16(writer, (uint16_t)value);
        break;
    case 4:
        wire_write_u32(writer, (uint32_t)value);
        break;
    default:
        wire_write_u64(writer, value);
    }
}

static const size_t widths[] = {1, 2, 4, 8};

static const struct {
    uint8_t bytes[8];
    uint64_t values[4]; /* of the first 1, 2, 4 and 8 bytes */
} samples[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 0, 0}},
    {{1, 2, 3, 4, 5, 6, 7, 8}, {0x01, 0x0102, 0x01020304, 0x0102030405060708}},
    {{0x80, 0, 0, 0, 0, 0, 0, 0}, {0x80, 0x8000, 0x80000000, 0x8000000000000000}},
    {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
     {UINT8_MAX, UINT16_MAX, UINT32_MAX, UINT64_MAX}},
};

static void reads_big_endian(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(samples); i++) {
        for (size_t w = 0; w < LENGTH(widths); w++) {
            struct wire_reader reader;
            wire_reader_init(&reader, guarded_copy(samples[i].bytes, widths[w]), widths[w]);
            assert_int_equal(wire_reader_left(&reader), widths[w]);
            assert_true(read_width(&reader, widths[w]) == samples[i].values[w]);
            assert_int_equal(wire_reader_left(&reader), 0);
            assert_false(reader.overrun);
        }
    }
}

static void writes_big_endian(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(samples); i++) {
        for (size_t w = 0; w < LENGTH(widths); w++) {
            struct wire_writer writer;
            uint8_t *room = guarded_room(widths[w]);
            wire_writer_init(&writer, room, widths[w]);
            write_width(&writer, widths[w], samples[i].values[w]);
            assert_memory_equal(room, samples[i].bytes, widths[w]);
            assert_int_equal(wire_writer_len(&writer), widths[w]);
            assert_false(writer.overrun);
        }
    }
}

static void reads_zero_past_the_end(void **state)
{
    (void)state;
    static const uint8_t ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t w = 0; w < LENGTH(widths); w++) {
        for (size_t len = 0; len < widths[w]; len++) {
            struct wire_reader reader;
            wire_reader_init(&reader, guarded_copy(ones, len), len);
            assert_true(read_width(&reader, widths[w]) == 0);
            assert_true(reader.overrun);
        }
    }
}

static void reader_stays_overrun(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 3};
    struct wire_reader reader;
    wire_reader_init(&reader, guarded_copy(bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(wire_read_u32(&reader), 0);
    assert_int_equal(wire_reader_left(&reader), 0);
    assert_int_equal(wire_read_u8(&reader), 0);
    assert_null(wire_read_bytes(&reader, 1));
    assert_null(wire_read_bytes(&reader, 0));
    assert_true(reader.overrun);
}

static void reads_bytes_in_place(void **state)
{
    (void)state;
    struct wire_reader reader;
    const uint8_t *bytes = guarded_copy("abcde", 5);
    wire_reader_init(&reader, bytes, 5);
    assert_ptr_equal(wire_read_bytes(&reader, 0), bytes);
    assert_ptr_equal(wire_read_bytes(&reader, 2), bytes);
    assert_ptr_equal(wire_read_bytes(&reader, 3), bytes + 2);
    assert_non_null(wire_read_bytes(&reader, 0));
    assert_false(reader.overrun);
}

static void reads_no_bytes_past_the_end(void **state)
{
    (void)state;
    static const size_t too_long[] = {6, UINT16_MAX, SIZE_MAX - 4, SIZE_MAX};
    for (size_t i = 0; i < LENGTH(too_long); i++) {
        struct wire_reader reader;
        wire_reader_init(&reader, guarded_copy("abcde", 5), 5);
        assert_null(wire_read_bytes(&reader, too_long[i]));
        assert_true(reader.overrun);
    }
}

static void writes_nothing_that_does_not_fit(void **state)
{
    (void)state;
    for (size_t w = 0; w < LENGTH(widths); w++) {
        for (size_t size = 0; size < widths[w]; size++) {
            struct wire_writer writer;
            uint8_t *room = guarded_room(size);
            wire_writer_init(&writer, room, size);
            write_width(&writer, widths[w], 0);
            assert_true(writer.overrun);
            assert_int_equal(wire_writer_len(&writer), 0);
            for (size_t i = 0; i < size; i++) {
                assert_int_equal(room[i], 0xaa);
            }
        }
    }
}

static void writer_stays_overrun(void **state)
{
    (void)state;
    struct wire_writer writer;
    uint8_t *room = guarded_room(3);
    wire_writer_init(&writer, room, 3);
    wire_write_u8(&writer, 1);
    wire_write_bytes(&writer, "abc", 3);
    wire_write_u8(&writer, 2);
    wire_write_bytes(&writer, "d", 1);
    assert_true(writer.overrun);
    assert_int_equal(wire_writer_len(&writer), 1);
    assert_memory_equal(room, "\x01\xaa\xaa", 3);
}

static void writes_bytes_up_to_the_end(void **state)
{
    (void)state;
    struct wire_writer writer;
    uint8_t *room = guarded_room(5);
    wire_writer_init(&writer, room, 5);
    wire_write_bytes(&writer, "ab", 2);
    wire_write_bytes(&writer, NULL, 0);
    wire_write_bytes(&writer, "cde", 3);
    assert_false(writer.overrun);
    assert_int_equal(wire_writer_len(&writer), 5);
    assert_memory_equal(room, "abcde", 5);
    wire_write_bytes(&writer, NULL, 0);
    assert_false(writer.overrun);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_big_endian),
        cmocka_unit_test(writes_big_endian),
        cmocka_unit_test(reads_zero_past_the_end),
        cmocka_unit_test(reader_stays_overrun),
        cmocka_unit_test(reads_bytes_in_place),
        cmocka_unit_test(reads_no_bytes_past_the_end),
        cmocka_unit_test(writes_nothing_that_does_not_fit),
        cmocka_unit_test(writer_stays_overrun),
        cmocka_unit_test(writes_bytes_up_to_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

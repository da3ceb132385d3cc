/* SPDX-License-Identifier: Apache-2.0 */
/* The first step of the handshake between two nodes. */
#include "doctor/distribution.h"

#include <stdbool.h>
#include <string.h>

#include "core/ascii.h"
#include "core/wire.h"

/* The version from which on a node says its name in the newer way (OTP 23). */
#define VERSION_NEW 6
#define VERSION_OLD 5

#define STATUS_TAG 's'
#define TLS_ALERT 21
#define TLS_MAJOR 3

/* What current nodes demand of each other: without these they log that they turned
 * somebody away. PUBLISHED, which a hidden node does not have, is not among them. */
#define EXTENDED_REFERENCES 0x4u
#define FUN_TAGS 0x10u
#define NEW_FUN_TAGS 0x80u
#define EXTENDED_PIDS_PORTS 0x100u
#define EXPORT_PTR_TAG 0x200u
#define BIT_BINARIES 0x400u
#define NEW_FLOATS 0x800u
#define UTF8_ATOMS 0x10000u
#define MAP_TAG 0x20000u
#define BIG_CREATION 0x40000u
#define HANDSHAKE_23 0x1000000u
#define UNLINK_ID 0x2000000u
#define V4_NC ((uint64_t)1 << 34)
#define MANDATORY_25_DIGEST ((uint64_t)1 << 36)

#define FLAGS_OLD                                                                           \
    (EXTENDED_REFERENCES | FUN_TAGS | NEW_FUN_TAGS | EXTENDED_PIDS_PORTS | EXPORT_PTR_TAG | \
     BIT_BINARIES | NEW_FLOATS | UTF8_ATOMS | MAP_TAG | BIG_CREATION)
#define FLAGS_NEW (FLAGS_OLD | HANDSHAKE_23 | UNLINK_ID | V4_NC | MANDATORY_25_DIGEST)

size_t distribution_encode_hello(uint8_t hello[DISTRIBUTION_HELLO_MAX], uint16_t highest,
                                 const char *name)
{
    struct wire_writer writer;
    size_t name_len = strlen(name);
    bool is_new = highest >= VERSION_NEW;
    size_t fixed = is_new ? 1 + 8 + 4 + 2 : 1 + 2 + 4;
    if (name_len > DISTRIBUTION_NAME_MAX) {
        return 0;
    }
    wire_writer_init(&writer, hello, DISTRIBUTION_HELLO_MAX);
    wire_write_u16(&writer, (uint16_t)(fixed + name_len));
    if (is_new) {
        wire_write_u8(&writer, 'N');
        wire_write_u64(&writer, FLAGS_NEW);
        wire_write_u32(&writer, 1); /* a creation: that of nobody */
        wire_write_u16(&writer, (uint16_t)name_len);
    } else {
        wire_write_u8(&writer, 'n');
        wire_write_u16(&writer, VERSION_OLD);
        wire_write_u32(&writer, FLAGS_OLD);
    }
    wire_write_bytes(&writer, name, name_len);
    return wire_writer_len(&writer);
}

enum distribution_answer distribution_decode_answer(const uint8_t *bytes, size_t len,
                                                    char status[DISTRIBUTION_STATUS_SIZE])
{
    struct wire_reader reader;
    if (len >= 2 && bytes[0] == TLS_ALERT && bytes[1] == TLS_MAJOR) {
        return DISTRIBUTION_TLS;
    }
    wire_reader_init(&reader, bytes, len);
    size_t message_len = wire_read_u16(&reader);
    if (reader.overrun) {
        return DISTRIBUTION_MORE;
    }
    if (message_len < 1 || message_len > DISTRIBUTION_STATUS_SIZE) {
        return DISTRIBUTION_OTHER;
    }
    uint8_t tag = wire_read_u8(&reader);
    const uint8_t *text = wire_read_bytes(&reader, message_len - 1);
    if (!reader.overrun && tag == STATUS_TAG) {
        ascii_copy(text, message_len - 1, '?', status);
        return DISTRIBUTION_STATUS;
    }
    bool may_be_status = reader.overrun && (len == 2 || tag == STATUS_TAG);
    return may_be_status ? DISTRIBUTION_MORE : DISTRIBUTION_OTHER;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The start of the handshake between two nodes. */
#include "doctor/distribution.h"

#include <stdbool.h>
#include <string.h>

#include "core/ascii.h"
#include "core/wire.h"

/* The version from which on a node says its name in the newer way (OTP 23). */
#define VERSION_NEW 6
#define VERSION_OLD 5

#define STATUS_TAG 's'
#define CHALLENGE_MAX (1 + 8 + 4 + 4 + 2 + DISTRIBUTION_NODE_MAX)
#define TLS_ALERT 21
#define TLS_MAJOR 3

/* What current nodes demand of each other: a node that lacks one of these is turned away, and
 * that is logged. PUBLISHED, which a hidden node does not have, is not among them. */
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
        wire_write_u32(&writer, 1); /* a creation; any will do */
        wire_write_u16(&writer, (uint16_t)name_len);
    } else {
        wire_write_u8(&writer, 'n');
        wire_write_u16(&writer, VERSION_OLD);
        wire_write_u32(&writer, FLAGS_OLD);
    }
    wire_write_bytes(&writer, name, name_len);
    return wire_writer_len(&writer);
}

/* Starts to read the next message. Returns its length, or 0 where that has yet to come. */
static size_t read_message(struct wire_reader *reader, struct wire_reader *message)
{
    size_t len = wire_read_u16(reader);
    size_t here = wire_reader_left(reader) < len ? wire_reader_left(reader) : len;
    wire_reader_init(message, wire_read_bytes(reader, here), here);
    return reader->overrun ? 0 : len;
}

/* The tag comes first: a message that begins with another one need not be waited for. */
static enum distribution_kind read_status(struct wire_reader *reader,
                                          struct distribution_answer *out)
{
    struct wire_reader message;
    bool has_len = wire_reader_left(reader) >= 2;
    size_t len = read_message(reader, &message);
    if (!has_len) {
        return DISTRIBUTION_MORE;
    }
    size_t here = wire_reader_left(&message);
    if (len < 1 || len > DISTRIBUTION_STATUS_SIZE ||
        (here > 0 && wire_read_u8(&message) != STATUS_TAG)) {
        return DISTRIBUTION_OTHER;
    }
    if (here < len) {
        return DISTRIBUTION_MORE;
    }
    ascii_copy(message.at, wire_reader_left(&message), '?', out->status);
    return DISTRIBUTION_STATUS;
}

static bool goes_on(const char *status)
{
    return strcmp(status, "ok") == 0 || strcmp(status, "ok_simultaneous") == 0;
}

static enum distribution_kind read_challenge(struct wire_reader *reader,
                                             struct distribution_answer *out)
{
    struct wire_reader message;
    bool has_len = wire_reader_left(reader) >= 2;
    size_t len = read_message(reader, &message);
    if (!has_len || (wire_reader_left(&message) < len && len <= CHALLENGE_MAX)) {
        return DISTRIBUTION_STATUS;
    }
    uint8_t tag = wire_read_u8(&message);
    bool is_new = tag == 'N';
    (void)wire_read_bytes(&message, is_new ? 8 + 4 : 2 + 4 + 4); /* flags and the like */
    out->creation = is_new ? wire_read_u32(&message) : 0;
    size_t name_len = is_new ? wire_read_u16(&message) : wire_reader_left(&message);
    out->name = wire_read_bytes(&message, name_len);
    out->name_len = name_len;
    bool is_one = (is_new || tag == 'n') && !message.overrun && len <= CHALLENGE_MAX &&
                  name_len >= 1 && name_len <= DISTRIBUTION_NODE_MAX;
    return is_one ? DISTRIBUTION_NODE : DISTRIBUTION_OTHER;
}

void distribution_decode_answer(const uint8_t *bytes, size_t len, struct distribution_answer *out)
{
    struct wire_reader reader;
    *out = (struct distribution_answer){.is_whole = true};
    if (len >= 2 && bytes[0] == TLS_ALERT && bytes[1] == TLS_MAJOR) {
        out->kind = DISTRIBUTION_TLS;
        return;
    }
    wire_reader_init(&reader, bytes, len);
    out->kind = read_status(&reader, out);
    if (out->kind == DISTRIBUTION_STATUS && goes_on(out->status)) {
        out->kind = read_challenge(&reader, out);
        out->is_whole = out->kind != DISTRIBUTION_STATUS;
    }
    out->is_whole &= out->kind != DISTRIBUTION_MORE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies of the EPMD protocol. */
#include "core/protocol.h"

#include <errno.h>
#include <string.h>

enum {
    PORT2_RESP = 119,
    ALIVE2_RESP = 121,
    ALIVE2_X_RESP = 118,
};

enum {
    RESULT_OK = 0,
    RESULT_ERROR = 1,
};

/* Nodes from this distribution version on (OTP 23) read a creation of 32 bits. */
#define HIGHEST_WITH_WIDE_CREATION 6

/* What stock epmd sends beside result 1, where every client ignores it. */
#define REFUSED_CREATION 99

enum refusal protocol_frame_check(size_t frame_len)
{
    if (frame_len == 0) {
        return REFUSAL_FRAME_EMPTY;
    }
    return frame_len > PROTOCOL_FRAME_MAX ? REFUSAL_FRAME_TOO_LONG : REFUSAL_NONE;
}

void protocol_read_node(struct wire_reader *reader, struct protocol_node *node)
{
    node->port = wire_read_u16(reader);
    node->type = wire_read_u8(reader);
    node->protocol = wire_read_u8(reader);
    node->highest = wire_read_u16(reader);
    node->lowest = wire_read_u16(reader);
    uint16_t name_len = wire_read_u16(reader);
    node->name = wire_read_bytes(reader, name_len);
    node->name_len = node->name ? name_len : 0;
    uint16_t extra_len = wire_read_u16(reader);
    node->extra = wire_read_bytes(reader, extra_len);
    node->extra_len = node->extra ? extra_len : 0;
}

/* Each lookup's reply is written here: called, it would cost one in twenty of its
 * instructions. */
static inline __attribute__((always_inline)) void write_node(struct wire_writer *writer,
                                                             const struct protocol_node *node)
{
    wire_write_u16(writer, node->port);
    wire_write_u8(writer, node->type);
    wire_write_u8(writer, node->protocol);
    wire_write_u16(writer, node->highest);
    wire_write_u16(writer, node->lowest);
    wire_write_u16(writer, node->name_len);
    wire_write_bytes(writer, node->name, node->name_len);
    wire_write_u16(writer, node->extra_len);
    wire_write_bytes(writer, node->extra, node->extra_len);
}

void protocol_write_node(struct wire_writer *writer, const struct protocol_node *node)
{
    write_node(writer, node);
}

static enum refusal decode_alive(struct wire_reader *reader, struct protocol_node *node)
{
    protocol_read_node(reader, node);
    if (reader->overrun) {
        return REFUSAL_TRUNCATED;
    }
    enum refusal refusal = name_check(node->name, node->name_len);
    if (refusal == REFUSAL_NONE && node->extra_len > PROTOCOL_EXTRA_MAX) {
        refusal = REFUSAL_EXTRA_TOO_LONG;
    }
    return refusal;
}

/* The name ends with the frame; C clients may have left a NUL at its end. */
static enum refusal decode_name(struct wire_reader *reader, struct protocol_node *node)
{
    size_t len = wire_reader_left(reader);
    node->name = wire_read_bytes(reader, len);
    if (len > 0 && node->name[len - 1] == '\0') {
        len--;
    }
    node->name_len = (uint16_t)len;
    return name_check(node->name, len);
}

/* STOP_REQ may ask for what can be no name: then there is no node of that name. */
static enum refusal decode_any_name(struct wire_reader *reader, struct protocol_node *node)
{
    bool empty = wire_reader_left(reader) == 0;
    decode_name(reader, node);
    return empty ? REFUSAL_NAME_EMPTY : REFUSAL_NONE;
}

enum refusal protocol_decode(const uint8_t *frame, size_t len, struct protocol_request *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, frame, len);
    *out = (struct protocol_request){.tag = wire_read_u8(&reader)};

    switch (out->tag) {
    case PROTOCOL_ALIVE2_REQ:
        return decode_alive(&reader, &out->node);
    case PROTOCOL_PORT2_REQ:
        return decode_name(&reader, &out->node);
    case PROTOCOL_STOP_REQ:
        return decode_any_name(&reader, &out->node);
    case PROTOCOL_NAMES_REQ:
    case PROTOCOL_DUMP_REQ:
    case PROTOCOL_KILL_REQ:
    case PROTOCOL_RELOAD_REQ:
    case PROTOCOL_INFO_REQ:
        return REFUSAL_NONE;
    }
    return REFUSAL_TAG_UNKNOWN;
}

int protocol_decode_node(const uint8_t *reply, size_t len, struct protocol_node *out)
{
    struct wire_reader reader;
    wire_reader_init(&reader, reply, len);
    uint8_t tag = wire_read_u8(&reader);
    uint8_t result = wire_read_u8(&reader);
    if (reader.overrun || tag != PORT2_RESP) {
        return -EINVAL;
    }
    if (result != RESULT_OK) {
        return -ENOENT;
    }
    *out = (struct protocol_node){0};
    protocol_read_node(&reader, out);
    return reader.overrun ? -EINVAL : 0;
}

const char *protocol_tag_name(uint8_t tag)
{
    switch (tag) {
    case PROTOCOL_ALIVE2_REQ:
        return "ALIVE2_REQ";
    case PROTOCOL_PORT2_REQ:
        return "PORT_PLEASE2_REQ";
    case PROTOCOL_NAMES_REQ:
        return "NAMES_REQ";
    case PROTOCOL_DUMP_REQ:
        return "DUMP_REQ";
    case PROTOCOL_KILL_REQ:
        return "KILL_REQ";
    case PROTOCOL_STOP_REQ:
        return "STOP_REQ";
    case PROTOCOL_RELOAD_REQ:
        return "RELOAD_REQ";
    case PROTOCOL_INFO_REQ:
        return "INFO_REQ";
    default:
        return NULL;
    }
}

const char *protocol_type_name(uint8_t type)
{
    if (type == PROTOCOL_TYPE_NORMAL) {
        return "normal";
    }
    return type == PROTOCOL_TYPE_HIDDEN ? "hidden" : NULL;
}

bool protocol_alive_refusal_has_reply(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_NAME_NOT_UTF8:
    case REFUSAL_NAME_TOO_LONG:
    case REFUSAL_EXTRA_TOO_LONG:
    case REFUSAL_NAME_TAKEN:
    case REFUSAL_REGISTRY_FULL:
    case REFUSAL_HOST_FULL:
    case REFUSAL_KEPT_FOR_LOCAL:
    case REFUSAL_NO_MEMORY:
        return true;
    default:
        return false;
    }
}

size_t protocol_encode_alive(uint8_t reply[PROTOCOL_REPLY_MAX], uint16_t highest, bool accepted,
                             uint32_t creation)
{
    struct wire_writer writer;
    wire_writer_init(&writer, reply, PROTOCOL_REPLY_MAX);
    bool wide = highest >= HIGHEST_WITH_WIDE_CREATION;
    uint8_t result = accepted ? RESULT_OK : RESULT_ERROR;

    wire_write_u8(&writer, wide ? ALIVE2_X_RESP : ALIVE2_RESP);
    wire_write_u8(&writer, result);
    if (wide) {
        wire_write_u32(&writer, accepted ? creation : REFUSED_CREATION);
    } else {
        wire_write_u16(&writer, accepted ? (uint16_t)(creation % 3 + 1) : REFUSED_CREATION);
    }
    return wire_writer_len(&writer);
}

size_t protocol_encode_node(uint8_t reply[PROTOCOL_REPLY_MAX], const struct protocol_node *node)
{
    struct wire_writer writer;
    wire_writer_init(&writer, reply, PROTOCOL_REPLY_MAX);
    wire_write_u8(&writer, PORT2_RESP);
    wire_write_u8(&writer, RESULT_OK);
    write_node(&writer, node);
    return wire_writer_len(&writer);
}

size_t protocol_encode_no_node(uint8_t reply[PROTOCOL_REPLY_MAX])
{
    struct wire_writer writer;
    wire_writer_init(&writer, reply, PROTOCOL_REPLY_MAX);
    wire_write_u8(&writer, PORT2_RESP);
    wire_write_u8(&writer, RESULT_ERROR);
    return wire_writer_len(&writer);
}

size_t protocol_encode_text(uint8_t reply[PROTOCOL_REPLY_MAX], const char *text)
{
    struct wire_writer writer;
    wire_writer_init(&writer, reply, PROTOCOL_REPLY_MAX);
    wire_write_bytes(&writer, text, strlen(text));
    return wire_writer_len(&writer);
}

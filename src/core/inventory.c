/* SPDX-License-Identifier: Apache-2.0 */
/* The reply to INFO_REQ. */
#include "core/inventory.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <utlist.h>

#include "core/ascii.h"

#define HEADER_SIZE 2
#define RECORD_HEADER_SIZE 3
#define DENIAL_FIXED_SIZE 12u /* all of its fields but the bytes of reason and name */
#define NODE_FIXED_SIZE 42u   /* all of its fields but the bytes of name and extra */
#define DAEMON_SIZE_MAX \
    (64 + INVENTORY_EPMD_SIZE + 3 * NETWORKS_TEXT_SIZE + 18 * (size_t)INVENTORY_LISTENERS_MAX)

#define FLAG_RELAXED 1

enum record_kind {
    RECORD_DAEMON = 1,
    RECORD_NODE = 2,
    RECORD_DENIAL = 3,
};

const char *inventory_watcher_name(enum inventory_watcher watcher)
{
    static const char *const names[INVENTORY_WATCHERS] = {
        [INVENTORY_NO_WATCHER] = "none",
        [INVENTORY_KEEPER] = "keeper",
        [INVENTORY_MANAGER] = "manager",
    };
    return names[watcher];
}

/* ---- writing ---- */

static void write_text(struct wire_writer *writer, const char *text)
{
    size_t len = strlen(text);
    wire_write_u16(writer, (uint16_t)len);
    wire_write_bytes(writer, text, len);
}

static void write_endpoint(struct wire_writer *writer, const struct endpoint *endpoint)
{
    wire_write_bytes(writer, endpoint->address.bytes, sizeof endpoint->address.bytes);
    wire_write_u16(writer, endpoint->port);
}

static void write_record_header(struct wire_writer *writer, enum record_kind kind, size_t len)
{
    assert(len <= UINT16_MAX);
    wire_write_u8(writer, (uint8_t)kind);
    wire_write_u16(writer, (uint16_t)len);
}

static size_t encode_daemon(uint8_t body[DAEMON_SIZE_MAX], const struct inventory_daemon *daemon,
                            const struct registry *registry)
{
    struct wire_writer writer;
    wire_writer_init(&writer, body, DAEMON_SIZE_MAX);
    wire_write_u16(&writer, daemon->port);
    wire_write_u32(&writer, daemon->pid);
    wire_write_u8(&writer, (uint8_t)daemon->watcher);
    wire_write_u8(&writer, daemon->relaxed ? FLAG_RELAXED : 0);
    wire_write_u64(&writer, (uint64_t)daemon->started_ms);
    wire_write_u32(&writer, (uint32_t)registry->n_live);
    wire_write_u32(&writer, daemon->n_stored);
    write_text(&writer, daemon->version);
    write_text(&writer, daemon->allow_lookup);
    write_text(&writer, daemon->allow_names);
    write_text(&writer, daemon->allow_register);
    wire_write_u16(&writer, (uint16_t)daemon->n_listeners);
    for (size_t i = 0; i < daemon->n_listeners; i++) {
        write_endpoint(&writer, &daemon->listeners[i]);
    }
    wire_write_u32(&writer, (uint32_t)registry->max_live);
    assert(!writer.overrun);
    return wire_writer_len(&writer);
}

static size_t node_size(const struct registry_node *node)
{
    return NODE_FIXED_SIZE + node->info.name_len + node->info.extra_len;
}

static void write_node(struct wire_writer *writer, const struct registry_node *node,
                       int64_t clock_ms)
{
    write_record_header(writer, RECORD_NODE, node_size(node));
    wire_write_u64(writer, (uint64_t)(clock_ms + node->since_ms));
    wire_write_u32(writer, node->creation);
    write_endpoint(writer, &node->peer);
    protocol_write_node(writer, &node->info);
}

static size_t denial_size(const struct denial *denial)
{
    return DENIAL_FIXED_SIZE + strlen(refusal_text(denial->refusal)) + denial->name_len;
}

static void write_denial(struct wire_writer *writer, const struct denial *denial, int64_t clock_ms)
{
    write_record_header(writer, RECORD_DENIAL, denial_size(denial));
    wire_write_u64(writer, (uint64_t)(clock_ms + denial->at_ms));
    write_text(writer, refusal_text(denial->refusal));
    wire_write_u16(writer, denial->name_len);
    wire_write_bytes(writer, denial->name, denial->name_len);
}

static struct sheet *write_group(const struct registry_group *group, const void *argument)
{
    const struct inventory_daemon *daemon = argument;
    const struct registry_node *node = group->first;
    struct wire_writer writer;
    size_t size = 0;
    for (size_t i = 0; i < group->n_nodes; i++, node = node->next) {
        size += RECORD_HEADER_SIZE + node_size(node);
    }
    struct sheet *sheet = sheet_new(size);
    if (!sheet) {
        return NULL;
    }
    wire_writer_init(&writer, sheet->bytes, size);
    node = group->first;
    for (size_t i = 0; i < group->n_nodes; i++, node = node->next) {
        write_node(&writer, node, daemon->clock_ms);
    }
    assert(wire_writer_len(&writer) == size);
    return sheet;
}

static struct sheet *write_head(const struct inventory_daemon *daemon,
                                const struct registry *registry)
{
    uint8_t body[DAEMON_SIZE_MAX];
    size_t body_len = encode_daemon(body, daemon, registry);
    struct wire_writer writer;
    struct sheet *sheet = sheet_new(HEADER_SIZE + RECORD_HEADER_SIZE + body_len);
    if (sheet) {
        wire_writer_init(&writer, sheet->bytes, sheet->len);
        wire_write_u8(&writer, PROTOCOL_INFO_REQ);
        wire_write_u8(&writer, INVENTORY_VERSION);
        write_record_header(&writer, RECORD_DAEMON, body_len);
        wire_write_bytes(&writer, body, body_len);
    }
    return sheet;
}

static struct sheet *write_denials(const struct denials *denials, int64_t clock_ms)
{
    struct wire_writer writer;
    size_t size = 0;
    for (size_t i = 0; i < denials->n; i++) {
        size += RECORD_HEADER_SIZE + denial_size(&denials->list[i]);
    }
    struct sheet *sheet = sheet_new(size);
    if (sheet) {
        wire_writer_init(&writer, sheet->bytes, size);
        for (size_t i = 0; i < denials->n; i++) {
            write_denial(&writer, &denials->list[i], clock_ms);
        }
        assert(wire_writer_len(&writer) == size);
    }
    return sheet;
}

struct listing *inventory_new(struct registry *registry, const struct inventory_daemon *daemon,
                              const struct denials *denials)
{
    struct sheet *refused = write_denials(denials, daemon->clock_ms);
    return refused ? listing_assemble(registry, REGISTRY_INFO, write_group, daemon,
                                      write_head(daemon, registry), refused)
                   : NULL;
}

/* ---- reading ---- */

static void read_text(struct wire_reader *reader, char *out, size_t size)
{
    size_t len = wire_read_u16(reader);
    const uint8_t *text = wire_read_bytes(reader, len);
    size_t n = len < size ? len : size - 1;
    ascii_copy(text, text ? n : 0, '?', out);
}

static struct endpoint read_endpoint(struct wire_reader *reader)
{
    struct endpoint endpoint = {.port = 0};
    const uint8_t *bytes = wire_read_bytes(reader, sizeof endpoint.address.bytes);
    if (bytes) {
        memcpy(endpoint.address.bytes, bytes, sizeof endpoint.address.bytes);
    }
    endpoint.port = wire_read_u16(reader);
    return endpoint;
}

/* Reads a record, and starts to read its body. */
static uint8_t read_record(struct wire_reader *reader, struct wire_reader *body)
{
    uint8_t kind = wire_read_u8(reader);
    size_t len = wire_read_u16(reader);
    const uint8_t *bytes = wire_read_bytes(reader, len);
    wire_reader_init(body, bytes, bytes ? len : 0);
    return kind;
}

static enum inventory_watcher read_watcher(struct wire_reader *reader)
{
    uint8_t watcher = wire_read_u8(reader);
    return watcher < INVENTORY_WATCHERS ? (enum inventory_watcher)watcher : INVENTORY_NO_WATCHER;
}

static void read_listeners(struct wire_reader *reader, struct inventory_daemon *out)
{
    size_t n = wire_read_u16(reader);
    for (size_t i = 0; i < n; i++) {
        struct endpoint listener = read_endpoint(reader);
        if (i < INVENTORY_LISTENERS_MAX) {
            out->listeners[out->n_listeners++] = listener;
        }
    }
}

static int decode_daemon(struct wire_reader *reader, struct inventory_daemon *out)
{
    *out = (struct inventory_daemon){.port = wire_read_u16(reader)};
    out->pid = wire_read_u32(reader);
    out->watcher = read_watcher(reader);
    out->relaxed = wire_read_u8(reader) & FLAG_RELAXED;
    out->started_ms = (int64_t)wire_read_u64(reader);
    out->n_nodes = wire_read_u32(reader);
    out->n_stored = wire_read_u32(reader);
    read_text(reader, out->version, sizeof out->version);
    read_text(reader, out->allow_lookup, sizeof out->allow_lookup);
    read_text(reader, out->allow_names, sizeof out->allow_names);
    read_text(reader, out->allow_register, sizeof out->allow_register);
    read_listeners(reader, out);
    if (wire_reader_left(reader) > 0) { /* an older epmd's ends here */
        out->max_nodes = wire_read_u32(reader);
    }
    return reader->overrun ? -EINVAL : 0;
}

int inventory_read_daemon(struct inventory_reader *reader, const uint8_t *bytes, size_t len,
                          struct inventory_daemon *out)
{
    struct wire_reader body;
    wire_reader_init(&reader->wire, bytes, len);
    uint8_t tag = wire_read_u8(&reader->wire);
    uint8_t version = wire_read_u8(&reader->wire);
    if (reader->wire.overrun || tag != PROTOCOL_INFO_REQ) {
        return -EINVAL;
    }
    if (version != INVENTORY_VERSION) {
        return -EPROTONOSUPPORT;
    }
    if (read_record(&reader->wire, &body) != RECORD_DAEMON) {
        return -EINVAL;
    }
    int status = decode_daemon(&body, out);
    reader->n_left = out->n_nodes;
    return status;
}

static int decode_node(struct wire_reader *reader, struct inventory_node *out)
{
    *out = (struct inventory_node){.since_ms = (int64_t)wire_read_u64(reader)};
    out->creation = wire_read_u32(reader);
    out->peer = read_endpoint(reader);
    protocol_read_node(reader, &out->info);
    return reader->overrun ? -EINVAL : 1;
}

int inventory_read_node(struct inventory_reader *reader, struct inventory_node *out)
{
    while (reader->n_left > 0) {
        struct wire_reader body;
        uint8_t kind = read_record(&reader->wire, &body);
        if (reader->wire.overrun) {
            return -EINVAL;
        }
        if (kind == RECORD_NODE) {
            reader->n_left--;
            return decode_node(&body, out);
        }
    }
    return 0;
}

static int decode_denial(struct wire_reader *reader, struct inventory_denial *out)
{
    *out = (struct inventory_denial){.at_ms = (int64_t)wire_read_u64(reader)};
    read_text(reader, out->reason, sizeof out->reason);
    out->name_len = wire_read_u16(reader);
    out->name = wire_read_bytes(reader, out->name_len);
    return reader->overrun ? -EINVAL : 1;
}

int inventory_read_denial(struct inventory_reader *reader, struct inventory_denial *out)
{
    while (reader->n_left == 0 && wire_reader_left(&reader->wire) > 0) {
        struct wire_reader body;
        uint8_t kind = read_record(&reader->wire, &body);
        if (reader->wire.overrun) {
            return -EINVAL;
        }
        if (kind == RECORD_DENIAL) {
            return decode_denial(&body, out);
        }
    }
    return 0;
}

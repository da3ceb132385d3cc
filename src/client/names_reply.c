/* SPDX-License-Identifier: Apache-2.0 */
/* A reply to NAMES_REQ, as a client reads it. */
#include "client/names_reply.h"

#include <string.h>

#define LINE_START "name "

uint32_t names_reply_init(struct wire_reader *reader, const struct exchange_reply *reply)
{
    wire_reader_init(reader, reply->bytes, reply->len);
    return wire_read_u32(reader);
}

bool names_reply_is_one(const struct exchange_reply *reply)
{
    struct wire_reader reader;
    uint32_t port = names_reply_init(&reader, reply);
    size_t left = wire_reader_left(&reader);
    return port > 0 && port <= UINT16_MAX &&
           (left == 0 || strncmp((const char *)reader.at, LINE_START, strlen(LINE_START)) == 0);
}

bool names_reply_is_whole(const struct exchange_reply *reply)
{
    struct wire_reader reader;
    names_reply_init(&reader, reply);
    uint8_t last = reply->len > 0 ? reply->bytes[reply->len - 1] : 0;
    return !reply->is_cut && !reader.overrun &&
           (wire_reader_left(&reader) == 0 || last == '\n' || last == '\0');
}

size_t names_reply_count(const struct exchange_reply *reply)
{
    struct wire_reader reader;
    struct protocol_node node;
    size_t n = 0;
    names_reply_init(&reader, reply);
    while (listing_read_name(&reader, &node)) {
        n++;
    }
    return n;
}

bool names_reply_has(const struct exchange_reply *reply, const char *name)
{
    struct wire_reader reader;
    struct protocol_node node;
    size_t len = strlen(name);
    names_reply_init(&reader, reply);
    while (listing_read_name(&reader, &node)) {
        if (node.name_len == len && memcmp(node.name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

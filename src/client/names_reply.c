/* SPDX-License-Identifier: Apache-2.0 */
/* A reply to NAMES_REQ, as a client looks at it. */
#include "client/names_reply.h"

#include <string.h>

#include "core/listing.h"
#include "core/wire.h"

#define HEADER_LEN 4 /* epmd's port */
#define LINE_START "name "

bool names_reply_is_one(const struct exchange_reply *reply)
{
    struct wire_reader reader;
    wire_reader_init(&reader, reply->bytes, reply->len);
    uint32_t port = wire_read_u32(&reader);
    bool plausible = !reader.overrun && port > 0 && port <= UINT16_MAX;
    return plausible &&
           (reply->len == HEADER_LEN ||
            strncmp((const char *)reply->bytes + HEADER_LEN, LINE_START, strlen(LINE_START)) == 0);
}

void names_reply_init(struct names_reply *reader, const struct exchange_reply *reply)
{
    size_t header_len = reply->len < HEADER_LEN ? reply->len : HEADER_LEN;
    *reader = (struct names_reply){0};
    if (reply->bytes) {
        reader->at = reply->bytes + header_len;
        reader->end = reply->bytes + reply->len;
    }
}

bool names_reply_next(struct names_reply *reader, struct protocol_node *out)
{
    return listing_read_name(&reader->at, reader->end, out);
}

size_t names_reply_count(const struct exchange_reply *reply)
{
    struct names_reply reader;
    struct protocol_node node;
    size_t n = 0;
    names_reply_init(&reader, reply);
    while (names_reply_next(&reader, &node)) {
        n++;
    }
    return n;
}

bool names_reply_has(const struct exchange_reply *reply, const char *name)
{
    struct names_reply reader;
    struct protocol_node node;
    size_t len = strlen(name);
    names_reply_init(&reader, reply);
    while (names_reply_next(&reader, &node)) {
        if (node.name_len == len && memcmp(node.name, name, len) == 0) {
            return true;
        }
    }
    return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The input is a frame: what is decoded lies in it, and is encoded as it came. */
#include <string.h>

#include "core/protocol.h"
#include "fuzz.h"

static void require_inside(const uint8_t *part, size_t len, const uint8_t *data, size_t size)
{
    REQUIRE(len <= size);
    REQUIRE(len == 0 || (part >= data && part + len <= data + size));
}

/* ALIVE2_REQ and PORT2_RESP hold the same fields, after the tag and the result. */
static void require_echo(const struct protocol_node *node, const uint8_t *data, size_t size)
{
    uint8_t reply[PROTOCOL_REPLY_MAX];
    size_t len = protocol_encode_node(reply, node);
    REQUIRE(len - 2 <= size - 1);
    REQUIRE(len == 14u + node->name_len + node->extra_len);
    REQUIRE(memcmp(reply + 2, data + 1, len - 2) == 0);
}

static void require_plain_text(const uint8_t *name, size_t len, size_t size)
{
    char text[NAME_TEXT_SIZE];
    memset(text, 0x7f, sizeof text);
    name_format(name, len, text, size);
    size_t text_len = strnlen(text, size);
    REQUIRE(text_len < size);
    for (size_t i = 0; i < text_len; i++) {
        REQUIRE((uint8_t)text[i] >= 0x20 && text[i] != 0x7f);
    }
    for (size_t i = size; i < sizeof text; i++) {
        REQUIRE(text[i] == 0x7f);
    }
}

static void require_request(const struct protocol_request *request, const uint8_t *data,
                            size_t size)
{
    const struct protocol_node *node = &request->node;
    bool bare = strchr("ndkri", (int)request->tag) != NULL;
    REQUIRE(protocol_tag_name(data[0]) != NULL);
    REQUIRE((node->name == NULL) == bare);
    if (!bare && request->tag != PROTOCOL_STOP_REQ) {
        REQUIRE(name_check(node->name, node->name_len) == REFUSAL_NONE);
        REQUIRE(node->name_len <= NAME_MAX_LEN && node->extra_len <= PROTOCOL_EXTRA_MAX);
    }
    if (request->tag == PROTOCOL_ALIVE2_REQ) {
        require_echo(node, data, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct protocol_request request;
    if (protocol_frame_check(size) != REFUSAL_NONE) {
        return 0;
    }
    enum refusal refusal = protocol_decode(data, size, &request);
    require_inside(request.node.name, request.node.name_len, data, size);
    require_inside(request.node.extra, request.node.extra_len, data, size);
    REQUIRE((int)request.tag == data[0]);
    if (refusal == REFUSAL_NONE) {
        require_request(&request, data, size);
    }
    require_plain_text(request.node.name, request.node.name_len, NAME_TEXT_SIZE);
    require_plain_text(data, size, 4 + size % 61);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as clients send them. */
#include "requests.h"

#include <stdlib.h>
#include <string.h>

void request_add_bytes(struct request *request, const void *bytes, size_t len)
{
    if (len > sizeof request->bytes - request->len) {
        abort();
    }
    if (len > 0) {
        memcpy(request->bytes + request->len, bytes, len);
        request->len += len;
    }
}

static void add_u8(struct request *request, uint8_t value)
{
    request_add_bytes(request, &value, 1);
}

static void add_u16(struct request *request, uint16_t value)
{
    add_u8(request, (uint8_t)(value >> 8));
    add_u8(request, (uint8_t)(value & 0xff));
}

void request_set_length(struct request *request)
{
    size_t len = request->len - 2;
    request->bytes[0] = (uint8_t)(len >> 8);
    request->bytes[1] = (uint8_t)(len & 0xff);
}

struct protocol_node node_info(const char *name)
{
    return (struct protocol_node){
        .port = 35099,
        .type = 77,
        .highest = 6,
        .lowest = 5,
        .name_len = (uint16_t)strlen(name),
        .name = (const uint8_t *)name,
    };
}

struct request request_bare(uint8_t tag)
{
    struct request request = {.len = 2};
    add_u8(&request, tag);
    request_set_length(&request);
    return request;
}

struct request request_named(uint8_t tag, const void *name, size_t len)
{
    struct request request = request_bare(tag);
    request_add_bytes(&request, name, len);
    request_set_length(&request);
    return request;
}

struct request request_alive(const struct protocol_node *info)
{
    struct request request = request_bare(120);
    add_u16(&request, info->port);
    add_u8(&request, info->type);
    add_u8(&request, info->protocol);
    add_u16(&request, info->highest);
    add_u16(&request, info->lowest);
    add_u16(&request, info->name_len);
    request_add_bytes(&request, info->name, info->name_len);
    add_u16(&request, info->extra_len);
    request_add_bytes(&request, info->extra, info->extra_len);
    request_set_length(&request);
    return request;
}

size_t repeat(uint8_t *out, const char *character, size_t n)
{
    size_t len = strlen(character);
    for (size_t i = 0; i < n; i++) {
        memcpy(out + i * len, character, len);
    }
    return n * len;
}

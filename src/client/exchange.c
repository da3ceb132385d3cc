/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an epmd, and its whole reply. */
#include "client/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "client/stream.h"
#include "core/protocol.h"
#include "core/wire.h"
#include "system/sockaddr.h"

#define REPLY_SIZE_FIRST 4096
#define REPLY_SIZE_MAX ((size_t)64 << 20) /* more than any epmd's names take */

/* Makes room for one byte more and the NUL. */
static int reply_grow(struct exchange_reply *reply, size_t *size)
{
    if (reply->len + 1 < *size) {
        return 0;
    }
    size_t larger = *size ? *size * 2 : REPLY_SIZE_FIRST;
    if (larger > REPLY_SIZE_MAX) {
        return -EMSGSIZE;
    }
    uint8_t *bytes = realloc(reply->bytes, larger);
    if (!bytes) {
        return -ENOMEM;
    }
    reply->bytes = bytes;
    *size = larger;
    return 0;
}

static int receive_reply(const struct stream *stream, struct exchange_reply *reply)
{
    size_t size = 0;
    for (;;) {
        size_t n = 0;
        int status = reply_grow(reply, &size);
        if (status == 0) {
            status = stream_receive(stream, reply->bytes + reply->len, size - reply->len - 1, &n);
        }
        if (status < 0) {
            return status;
        }
        reply->len += n;
        reply->bytes[reply->len] = '\0';
        if (n == 0) {
            return 0;
        }
    }
}

int exchange_at(const struct sockaddr *to, socklen_t to_len, const void *request, size_t len,
                int timeout_ms, struct exchange_reply *reply)
{
    uint8_t frame[PROTOCOL_LENGTH_SIZE + PROTOCOL_FRAME_MAX];
    struct wire_writer writer;
    wire_writer_init(&writer, frame, sizeof frame);
    wire_write_u16(&writer, (uint16_t)len);
    wire_write_bytes(&writer, request, len);
    if (writer.overrun) {
        return -EMSGSIZE;
    }
    struct stream stream;
    struct exchange_reply received = {0};
    int status = stream_open(&stream, to, to_len, timeout_ms);
    if (status == 0) {
        status = stream_send(&stream, frame, wire_writer_len(&writer));
    }
    if (status == 0) {
        status = receive_reply(&stream, &received);
    }
    stream_close(&stream);
    if (status == 0) {
        *reply = received;
    } else {
        exchange_free(&received);
    }
    return status;
}

int exchange_with(const struct endpoint *to, const void *request, size_t len, int timeout_ms,
                  struct exchange_reply *reply)
{
    union sockaddr_ip sockaddr;
    socklen_t to_len = sockaddr_write(to, &sockaddr);
    return exchange_at(&sockaddr.any, to_len, request, len, timeout_ms, reply);
}

int exchange_with_local(uint16_t port, const void *request, size_t len, int timeout_ms,
                        struct exchange_reply *reply)
{
    static const char *const loopbacks[] = {"::1", "127.0.0.1"};
    int status = -EADDRNOTAVAIL;
    for (size_t i = 0; i < sizeof loopbacks / sizeof *loopbacks; i++) {
        struct endpoint to = {.port = port};
        address_parse(loopbacks[i], &to.address);
        status = exchange_with(&to, request, len, timeout_ms, reply);
        if (status == 0 || status == -ETIMEDOUT || status == -EMSGSIZE) {
            break;
        }
    }
    return status;
}

void exchange_free(struct exchange_reply *reply)
{
    free(reply->bytes);
    *reply = (struct exchange_reply){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One request to an epmd, and its whole reply. */
#include "client/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "client/stream.h"
#include "system/sockaddr.h"

#define REPLY_SIZE_FIRST 4096
/* A million nodes, with names of a thousand bytes: more than a process may have descriptors. */
#define REPLY_SIZE_MAX ((size_t)1 << 30)

/* Doubles the room for a reply, which has a byte for the NUL. */
static int reply_grow(struct exchange_reply *reply, size_t *size)
{
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

static int receive_reply(const struct stream *stream, stream_is_enough *is_enough,
                         struct exchange_reply *reply)
{
    size_t size = 0;
    int status;
    do {
        status = reply_grow(reply, &size);
        if (status == 0) {
            status = stream_fill(stream, reply->bytes, size - 1, &reply->len, is_enough);
        }
    } while (status == -ENOBUFS);
    /* An epmd that closes with bytes of ours unread resets the connection, too; whether its reply
     * is whole is for the reader of the reply to judge. */
    if (status == -ECONNRESET) {
        reply->is_cut = true;
        status = 0;
    }
    if (status == 0 && reply->len == 0) {
        status = -ENODATA;
    }
    if (status == 0) {
        reply->bytes[reply->len] = '\0';
    }
    return status;
}

int exchange_at(const struct sockaddr *to, socklen_t to_len, const struct request *request,
                int timeout_ms, struct exchange_reply *reply)
{
    struct stream stream;
    struct exchange_reply received = {0};
    int status = stream_open(&stream, to, to_len, timeout_ms);
    if (status == 0) {
        status = stream_send(&stream, request->frame, request->len);
    }
    if (status == 0) {
        status = receive_reply(&stream, request->is_enough, &received);
    }
    stream_close(&stream);
    if (status == 0) {
        *reply = received;
    } else {
        exchange_free(&received);
    }
    return status;
}

int exchange_with(const struct endpoint *to, const struct request *request, int timeout_ms,
                  struct exchange_reply *reply)
{
    union sockaddr_ip sockaddr;
    socklen_t to_len = sockaddr_write(to, &sockaddr);
    return exchange_at(&sockaddr.any, to_len, request, timeout_ms, reply);
}

void exchange_free(struct exchange_reply *reply)
{
    free(reply->bytes);
    *reply = (struct exchange_reply){0};
}

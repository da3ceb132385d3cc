/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a stranger. */
#include "doctor/probe.h"

#include <errno.h>
#include <string.h>

#include "client/stream.h"
#include "system/sockaddr.h"

static int receive_reply(struct probe *probe, const struct stream *stream,
                         bool (*is_enough)(const uint8_t *reply, size_t len))
{
    while (probe->len < sizeof probe->reply && !is_enough(probe->reply, probe->len)) {
        size_t n;
        int status =
            stream_receive(stream, probe->reply + probe->len, sizeof probe->reply - probe->len, &n);
        if (status < 0 || n == 0) {
            return status;
        }
        probe->len += n;
    }
    return 0;
}

void probe_ask(struct probe *probe, const struct endpoint *to, const void *bytes, size_t len,
               bool (*is_enough)(const uint8_t *reply, size_t len), int timeout_ms)
{
    struct stream stream;
    union sockaddr_ip sockaddr;
    socklen_t to_len = sockaddr_write(to, &sockaddr);
    *probe = (struct probe){.to = *to};
    probe->status = stream_open(&stream, &sockaddr.any, to_len, timeout_ms);
    probe->connected = probe->status == 0;
    if (probe->connected) {
        probe->status = stream_send(&stream, bytes, len);
    }
    if (probe->connected && probe->status == 0) {
        probe->status = receive_reply(probe, &stream, is_enough);
    }
    stream_close(&stream);
}

const char *probe_connect_text(const struct probe *probe)
{
    return probe->connected                 ? "accepts"
           : probe->status == -ECONNREFUSED ? "refuses"
           : probe->status == -ETIMEDOUT    ? "does not answer at all"
           : probe->status == -ETIME        ? "not tried, as the time was up"
                                            : strerror(-probe->status);
}

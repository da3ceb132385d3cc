/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a server that may be anything. */
#include "doctor/probe.h"

#include <errno.h>
#include <string.h>

#include "system/sockaddr.h"

static void probe_open(struct probe *probe, struct stream *stream, const struct endpoint *to,
                       int timeout_ms)
{
    union sockaddr_ip sockaddr;
    socklen_t len = sockaddr_write(to, &sockaddr);
    *probe = (struct probe){.to = *to};
    probe->status = stream_open(stream, &sockaddr.any, len, timeout_ms);
    probe->connected = probe->status == 0;
}

void probe_connect(struct probe *probe, const struct endpoint *to, int timeout_ms)
{
    struct stream stream;
    probe_open(probe, &stream, to, timeout_ms);
    stream_close(&stream);
}

void probe_ask(struct probe *probe, const struct endpoint *to, const void *bytes, size_t len,
               stream_is_enough *is_enough, int timeout_ms)
{
    struct stream stream;
    probe_open(probe, &stream, to, timeout_ms);
    if (probe->connected) {
        probe->status = stream_send(&stream, bytes, len);
    }
    if (probe->connected && probe->status == 0) {
        probe->status =
            stream_fill(&stream, probe->reply, sizeof probe->reply, &probe->len, is_enough);
    }
    /* A peer that closes with bytes of ours unread resets the connection. */
    if (probe->status == -ENOBUFS || (probe->connected && probe->status == -ECONNRESET)) {
        probe->status = 0;
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

bool probe_is_unreachable(const struct probe *probe)
{
    int status = probe->status;
    return !probe->connected && (status == -EHOSTUNREACH || status == -ENETUNREACH ||
                                 status == -EACCES || status == -EPERM);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a stranger. */
#include "doctor/probe.h"

#include <errno.h>
#include <string.h>

#include "system/sockaddr.h"

void probe_ask(struct probe *probe, const struct endpoint *to, const void *bytes, size_t len,
               stream_is_enough *is_enough, int timeout_ms)
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

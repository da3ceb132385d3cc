/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a server that may be anything: connect, say something, see what comes back.
 *
 * Unlike an exchange it tells how far it came, and takes no more than a short reply.
 */
#ifndef EPMD_DOCTOR_PROBE_H
#define EPMD_DOCTOR_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/stream.h"
#include "core/address.h"
#include "core/protocol.h"

#define PROBE_REPLY_MAX PROTOCOL_REPLY_MAX

struct probe {
    struct endpoint to;
    bool connected;
    int status; /* 0: the server has closed, or enough has come; else a negative errno */
    size_t len; /* of the reply, however it has ended */
    uint8_t reply[PROBE_REPLY_MAX];
};

/* Asks the server at `to`, for as long as `timeout_ms`. Reads until the server closes, until
 * `is_enough` says so, or as much as there is room for. */
void probe_ask(struct probe *probe, const struct endpoint *to, const void *bytes, size_t len,
               stream_is_enough *is_enough, int timeout_ms);

/* Connects to `to`, and closes again. */
void probe_connect(struct probe *probe, const struct endpoint *to, int timeout_ms);

/* How the attempt to connect has ended, as the end of a sentence. */
const char *probe_connect_text(const struct probe *probe);

/* Whether the network has said that there is no way there, or that it may not be taken. */
bool probe_is_unreachable(const struct probe *probe);

#endif

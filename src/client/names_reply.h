/* SPDX-License-Identifier: Apache-2.0 */
/* A reply to NAMES_REQ, as a client looks at it. */
#ifndef EPMD_CLIENT_NAMES_REPLY_H
#define EPMD_CLIENT_NAMES_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#include "client/exchange.h"
#include "core/protocol.h"

struct names_reply {
    const uint8_t *at, *end; /* what has not been read yet */
};

/* Whether a reply may be an epmd's. */
bool names_reply_is_one(const struct exchange_reply *reply);

/* Starts to read the names of a reply, which has to outlive the reader. */
void names_reply_init(struct names_reply *reader, const struct exchange_reply *reply);

/* Reads the next name and port; the name, which is not checked, lies in the reply. Returns
 * false at the end. */
bool names_reply_next(struct names_reply *reader, struct protocol_node *out);

/* How many names there are. */
size_t names_reply_count(const struct exchange_reply *reply);

/* Whether a name is among them. */
bool names_reply_has(const struct exchange_reply *reply, const char *name);

#endif

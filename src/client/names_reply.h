/* SPDX-License-Identifier: Apache-2.0 */
/* A reply to NAMES_REQ, as a client reads it. */
#ifndef EPMD_CLIENT_NAMES_REPLY_H
#define EPMD_CLIENT_NAMES_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/exchange.h"
#include "core/listing.h"
#include "core/wire.h"

/* Whether an epmd may have sent this reply. */
bool names_reply_is_one(const struct exchange_reply *reply);

/* Whether nothing is missing at the end of a listing. It was not reset, and each line of NAMES ends
 * with a newline, each of DUMP with a newline and a NUL. */
bool names_reply_is_whole(const struct exchange_reply *reply);

/* Starts to read a reply, which has to outlive the reader, and returns epmd's port in it:
 * 0 where there is none. The names follow (listing_read_name()). */
uint32_t names_reply_init(struct wire_reader *reader, const struct exchange_reply *reply);

/* How many names there are. */
size_t names_reply_count(const struct exchange_reply *reply);

/* Whether a name is among them. */
bool names_reply_has(const struct exchange_reply *reply, const char *name);

#endif

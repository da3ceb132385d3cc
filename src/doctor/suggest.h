/* SPDX-License-Identifier: Apache-2.0 */
/* Which registered names a user may have meant by one that is not registered. */
#ifndef EPMD_DOCTOR_SUGGEST_H
#define EPMD_DOCTOR_SUGGEST_H

#include <stddef.h>

#include "client/exchange.h"
#include "core/protocol.h"

#define SUGGEST_MAX 3

/* Finds the names that differ from `name` by a third of its characters at most, the
 * closest first, among the first thousand. Returns how many there are in `out`. */
size_t suggest_names(const struct exchange_reply *reply, const char *name,
                     struct protocol_node out[SUGGEST_MAX]);

#endif

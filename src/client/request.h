/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an epmd, as the frame that is sent. */
#ifndef EPMD_CLIENT_REQUEST_H
#define EPMD_CLIENT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "core/protocol.h"

struct request {
    size_t len;
    uint8_t frame[PROTOCOL_LENGTH_SIZE + 1 + NAME_MAX_LEN];
};

/* Makes the request of that tag, about the `name_len` bytes of `name`: NAME_MAX_LEN at most,
 * none for a request that has no name. */
void request_init(struct request *request, enum protocol_tag tag, const void *name,
                  size_t name_len);

#endif

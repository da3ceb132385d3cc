/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an epmd, as the frame that is sent. */
#ifndef EPMD_CLIENT_REQUEST_H
#define EPMD_CLIENT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "client/stream.h"
#include "core/protocol.h"

struct request {
    stream_is_enough *is_enough; /* of the reply; NULL: it is read to its end */
    size_t len;
    uint8_t frame[PROTOCOL_LENGTH_SIZE + 1 + NAME_MAX_LEN];
};

/* Makes the request of that tag, about the `name_len` bytes of `name`: NAME_MAX_LEN at most,
 * none for a request that has no name. Its reply is read to the end. */
void request_init(struct request *request, enum protocol_tag tag, const void *name,
                  size_t name_len);

#endif

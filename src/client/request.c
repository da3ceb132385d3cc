/* SPDX-License-Identifier: Apache-2.0 */
/* A request to an epmd, as the frame that is sent. */
#include "client/request.h"

#include <assert.h>

#include "core/wire.h"

void request_init(struct request *request, enum protocol_tag tag, const void *name, size_t name_len)
{
    struct wire_writer writer;
    assert(name_len <= NAME_MAX_LEN);
    wire_writer_init(&writer, request->frame, sizeof request->frame);
    wire_write_u16(&writer, (uint16_t)(1 + name_len));
    wire_write_u8(&writer, (uint8_t)tag);
    wire_write_bytes(&writer, name, name_len);
    request->is_enough = NULL;
    request->len = wire_writer_len(&writer);
}

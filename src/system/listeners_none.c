/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that listen, on a system that does not tell. */
#include <errno.h>

#include "system/listeners.h"

int listeners_read(uint16_t first, struct listeners_socket *out, size_t size, size_t *n)
{
    (void)first;
    (void)out;
    (void)size;
    (void)n;
    return -ENOSYS;
}

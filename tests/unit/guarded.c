/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that ends where the process's own ends. */
#include "guarded.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint8_t *guarded_end(void)
{
    static uint8_t *end;
    if (!end) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        uint8_t *map = mmap(NULL, GUARDED_MAX + page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED || mprotect(map + GUARDED_MAX, page, PROT_NONE) < 0) {
            abort();
        }
        end = map + GUARDED_MAX;
    }
    return end;
}

uint8_t *guarded_room(size_t len)
{
    uint8_t *room = guarded_end() - len;
    memset(room, 0xaa, len);
    return room;
}

const uint8_t *guarded_copy(const void *bytes, size_t len)
{
    uint8_t *room = guarded_end() - len;
    if (len > 0) {
        memcpy(room, bytes, len);
    }
    return room;
}

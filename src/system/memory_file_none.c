/* SPDX-License-Identifier: Apache-2.0 */
/* No files in memory, where the system has none that can be handed on. */
#include <errno.h>

#include "system/memory_file.h"

int memory_file_new(void)
{
    return -ENOSYS;
}

bool memory_file_is(int fd)
{
    (void)fd;
    return false;
}

uint64_t memory_file_len(int fd)
{
    (void)fd;
    return 0;
}

ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len)
{
    (void)fd, (void)offset, (void)out, (void)len;
    return -ENOSYS;
}

int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    (void)fd, (void)offset, (void)bytes, (void)len;
    return -ENOSYS;
}

void memory_file_punch(int fd, uint64_t from, uint64_t to)
{
    (void)fd, (void)from, (void)to;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A file in memory, on Linux: memfd_create(2). */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/memory_file.h"

int memory_file_new(void)
{
    int fd = memfd_create("epmd-state", MFD_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

bool memory_file_is(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

uint64_t memory_file_len(int fd)
{
    struct stat status;
    return fstat(fd, &status) < 0 ? 0 : (uint64_t)status.st_size;
}

ssize_t memory_file_read(int fd, uint64_t offset, void *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd, (uint8_t *)out + got, len - got, (off_t)(offset + got));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            break;
        }
        got += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)got;
}

int memory_file_write(int fd, uint64_t offset, const void *bytes, size_t len)
{
    size_t written = 0;
    while (written < len) {
        ssize_t n =
            pwrite(fd, (const uint8_t *)bytes + written, len - written, (off_t)(offset + written));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        written += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

void memory_file_punch(int fd, uint64_t from, uint64_t to)
{
    /* Where it fails the memory is given back with the file. */
    (void)fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                    (off_t)(to - from));
}

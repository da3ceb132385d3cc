/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, has the kernel refuse what the bytes of the file $REFUSE say:
 * the first, to add anything to an epoll set; the second, to write to files at an offset. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile char *refused;

__attribute__((constructor)) static void map_switches(void)
{
    int fd = open(getenv("REFUSE"), O_RDONLY | O_CLOEXEC);
    refused = mmap(NULL, 2, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && refused[0]) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    if (refused[1]) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

#ifdef __GLIBC__ /* elsewhere they are one */
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return pwrite64(fd, bytes, len, offset);
}
#endif

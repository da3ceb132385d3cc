/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, lets it add nothing to an epoll set while the first byte of
 * the file $NO_WATCH is 1. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static const volatile char *is_on;

__attribute__((constructor)) static void map_switch(void)
{
    int fd = open(getenv("NO_WATCH"), O_RDONLY | O_CLOEXEC);
    is_on = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (operation == EPOLL_CTL_ADD && *is_on) {
        errno = ENOSPC;
        return -1;
    }
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

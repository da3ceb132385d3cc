/* SPDX-License-Identifier: Apache-2.0 */
/* How many descriptors the process may have, and which ones it starts with. */
#include "system/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where the limit is "unlimited": numbers are ints. */
#define LIMIT_MAX ((rlim_t)INT32_MAX)

/* Where nothing tells which descriptors are open: more than a shell leaves open. */
#define GUESSED_MAX 65536

size_t descriptors_raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return 256;
    }
    struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) {
        limit = raised;
    }
    return (size_t)(limit.rlim_cur < LIMIT_MAX ? limit.rlim_cur : LIMIT_MAX);
}

int descriptors_fill_standard(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd < 0) {
        return -errno;
    }
    close(fd);
    return 0;
}

/* Returns whether the system could do it at once. */
static bool close_range_from(int first)
{
#ifdef SYS_close_range
    return syscall(SYS_close_range, (unsigned)first, ~0u, 0u) == 0;
#else
    (void)first;
    return false;
#endif
}

/* Where the system lists them. Returns false where it does not. */
static bool close_listed_from(int first)
{
    DIR *list = opendir("/dev/fd");
    const struct dirent *entry;
    if (!list) {
        return false;
    }
    while ((entry = readdir(list))) {
        long fd = strtol(entry->d_name, NULL, 10);
        if (fd >= first && fd != dirfd(list)) {
            close((int)fd);
        }
    }
    closedir(list);
    return true;
}

/* close_range(2) is younger than the kernels that we run on, and closefrom(3) than the C
 * libraries. */
void descriptors_close_from(int first)
{
    if (close_range_from(first) || close_listed_from(first)) {
        return;
    }
    for (int fd = first; fd < GUESSED_MAX; fd++) {
        close(fd);
    }
}

bool descriptors_may_try_again(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

enum descriptors_next descriptors_peek(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0) {
        return descriptors_may_try_again(errno) ? DESCRIPTORS_NOTHING : DESCRIPTORS_BROKEN;
    }
    return n == 0 ? DESCRIPTORS_END : DESCRIPTORS_BYTES;
}

void descriptors_drain(int fd, void *room, size_t size, int n_reads_max)
{
    while (n_reads_max-- > 0 && recv(fd, room, size, MSG_DONTWAIT) > 0) {
        /* it is dropped */
    }
}

void descriptors_reset_on_close(int fd)
{
    const struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void descriptors_watch_peer(int fd, bool watch)
{
    const int number = watch;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &number, sizeof number);
}

bool descriptors_have_ids(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    fd = fd < 0 ? socket(AF_INET6, SOCK_STREAM, 0) : fd;
    bool have = fd >= 0 && descriptors_socket_id(fd) != 0;
    if (fd >= 0) {
        close(fd);
    }
    return have;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* How many descriptors the process may have, and which ones it starts with. */
#include "system/descriptors.h"

#include <errno.h>
#include <fcntl.h>
#ifdef __linux__
#include <linux/tcp.h>
#endif
#include <netinet/in.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the limit is "unlimited": numbers are ints. */
#define LIMIT_MAX ((rlim_t)INT32_MAX)

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

uint64_t descriptors_socket_id(int fd)
{
    uint64_t id = 0;
#ifdef SO_COOKIE
    socklen_t len = sizeof id;
    if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &id, &len) < 0) {
        return 0;
    }
#endif
    return id;
}

bool descriptors_socket_has_sent(int fd)
{
#ifdef __linux__
    struct tcp_info info = {.tcpi_bytes_sent = 1}; /* older kernels fill in less */
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0 || info.tcpi_bytes_sent > 0 ||
           info.tcpi_notsent_bytes > 0;
#else
    (void)fd;
    return true;
#endif
}

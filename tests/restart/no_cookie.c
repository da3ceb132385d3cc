/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, leaves its sockets without a number (SO_COOKIE), as old kernels
 * and some sandboxes do. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
    if (level == SOL_SOCKET && option == SO_COOKIE) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return (int)syscall(SYS_getsockopt, fd, level, option, value, len);
}

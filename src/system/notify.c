/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's two conventions. */
#include "system/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Returns an environment variable's number, or -1. */
static long environment_number(const char *variable)
{
    const char *text = getenv(variable);
    if (!text || *text < '0' || *text > '9') {
        return -1;
    }
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);
    return *end == '\0' && errno == 0 ? number : -1;
}

int notify_listen_fds(void)
{
    if (environment_number("LISTEN_PID") != (long)getpid()) {
        return 0;
    }
    long n = environment_number("LISTEN_FDS");
    return n > 0 && n <= INT32_MAX - NOTIFY_LISTEN_FDS_START ? (int)n : 0;
}

/* Fills in where the manager listens; a leading `@` stands for the abstract name
 * space. Returns the address's length, or 0. */
static socklen_t notify_address(struct sockaddr_un *address)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len < 2 || len >= sizeof address->sun_path || (*path != '/' && *path != '@')) {
        return 0;
    }
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, path, len);
    if (*path == '@') {
        address->sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

int notify_send(const char *state)
{
    struct sockaddr_un address;
    socklen_t address_len = notify_address(&address);
    if (address_len == 0) {
        return 0;
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n =
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, address_len);
    int error = n < 0 ? -errno : 0;
    close(fd);
    return error;
}

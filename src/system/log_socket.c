/* SPDX-License-Identifier: Apache-2.0 */
/* The socket of the system's log, without ever waiting for it. */
#include "system/log_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/cloexec.h"

static struct {
    int fd; /* -1: none */
    struct sockaddr_un address;
} logger = {.fd = -1};

static int logger_socket(void)
{
    return cloexec_socket(AF_UNIX, SOCK_DGRAM, 0);
}

/* Whether a logger listens; on a socket of its own, as ours is to stay unconnected. */
static int logger_probe(void)
{
    int fd = logger_socket();
    if (fd < 0) {
        return -errno;
    }
    int status = connect(fd, (const struct sockaddr *)&logger.address, sizeof logger.address) < 0
                     ? -errno
                     : 0;
    close(fd);
    return status;
}

int log_socket_open(const char *path)
{
    log_socket_close();
    logger.address = (struct sockaddr_un){.sun_family = AF_UNIX};
    strncpy(logger.address.sun_path, path, sizeof logger.address.sun_path - 1);
    logger.fd = logger_socket();
    return logger.fd < 0 ? -errno : logger_probe();
}

void log_socket_close(void)
{
    if (logger.fd >= 0) {
        close(logger.fd);
    }
    logger.fd = -1;
}

/* Each datagram finds the logger by its path: one that was started anew has another socket
 * there, and a process in a sandbox may not connect to it. */
bool log_socket_send(const char *bytes, size_t len)
{
    if (logger.fd < 0) {
        logger.fd = logger_socket();
    }
    return sendto(logger.fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *)&logger.address, sizeof logger.address) >= 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The system's log, without ever waiting for it. */
#include "system/syslog_socket.h"

#include <paths.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 4352 /* the longest line of the log, and what precedes it */

static const struct sockaddr_un logger_address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

static struct {
    int fd; /* -1: none */
    unsigned n_dropped;
} logger = {.fd = -1};

void syslog_socket_open(void)
{
    if (logger.fd < 0) {
        logger.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    }
}

void syslog_socket_close(void)
{
    if (logger.fd >= 0) {
        close(logger.fd);
    }
    logger.fd = -1;
}

/* Each line finds the logger by its path: one that was started anew has another socket
 * there, and a process in a sandbox may not connect to it. */
static bool logger_send(const char *line, size_t len)
{
    syslog_socket_open();
    return sendto(logger.fd, line, len, MSG_NOSIGNAL, (const struct sockaddr *)&logger_address,
                  sizeof logger_address) >= 0;
}

static bool send_line(int level, const char *prefix, const char *text)
{
    char line[LINE_SIZE], date[24];
    struct tm local;
    time_t now = time(NULL);
    if (!localtime_r(&now, &local) || strftime(date, sizeof date, "%b %e %T", &local) == 0) {
        return false;
    }
    int len = snprintf(line, sizeof line, "<%d>%s epmd[%ld]: %s: %s", LOG_DAEMON | level, date,
                       (long)getpid(), prefix, text);
    return logger_send(line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
}

void syslog_socket_send(int level, const char *prefix, const char *text)
{
    if (logger.n_dropped > 0) {
        char lost[64];
        snprintf(lost, sizeof lost, "%u lines were lost: nobody took them", logger.n_dropped);
        if (send_line(LOG_WARNING, prefix, lost)) {
            logger.n_dropped = 0;
        }
    }
    if (!send_line(level, prefix, text)) {
        logger.n_dropped++;
    }
}

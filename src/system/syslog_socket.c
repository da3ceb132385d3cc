/* SPDX-License-Identifier: Apache-2.0 */
/* The system's log, without ever waiting for it. */
#include "system/syslog_socket.h"

#include <errno.h>
#include <paths.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 4352 /* the longest line of the log, and what precedes it */

static struct {
    int fd;
    bool is_open;
    unsigned n_dropped;
} logger;

static bool logger_open(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
    logger.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (logger.fd < 0) {
        return false;
    }
    if (connect(logger.fd, (struct sockaddr *)&address, sizeof address) < 0) {
        close(logger.fd);
        return false;
    }
    logger.is_open = true;
    return true;
}

static bool logger_try(const char *line, size_t len)
{
    if (!logger.is_open && !logger_open()) {
        return false;
    }
    return send(logger.fd, line, len, MSG_NOSIGNAL) >= 0;
}

/* A logger that was started anew has another socket at the same place. */
static bool logger_send(const char *line, size_t len)
{
    if (logger_try(line, len)) {
        return true;
    }
    if (!logger.is_open || errno == EAGAIN || errno == ENOBUFS) {
        return false;
    }
    close(logger.fd);
    logger.is_open = false;
    return logger_try(line, len);
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

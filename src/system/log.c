/* SPDX-License-Identifier: Apache-2.0 */
/* The log: standard error until the daemon has detached, then syslog. */
#include "system/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "system/syslog_socket.h"

#define LINE_SIZE 4096 /* a pipe that is ready takes that much without blocking */
#define DATE_SIZE 26   /* ctime_r(3) */
#define BYTES_A_ROW 16
#define BYTES_SHOWN_MAX 4096

static struct {
    enum log_verbosity verbosity;
    bool to_syslog;
    unsigned n_dropped; /* lines that standard error did not take */
} log_state;

void log_set_verbosity(enum log_verbosity verbosity)
{
    log_state.verbosity = verbosity;
}

void log_use_syslog(void)
{
    syslog_socket_open();
    log_state.to_syslog = true;
}

bool log_shows(enum log_verbosity verbosity)
{
    return verbosity <= log_state.verbosity;
}

/* Returns false where writing would block: somebody has stopped to read a pipe. */
static bool write_stderr(const char *text)
{
    char line[LINE_SIZE], date[DATE_SIZE];
    struct pollfd pollfd = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&pollfd, 1, 0) != 1) {
        return false;
    }
    time_t now = time(NULL);
    if (!ctime_r(&now, date)) {
        date[0] = '\0';
    }
    date[strcspn(date, "\n")] = '\0';
    int len = snprintf(line, sizeof line, "epmd: %s: %s\n", date, text);
    if (len >= (int)sizeof line) {
        len = sizeof line - 1;
        line[len - 1] = '\n';
    }
    return write(STDERR_FILENO, line, (size_t)len) == len;
}

static void log_to_stderr(const char *text)
{
    if (log_state.n_dropped > 0) {
        char lost[64];
        snprintf(lost, sizeof lost, "%u lines were lost: nobody read them", log_state.n_dropped);
        if (write_stderr(lost)) {
            log_state.n_dropped = 0;
        }
    }
    if (!write_stderr(text)) {
        log_state.n_dropped++;
    }
}

static void log_write(int level, const char *format, va_list arguments)
{
    char text[LINE_SIZE];
    vsnprintf(text, sizeof text, format, arguments);
    if (log_state.to_syslog) {
        syslog_socket_send(level, "epmd", text);
    }
    if (!log_state.to_syslog || level <= LOG_ERR) {
        log_to_stderr(text);
    }
}

void log_line(int level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write(level, format, arguments);
    va_end(arguments);
}

void log_debug(enum log_verbosity verbosity, const char *format, ...)
{
    if (!log_shows(verbosity)) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    log_write(LOG_DEBUG, format, arguments);
    va_end(arguments);
}

static void log_row(const uint8_t *bytes, size_t offset, size_t len)
{
    char hex[3 * BYTES_A_ROW + 1] = "";
    char text[BYTES_A_ROW + 1] = "";
    for (size_t i = 0; i < len; i++) {
        snprintf(hex + 3 * i, 4, "%02x ", bytes[offset + i]);
        uint8_t byte = bytes[offset + i];
        snprintf(text + i, 2, "%c", byte >= 0x20 && byte < 0x7f ? byte : '.');
    }
    log_debug(LOG_VERBOSITY_BYTES, "%08zx  %-48s |%s|", offset, hex, text);
}

void log_bytes(const uint8_t *bytes, size_t len)
{
    if (!log_shows(LOG_VERBOSITY_BYTES)) {
        return;
    }
    size_t shown = len < BYTES_SHOWN_MAX ? len : BYTES_SHOWN_MAX;
    for (size_t offset = 0; offset < shown; offset += BYTES_A_ROW) {
        size_t left = shown - offset;
        log_row(bytes, offset, left < BYTES_A_ROW ? left : BYTES_A_ROW);
    }
    if (shown < len) {
        log_debug(LOG_VERBOSITY_BYTES, "... %zu bytes more", len - shown);
    }
}

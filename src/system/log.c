/* SPDX-License-Identifier: Apache-2.0 */
/* The log: standard error, syslog or systemd's journal. */
/* As in system/clock.c. */
#define _TIME_BITS 64

#include "system/log.h"

#include <paths.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/ascii.h"
#include "system/journal.h"
#include "system/log_socket.h"

#define LINE_SIZE 4096        /* a pipe that is ready takes that much without blocking */
#define SYSLOG_LINE_SIZE 4352 /* a line, and what precedes it */
#define DATE_SIZE 26          /* ctime_r(3) */
#define BYTES_A_ROW 16
#define BYTES_SHOWN_MAX 4096

/* Returns whether the line was taken. */
typedef bool log_writer(int level, const struct log_fields *fields, const char *text);

struct log_sink {
    log_writer *write;  /* NULL: none */
    unsigned n_dropped; /* lines that were not taken */
};

static log_writer write_stderr;

static struct {
    int level; /* what is beyond it is dropped */
    struct log_sink standard_error, system;
    bool stderr_too; /* for errors, beside the other */
} log_state = {.level = LOG_INFO, .standard_error = {.write = write_stderr}};

void log_set_level(int level)
{
    log_state.level = level;
}

bool log_shows(int level)
{
    return level <= log_state.level;
}

/* Returns false where writing would block: the reader of a pipe has stopped to read. */
static bool write_stderr(int level, const struct log_fields *fields, const char *text)
{
    (void)level, (void)fields;
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

static bool write_syslog(int level, const struct log_fields *fields, const char *text)
{
    (void)fields;
    char line[SYSLOG_LINE_SIZE], date[24];
    struct tm local;
    time_t now = time(NULL);
    if (!localtime_r(&now, &local) || strftime(date, sizeof date, "%b %e %T", &local) == 0) {
        return false;
    }
    int priority = LOG_DAEMON | (level < LOG_DEBUG ? level : LOG_DEBUG);
    int len =
        snprintf(line, sizeof line, "<%d>%s epmd[%ld]: %s", priority, date, (long)getpid(), text);
    return log_socket_send(line, len < (int)sizeof line ? (size_t)len : sizeof line - 1);
}

static bool write_journal(int level, const struct log_fields *fields, const char *text)
{
    char entry[JOURNAL_ENTRY_SIZE];
    return log_socket_send(entry, journal_format_entry(level, fields, text, entry));
}

int log_open(enum log_target target)
{
    bool is_journals = journal_has_stderr();
    bool to_journal = target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_DEFAULT && is_journals);
    int status = 0;
    log_socket_close();
    log_state.system = (struct log_sink){0};
    if (to_journal) {
        status = log_socket_open(JOURNAL_SOCKET);
        if (status < 0) {
            return target == LOG_TARGET_JOURNAL ? status : 0;
        }
        log_state.system.write = write_journal;
    } else if (target == LOG_TARGET_SYSLOG) {
        status = log_socket_open(_PATH_LOG); /* a logger that is not there yet may come */
        log_state.system.write = write_syslog;
    }
    log_state.stderr_too = !(to_journal && is_journals);
    return status;
}

static void sink_write(struct log_sink *sink, int level, const struct log_fields *fields,
                       const char *text)
{
    if (sink->n_dropped > 0) {
        char lost[64];
        snprintf(lost, sizeof lost, "%u lines were lost: they were not taken", sink->n_dropped);
        if (sink->write(LOG_WARNING, NULL, lost)) {
            sink->n_dropped = 0;
        }
    }
    if (!sink->write(level, fields, text)) {
        sink->n_dropped++;
    }
}

static void log_write(int level, const struct log_fields *fields, const char *format,
                      va_list arguments)
{
    char text[LINE_SIZE];
    if (!log_shows(level)) {
        return;
    }
    vsnprintf(text, sizeof text, format, arguments);
    bool to_system = log_state.system.write != NULL;
    if (to_system) {
        sink_write(&log_state.system, level, fields, text);
    }
    if (!to_system || (level <= LOG_ERR && log_state.stderr_too)) {
        sink_write(&log_state.standard_error, level, fields, text);
    }
}

void log_line(int level, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write(level, NULL, format, arguments);
    va_end(arguments);
}

void log_event(int level, const struct log_fields *fields, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    log_write(level, fields, format, arguments);
    va_end(arguments);
}

static void log_row(const uint8_t *bytes, size_t offset, size_t len)
{
    char hex[3 * BYTES_A_ROW + 1] = "";
    char text[BYTES_A_ROW + 1];
    for (size_t i = 0; i < len; i++) {
        snprintf(hex + 3 * i, 4, "%02x ", bytes[offset + i]);
    }
    ascii_copy(bytes + offset, len, '.', text);
    log_line(LOG_VERBOSITY_BYTES, "%08zx  %-48s |%s|", offset, hex, text);
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
        log_line(LOG_VERBOSITY_BYTES, "... %zu bytes more", len - shown);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: standard error until the daemon has detached, then syslog.
 *
 * A line on standard error is `epmd: `, the date as ctime(3) writes it, `: ` and the
 * text; in syslog it is `epmd: ` and the text, as stock epmd writes them. A level is
 * syslog(3)'s. What -d adds is LOG_DEBUG, in three steps of verbosity.
 *
 * Logging never blocks: a line that nobody takes is dropped, and the next one that is
 * taken tells how many were.
 */
#ifndef EPMD_SYSTEM_LOG_H
#define EPMD_SYSTEM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

enum log_verbosity {
    LOG_VERBOSITY_NORMAL,        /* what concerns whoever runs the daemon */
    LOG_VERBOSITY_REQUESTS,      /* -d: requests and replies */
    LOG_VERBOSITY_REGISTRATIONS, /* -d -d: registrations, connections */
    LOG_VERBOSITY_BYTES,         /* -d -d -d: hex dumps */
};

/* Sets how much is logged; what is above `verbosity` is dropped. */
void log_set_verbosity(enum log_verbosity verbosity);

/* From now on lines go to syslog, and errors to standard error as well: whoever
 * started the daemon reads them there until it has detached. */
void log_use_syslog(void);

/* Whether lines of that verbosity are logged at all. */
bool log_shows(enum log_verbosity verbosity);

/* Logs one line, whatever the verbosity. `level` is LOG_ERR, LOG_WARNING or LOG_INFO. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs one line at LOG_DEBUG where that verbosity is shown. */
void log_debug(enum log_verbosity verbosity, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Dumps bytes in hex at LOG_VERBOSITY_BYTES: sixteen a line. */
void log_bytes(const uint8_t *bytes, size_t len);

#endif

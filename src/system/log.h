/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: standard error, syslog or systemd's journal.
 *
 * A line on standard error is `epmd: `, the date as ctime(3) writes it, `: ` and the
 * text, as stock epmd writes it; in syslog it is the text, tagged with `epmd` and the
 * process. In the journal the text is the message, beside the fields that say what it is
 * about. A level is syslog(3)'s: LOG_ERR, LOG_WARNING, LOG_INFO, or a step of what -d adds.
 *
 * Logging never blocks: a line that is not taken is dropped, and the next one that is
 * taken tells how many were.
 */
#ifndef EPMD_SYSTEM_LOG_H
#define EPMD_SYSTEM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <syslog.h>

/* Beyond LOG_INFO; to syslog and the journal all of them are LOG_DEBUG. */
enum log_verbosity {
    LOG_VERBOSITY_REQUESTS = LOG_DEBUG, /* -d: requests and replies */
    LOG_VERBOSITY_REGISTRATIONS,        /* -d -d: registrations, connections */
    LOG_VERBOSITY_BYTES,                /* -d -d -d: hex dumps */
};

enum log_target {
    LOG_TARGET_DEFAULT, /* the journal if standard error leads there, else that */
    LOG_TARGET_STDERR,
    LOG_TARGET_SYSLOG,
    LOG_TARGET_JOURNAL,
};

/* What a line is about, in words for machines; what is NULL or 0 it is not about. */
struct log_fields {
    const char *peer;    /* its address */
    const char *request; /* as the protocol's description calls it */
    const char *name;    /* escaped, like all that came from a peer */
    const char *reason;  /* one word, the same for ever */
    const char *holder;  /* of the name: its peer's address */
    unsigned peer_port;
    unsigned holder_port;
};

/* Sets how much is logged; what is beyond `level` is dropped. LOG_INFO before. */
void log_set_level(int level);

/* Lines go there from now on. Errors go to standard error as well, unless the journal
 * would get them twice: the user that started the daemon reads them there until it has detached.
 * Returns 0; or a negative errno where they are not taken: of LOG_TARGET_JOURNAL, lines then
 * go to standard error; of LOG_TARGET_SYSLOG, to a logger that starts later. */
int log_open(enum log_target target);

/* Whether lines of that level are logged at all. */
bool log_shows(int level);

/* Logs one line. */
void log_line(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs one line with its fields. */
void log_event(int level, const struct log_fields *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Dumps bytes in hex at LOG_VERBOSITY_BYTES: sixteen a line. */
void log_bytes(const uint8_t *bytes, size_t len);

#endif

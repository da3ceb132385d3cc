/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to connections, in words for the log and in its fields.
 *
 * A refusal is told at LOG_WARNING with the peer, the request and the reason, because the
 * protocol tells the client no reason. What goes well is told only on request (-d).
 * Whatever came from a peer is escaped. Of a flood not every line is written (flood.h).
 */
#ifndef EPMD_DAEMON_REPORT_H
#define EPMD_DAEMON_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "core/session.h"

/* Why a connection has ended. */
enum report_end {
    REPORT_END_ANSWERED,
    REPORT_END_REFUSED,   /* without a reply */
    REPORT_END_HUNG_UP,   /* the peer closed it */
    REPORT_END_BROKEN,    /* the peer reset it, or the network failed */
    REPORT_END_TALKED,    /* a registered node sent something */
    REPORT_END_STOPPED,   /* a registered node's, by a STOP_REQ */
    REPORT_END_EXPIRED,   /* its time was over */
    REPORT_END_EVICTED,   /* others needed what it had */
    REPORT_END_NO_MEMORY, /* it could not be waited for, or its reply not be kept */
    REPORT_END_SHUTDOWN,  /* the daemon ends */
    REPORT_END_KEPT,      /* this process ends, and the watcher keeps a duplicate */
};

/* Tells of the `len` bytes that were read and of what the session made of them. */
void report_outcome(const struct session *session, const uint8_t *bytes, size_t len,
                    const struct session_outcome *outcome);

/* Tell how a connection began and ended. */
void report_opened(const struct session *session);
void report_closed(const struct session *session, enum report_end end);
void report_evicted(const struct session *session, const char *why);

/* Tells which peer commands SESSION_SHUTDOWN or SESSION_RELOAD. */
void report_command(const struct session *session, enum session_verdict command);

/* Tells why no successor takes over after all. */
void report_not_reloading(const char *reason);

/* Tell that a peer was turned away, or that the system refused us something. */
void report_failed(const struct session *session);
void report_turned_away(const struct endpoint *peer, enum refusal refusal);
void report_paused(int error);

/* Tells how often the policy said no, if it did. */
void report_denials(const struct counters *counters);

#endif

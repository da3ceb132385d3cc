/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to connections, in words for the log.
 *
 * A refusal is told at LOG_WARNING with who asked, what, and why not, because the
 * protocol tells the client no reason. What goes well is told only on request (-d).
 * Whatever came from a peer is escaped.
 */
#ifndef EPMD_DAEMON_REPORT_H
#define EPMD_DAEMON_REPORT_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "core/session.h"

/* Starts to limit how many lines of one kind are written: of the rest of a flood, only
 * how many there were. Needs a loop for the time when the flood is over. */
void report_init(struct event_base *base);

/* Stops it, and tells of what has not been told. */
void report_deinit(void);

/* Tells of the `len` bytes that were read and of what the session made of them. */
void report_outcome(const struct session *session, const uint8_t *bytes, size_t len,
                    const struct session_outcome *outcome);

/* Tell how a connection began and ended. */
void report_opened(const struct session *session);
void report_closed(const struct session *session);
void report_expired(const struct session *session);
void report_gave_way(const struct session *session, const char *why);

/* Tells who ended the daemon. */
void report_killed(const struct session *session);

/* Tell that a peer was turned away, or that the system refused us something. */
void report_failed(const struct session *session);
void report_turned_away(const struct endpoint *peer, enum refusal refusal);
void report_paused(int error);

/* Tells how often the policy said no, if it did. */
void report_denials(const struct session_denials *denials);

#endif

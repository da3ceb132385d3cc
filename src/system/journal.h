/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries for systemd's journal, in its native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): one datagram of fields each.
 */
#ifndef EPMD_SYSTEM_JOURNAL_H
#define EPMD_SYSTEM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "system/log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Room for the longest line, the longest name, and the fields beside them. */
#define JOURNAL_ENTRY_SIZE 12288

/* Whether standard error is the journal's, as systemd.exec(5) has it tell by
 * $JOURNAL_STREAM; not so after it was redirected. */
bool journal_has_stderr(void);

/* Writes an entry with this message and the fields that are set. A field for which there
 * is no room is left out. Returns the entry's length. `level` is syslog(3)'s, or beyond. */
size_t journal_format_entry(int level, const struct log_fields *fields, const char *text,
                            char entry[JOURNAL_ENTRY_SIZE]);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The socket of the system's log, without ever waiting for it: syslog(3) and
 * sd_journal_sendv(3) block where the system's logger has stopped to read, and every node
 * of the host with epmd.
 */
#ifndef EPMD_SYSTEM_LOG_SOCKET_H
#define EPMD_SYSTEM_LOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

/* Opens what is needed to send to the logger that listens at `path`, before a sandbox
 * forbids it. Returns 0; or a negative errno where no datagram is taken there now, and
 * sending may still succeed later. */
int log_socket_open(const char *path);

/* Closes it, for a process whose descriptors get other numbers; what is sent next opens
 * it again. */
void log_socket_close(void);

/* Sends one datagram. Returns whether the logger took it, at once. */
bool log_socket_send(const char *bytes, size_t len);

#endif

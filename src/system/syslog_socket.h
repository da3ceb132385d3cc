/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system's log, without ever waiting for it: syslog(3) blocks where the system's
 * logger has stopped to read, and epmd with it.
 */
#ifndef EPMD_SYSTEM_SYSLOG_SOCKET_H
#define EPMD_SYSTEM_SYSLOG_SOCKET_H

/* Opens what is needed, before a sandbox forbids it; a process that is in none may leave
 * that to the first line. Closing is for a process whose descriptors get other numbers. */
void syslog_socket_open(void);
void syslog_socket_close(void);

/* Sends one line, in the form that syslog(3) sends: level, date, program, process,
 * then `prefix`, `: ` and `text`. A line that the logger does not take at once is
 * dropped; the next one that it takes tells how many were. */
void syslog_socket_send(int level, const char *prefix, const char *text);

#endif

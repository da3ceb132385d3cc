/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service manager's two conventions: sockets that it passes on, and what it is
 * told in return (systemd's sd_listen_fds(3) and sd_notify(3), both documented as
 * stable protocols that need no library).
 */
#ifndef EPMD_SYSTEM_NOTIFY_H
#define EPMD_SYSTEM_NOTIFY_H

/* The first descriptor that a service manager passes. */
#define NOTIFY_LISTEN_FDS_START 3

/* How many descriptors were passed to this process, from NOTIFY_LISTEN_FDS_START on;
 * 0 where none were, or they were meant for another process. */
int notify_listen_fds(void);

/* Sends `state`, lines of NAME=VALUE, to the service manager. Never blocks. Returns
 * 0, also where there is no manager that listens; else a negative errno. */
int notify_send(const char *state);

#endif

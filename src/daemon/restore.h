/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an earlier process has left, matched with its connections.
 */
#ifndef EPMD_DAEMON_RESTORE_H
#define EPMD_DAEMON_RESTORE_H

#include "daemon/connections.h"
#include "daemon/inheritance.h"

/* Fills the empty registry of `all` with what the state says, and gives each live node its
 * connection back. Nodes without a living connection become departed names; connections
 * without a node are closed. */
void restore_all(const struct inheritance *inheritance, struct connections *all);

#endif

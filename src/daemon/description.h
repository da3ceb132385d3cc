/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon tells of itself to those on this host who ask (INFO_REQ). */
#ifndef EPMD_DAEMON_DESCRIPTION_H
#define EPMD_DAEMON_DESCRIPTION_H

#include "core/inventory.h"

struct server;

/* Describes a server that listens. */
void description_init(struct inventory_daemon *self, const struct server *server);

/* Brings up to date what may change while it serves: of the times, only what people would
 * notice. */
void description_update(struct inventory_daemon *self, const struct server *server);

#endif

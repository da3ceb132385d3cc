/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings, which are served when nothing cheaper waits.
 *
 * What a lookup costs does not depend on how many nodes there are; what a listing costs does.
 * So requests for listings wait behind all others, one making serves all that wait, and those
 * whose peer has sent its end come last.
 */
#ifndef EPMD_DAEMON_TURN_H
#define EPMD_DAEMON_TURN_H

#include <event2/util.h>

/* Serves some of those that wait to be listed: the callback of the events `turn` and `late` of
 * the struct connections in `all`. */
void turn_serve(evutil_socket_t fd, short what, void *all);

#endif

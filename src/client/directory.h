/* SPDX-License-Identifier: Apache-2.0 */
/* Where lists of hosts are kept: in files, and in DNS. */
#ifndef EPMD_CLIENT_DIRECTORY_H
#define EPMD_CLIENT_DIRECTORY_H

#include <stdint.h>

#include "client/hosts.h"

/* Reads a list (-hosts), and the files and domains in it. `out` gets the hosts, sorted, each
 * once, and those domains of which DNS has told nothing. Returns 0; or a negative errno, and
 * says on standard error what is wrong. `port` is that of hosts which have none of their own. */
int directory_read(const char *list, uint16_t port, struct hosts *out);

#endif

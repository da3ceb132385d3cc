/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager says of its units (systemctl(1), journalctl(1)). */
#ifndef EPMD_SYSTEM_UNITS_H
#define EPMD_SYSTEM_UNITS_H

#include <stdbool.h>
#include <stddef.h>

#define UNITS_WORD_SIZE 32
#define UNITS_LINE_SIZE 256 /* what is longer is cut */

/* The words are systemd's own, in printable ASCII; empty: not told. */
struct unit {
    char name[UNITS_WORD_SIZE];
    char active[UNITS_WORD_SIZE];    /* active, activating, failed, inactive */
    char sub[UNITS_WORD_SIZE];       /* running, auto-restart, listening */
    char result[UNITS_WORD_SIZE];    /* success, or why the unit has failed last */
    unsigned exit_status;            /* of its main process, where that has ended */
    unsigned n_restarts;             /* by the manager, since the unit was started */
    char last_line[UNITS_LINE_SIZE]; /* that its processes have logged; a `?` for odd bytes */
};

/* Asks for the unit whose name is set. Returns 0; -ENOENT where there is no such unit; another
 * negative errno where there is no service manager, or it does not tell within two seconds. */
int units_read(struct unit *unit);

/* Whether the unit has failed, or has been started again and again because it did: a look may
 * find it just started, so that it is for the caller to find out whether it works by now. */
bool units_has_failed(const struct unit *unit);

#endif

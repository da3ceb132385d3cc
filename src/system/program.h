/* SPDX-License-Identifier: Apache-2.0 */
/* Which program this process runs. */
#ifndef EPMD_SYSTEM_PROGRAM_H
#define EPMD_SYSTEM_PROGRAM_H

#include <stdint.h>

/* A number of the program's file, which another file of this system does not have at the same
 * time. Returns 0 where the system does not tell (no /proc). */
uint64_t program_id(void);

#endif

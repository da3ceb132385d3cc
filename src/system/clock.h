/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock: no delay or time-out here ever depends on the time of day. */
#ifndef EPMD_SYSTEM_CLOCK_H
#define EPMD_SYSTEM_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment before this boot's first process. */
int64_t clock_now_ms(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the host. No delay or time-out here ever depends on the time of day, which
 * serves only to tell people when something was. */
#ifndef EPMD_SYSTEM_CLOCK_H
#define EPMD_SYSTEM_CLOCK_H

#include <stdint.h>

/* Milliseconds since some fixed moment before this boot's first process. */
int64_t clock_now_ms(void);

/* The time of day at which that clock was 0, in milliseconds of Unix time. It moves when
 * the time of day is set, and for as long as the machine sleeps. */
int64_t clock_zero_ms(void);

/* Microseconds of processor time that this process has used. */
int64_t clock_cpu_us(void);

/* Sleeps; a signal that ends the process ends the sleep. */
void clock_sleep_ms(int ms);

#endif

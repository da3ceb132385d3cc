/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the host. No delay or time-out here ever depends on the time of day, which
 * serves only to tell people when something was. */
#ifndef EPMD_SYSTEM_CLOCK_H
#define EPMD_SYSTEM_CLOCK_H

#include <stdint.h>
#include <sys/time.h>

/* Milliseconds since some fixed moment before this boot's first process. */
int64_t clock_now_ms(void);

/* The time of day at which that clock was 0, in milliseconds of Unix time. It moves when
 * the time of day is set, and for as long as the machine sleeps. */
int64_t clock_zero_ms(void);

/* Microseconds of processor time that this process has used. */
int64_t clock_cpu_us(void);

/* A delay of 0 or more milliseconds as event loops take it. Inline, so that its members
 * are as wide as those of the file that includes it: time_t has 32 bits on some systems. */
static inline struct timeval clock_interval(int64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000),
                            .tv_usec = (suseconds_t)(ms % 1000) * 1000};
}

/* Sleeps; a signal that ends the process ends the sleep. */
void clock_sleep_ms(int ms);

#endif

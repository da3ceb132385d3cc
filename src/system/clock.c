/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of the host. */
/* The time of day passes 2038 also where the C library's time_t has 32 bits by default, and the
 * libraries' with it: so this is for files that hand no time to a library. */
#define _TIME_BITS 64

#include "system/clock.h"

#include <errno.h>
#include <time.h>

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

int64_t clock_zero_ms(void)
{
    return read_ms(CLOCK_REALTIME) - clock_now_ms();
}

int64_t clock_cpu_us(void)
{
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

void clock_sleep_ms(int ms)
{
    struct timespec left = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
        /* a signal that ends nothing */
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, moves its monotonic clock forward by the seconds that stand in the
 * file $TEST_CLOCK, as an int64_t, while the program runs. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile const int64_t *ahead_s;

static __attribute__((constructor)) void open_clock(void)
{
    int fd = open(getenv("TEST_CLOCK"), O_RDONLY);
    ahead_s = mmap(NULL, sizeof *ahead_s, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int status = (int)syscall(SYS_clock_gettime, clock, out);
    if (clock == CLOCK_MONOTONIC && ahead_s && ahead_s != MAP_FAILED) {
        out->tv_sec += *ahead_s;
    }
    return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a command prints. */
/* As in system/clock.c. */
#define _TIME_BITS 64

#include "client/output.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define YEAR_ZERO 1900 /* of struct tm */

int output_finish(void)
{
    /* stdio has written, and forgotten, what did not fit its buffer: an earlier failure shows
     * in ferror() only. */
    int flushed = fflush(stdout), error = errno;
    if (flushed == 0 && ferror(stdout) == 0) {
        return 0;
    }
    fprintf(stderr, "epmd: standard output: %s\n",
            flushed == 0 ? "not all of it could be written" : strerror(error));
    return -EIO;
}

bool output_format_time(int64_t unix_ms, bool utc, const char *format, char text[OUTPUT_TIME_SIZE])
{
    const time_t seconds = (time_t)(unix_ms / 1000);
    struct tm parts;
    const struct tm *known = utc ? gmtime_r(&seconds, &parts) : localtime_r(&seconds, &parts);
    bool in_range =
        known && known->tm_year >= 1000 - YEAR_ZERO && known->tm_year <= 9999 - YEAR_ZERO;
    return in_range && strftime(text, OUTPUT_TIME_SIZE, format, known) > 0;
}

bool output_wants_colours(int fd)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(fd) == 1 && (!no_colour || !*no_colour) && terminal &&
           strcmp(terminal, "dumb") != 0;
}

unsigned output_columns(int fd)
{
    const char *wanted = getenv("COLUMNS");
    unsigned long columns = wanted ? strtoul(wanted, NULL, 10) : 0;
    struct winsize size;
    if (isatty(fd) != 1) {
        return 0;
    }
    if (columns > 0 && columns <= USHRT_MAX) {
        return (unsigned)columns;
    }
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

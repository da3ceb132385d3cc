/* SPDX-License-Identifier: Apache-2.0 */
/* What a command prints. */
#ifndef EPMD_CLIENT_OUTPUT_H
#define EPMD_CLIENT_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#define OUTPUT_TIME_SIZE 24

/* Flushes standard output. Returns 0; or -EIO, after saying so on standard error, where some
 * of the output has not been written. */
int output_finish(void);

/* Whether a stream is a terminal with colours, and the user wants them (NO_COLOR, no-color.org). */
bool output_wants_colours(int fd);

/* How many columns a terminal has: as COLUMNS says, or else the terminal. 0 for a stream that is
 * none, whose lines are as long as they are. */
unsigned output_columns(int fd);

/* Writes a time, given in milliseconds of Unix time, as strftime(3) does: in UTC, or else in
 * local time. Returns false for a time whose year does not have four digits. */
bool output_format_time(int64_t unix_ms, bool utc, const char *format, char text[OUTPUT_TIME_SIZE]);

#endif

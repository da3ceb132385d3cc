/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far a command is, on a terminal, while it takes longer than half a second.
 *
 * The line is on standard error, and is wiped out at the end. Where standard error is no
 * terminal, nothing is shown.
 */
#ifndef EPMD_CLIENT_PROGRESS_H
#define EPMD_CLIENT_PROGRESS_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#define PROGRESS_TEXT_SIZE 80

/* Writes how far the command is. */
typedef void progress_writer(const void *argument, char text[PROGRESS_TEXT_SIZE]);

struct progress {
    progress_writer *write;
    const void *argument;
    struct event *timer; /* NULL: no terminal */
    bool shown;
};

/* Shows the line from the loop, once half a second has passed. */
void progress_init(struct progress *progress, struct event_base *base, progress_writer *write,
                   const void *argument);

/* Wipes the line out, and ends. */
void progress_deinit(struct progress *progress);

#endif

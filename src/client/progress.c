/* SPDX-License-Identifier: Apache-2.0 */
/* How far a command is, on a terminal. */
#include "client/progress.h"

#include <stdio.h>
#include <unistd.h>

#define WIDTH (PROGRESS_TEXT_SIZE - 1)

static const struct timeval first_after = {.tv_usec = 500000};
static const struct timeval then_after = {.tv_usec = 100000};

static void on_timer(evutil_socket_t fd, short events, void *argument)
{
    (void)fd;
    (void)events;
    struct progress *progress = argument;
    char text[PROGRESS_TEXT_SIZE];
    progress->write(progress->argument, text);
    fprintf(stderr, "\r%-*s", WIDTH, text);
    progress->shown = true;
    event_add(progress->timer, &then_after);
}

void progress_init(struct progress *progress, struct event_base *base, progress_writer *write,
                   const void *argument)
{
    *progress = (struct progress){.write = write, .argument = argument};
    if (isatty(STDERR_FILENO) == 1) {
        progress->timer = evtimer_new(base, on_timer, progress);
    }
    if (progress->timer) {
        evtimer_add(progress->timer, &first_after);
    }
}

void progress_deinit(struct progress *progress)
{
    if (progress->shown) {
        fprintf(stderr, "\r%*s\r", WIDTH, "");
    }
    if (progress->timer) {
        event_free(progress->timer);
    }
}

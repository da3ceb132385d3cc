/* SPDX-License-Identifier: Apache-2.0 */
/* A bound on the lines that peers can provoke. */
#include "daemon/flood.h"

#include <event2/event_struct.h>

#include "system/log.h"

#define LINES_A_WINDOW 20
#define WINDOW_S 10

static struct {
    struct event window; /* armed from the first line of a window on */
    unsigned n_lines[FLOOD_KINDS];
} flood;

static const char *kind_text(int kind)
{
    switch (kind) {
    case FLOOD_EVICTED:
        return "unfinished connections closed, to make room";
    case FLOOD_FAILED:
        return "connections closed, out of memory";
    case FLOOD_PAUSED:
        return "pauses in accepting connections";
    case FLOOD_RELOADING:
        return "reloads by request";
    case FLOOD_NOT_RELOADING:
        return "reloads that were not possible";
    default:
        return refusal_text((enum refusal)kind);
    }
}

static void flood_end_window(void)
{
    for (int kind = 0; kind < FLOOD_KINDS; kind++) {
        unsigned n_lines = flood.n_lines[kind];
        bool is_refusal = kind < REFUSAL_COUNT;
        if (n_lines > LINES_A_WINDOW) {
            const struct log_fields fields = {
                .reason = is_refusal ? refusal_word((enum refusal)kind) : NULL};
            log_event(LOG_WARNING, &fields, "%s%u times more within %d s: %s",
                      is_refusal ? "refused requests " : "", n_lines - LINES_A_WINDOW, WINDOW_S,
                      kind_text(kind));
        }
        flood.n_lines[kind] = 0;
    }
}

static void on_window_end(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what, (void)argument;
    flood_end_window();
}

void flood_init(struct event_base *base)
{
    evtimer_assign(&flood.window, base, on_window_end, NULL);
}

void flood_deinit(void)
{
    if (event_initialized(&flood.window)) {
        event_del(&flood.window);
        flood_end_window();
    }
}

bool flood_allows(int kind)
{
    static const struct timeval window = {.tv_sec = WINDOW_S};
    if (!event_pending(&flood.window, EV_TIMEOUT, NULL)) {
        event_add(&flood.window, &window);
    }
    return ++flood.n_lines[kind] <= LINES_A_WINDOW;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel to the watcher, which holds duplicates of what must outlive this process: our
 * own keeper, or the service manager. Both are spoken to in one protocol (system/notify.h).
 */
#ifndef EPMD_DAEMON_WATCHER_H
#define EPMD_DAEMON_WATCHER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/notify.h"

/* A keeper's answer to a numbered message (system/notify.h). */
typedef void watcher_answered(void *argument, const struct notify_answer *answer);

struct watcher {
    int channel;   /* -1: there is no watcher, or none any more */
    bool keeper;   /* it is our own */
    bool confirms; /* a keeper that answers numbered messages */
    bool silent;   /* it was asked and has not answered since, so it is not waited for again */
    uint64_t n_numbered;
    watcher_answered *answered;
    void *argument;        /* of that */
    struct event hears;    /* when it says something, or has gone */
    struct event watchdog; /* when it wants to hear from us */
};

/* Opens the channel: takes over `channel`, which leads to the keeper; or, where that is
 * negative, finds the service manager. Where it cannot be reached, that is logged. Answers go
 * to `answered`, with `argument`. */
void watcher_open(struct watcher *watcher, struct event_base *base, int channel,
                  watcher_answered *answered, void *argument);

/* The watcher in words: "the keeper" or "the service manager". */
const char *watcher_name(const struct watcher *watcher);

/* How many descriptors it takes, where it does not say `otherwise`. */
size_t watcher_room(const struct watcher *watcher, size_t otherwise);

/* Sends a message. Returns 0; -EAGAIN where the watcher takes none now; or, where it has gone,
 * which is logged, another negative errno. */
int watcher_send(struct watcher *watcher, const char *message);

/* Sends a message with descriptors that stay the caller's, and returns as watcher_send().
 * Once it is sent, `*number` is that of the answer, or 0 where there will be none. */
int watcher_send_descriptors(struct watcher *watcher, const char *message, const int *fds, size_t n,
                             uint64_t *number);

/* The same for one descriptor, for which a keeper gets a moment: it takes microseconds, unless
 * it has been stopped. */
int watcher_hand_over(struct watcher *watcher, const char *message, int fd, uint64_t *number);

/* Asks a keeper that answers whether a reload can be done, and waits for its word for a second;
 * not at all where it has been asked in vain and has said nothing since: each of these waits
 * holds every request up.
 * Returns 0, also where the watcher cannot be asked; or a negative errno, and why not in
 * `reason`. */
int watcher_ask_reload(struct watcher *watcher, char *reason, size_t size);

/* Begins to tell the watcher that this process is alive, if that wants to hear it. */
void watcher_feed(struct watcher *watcher);

/* Closes the channel. */
void watcher_close(struct watcher *watcher);

#endif

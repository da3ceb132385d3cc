/* SPDX-License-Identifier: Apache-2.0 */
/* The channel to the watcher. */
#include "daemon/watcher.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/log.h"

/* How long the whole loop may wait for a keeper that has been stopped. */
#define KEEPER_PATIENCE_MS 250
#define RELOAD_PATIENCE_MS 1000 /* once: see `silent`; a busy machine may need some of it */

#define MESSAGE_SIZE 256

const char *watcher_name(const struct watcher *watcher)
{
    return watcher->keeper ? "the keeper" : "the service manager";
}

size_t watcher_room(const struct watcher *watcher, size_t otherwise)
{
    return watcher->keeper ? SIZE_MAX : notify_store_max(otherwise);
}

void watcher_close(struct watcher *watcher)
{
    if (watcher->channel >= 0) {
        event_del(&watcher->hears);
        event_del(&watcher->watchdog);
        close(watcher->channel);
        watcher->channel = -1;
    }
}

static void watcher_lose(struct watcher *watcher, const char *why)
{
    log_line(LOG_WARNING, "%s has gone (%s): from now on registrations end with this process",
             watcher_name(watcher), why);
    watcher_close(watcher);
}

static int watcher_send_all(struct watcher *watcher, const char *message, const int *fds, size_t n)
{
    if (watcher->channel < 0) {
        return -ENOTCONN;
    }
    int status = notify_send(watcher->channel, message, fds, n);
    if (status < 0 && status != -EAGAIN) {
        watcher_lose(watcher, strerror(-status));
    }
    return status;
}

int watcher_send(struct watcher *watcher, const char *message)
{
    return watcher_send_all(watcher, message, NULL, 0);
}

int watcher_send_descriptors(struct watcher *watcher, const char *message, const int *fds, size_t n,
                             uint64_t *number)
{
    char numbered[MESSAGE_SIZE];
    uint64_t next = watcher->confirms ? watcher->n_numbered + 1 : 0;
    if (next > 0) {
        snprintf(numbered, sizeof numbered, "%s" NOTIFY_CONFIRM "%" PRIu64 "\n", message, next);
    }
    int status = watcher_send_all(watcher, next > 0 ? numbered : message, fds, n);
    if (status == 0) {
        watcher->n_numbered = next;
        *number = next;
    }
    return status;
}

int watcher_hand_over(struct watcher *watcher, const char *message, int fd, uint64_t *number)
{
    int status = watcher_send_descriptors(watcher, message, &fd, 1, number);
    struct pollfd pollfd = {.fd = watcher->channel, .events = POLLOUT};
    if (status == -EAGAIN && watcher->keeper && poll(&pollfd, 1, KEEPER_PATIENCE_MS) > 0) {
        status = watcher_send_descriptors(watcher, message, &fd, 1, number);
    }
    return status;
}

/* Takes the next answer and passes it on. Returns 0, or a negative errno: -EAGAIN where there
 * is none. */
static int watcher_hear(struct watcher *watcher, struct notify_answer *answer)
{
    int status = watcher->channel < 0 ? -ENOTCONN : notify_receive_answer(watcher->channel, answer);
    if (status == 0) {
        watcher->silent = false;
        watcher->answered(watcher->argument, answer);
    } else if (status == -EPIPE) {
        watcher_lose(watcher, "its end of the channel is closed");
    } else if (status != -EAGAIN && status != -EBADMSG) {
        watcher_lose(watcher, strerror(-status));
    }
    return status;
}

static void on_hears(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct notify_answer answer;
    while (watcher_hear(argument, &answer) == 0) {
        /* all that it has said */
    }
}

/* Waits until there is something to hear. Returns false where the time is over. */
static bool watcher_poll(const struct watcher *watcher, int64_t deadline_ms)
{
    struct pollfd pollfd = {.fd = watcher->channel, .events = POLLIN};
    int n_ready;
    do {
        int64_t left_ms = deadline_ms - clock_now_ms();
        n_ready = poll(&pollfd, 1, left_ms > 0 ? (int)left_ms : 0);
    } while (n_ready < 0 && errno == EINTR); /* a signal, which the loop sees later */
    return n_ready > 0;
}

int watcher_ask_reload(struct watcher *watcher, char *reason, size_t size)
{
    uint64_t number = 0;
    struct notify_answer answer;
    if (!watcher->confirms) {
        return 0;
    }
    int status = watcher_send_descriptors(watcher, NOTIFY_ASK_RELOAD, NULL, 0, &number);
    int64_t deadline_ms = clock_now_ms() + (watcher->silent ? 0 : RELOAD_PATIENCE_MS);
    while (number > 0 && (status == 0 || status == -EAGAIN)) {
        if (!watcher_poll(watcher, deadline_ms)) {
            watcher->silent = true;
            snprintf(reason, size, "the keeper does not answer");
            return -ETIMEDOUT;
        }
        status = watcher_hear(watcher, &answer);
        if (status == 0 && answer.number >= number) {
            snprintf(reason, size, "%s", answer.reason);
            return answer.error;
        }
    }
    snprintf(reason, size, "the keeper cannot be asked: %s", strerror(-status));
    return status;
}

static void on_watchdog(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    watcher_send(argument, "WATCHDOG=1\n");
}

void watcher_open(struct watcher *watcher, struct event_base *base, int channel,
                  watcher_answered *answered, void *argument)
{
    *watcher = (struct watcher){.keeper = channel >= 0, .answered = answered, .argument = argument};
    watcher->confirms = watcher->keeper && notify_confirms();
    watcher->channel = watcher->keeper ? channel : notify_open_manager();
    if (watcher->channel < 0) {
        if (watcher->channel != -ENOENT) {
            log_line(LOG_WARNING, "cannot reach the service manager: %s",
                     strerror(-watcher->channel));
        }
        watcher->channel = -1;
        return;
    }
    event_assign(&watcher->hears, base, watcher->channel, EV_READ | EV_PERSIST, on_hears, watcher);
    event_assign(&watcher->watchdog, base, -1, EV_PERSIST, on_watchdog, watcher);
    if (watcher->keeper) {
        event_add(&watcher->hears, NULL);
    }
}

void watcher_feed(struct watcher *watcher)
{
    uint64_t us = notify_watchdog_us() / 3;
    if (watcher->channel >= 0 && us > 0) {
        struct timeval interval = {.tv_sec = (time_t)(us / 1000000),
                                   .tv_usec = (suseconds_t)(us % 1000000)};
        event_add(&watcher->watchdog, &interval);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is handed over to the watcher. */
#include "daemon/handover.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "system/clock.h"
#include "system/log.h"
#include "system/notify.h"

/* Registrations that the shipped unit's FileDescriptorStoreMax= has room for, and the
 * state: for managers that do not tell. */
#define MANAGER_MAX (4096 + 1)

#define CLOSING_PATIENCE_MS 1000

#define MESSAGE_NODE "FDSTORE=1\nFDNAME=n\n"
#define MESSAGE_STATE "FDSTORE=1\nFDNAME=s\n"
#define STATUS_LISTENING "STATUS=Listening on port %u\n"

/* How often what waits is offered. That the channel is writable would not tell: the
 * kernel may refuse descriptors nevertheless (unix(7), ETOOMANYREFS). */
static const struct timeval flush_interval = {.tv_usec = 10000};

/* A service manager drops a connection that has ended when its own loop gets there. */
static const struct timeval leaving_time = {.tv_sec = 1};

/* A keeper may refuse because it lacks descriptors. That may pass. */
static const struct timeval refused_time = {.tv_sec = 10};

/* ---- what an entry is ---- */

static void handover_forget(struct handover *handover, struct handover_entry *entry)
{
    DL_DELETE(handover->entries[entry->safety], entry); /* NOLINT(clang-analyzer-core*) */
    handover->n_entries[entry->safety]--;
    entry->prev = NULL;
}

/* The only place that changes an entry's safety. */
static void handover_enter(struct handover *handover, struct handover_entry *entry,
                           enum handover_safety safety)
{
    if (entry->prev) { /* in a list: its head's `prev` is the tail */
        handover_forget(handover, entry);
    }
    entry->safety = safety;
    DL_APPEND(handover->entries[safety], entry);
    handover->n_entries[safety]++;
}

bool handover_has_sent(const struct handover_entry *entry)
{
    return entry->safety == HANDOVER_SENT || entry->safety == HANDOVER_HELD;
}

bool handover_has_watcher(const struct handover *handover)
{
    return handover->watcher.channel >= 0;
}

static size_t count_sent(const struct handover *handover)
{
    return handover->n_entries[HANDOVER_SENT] + handover->n_entries[HANDOVER_HELD];
}

size_t handover_count_safe(const struct handover *handover)
{
    return handover->watcher.confirms ? handover->n_entries[HANDOVER_HELD] : count_sent(handover);
}

static size_t count_room(const struct handover *handover)
{
    size_t n_taken = count_sent(handover) + handover->n_leaving;
    return n_taken < handover->max_sent ? handover->max_sent - n_taken : 0;
}

/* ---- handing over ---- */

/* A watcher that is full while nodes come and go is told of once, until there is some room. */
static void handover_note_full(struct handover *handover, bool is_full)
{
    if (!is_full && count_sent(handover) > handover->max_sent - handover->max_sent / 8) {
        return;
    }
    if (is_full && !handover->is_full) {
        log_line(LOG_WARNING,
                 "%zu registrations are stored, which is all that %s takes%s: the next ones would "
                 "not survive a restart",
                 count_sent(handover), watcher_name(&handover->watcher),
                 handover->watcher.keeper ? "" : " (FileDescriptorStoreMax=)");
        watcher_send(&handover->watcher,
                     "STATUS=The store is full: the next registrations are not stored\n");
    }
    handover->is_full = is_full;
}

int handover_send_state(struct handover *handover)
{
    if (handover->state->fd < 0) { /* it has been given up meanwhile */
        handover->state_waits = false;
        return 0;
    }
    int status = watcher_send_descriptors(&handover->watcher, MESSAGE_STATE, &handover->state->fd,
                                          1, &handover->state_message);
    handover->state_waits = status == -EAGAIN;
    return handover->state_waits ? 0 : status;
}

static int handover_send_announcement(struct handover *handover)
{
    char message[80];
    snprintf(message, sizeof message, NOTIFY_READY STATUS_LISTENING, handover->port);
    int status = watcher_send(&handover->watcher, message);
    handover->announcement_waits = status == -EAGAIN;
    return status;
}

/* Hands over a batch of registrations, the oldest first. */
static int handover_send_nodes(struct handover *handover)
{
    int fds[NOTIFY_FDS_SENT_MAX];
    char message[100];
    const struct handover_entry *entry;
    uint64_t number;
    size_t n = 0, max = count_room(handover);
    max = max < NOTIFY_FDS_SENT_MAX ? max : NOTIFY_FDS_SENT_MAX;
    DL_FOREACH (handover->entries[HANDOVER_WAITING], entry) {
        if (n == max) {
            break;
        }
        fds[n++] = entry->fd;
    }
    handover_note_full(handover, n == 0);
    if (n == 0) {
        return -ENOSPC;
    }
    if (handover->n_entries[HANDOVER_WAITING] > n) {
        snprintf(message, sizeof message,
                 MESSAGE_NODE "STATUS=%zu registrations wait to be stored\n",
                 handover->n_entries[HANDOVER_WAITING] - n);
    } else {
        snprintf(message, sizeof message, MESSAGE_NODE STATUS_LISTENING, handover->port);
    }
    int status = watcher_send_descriptors(&handover->watcher, message, fds, n, &number);
    while (status == 0 && n-- > 0) {
        struct handover_entry *oldest = handover->entries[HANDOVER_WAITING];
        oldest->message = number;
        handover_enter(handover, oldest, HANDOVER_SENT);
    }
    return status;
}

/* Whether there is something to hand over, though perhaps no room for it. */
static bool handover_waits(const struct handover *handover)
{
    return handover_has_watcher(handover) &&
           (handover->state_waits || handover->announcement_waits || handover->state->dirty ||
            handover->n_entries[HANDOVER_WAITING] > 0);
}

/* Hands over some of what waits, in the order in which it is needed: a registration comes after
 * the record that tells whose it is. Returns 0 where the watcher took it, -ENOSPC where it has no
 * room, -EAGAIN where it may take it later, or another negative errno. */
static int handover_flush(struct handover *handover)
{
    if (handover->state_waits) {
        int status = handover_send_state(handover);
        return handover->state_waits ? -EAGAIN : status;
    }
    if (handover->announcement_waits) {
        return handover_send_announcement(handover);
    }
    return handover->state->dirty ? state_rewrite(handover->state, handover->registry)
                                  : handover_send_nodes(handover);
}

/* To be called when the watcher has not taken a registration that it has room for. */
static void handover_note_busy(struct handover *handover)
{
    if (!handover->is_busy) {
        log_line(LOG_WARNING,
                 "%s is busy: the last registrations would not survive a restart until it "
                 "takes them",
                 watcher_name(&handover->watcher));
        handover->is_busy = true;
    }
}

static void on_flush(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct handover *handover = argument;
    int status = 0;
    while (handover_waits(handover) && status == 0) {
        status = handover_flush(handover);
    }
    if (handover_has_watcher(handover) && status == -EAGAIN) {
        if (!handover->state->dirty && handover->n_entries[HANDOVER_WAITING] > 0) {
            handover_note_busy(handover);
        }
        return;
    }
    event_del(&handover->flush); /* a full watcher has room when a node leaves */
    if (handover->is_busy && handover_has_watcher(handover) && status == 0) {
        log_line(LOG_INFO, "all registrations are with %s again", watcher_name(&handover->watcher));
    }
    handover->is_busy = false;
}

/* Goes on as soon as the watcher takes more. */
static void handover_await(struct handover *handover)
{
    if (handover_has_watcher(handover) && !event_pending(&handover->flush, EV_TIMEOUT, NULL)) {
        event_add(&handover->flush, &flush_interval);
    }
}

void handover_await_state(struct handover *handover)
{
    if (handover->state->dirty && handover_has_watcher(handover)) {
        event_add(&handover->flush, &flush_interval);
    }
}

static void on_left(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    struct handover *handover = argument;
    handover->n_leaving = handover->n_left_since;
    handover->n_left_since = 0;
    handover->is_leaving = handover->n_leaving > 0;
    if (handover->is_leaving) {
        event_add(&handover->left, &leaving_time);
    }
    handover->max_sent = handover->was_refused ? count_sent(handover) + 1 : handover->room;
    if (handover->n_entries[HANDOVER_WAITING] > 0) {
        event_add(&handover->flush, &flush_interval);
    }
}

/* ---- what a keeper answers ---- */

/* All up to a message are held. After a refusal, twice as many are offered next. */
static void handover_confirm(struct handover *handover, uint64_t message)
{
    struct handover_entry *oldest;
    size_t n_held = 0;
    while ((oldest = handover->entries[HANDOVER_SENT]) && oldest->message <= message) {
        handover_enter(handover, oldest, HANDOVER_HELD);
        n_held++;
    }
    if (!handover->was_refused || n_held == 0) {
        return;
    }
    handover->was_refused = handover->n_entries[HANDOVER_WAITING] > 0;
    handover->max_sent = handover->was_refused ? count_sent(handover) + 2 * n_held : handover->room;
    if (handover->was_refused) {
        event_add(&handover->flush, &flush_interval);
    }
}

/* None of a message is held: it is offered again when something else has gone, or in a while.
 * A message that brought no registration, a listening socket or a question, says nothing of
 * the keeper's room. */
static void handover_take_back(struct handover *handover, const struct notify_answer *answer)
{
    struct handover_entry *entry, *next;
    bool brought_some = false;
    DL_FOREACH_SAFE (handover->entries[HANDOVER_SENT], entry, next) {
        if (entry->message == answer->number) {
            handover_enter(handover, entry, HANDOVER_WAITING);
            brought_some = true;
        }
    }
    if (!brought_some) {
        return;
    }
    handover->max_sent = count_sent(handover);
    if (!handover->was_refused) {
        log_line(LOG_ERR,
                 "the keeper does not take more than %zu registrations (%s): the next ones would "
                 "not survive a restart",
                 handover->max_sent, answer->reason);
    }
    handover->was_refused = true;
    handover->is_full = true;
    if (!handover->is_leaving) {
        event_add(&handover->left, &refused_time);
    }
}

static void on_answer(void *argument, const struct notify_answer *answer)
{
    struct handover *handover = argument;
    if (answer->error == 0) {
        handover_confirm(handover, answer->number);
    } else if (answer->number == handover->state_message) {
        log_line(LOG_ERR,
                 "the keeper does not take the registrations' state (%s): they end with this "
                 "process",
                 answer->reason);
        state_close(handover->state);
    } else {
        handover_confirm(handover, answer->number - 1);
        handover_take_back(handover, answer);
    }
}

/* ---- beginning and end ---- */

void handover_open(struct handover *handover, const struct handover_config *config)
{
    *handover = (struct handover){.state = config->state,
                                  .registry = config->registry,
                                  .port = config->port,
                                  .watcher.channel = -1};
    if (config->systemd || config->channel >= 0) {
        watcher_open(&handover->watcher, config->base, config->channel, on_answer, handover);
    }
    if (!handover_has_watcher(handover)) {
        return;
    }
    event_assign(&handover->flush, config->base, -1, EV_PERSIST, on_flush, handover);
    evtimer_assign(&handover->left, config->base, on_left, handover);
    size_t room = watcher_room(&handover->watcher, MANAGER_MAX);
    handover->room = room > 0 ? room - 1 : 0; /* and the state */
    handover->max_sent = handover->room;
}

int handover_announce(struct handover *handover)
{
    if (!handover_has_watcher(handover)) {
        return 0;
    }
    int status = handover_send_announcement(handover);
    if (handover->watcher.keeper && !handover_has_watcher(handover)) {
        return status;
    }
    if (handover_waits(handover)) {
        event_add(&handover->flush, &flush_interval);
    }
    watcher_feed(&handover->watcher);
    return 0;
}

void handover_close(struct handover *handover)
{
    int64_t deadline_ms = clock_now_ms() + CLOSING_PATIENCE_MS;
    int status = 0;
    while (handover_waits(handover) && status != -ENOSPC && clock_now_ms() < deadline_ms) {
        status = handover_flush(handover);
        if (status < 0) {
            poll(NULL, 0, 1);
        }
    }
    if (handover_has_watcher(handover)) {
        event_del(&handover->flush);
        event_del(&handover->left);
    }
    watcher_close(&handover->watcher);
}

/* ---- registrations ---- */

void handover_adopt(struct handover *handover, struct handover_entry *entry, int fd)
{
    *entry = (struct handover_entry){.fd = fd};
    handover_enter(handover, entry, handover->watcher.confirms ? HANDOVER_HELD : HANDOVER_SENT);
}

void handover_leave_out(struct handover *handover, struct handover_entry *entry, int fd)
{
    *entry = (struct handover_entry){.fd = fd};
    handover_enter(handover, entry, HANDOVER_NOT_KEPT);
}

void handover_add(struct handover *handover, struct handover_entry *entry, int fd)
{
    bool waits = handover_waits(handover); /* what came first is handed over first */
    bool has_room = count_room(handover) > 0;
    *entry = (struct handover_entry){.fd = fd};
    handover_enter(handover, entry, HANDOVER_WAITING);
    handover_note_full(handover, !has_room);
    if (waits || !has_room) {
        handover_await(handover);
        return;
    }
    int status = watcher_hand_over(&handover->watcher, MESSAGE_NODE, fd, &entry->message);
    if (status == 0) {
        handover_enter(handover, entry, HANDOVER_SENT);
    } else if (status == -EAGAIN) {
        handover_note_busy(handover);
        handover_await(handover);
    }
}

/* Those that leave while the timer runs are counted until it has run once more. */
static void handover_leave(struct handover *handover)
{
    handover->n_leaving++;
    handover->n_left_since++;
    if (!handover->is_leaving) {
        handover->is_leaving = true;
        handover->n_left_since = 0;
        event_add(&handover->left, &leaving_time);
    }
}

void handover_remove(struct handover *handover, struct handover_entry *entry, bool ends)
{
    if (handover_has_sent(entry) && ends) {
        shutdown(entry->fd, SHUT_RDWR); /* the duplicate would keep the connection open */
        if (handover_has_watcher(handover) && (!handover->watcher.keeper || handover->is_full)) {
            handover_leave(handover);
        }
    }
    handover_forget(handover, entry);
}

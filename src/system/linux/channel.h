/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's end of the channel to its worker: messages come in, answers go out.
 *
 * Answering never blocks, and no answer is lost: confirmations that the worker has not
 * read yet are merged, as notify.h allows; behind a refusal that waits no further message
 * is taken.
 */
#ifndef EPMD_SYSTEM_LINUX_CHANNEL_H
#define EPMD_SYSTEM_LINUX_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "system/notify.h"

#define CHANNEL_MESSAGE_SIZE 256

struct channel {
    int fd;             /* -1: none */
    int epoll;          /* the caller's */
    uint64_t confirmed; /* what waits to be sent; 0: nothing */
    bool refuses;       /* `refusal` waits, behind `confirmed` */
    struct notify_answer refusal;
};

struct channel_message {
    char text[CHANNEL_MESSAGE_SIZE];
    int fds[NOTIFY_FDS_MAX];
    size_t n_fds;
    bool is_cut; /* some descriptors found no number here */
};

/* Takes over a descriptor, and has `epoll` tell, under its number, when there is something
 * to do for channel_receive() or channel_flush(). Returns 0; or closes it and returns a
 * negative errno. */
int channel_open(struct channel *channel, int epoll, int fd);

/* Closes it; what waits is dropped. Harmless where there is none. */
void channel_close(struct channel *channel);

/* Stops to listen to a worker that has gone; what it has sent can still be received. */
void channel_mute(const struct channel *channel);

/* Takes one message, whose descriptors are the caller's from then on. Returns false where
 * there is none, or where none may be taken yet. */
bool channel_receive(struct channel *channel, struct channel_message *message);

/* Confirms the message of that number (0: one that asks for no answer), or refuses it where
 * `error` is a negative errno, for a reason that may be NULL. Call it before the next
 * channel_receive(). */
void channel_answer(struct channel *channel, uint64_t number, int error, const char *reason);

/* Whether an answer waits to be sent. */
bool channel_is_busy(const struct channel *channel);

/* Sends what waits, as far as the worker takes it. */
void channel_flush(struct channel *channel);

#endif

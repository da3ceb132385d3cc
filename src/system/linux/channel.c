/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's end of the channel to its worker. */
#include "system/linux/channel.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

int channel_open(struct channel *channel, int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    *channel = (struct channel){.fd = fd, .epoll = epoll};
    return 0;
}

void channel_close(struct channel *channel)
{
    if (channel->fd >= 0) {
        close(channel->fd); /* which takes it out of the epoll set: there is no duplicate */
    }
    channel->fd = -1;
}

void channel_mute(const struct channel *channel)
{
    epoll_ctl(channel->epoll, EPOLL_CTL_DEL, channel->fd, NULL);
}

bool channel_is_busy(const struct channel *channel)
{
    return channel->confirmed > 0 || channel->refuses;
}

/* Listens for what can be done next. */
static void channel_watch(const struct channel *channel)
{
    struct epoll_event event = {.events = (channel->refuses ? 0u : EPOLLIN) |
                                          (channel_is_busy(channel) ? EPOLLOUT : 0u),
                                .data.fd = channel->fd};
    epoll_ctl(channel->epoll, EPOLL_CTL_MOD, channel->fd, &event);
}

bool channel_receive(struct channel *channel, struct channel_message *message)
{
    int status;
    if (channel->refuses) {
        return false;
    }
    do {
        status = notify_receive(channel->fd, message->text, sizeof message->text, message->fds,
                                &message->n_fds);
    } while (status == -EINTR);
    message->is_cut = status == -EMFILE;
    return status == 0 || message->is_cut;
}

/* Returns whether it is no longer waiting: a worker that has gone needs no answer. */
static bool channel_send(const struct channel *channel, const struct notify_answer *answer)
{
    return notify_send_answer(channel->fd, answer) != -EAGAIN;
}

/* The order matters: a confirmation would stand for the refused message as well. */
static void channel_send_waiting(struct channel *channel)
{
    const struct notify_answer confirmation = {.number = channel->confirmed};
    if (channel->confirmed > 0 && channel_send(channel, &confirmation)) {
        channel->confirmed = 0;
    }
    if (channel->confirmed == 0 && channel->refuses && channel_send(channel, &channel->refusal)) {
        channel->refuses = false;
    }
}

void channel_answer(struct channel *channel, uint64_t number, int error, const char *reason)
{
    bool waited = channel_is_busy(channel);
    if (number == 0) {
        return;
    }
    if (error == 0) {
        channel->confirmed = number;
    } else {
        channel->refuses = true;
        channel->refusal = (struct notify_answer){.number = number, .error = error};
        snprintf(channel->refusal.reason, sizeof channel->refusal.reason, "%s",
                 reason ? reason : "");
    }
    channel_send_waiting(channel);
    if (waited || channel_is_busy(channel)) {
        channel_watch(channel);
    }
}

void channel_flush(struct channel *channel)
{
    if (channel_is_busy(channel)) {
        channel_send_waiting(channel);
        channel_watch(channel);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A set of descriptors that are held open for another process. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "system/linux/hold.h"

void hold_init(struct hold *hold, int epoll)
{
    *hold = (struct hold){.epoll = epoll};
}

void hold_deinit(struct hold *hold)
{
    free(hold->held);
}

static int hold_grow(struct hold *hold, int fd)
{
    int larger = fd * 2 + 64;
    bool *held = realloc(hold->held, (size_t)larger * sizeof *held);
    if (!held) {
        return -ENOMEM;
    }
    memset(held + hold->n_numbers, 0, (size_t)(larger - hold->n_numbers) * sizeof *held);
    hold->held = held;
    hold->n_numbers = larger;
    return 0;
}

int hold_add(struct hold *hold, int fd)
{
    struct epoll_event event = {.events = 0, .data.fd = fd}; /* EPOLLHUP comes unasked */
    int status = fd < hold->n_numbers ? 0 : hold_grow(hold, fd);
    if (status == 0 && epoll_ctl(hold->epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EPERM) {
        status = -errno; /* EPERM: a file, which never hangs up */
    }
    if (status < 0) {
        close(fd);
        return status;
    }
    hold->held[fd] = true;
    return 0;
}

bool hold_has(const struct hold *hold, int fd)
{
    return fd < hold->n_numbers && hold->held[fd];
}

void hold_drop(struct hold *hold, int fd)
{
    if (hold_has(hold, fd)) {
        hold->held[fd] = false;
        /* The worker's duplicate would keep it in the set, under a number that is free. */
        epoll_ctl(hold->epoll, EPOLL_CTL_DEL, fd, NULL);
        close(fd);
    }
}

int hold_end(const struct hold *hold)
{
    int end = hold->n_numbers;
    while (end > 0 && !hold->held[end - 1]) {
        end--;
    }
    return end;
}

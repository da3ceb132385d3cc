/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of the load generator.  Each slot is one connection from its
 * connect to its answer; a slot that is free again is used at once, so that the
 * number in flight stays what was asked for until the plan runs out.
 */
#include "flight.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, SOURCE_ADDRESSES = 4096, ANSWER_CHUNK = 65536 };

struct slot {
    int fd;
    bool sent;
    size_t node;
    size_t received;
    uint8_t head[2];
    uint64_t began_ns;
};

struct flight {
    const struct flight_plan *plan;
    struct flight_tally *tally;
    int epoll;
    size_t begun;
    size_t active;
    uint64_t began_ns;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One source address has some 28,000 ports: thousands of addresses keep the
 * pairs of address and port from running out, however long the run. */
static void bind_source(int fd)
{
    static uint32_t turn;
    const int late = 1;
    const struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(0x7f010001u + turn++ % SOURCE_ADDRESSES),
    };
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof late) != 0) {
        err(1, "IP_BIND_ADDRESS_NO_PORT");
    }
    if (bind(fd, (const struct sockaddr *)&source, sizeof source) != 0) {
        err(1, "bind");
    }
}

static void slot_begin(struct flight *flight, struct slot *slot)
{
    const struct flight_plan *plan = flight->plan;

    *slot = (struct slot){.node = plan->next_node(), .began_ns = now_ns()};
    slot->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (slot->fd < 0) {
        err(1, "socket");
    }
    bind_source(slot->fd);
    if (connect(slot->fd, (const struct sockaddr *)&plan->server, sizeof plan->server) != 0 &&
        errno != EINPROGRESS) {
        err(1, "connect");
    }
    struct epoll_event interest = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = slot};
    if (epoll_ctl(flight->epoll, EPOLL_CTL_ADD, slot->fd, &interest) != 0) {
        err(1, "epoll_ctl");
    }
    flight->begun++;
}

static bool flight_may_begin(const struct flight *flight)
{
    const struct flight_plan *plan = flight->plan;
    return flight->begun < plan->count && now_ns() - flight->began_ns < plan->duration_ns;
}

/* The server closed first and would keep each pair of addresses for a minute;
 * a reset after its end tells it to forget, and costs it nothing. */
static void close_forgotten(int fd)
{
    const struct linger forget = {.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &forget, sizeof forget);
    close(fd);
}

static void slot_count(const struct flight *flight, const struct slot *slot, bool right)
{
    struct flight_tally *tally = flight->tally;
    const size_t answers = tally->answered + tally->refused;

    tally->latency_ns[answers] = now_ns() - slot->began_ns;
    tally->bytes += slot->received;
    if (right) {
        tally->answered++;
    } else {
        tally->refused++;
    }
}

static void slot_end(struct flight *flight, struct slot *slot, int error)
{
    const struct flight_kind *kind = flight->plan->kind;
    const bool right =
        slot->received >= 2 && slot->head[0] == kind->answer[0] && slot->head[1] == kind->answer[1];

    if (error != 0) {
        flight->tally->reset++;
    } else if (slot->received == 0) {
        flight->tally->closed++;
    } else {
        slot_count(flight, slot, right);
    }

    if (right && kind->stays_after != 0) {
        epoll_ctl(flight->epoll, EPOLL_CTL_DEL, slot->fd, NULL);
        flight->plan->keep(slot->node, slot->fd);
    } else {
        close_forgotten(slot->fd);
    }
    if (flight_may_begin(flight)) {
        slot_begin(flight, slot);
    } else {
        slot->fd = -1;
        flight->active--;
    }
}

static void slot_send(struct slot *slot, const struct flight_kind *kind)
{
    uint8_t frame[FLIGHT_REQUEST_MAX];
    const size_t length = kind->frame(frame, slot->node);

    /* What goes wrong here shows again, and is counted, when the answer is read. */
    if (send(slot->fd, frame, length, MSG_NOSIGNAL) == (ssize_t)length) {
        slot->sent = true;
    }
}

static void slot_receive(struct flight *flight, struct slot *slot)
{
    static uint8_t chunk[ANSWER_CHUNK];
    const size_t stays_after = flight->plan->kind->stays_after;
    ssize_t got;

    while ((got = recv(slot->fd, chunk, sizeof chunk, 0)) > 0) {
        for (size_t i = 0; i < (size_t)got && slot->received + i < sizeof slot->head; i++) {
            slot->head[slot->received + i] = chunk[i];
        }
        slot->received += (size_t)got;
        if (stays_after != 0 && slot->received >= stays_after) {
            slot_end(flight, slot, 0);
            return;
        }
    }
    if (got == 0) {
        slot_end(flight, slot, 0);
    } else if (errno != EAGAIN) {
        slot_end(flight, slot, errno);
    }
}

static void flight_give_up(struct flight *flight, struct slot *slots)
{
    for (size_t i = 0; i < flight->plan->in_flight; i++) {
        if (slots[i].fd >= 0) {
            close_forgotten(slots[i].fd);
            flight->tally->stalled++;
        }
    }
    flight->active = 0;
}

static void flight_turn(struct flight *flight, struct slot *slots)
{
    struct epoll_event events[EVENTS_MAX];
    const int ready = epoll_wait(flight->epoll, events, EVENTS_MAX, FLIGHT_STALL_MS);

    if (ready < 0 && errno != EINTR) {
        err(1, "epoll_wait");
    }
    if (ready == 0) {
        flight_give_up(flight, slots);
    }
    for (int i = 0; i < ready; i++) {
        struct slot *slot = events[i].data.ptr;
        if (!slot->sent && (events[i].events & EPOLLOUT) != 0) {
            slot_send(slot, flight->plan->kind);
        }
        if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
            slot_receive(flight, slot);
        }
    }
}

void flight_run(const struct flight_plan *plan, struct flight_tally *tally)
{
    struct flight flight = {.plan = plan, .tally = tally, .began_ns = now_ns()};
    struct slot *slots = calloc(plan->in_flight, sizeof *slots);

    flight.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (slots == NULL || flight.epoll < 0) {
        err(1, "cannot begin");
    }
    for (size_t i = 0; i < plan->in_flight; i++) {
        slots[i].fd = -1;
        if (flight_may_begin(&flight)) {
            slot_begin(&flight, &slots[i]);
            flight.active++;
        }
    }
    while (flight.active > 0) {
        flight_turn(&flight, slots);
    }
    tally->elapsed_ns = now_ns() - flight.began_ns;
    close(flight.epoll);
    free(slots);
}

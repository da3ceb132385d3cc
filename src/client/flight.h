/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many exchanges at once: each connects, sends a request, and reads the reply.
 *
 * A flight has room for some of them, and the others wait in the order in which they came.
 * The time limit of an exchange begins when it connects. Everything runs on a loop of the
 * caller's.
 */
#ifndef EPMD_CLIENT_FLIGHT_H
#define EPMD_CLIENT_FLIGHT_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "system/sockaddr.h"

#define FLIGHT_REQUEST_MAX 1100 /* bytes of the longest request, with its length */

struct flight_call;

/* What all exchanges of one sort share. */
struct flight_kind {
    int timeout_ms;   /* for a call that sets none */
    size_t reply_max; /* bytes of one reply: more of them end the call with -EMSGSIZE */
    /* Writes the request and returns its length. */
    size_t (*write)(const struct flight_call *call, uint8_t request[FLIGHT_REQUEST_MAX]);
    /* Whether enough of the reply has come; NULL: it ends when the peer closes. */
    bool (*is_enough)(const uint8_t *reply, size_t len);
    /* Is told how the call has ended. The call may then be made again, or freed. */
    void (*done)(struct flight_call *call);
};

/* One exchange, embedded in what it is made for. */
struct flight_call {
    const struct flight_kind *kind;
    void *owner;
    union sockaddr_ip to;
    int timeout_ms; /* 0: as the kind has it */

    bool connected;
    int status;     /* 0: closed by the peer, or enough has come; else a negative errno */
    uint8_t *reply; /* what has come, however the call has ended; the caller's, for free(3) */
    size_t len;

    /* The flight's. */
    struct flight *flight;
    struct flight_call *prev, *next;
    struct event event;
    int fd;
    int64_t deadline_ms;
    size_t size;
};

struct flight {
    struct event_base *base;
    size_t max;        /* that are out at once */
    size_t n;          /* that are */
    size_t bytes_left; /* for the replies that have come and those that are coming */
    bool starts;       /* calls are being started: a call that ends starts no others */
    struct flight_call *waiting, *out;
};

/* Makes a flight with room for `max` calls, whose replies may have `reply_bytes` together. */
void flight_init(struct flight *flight, struct event_base *base, size_t max, size_t reply_bytes);

/* Makes a call, now or when there is room. Its kind, its owner and its address have to be
 * set. -ENOBUFS is its status where there is no room for the reply. */
void flight_add(struct flight *flight, struct flight_call *call);

/* Tells the flight that a reply is no longer kept. */
void flight_release(struct flight *flight, size_t len);

/* Ends all calls with that status: those that wait, those that are out, and those that are
 * added in answer to this. The flight starts no other. */
void flight_stop(struct flight *flight, int status);

/* Runs the loop until event_base_loopbreak(), or for `time_ms` milliseconds at the most; 0: for
 * as long as it takes. Without memory for the timer it does not run. */
void flight_run_loop(struct event_base *base, int64_t time_ms);

#endif

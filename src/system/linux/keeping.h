/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A keeper's state, and the life of its worker: start, service, end, and what follows.
 */
#ifndef EPMD_SYSTEM_LINUX_KEEPING_H
#define EPMD_SYSTEM_LINUX_KEEPING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "system/keeper.h"
#include "system/linux/channel.h"
#include "system/linux/hold.h"
#include "system/linux/program.h"

#define KEEPER_WATCHDOG_MS 30000
#define KEEPER_START_LOOK_MS 1000 /* how often to look at a worker that starts */

enum keeper_state {
    KEEPER_STARTING, /* the worker runs, but has not said that it serves */
    KEEPER_SERVING,
    KEEPER_PAUSING, /* no worker runs; the next one will */
    KEEPER_ENDING,  /* the worker was asked to end, and so shall we */
};

struct keeper {
    const struct keeper_config *config;
    enum keeper_state state;
    pid_t worker;
    int epoll, signals;
    struct channel channel; /* to the worker */
    struct program program; /* what workers run */
    struct hold hold;       /* what the worker must not lose */
    bool was_ready;
    bool is_older;       /* than the program that workers run */
    bool worker_renews;  /* that program can take our place */
    bool reload_wanted;  /* by a signal that led to no new image yet */
    int end_status;      /* what this process is to end with */
    int64_t started_ms;  /* the worker */
    int64_t busy_ms;     /* when a worker that starts was last seen to have used the */
    int64_t cpu_ms;      /* processor, and for how long it had by then */
    int64_t deadline_ms; /* of the state; 0: none */
    int64_t steady_ms;   /* when a program on trial has proved itself; 0: none is */
    int pause_ms;
};

/* Logs one line. */
void keeper_say(const struct keeper *keeper, int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Starts a worker, with all that is held. Returns 0 or a negative errno. */
int keeper_start_worker(struct keeper *keeper);

/* Takes one message of the worker. Returns false where there is none. */
bool keeper_receive(struct keeper *keeper);

/* The worker has ended, with that status of waitpid(2). Returns the exit status to end
 * with, or -1 to go on. */
int keeper_on_worker_end(struct keeper *keeper, int status);

/* The pause before the next worker is over. */
void keeper_end_pause(struct keeper *keeper);

/* The program on trial has served for long enough: the keeper becomes that program, or
 * goes on as it is. */
void keeper_settle(struct keeper *keeper);

#endif

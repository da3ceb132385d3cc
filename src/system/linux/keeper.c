/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper, on Linux: epoll, signalfd. What it waits for, and what that leads to. */
#include "system/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/descriptors.h"
#include "system/linux/keeping.h"
#include "system/linux/takeover.h"
#include "system/linux/worker.h"

#define END_WITHIN_MS 3000 /* of a worker that was asked to end */
#define LATE_MS 1000       /* beyond this it was not the load that held us up */

/* A worker that starts is given up when it has used no processor time for so long, or more
 * than that in all. Elapsed time alone would end one that gets little of a processor, and
 * the one after it, for ever. */
#define START_IDLE_MS 5000
#define START_CPU_MS 5000

/* Reaps each child that has ended: as process 1 of a container, orphans too. */
static int keeper_reap(struct keeper *keeper)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
        int end = ended == keeper->worker ? keeper_on_worker_end(keeper, status) : -1;
        if (end >= 0) {
            return end;
        }
    }
    return -1;
}

/* A worker that does not serve yet would die of the signal; one that has just died, and
 * has not been reaped, does not get it. */
static void keeper_reload(struct keeper *keeper)
{
    int status = program_check(&keeper->program);
    if (status < 0) {
        keeper_say(keeper, LOG_ERR,
                   "not reloading: %s: %s; put the new program there, or start it anew from "
                   "where it is",
                   keeper->program.path, strerror(-status));
        return;
    }
    keeper->reload_wanted = true;
    if (keeper->state == KEEPER_SERVING) {
        kill(keeper->worker, SIGHUP);
    }
}

/* Returns the exit status to end with, or -1 to go on. */
static int keeper_on_signals(struct keeper *keeper)
{
    struct signalfd_siginfo info;
    while (read(keeper->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD) {
            int end = keeper_reap(keeper);
            if (end >= 0) {
                return end;
            }
        } else if (number == SIGHUP) {
            keeper_reload(keeper);
        } else if (keeper->worker < 0) {
            return EXIT_SUCCESS;
        } else {
            kill(keeper->worker, number);
            keeper->state = KEEPER_ENDING;
            keeper->steady_ms = 0;
            keeper->deadline_ms = clock_now_ms() + END_WITHIN_MS;
        }
    }
    return -1;
}

/* Whether there was a sign of life that we have not got round to. If we are late, we were
 * stopped ourselves, and so perhaps was the worker: then its time begins again. */
static bool keeper_hears_worker(struct keeper *keeper, int64_t late_ms)
{
    while (keeper_receive(keeper)) {
        /* a WATCHDOG=1 sets the next deadline */
    }
    if (keeper->deadline_ms == 0 && late_ms > LATE_MS) {
        keeper->deadline_ms = clock_now_ms() + KEEPER_WATCHDOG_MS;
    }
    return keeper->deadline_ms != 0;
}

/* Whether a worker that starts may take longer. */
static bool keeper_awaits_worker(struct keeper *keeper, int64_t late_ms)
{
    int64_t now_ms = clock_now_ms();
    int64_t cpu_ms = worker_cpu_ms(keeper->worker);
    if (cpu_ms > keeper->cpu_ms || late_ms > LATE_MS) {
        keeper->cpu_ms = cpu_ms;
        keeper->busy_ms = now_ms;
    }
    keeper->deadline_ms = now_ms + KEEPER_START_LOOK_MS;
    return cpu_ms < START_CPU_MS && now_ms - keeper->busy_ms < START_IDLE_MS;
}

/* Whether the worker may go on, beyond the time that its state is given. */
static bool keeper_trusts_worker(struct keeper *keeper, int64_t late_ms)
{
    switch (keeper->state) {
    case KEEPER_STARTING:
        return keeper_awaits_worker(keeper, late_ms);
    case KEEPER_SERVING:
        return keeper_hears_worker(keeper, late_ms);
    default:
        return false;
    }
}

/* The time of the current state is over. */
static void keeper_on_deadline(struct keeper *keeper)
{
    int64_t late_ms = clock_now_ms() - keeper->deadline_ms;
    keeper->deadline_ms = 0;
    if (keeper->state == KEEPER_PAUSING) {
        keeper_end_pause(keeper);
    } else if (!keeper_trusts_worker(keeper, late_ms)) {
        keeper_say(keeper, LOG_ERR, "the worker hangs; killing it");
        keeper->deadline_ms = 0;
        kill(keeper->worker, SIGKILL);
    }
}

static bool is_over(int64_t deadline_ms)
{
    return deadline_ms != 0 && clock_now_ms() >= deadline_ms;
}

static int keeper_wait_ms(const struct keeper *keeper)
{
    int64_t first_ms = keeper->deadline_ms;
    if (first_ms == 0 || (keeper->steady_ms != 0 && keeper->steady_ms < first_ms)) {
        first_ms = keeper->steady_ms;
    }
    int64_t left_ms = first_ms - clock_now_ms();
    if (first_ms == 0) {
        return -1;
    }
    return left_ms > 0 ? (int)left_ms : 0;
}

static void keeper_on_channel(struct keeper *keeper, uint32_t events)
{
    channel_flush(&keeper->channel);
    bool more = keeper_receive(keeper);
    if (!more && (events & EPOLLHUP)) {
        /* Its end will be reaped; until then there is nothing to be heard of it. */
        channel_mute(&keeper->channel);
    }
}

static int keeper_on_event(struct keeper *keeper, const struct epoll_event *event)
{
    if (event->data.fd == keeper->signals) {
        return keeper_on_signals(keeper);
    }
    if (event->data.fd == keeper->channel.fd) {
        keeper_on_channel(keeper, event->events);
    } else {
        hold_drop(&keeper->hold, event->data.fd);
    }
    return -1;
}

static int keeper_loop(struct keeper *keeper)
{
    /* Of a child that ended before SIGCHLD was blocked no signal comes any more. */
    int ended = keeper_reap(keeper);
    if (ended >= 0) {
        return ended;
    }
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(keeper->epoll, events, 64, keeper_wait_ms(keeper));
        if (n < 0 && errno != EINTR) {
            keeper_say(keeper, LOG_ERR, "cannot wait for events: %s", strerror(errno));
            return EXIT_FAILURE;
        }
        for (int i = 0; i < n; i++) {
            int end = keeper_on_event(keeper, &events[i]);
            if (end >= 0) {
                return end;
            }
        }
        if (is_over(keeper->steady_ms)) {
            keeper_settle(keeper);
        }
        if (is_over(keeper->deadline_ms)) {
            keeper_on_deadline(keeper);
        }
    }
}

/* ---- setting up ---- */

static void keeper_take_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGCHLD);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
    sigprocmask(SIG_BLOCK, signals, NULL);
    signal(SIGCHLD, SIG_DFL); /* ignored, it would never come */
    signal(SIGPIPE, SIG_IGN); /* the reader of the log may leave */
    signal(SIGXFSZ, SIG_IGN); /* and a log may be full */
}

static int keeper_open(struct keeper *keeper)
{
    sigset_t signals;
    keeper_take_signals(&signals);
    descriptors_raise_limit(); /* as its workers do: it holds what they hold */
    keeper->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    keeper->epoll = keeper->signals < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = keeper->signals};
    if (keeper->epoll < 0 || epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, keeper->signals, &event) < 0) {
        return -errno;
    }
    hold_init(&keeper->hold, keeper->epoll);
    return 0;
}

/* Starts with a worker of its own. */
static int keeper_start(struct keeper *keeper)
{
    char *path =
        realpath((const char *)getauxval(AT_EXECFN), NULL); /* NOLINT(performance-no-int-to-ptr) */
    int status = path ? program_open(&keeper->program, path) : -errno;
    return status < 0 ? status : keeper_start_worker(keeper);
}

/* Goes on with the worker of the keeper that this process was. */
static int keeper_succeed(struct keeper *keeper)
{
    struct takeover takeover;
    if (!takeover_read(&takeover) || !takeover.path) {
        return -EINVAL;
    }
    program_adopt(&keeper->program, takeover.path, takeover.image);
    int n_lost = takeover_restore(&takeover, &keeper->hold);
    if (n_lost > 0) {
        keeper_say(keeper, LOG_ERR, "%d descriptors were lost when this keeper was renewed",
                   n_lost);
    }
    keeper->worker = takeover.worker;
    keeper->was_ready = true;
    keeper->state = KEEPER_SERVING;
    keeper->started_ms = clock_now_ms();
    keeper->deadline_ms = keeper->started_ms + KEEPER_WATCHDOG_MS;
    keeper_say(keeper, LOG_INFO, "renewed: going on as the program at %s", takeover.path);
    return channel_open(&keeper->channel, keeper->epoll, takeover.channel);
}

static void keeper_close(struct keeper *keeper)
{
    hold_deinit(&keeper->hold);
    program_close(&keeper->program); /* descriptors go with the process */
}

/* Undoes keeper_open(), for a process that is to serve without a keeper. */
static int keeper_give_up(struct keeper *keeper, const sigset_t *mask, int status)
{
    close(keeper->signals);
    close(keeper->epoll);
    sigprocmask(SIG_SETMASK, mask, NULL);
    keeper_close(keeper);
    return status;
}

bool keeper_is_successor(void)
{
    return takeover_is_here();
}

int keeper_run(const struct keeper_config *config)
{
    struct keeper keeper = {.config = config, .worker = -1, .channel.fd = -1};
    bool succeeds = takeover_is_here();
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    int status = keeper_open(&keeper);
    if (status == 0) {
        status = succeeds ? keeper_succeed(&keeper) : keeper_start(&keeper);
    }
    if (status < 0 && !succeeds) {
        return keeper_give_up(&keeper, &mask, status);
    }
    if (status < 0) {
        keeper_say(&keeper, LOG_ERR, "cannot go on as the new program: %s", strerror(-status));
        return EXIT_FAILURE;
    }
    status = keeper_loop(&keeper);
    keeper_close(&keeper);
    return status;
}

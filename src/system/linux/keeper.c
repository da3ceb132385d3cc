/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper, on Linux: epoll, signalfd, execveat. */
#include "system/keeper.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
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
#include "system/linux/channel.h"
#include "system/linux/hold.h"
#include "system/linux/inbox.h"
#include "system/linux/program.h"
#include "system/linux/worker.h"

#define WATCHDOG_MS 30000
#define READY_WITHIN_MS 5000 /* of a worker that replaces another */
#define END_WITHIN_MS 3000   /* of a worker that was asked to end */
#define LATE_MS 1000         /* beyond this it was not the load that held us up */
#define PAUSE_FIRST_MS 20
#define PAUSE_MAX_MS 2000
#define STEADY_AFTER_MS 10000 /* a worker that served so long did not die again and again */

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
    bool reload_wanted;  /* by a signal that led to no new image yet */
    int end_status;      /* what this process is to end with */
    int64_t started_ms;  /* the worker */
    int64_t deadline_ms; /* of the state; 0: none */
    int64_t steady_ms;   /* when a program on trial has proved itself; 0: none is */
    int pause_ms;
};

__attribute__((format(printf, 3, 4))) static void keeper_say(const struct keeper *keeper, int level,
                                                             const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    keeper->config->log(level, text);
}

/* ---- what the worker says ---- */

static void keeper_become_ready(struct keeper *keeper)
{
    if (keeper->state != KEEPER_STARTING) {
        return;
    }
    keeper->state = KEEPER_SERVING;
    keeper->deadline_ms = clock_now_ms() + WATCHDOG_MS;
    keeper->steady_ms =
        program_is_on_trial(&keeper->program) ? clock_now_ms() + STEADY_AFTER_MS : 0;
    if (keeper->reload_wanted) {
        kill(keeper->worker, SIGHUP);
    }
    if (!keeper->was_ready) {
        keeper->was_ready = true;
        if (keeper->config->on_ready(keeper->config->argument) != 0) {
            kill(keeper->worker, SIGTERM);
            keeper->state = KEEPER_ENDING;
            keeper->end_status = EXIT_FAILURE;
        }
    }
}

/* Takes one message. Returns false where there is none. */
static bool keeper_receive(struct keeper *keeper)
{
    struct inbox_news news;
    if (!inbox_take(&keeper->channel, &keeper->hold, &keeper->program, &news)) {
        return false;
    }
    if (news.keep_error < 0) {
        keeper_say(keeper, LOG_ERR, "cannot keep %zu more descriptors: %s", news.n_brought,
                   strerror(-news.keep_error));
    }
    if (news.ready) {
        keeper_become_ready(keeper);
    }
    if (news.alive && keeper->state == KEEPER_SERVING) {
        keeper->deadline_ms = clock_now_ms() + WATCHDOG_MS;
    }
    return true;
}

/* ---- the worker's life ---- */

static int keeper_start_worker(struct keeper *keeper)
{
    pid_t worker;
    /* The first one is this program as it is in memory: that takes half the time. */
    const struct worker_program program = {
        .serve = keeper->was_ready ? NULL : keeper->config->serve,
        .argument = keeper->config->argument,
        .image = keeper->program.image,
        .argv = keeper->config->argv,
    };
    int end = worker_start(&keeper->hold, &program, WATCHDOG_MS, &worker);
    if (end < 0) {
        return end;
    }
    int status = channel_open(&keeper->channel, keeper->epoll, end);
    if (status < 0) {
        kill(worker, SIGKILL); /* it could not be heard */
        return status;
    }
    keeper->worker = worker;
    keeper->state = KEEPER_STARTING;
    keeper->started_ms = clock_now_ms();
    keeper->deadline_ms = keeper->was_ready ? keeper->started_ms + READY_WITHIN_MS : 0;
    return 0;
}

/* Describes how a process ended, for the log. */
static const char *end_text(int status, char text[64])
{
    if (WIFSIGNALED(status)) {
        snprintf(text, 64, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    } else {
        snprintf(text, 64, "exit code %d", WEXITSTATUS(status));
    }
    return text;
}

/* Takes what is now on disk for the next worker, and keeps the old program at hand. */
static void keeper_renew_program(struct keeper *keeper)
{
    keeper->reload_wanted = false;
    int status = program_renew(&keeper->program);
    if (status < 0) {
        keeper_say(keeper, LOG_ERR, "cannot open %s: %s; going on with the old one",
                   keeper->program.path, strerror(-status));
    }
}

/* Gives up a new program that does not last. Returns false where there was none. */
static bool keeper_fall_back(struct keeper *keeper)
{
    if (!program_fall_back(&keeper->program)) {
        return false;
    }
    keeper_say(keeper, LOG_ERR, "the new %s does not work; going on with the old one",
               keeper->program.path);
    return true;
}

/* A worker that dies again and again is given more and more time in between. */
static int keeper_next_pause(struct keeper *keeper)
{
    bool steady = clock_now_ms() - keeper->started_ms >= STEADY_AFTER_MS;
    int pause_ms = steady ? 0 : keeper->pause_ms;
    int longer_ms = pause_ms ? pause_ms * 2 : PAUSE_FIRST_MS;
    keeper->pause_ms = longer_ms < PAUSE_MAX_MS ? longer_ms : PAUSE_MAX_MS;
    return pause_ms;
}

static void keeper_plan_start(struct keeper *keeper, int pause_ms)
{
    keeper_say(keeper, LOG_INFO, "starting the worker again in %d ms", pause_ms);
    keeper->state = KEEPER_PAUSING;
    keeper->deadline_ms = clock_now_ms() + pause_ms;
}

/* Whether a signal ended it that was meant to, but came before there was a handler. */
static bool was_asked_to_end(int status)
{
    return WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGINT);
}

/* Returns the exit status to end with, or -1 to go on. */
static int keeper_on_worker_end(struct keeper *keeper, int status)
{
    channel_flush(&keeper->channel);
    while (keeper_receive(keeper)) {
        /* what it handed over before it ended counts */
    }
    channel_close(&keeper->channel);
    keeper->worker = -1;
    keeper->steady_ms = 0;
    if (keeper->state == KEEPER_ENDING || was_asked_to_end(status)) {
        return keeper->end_status;
    }
    if (!keeper->was_ready) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    }
    bool served = keeper->state == KEEPER_SERVING;
    if (served && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) {
        return EXIT_SUCCESS;
    }
    if (served && WIFEXITED(status) && WEXITSTATUS(status) == KEEPER_EXIT_RELOAD) {
        keeper_renew_program(keeper);
        keeper_plan_start(keeper, 0);
        return -1;
    }
    char text[64];
    keeper_say(keeper, LOG_ERR, "the worker ended: %s", end_text(status, text));
    keeper_plan_start(keeper, keeper_fall_back(keeper) ? 0 : keeper_next_pause(keeper));
    return -1;
}

/* Reaps whatever has ended: as process 1 of a container, orphans too. */
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
        keeper->deadline_ms = clock_now_ms() + WATCHDOG_MS;
    }
    return keeper->deadline_ms != 0;
}

/* The time of the current state is over. */
static void keeper_on_deadline(struct keeper *keeper)
{
    int64_t late_ms = clock_now_ms() - keeper->deadline_ms;
    keeper->deadline_ms = 0;
    if (keeper->state == KEEPER_PAUSING) {
        if (keeper->reload_wanted) {
            keeper_renew_program(keeper);
        }
        int status = keeper_start_worker(keeper);
        if (status < 0) {
            keeper_say(keeper, LOG_ERR, "cannot start the worker: %s", strerror(-status));
            keeper_plan_start(keeper, PAUSE_MAX_MS);
        }
        return;
    }
    if (keeper->state == KEEPER_SERVING && keeper_hears_worker(keeper, late_ms)) {
        return;
    }
    keeper_say(keeper, LOG_ERR, "the worker hangs; killing it");
    kill(keeper->worker, SIGKILL);
}

/* The program on trial has served for long enough. */
static void keeper_settle(struct keeper *keeper)
{
    keeper->steady_ms = 0;
    program_settle(&keeper->program);
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
            return -errno;
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

static int keeper_open(struct keeper *keeper)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGCHLD, SIG_DFL);  /* ignored, it would never come */
    signal(SIGPIPE, SIG_IGN);  /* whoever reads the log may leave */
    signal(SIGXFSZ, SIG_IGN);  /* and a log may be full */
    descriptors_raise_limit(); /* as its workers do: it holds what they hold */

    char *path =
        realpath((const char *)getauxval(AT_EXECFN), NULL); /* NOLINT(performance-no-int-to-ptr) */
    int status = path ? program_open(&keeper->program, path) : -errno;
    if (status < 0) {
        return status;
    }
    keeper->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    keeper->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = keeper->signals};
    if (keeper->signals < 0 || keeper->epoll < 0 ||
        epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, keeper->signals, &event) < 0) {
        return -errno;
    }
    hold_init(&keeper->hold, keeper->epoll);
    return 0;
}

int keeper_run(const struct keeper_config *config)
{
    struct keeper keeper = {.config = config, .worker = -1, .channel.fd = -1};
    int status = keeper_open(&keeper);
    if (status == 0) {
        status = keeper_start_worker(&keeper);
    }
    if (status == 0) {
        status = keeper_loop(&keeper);
    }
    hold_deinit(&keeper.hold);
    program_close(&keeper.program);
    return status; /* descriptors go with the process */
}

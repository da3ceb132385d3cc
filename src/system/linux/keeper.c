/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper, on Linux: epoll, signalfd, execveat. */
#include "system/keeper.h"

#include <errno.h>
#include <fcntl.h>
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
#include "system/linux/hold.h"
#include "system/linux/worker.h"
#include "system/notify.h"

#define WATCHDOG_MS 30000
#define READY_WITHIN_MS 5000 /* of a worker that replaces another */
#define END_WITHIN_MS 3000   /* of a worker that was asked to end */
#define LATE_MS 1000         /* beyond this it was not the load that held us up */
#define PAUSE_FIRST_MS 20
#define PAUSE_MAX_MS 2000
#define STEADY_AFTER_MS 10000 /* a worker that lived so long did not die again and again */

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
    int channel; /* to the worker */
    int epoll, signals;
    int image;        /* the program that workers run */
    int image_before; /* the one to go back to if `image` never serves; -1: none */
    char *path;       /* where newer images are found */
    struct hold hold; /* what the worker must not lose */
    bool was_ready;
    bool reload_wanted;  /* by a signal that led to no new image yet */
    int end_status;      /* what this process is to end with */
    int64_t started_ms;  /* the worker */
    int64_t deadline_ms; /* of the state; 0: none */
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

static void keeper_hold(struct keeper *keeper, int fd)
{
    int status = hold_add(&keeper->hold, fd);
    if (status < 0) {
        keeper_say(keeper, LOG_ERR, "cannot keep one more descriptor: %s", strerror(-status));
    }
}

/* ---- what the worker says ---- */

static void keeper_become_ready(struct keeper *keeper)
{
    if (keeper->state != KEEPER_STARTING) {
        return;
    }
    keeper->state = KEEPER_SERVING;
    keeper->deadline_ms = clock_now_ms() + WATCHDOG_MS;
    if (keeper->image_before >= 0) {
        close(keeper->image_before);
        keeper->image_before = -1;
    }
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

static bool says(const char *message, const char *word)
{
    return strstr(message, word) != NULL;
}

static void keeper_take_message(struct keeper *keeper, const char *message, const int *fds,
                                size_t n_fds)
{
    bool store = says(message, "FDSTORE=1");
    for (size_t i = 0; i < n_fds; i++) {
        if (store) {
            keeper_hold(keeper, fds[i]);
        } else {
            close(fds[i]);
        }
    }
    if (says(message, "READY=1")) {
        keeper_become_ready(keeper);
    }
    if (says(message, "WATCHDOG=1") && keeper->state == KEEPER_SERVING) {
        keeper->deadline_ms = clock_now_ms() + WATCHDOG_MS;
    }
}

/* Takes one message. Returns false when there is none, or nobody to send any more. */
static bool keeper_receive(struct keeper *keeper)
{
    char message[256];
    int fds[NOTIFY_FDS_MAX];
    size_t n_fds;
    int status = notify_receive(keeper->channel, message, sizeof message, fds, &n_fds);
    if (status == -EMFILE) {
        keeper_say(keeper, LOG_ERR, "no more descriptors can be kept: the limit of open files");
    } else if (status < 0) {
        return status == -EINTR;
    }
    keeper_take_message(keeper, message, fds, n_fds);
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
        .image = keeper->image,
        .argv = keeper->config->argv,
    };
    int channel = worker_start(&keeper->hold, &program, WATCHDOG_MS, &worker);
    if (channel < 0) {
        return channel;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = channel};
    epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, channel, &event);
    keeper->channel = channel;
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

/* Takes what is now on disk for the next worker, and keeps the old one at hand. */
static void keeper_renew_image(struct keeper *keeper)
{
    keeper->reload_wanted = false;
    int newer = open(keeper->path, O_PATH | O_CLOEXEC);
    if (newer < 0) {
        keeper_say(keeper, LOG_ERR, "cannot open %s: %s; going on with the old one", keeper->path,
                   strerror(errno));
        return;
    }
    if (keeper->image_before < 0) {
        keeper->image_before = keeper->image;
    } else {
        close(keeper->image); /* it has not served yet */
    }
    keeper->image = newer;
}

/* Gives up a new image that never served. Returns false where there was none. */
static bool keeper_fall_back(struct keeper *keeper)
{
    if (keeper->image_before < 0) {
        return false;
    }
    keeper_say(keeper, LOG_ERR, "the new %s does not work; going on with the old one",
               keeper->path);
    close(keeper->image);
    keeper->image = keeper->image_before;
    keeper->image_before = -1;
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
    while (keeper_receive(keeper)) {
        /* what it handed over before it ended counts */
    }
    close(keeper->channel);
    keeper->channel = -1;
    keeper->worker = -1;
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
        keeper_renew_image(keeper);
        keeper_plan_start(keeper, 0);
        return -1;
    }
    char text[64];
    keeper_say(keeper, LOG_ERR, "the worker ended: %s", end_text(status, text));
    keeper_plan_start(keeper, served || !keeper_fall_back(keeper) ? keeper_next_pause(keeper) : 0);
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
            keeper_renew_image(keeper);
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

static int keeper_wait_ms(const struct keeper *keeper)
{
    int64_t left_ms = keeper->deadline_ms - clock_now_ms();
    if (keeper->deadline_ms == 0) {
        return -1;
    }
    return left_ms > 0 ? (int)left_ms : 0;
}

static int keeper_on_event(struct keeper *keeper, const struct epoll_event *event)
{
    if (event->data.fd == keeper->signals) {
        return keeper_on_signals(keeper);
    }
    if (event->data.fd == keeper->channel) {
        bool more = keeper_receive(keeper);
        if (!more && (event->events & EPOLLHUP)) {
            /* Its end will be reaped; until then there is nothing to be heard of it. */
            epoll_ctl(keeper->epoll, EPOLL_CTL_DEL, keeper->channel, NULL);
        }
        return -1;
    }
    hold_drop(&keeper->hold, event->data.fd);
    return -1;
}

static int keeper_loop(struct keeper *keeper)
{
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
        if (keeper->deadline_ms != 0 && clock_now_ms() >= keeper->deadline_ms) {
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

    keeper->path =
        realpath((const char *)getauxval(AT_EXECFN), NULL); /* NOLINT(performance-no-int-to-ptr) */
    keeper->image = keeper->path ? open(keeper->path, O_PATH | O_CLOEXEC) : -1;
    keeper->signals = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    keeper->epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = keeper->signals};
    if (keeper->image < 0 || keeper->signals < 0 || keeper->epoll < 0 ||
        epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, keeper->signals, &event) < 0) {
        return -errno;
    }
    hold_init(&keeper->hold, keeper->epoll);
    return 0;
}

int keeper_run(const struct keeper_config *config)
{
    struct keeper keeper = {
        .config = config, .worker = -1, .channel = -1, .image = -1, .image_before = -1};
    int status = keeper_open(&keeper);
    if (status == 0) {
        status = keeper_start_worker(&keeper);
    }
    if (status == 0) {
        status = keeper_loop(&keeper);
    }
    hold_deinit(&keeper.hold);
    free(keeper.path);
    return status; /* descriptors go with the process */
}

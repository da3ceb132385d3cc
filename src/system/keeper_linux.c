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
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "system/clock.h"
#include "system/descriptors.h"
#include "system/notify.h"
#include "system/syslog_socket.h"

#define WATCHDOG_MS 30000
#define READY_WITHIN_MS 5000 /* of a worker that replaces another */
#define END_WITHIN_MS 3000   /* of a worker that was asked to end */
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
    bool *held;       /* by descriptor number */
    int n_held_numbers;
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

/* ---- what is held ---- */

static void keeper_drop(struct keeper *keeper, int fd)
{
    keeper->held[fd] = false;
    close(fd); /* which also takes it out of the epoll set */
}

/* Holds a descriptor until its other end hangs up, or for good where it cannot. */
static void keeper_hold(struct keeper *keeper, int fd)
{
    if (fd >= keeper->n_held_numbers) {
        int larger = fd * 2 + 64;
        bool *held = realloc(keeper->held, (size_t)larger * sizeof *held);
        if (!held) {
            keeper_say(keeper, LOG_ERR, "no memory to keep one more descriptor");
            close(fd);
            return;
        }
        memset(held + keeper->n_held_numbers, 0,
               (size_t)(larger - keeper->n_held_numbers) * sizeof *held);
        keeper->held = held;
        keeper->n_held_numbers = larger;
    }
    keeper->held[fd] = true;
    struct epoll_event event = {.events = 0, .data.fd = fd}; /* EPOLLHUP comes unasked */
    if (epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, fd, &event) < 0 && errno != EPERM) {
        keeper_say(keeper, LOG_ERR, "cannot watch a descriptor: %s", strerror(errno));
        keeper_drop(keeper, fd);
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
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(NOTIFY_FDS_MAX * sizeof(int))];
    } control;
    struct iovec iovec = {.iov_base = message, .iov_len = sizeof message - 1};
    struct msghdr header = {.msg_iov = &iovec,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};

    ssize_t len = recvmsg(keeper->channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (len <= 0) {
        return len < 0 && errno == EINTR;
    }
    message[len] = '\0';
    int fds[NOTIFY_FDS_MAX];
    size_t n_fds = 0;
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS) {
        n_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(cmsg), n_fds * sizeof(int));
    }
    if (header.msg_flags & MSG_CTRUNC) {
        keeper_say(keeper, LOG_ERR, "no more descriptors can be kept: the limit of open files");
    }
    keeper_take_message(keeper, message, fds, n_fds);
    return true;
}

/* ---- the worker's life ---- */

static void export_number(const char *variable, long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", number);
    setenv(variable, text, 1);
}

/* One more than the highest number that a worker may find. */
static int end_of_numbers(const struct keeper *keeper, int channel)
{
    int end = keeper->n_held_numbers;
    while (end > channel && !keeper->held[end - 1]) {
        end--;
    }
    return end > channel ? end : channel + 1;
}

/* In the child. Numbers are given in rising order, so none is needed any more when it
 * is given away. */
static _Noreturn void worker_exec(const struct keeper *keeper, int channel, pid_t keeper_pid)
{
    int next = NOTIFY_LISTEN_FDS_START;
    int end = end_of_numbers(keeper, channel);
    int image = fcntl(keeper->image, F_DUPFD_CLOEXEC, end);
    bool passes = image >= 0;
    syslog_socket_close(); /* whatever gets its number now is not to be logged to */
    for (int fd = next; fd < end && passes; fd++) {
        if (fd == channel || (fd < keeper->n_held_numbers && keeper->held[fd])) {
            passes = fd == next ? fcntl(fd, F_SETFD, 0) == 0 : dup2(fd, next) == next;
            next++;
        }
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    export_number(NOTIFY_KEEPER_VARIABLE, keeper_pid);
    export_number("LISTEN_PID", getpid());
    export_number("LISTEN_FDS", next - NOTIFY_LISTEN_FDS_START);
    export_number("WATCHDOG_PID", getpid());
    export_number("WATCHDOG_USEC", WATCHDOG_MS * 1000LL);
    unsetenv("NOTIFY_SOCKET");
    if (passes) {
        execveat(image, "", keeper->config->argv, environ, AT_EMPTY_PATH);
    }
    keeper_say(keeper, LOG_ERR, "cannot start the worker: %s", strerror(errno));
    _exit(EXIT_FAILURE);
}

static int keeper_start_worker(struct keeper *keeper)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return -errno;
    }
    pid_t keeper_pid = getpid();
    pid_t worker = fork();
    if (worker == 0) {
        worker_exec(keeper, ends[1], keeper_pid);
    }
    int error = worker < 0 ? -errno : 0;
    close(ends[1]);
    if (error < 0) {
        close(ends[0]);
        return error;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = ends[0]};
    epoll_ctl(keeper->epoll, EPOLL_CTL_ADD, ends[0], &event);
    keeper->channel = ends[0];
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

/* The time of the current state is over. */
static void keeper_on_deadline(struct keeper *keeper)
{
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
    if (event->data.fd < keeper->n_held_numbers && keeper->held[event->data.fd]) {
        keeper_drop(keeper, event->data.fd);
    }
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
    signal(SIGPIPE, SIG_IGN);  /* whoever reads the log may leave */
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
    free(keeper.held);
    free(keeper.path);
    return status; /* descriptors go with the process */
}

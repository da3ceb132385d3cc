/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a worker, and what a worker asks of the system about its keeper. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "system/descriptors.h"
#include "system/keeper.h"
#include "system/linux/worker.h"
#include "system/log.h"
#include "system/log_socket.h"
#include "system/notify.h"

static void export_number(const char *variable, long long number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", number);
    setenv(variable, text, 1);
}

/* Gives the descriptors the numbers from NOTIFY_LISTEN_FDS_START on, in rising order, so
 * that none is needed any more when it is given away. Returns how many there are, or a
 * negative errno. */
static int pass_on(const struct hold *hold, int channel, int end)
{
    int next = NOTIFY_LISTEN_FDS_START;
    for (int fd = next; fd < end; fd++) {
        if (fd != channel && !hold_has(hold, fd)) {
            continue;
        }
        if (fd == next ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, next) < 0) {
            return -errno;
        }
        next++;
    }
    return next - NOTIFY_LISTEN_FDS_START;
}

static void export_conventions(pid_t keeper, int n_passed, int watchdog_ms)
{
    export_number(NOTIFY_KEEPER_VARIABLE, keeper);
    export_number(NOTIFY_CONFIRMS_VARIABLE, keeper);
    export_number("LISTEN_PID", getpid());
    export_number("LISTEN_FDS", n_passed);
    export_number("WATCHDOG_PID", getpid());
    export_number("WATCHDOG_USEC", watchdog_ms * 1000LL);
    unsetenv("NOTIFY_SOCKET");
}

/* In the child. The image gets a number beyond all that are given away, and then the first
 * one after them: what else is open is not the worker's. */
static _Noreturn void worker_run(const struct hold *hold, int channel,
                                 const struct worker_program *program, int watchdog_ms,
                                 pid_t keeper)
{
    int end = hold_end(hold) > channel ? hold_end(hold) : channel + 1;
    int image = program->serve ? 0 : fcntl(program->image, F_DUPFD_CLOEXEC, end);
    log_socket_close(); /* its number is given away, and is not to be logged to */
    int n_passed = image < 0 ? -errno : pass_on(hold, channel, end);
    int beyond = NOTIFY_LISTEN_FDS_START + n_passed;
    if (n_passed >= 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        export_conventions(keeper, n_passed, watchdog_ms);
        if (program->serve) {
            descriptors_close_from(beyond);
            exit(keeper_bind_worker() < 0 ? EXIT_FAILURE : program->serve(program->argument));
        }
        image = image == beyond ? image : dup3(image, beyond, O_CLOEXEC);
        descriptors_close_from(beyond + 1);
        fexecve(image, program->argv, environ);
        n_passed = -errno;
    }
    log_line(LOG_ERR, "cannot start the worker: %s", strerror(-n_passed));
    _exit(EXIT_FAILURE);
}

int64_t worker_cpu_ms(pid_t worker)
{
    clockid_t clock;
    struct timespec used;
    if (clock_getcpuclockid(worker, &clock) != 0 || clock_gettime(clock, &used) < 0) {
        return 0;
    }
    return (int64_t)used.tv_sec * 1000 + used.tv_nsec / 1000000;
}

/* A keeper that ended before the system was told is missed by the second look. */
int keeper_bind_worker(void)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        return 0; /* not to be had: the worker outlives its keeper in any case */
    }
    return notify_has_keeper() ? 0 : -ESRCH;
}

void keeper_release_worker(void)
{
    (void)prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
}

int worker_start(const struct hold *hold, const struct worker_program *program, int watchdog_ms,
                 pid_t *pid)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return -errno;
    }
    pid_t keeper = getpid();
    pid_t worker = fork();
    if (worker == 0) {
        worker_run(hold, ends[1], program, watchdog_ms, keeper);
    }
    int error = worker < 0 ? -errno : 0;
    close(ends[1]);
    if (error < 0) {
        close(ends[0]);
        return error;
    }
    *pid = worker;
    return ends[0];
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Becoming a daemon, with a parent that knows how it went. */
#include "system/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/cloexec.h"

/* Ends the process that was started, once its child has told how it went. */
static _Noreturn void detach_wait(pid_t child, int ready)
{
    char byte;
    ssize_t n;
    do {
        n = read(ready, &byte, 1);
    } while (n < 0 && errno == EINTR);
    if (n == 1) {
        _exit(EXIT_SUCCESS);
    }
    int status;
    pid_t ended;
    do {
        ended = waitpid(child, &status, 0);
    } while (ended < 0 && errno == EINTR);
    _exit(ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int detach_start(int *ready)
{
    int ends[2];
    if (cloexec_pipe(ends, true) < 0) {
        return -errno;
    }
    pid_t child = fork();
    if (child < 0) {
        int error = -errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (child > 0) {
        close(ends[1]);
        detach_wait(child, ends[0]);
    }
    close(ends[0]);
    if (setsid() < 0) {
        return -errno;
    }
    *ready = ends[1];
    return 0;
}

int detach_from_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || chdir("/") < 0) {
        return -errno;
    }
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (dup2(null, fd) < 0) {
            return -errno;
        }
    }
    close(null);
    return 0;
}

int detach_finish(int ready)
{
    ssize_t n = write(ready, "", 1);
    close(ready);
    return n == 1 ? 0 : -EPIPE;
}

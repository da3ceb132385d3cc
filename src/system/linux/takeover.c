/* SPDX-License-Identifier: Apache-2.0 */
/* How a keeper becomes the new program. */
#include "system/linux/takeover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "EPMD_TAKEOVER"
#define PATH_VARIABLE "EPMD_PROGRAM"
#define FIRST 3

/* All of this process's descriptors are closed by execve(2) unless this says otherwise. */
static int set_inheritable(const struct takeover *takeover, const struct hold *hold, bool on)
{
    int status = fcntl(takeover->channel, F_SETFD, on ? 0 : FD_CLOEXEC);
    status |= fcntl(takeover->image, F_SETFD, on ? 0 : FD_CLOEXEC);
    for (int fd = FIRST; fd < takeover->end; fd++) {
        if (hold_has(hold, fd)) {
            status |= fcntl(fd, F_SETFD, on ? 0 : FD_CLOEXEC);
        }
    }
    return status;
}

static int export_takeover(const struct takeover *takeover)
{
    char text[80];
    snprintf(text, sizeof text, "%ld %ld %d %d %d", (long)getpid(), (long)takeover->worker,
             takeover->channel, takeover->image, takeover->end);
    return setenv(VARIABLE, text, 1) | setenv(PATH_VARIABLE, takeover->path, 1);
}

static void forget_takeover(void)
{
    unsetenv(VARIABLE);
    unsetenv(PATH_VARIABLE);
}

int takeover_exec(const struct takeover *takeover, const struct hold *hold, char *const argv[])
{
    int error = -EIO;
    if (export_takeover(takeover) == 0 && set_inheritable(takeover, hold, true) == 0) {
        fexecve(takeover->image, argv, environ);
        error = -errno;
    }
    (void)set_inheritable(takeover, hold, false);
    forget_takeover();
    return error;
}

/* Reads the variable; returns whether it is there and meant for this process. */
static bool read_variable(struct takeover *out)
{
    const char *text = getenv(VARIABLE);
    long keeper, worker;
    *out = (struct takeover){.channel = -1, .image = -1};
    return text &&
           /* NOLINTNEXTLINE(cert-err34-c): a keeper wrote it */
           sscanf(text, "%ld %ld %d %d %d", &keeper, &worker, &out->channel, &out->image,
                  &out->end) == 5 &&
           keeper == getpid() && (out->worker = (pid_t)worker) > 0 && getenv(PATH_VARIABLE);
}

bool takeover_is_here(void)
{
    struct takeover takeover;
    return read_variable(&takeover);
}

bool takeover_read(struct takeover *out)
{
    if (!read_variable(out)) {
        return false;
    }
    const char *path = getenv(PATH_VARIABLE);
    out->path = path ? strdup(path) : NULL;
    forget_takeover();
    (void)fcntl(out->channel, F_SETFD, FD_CLOEXEC);
    (void)fcntl(out->image, F_SETFD, FD_CLOEXEC);
    return true;
}

int takeover_restore(const struct takeover *takeover, struct hold *hold)
{
    int n_lost = 0;
    for (int fd = FIRST; fd < takeover->end; fd++) {
        /* What this program has opened since is closed by execve(2). */
        if (fd != takeover->channel && fd != takeover->image && fcntl(fd, F_GETFD) == 0) {
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
            n_lost += hold_add(hold, fd) < 0;
        }
    }
    return n_lost;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The system calls that a worker needs, with libseccomp. */
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "system/filter.h"

/* By name: a name that this libseccomp or this architecture lacks is passed over. */
static const char *const allowed[] = {
    /* the loop */
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "clock_gettime",
    "clock_gettime64",
    "gettimeofday",
    "time",
    /* connections */
    "accept4",
    "recv",
    "recvfrom",
    "send",
    "getsockname",
    "getsockopt",
    "shutdown",
    "close",
    /* the watcher and the state */
    "poll",
    "ppoll",
    "ppoll_time64",
    "pwrite64",
    "fallocate",
    /* the log on standard error; the pipe of libevent's signals */
    "read",
    "write",
    "writev",
    "getpid",
    /* the allocator */
    "brk",
    "mremap",
    "munmap",
    "madvise",
    /* signals, abort(3) and the end */
    "gettid",
    "restart_syscall",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sigreturn",
    "exit",
    "exit_group",
};

struct condition {
    const char *name;
    unsigned n;
    struct scmp_arg_cmp arguments[2];
};

/* Returns 0 also for a call that this architecture does not have. */
static int allow(scmp_filter_ctx filter, const struct condition *condition)
{
    int call = seccomp_syscall_resolve_name(condition->name);
    if (call == __NR_SCMP_ERROR) {
        return 0;
    }
    int status =
        seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, condition->n, condition->arguments);
    bool is_had = status == -EEXIST; /* where conditions are left out, two are one */
    return status == -EDOM || is_had ? 0 : status;
}

static int allow_always(scmp_filter_ctx filter)
{
    int status = 0;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && status == 0; i++) {
        status = allow(filter, &(struct condition){.name = allowed[i]});
    }
    return status;
}

/* On i386 and s390x one call stands for all of a socket's, and passes the arguments of the
 * one that is meant in memory, where a filter cannot look: it would
 * take the rest of an earlier call in a register for the flags. */
static bool has_socketcall(void)
{
    return seccomp_syscall_resolve_name("socketcall") >= 0;
}

const char *filter_tell_gap(void)
{
    return has_socketcall() ? "a connection by MSG_FASTOPEN, options of a socket" : NULL;
}

/* Sockets come from accept4(2) alone, and so connect(2) is missing: an accepted one could
 * be taken apart and connected to anywhere. MSG_FASTOPEN would connect as well. The log's
 * socket and the service manager's are open; a datagram needs no connection. */
static int allow_conditionally(scmp_filter_ctx filter)
{
    const unsigned n_flags = has_socketcall() ? 0 : 1, n_option = has_socketcall() ? 0 : 2;
    const struct condition conditions[] = {
        {"sendto", n_flags, {{3, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0}}},
        {"sendmsg", n_flags, {{2, SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0}}},
        /* Of all socket options the one that makes a cut reply end in a reset, and the one that
         * finds out that a node's host has vanished. */
        {"setsockopt", n_option, {{1, SCMP_CMP_EQ, SOL_SOCKET, 0}, {2, SCMP_CMP_EQ, SO_LINGER, 0}}},
        {"setsockopt",
         n_option,
         {{1, SCMP_CMP_EQ, SOL_SOCKET, 0}, {2, SCMP_CMP_EQ, SO_KEEPALIVE, 0}}},
        {"mmap",
         2,
         {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
          {3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS}}},
        {"mmap2",
         2,
         {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0},
          {3, SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS}}},
        {"mprotect", 1, {{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0}}},
        {"tgkill", 1, {{0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0}}},
        {"tkill", 1, {{0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0}}},
    };
    int status = 0;
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions && status == 0; i++) {
        status = allow(filter, &conditions[i]);
    }
    return status;
}

static int set_attributes(scmp_filter_ctx filter)
{
    /* A layer of its own; and the kernel's errno instead of ECANCELED. */
    int status = seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0);
    if (status == 0) {
        status = seccomp_attr_set(filter, SCMP_FLTATR_API_SYSRAWRC, 1);
    }
    /* Older kernels slow a filtered process down, lest foreign code that it interprets
     * reads all of its memory: there is none. A kernel that refuses this makes it slower. */
    (void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_SSB, 1);
    return status;
}

static int try_seccomp(void)
{
    uint32_t action = SECCOMP_RET_ALLOW;
    return (int)syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

/* An outer sandbox may end a process that calls seccomp(2), as systemd's @system-service
 * does, and cannot be asked: so a child tries. Where there is no outer one, none is made. */
static bool is_seccomp_deadly(void)
{
    int status = 0;
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0) {
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)try_seccomp();
        _exit(0);
    }
    return child < 0 || waitpid(child, &status, 0) != child || WIFSIGNALED(status);
}

int filter_enter(void)
{
    if (is_seccomp_deadly()) {
        seccomp_api_set(1); /* prctl(2) alone; it cannot set what set_attributes() tries last */
    }
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!filter) {
        return -ENOMEM;
    }
    tzset(); /* which opens a file; the log's dates need what is in it */
    int status = set_attributes(filter);
    if (status == 0) {
        status = allow_always(filter);
    }
    if (status == 0) {
        status = allow_conditionally(filter);
    }
    if (status == 0) {
        status = seccomp_load(filter);
    }
    seccomp_release(filter);
    return status;
}

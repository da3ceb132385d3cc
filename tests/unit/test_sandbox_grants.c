/* SPDX-License-Identifier: Apache-2.0 */
/* What the sandbox lets a worker do, and what its layers change. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <time.h>
#include <unistd.h>

#include "child.h"
#include "locked.h"
#include "system/sandbox.h"
#include "unit.h"

static int accept_one(void)
{
    return accept4(locked_world.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

static int receive(void)
{
    char byte;
    return (int)recv(locked_world.accepted, &byte, 1, 0);
}

static int reset_on_close(void)
{
    const struct linger at_once = {.l_onoff = 1};
    return setsockopt(locked_world.accepted, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static int watch_peer(void)
{
    const int on = 1;
    return setsockopt(locked_world.accepted, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

static int reply(void)
{
    return (int)send(locked_world.accepted, "reply", 5, MSG_NOSIGNAL);
}

static int ask_who(void)
{
    struct sockaddr_in own;
    socklen_t len = sizeof own;
    return getsockname(locked_world.accepted, (struct sockaddr *)&own, &len);
}

static int ask_which(void)
{
    uint64_t cookie;
    socklen_t len = sizeof cookie;
    return getsockopt(locked_world.accepted, SOL_SOCKET, SO_COOKIE, &cookie, &len);
}

static int end_a_connection(void)
{
    return shutdown(locked_world.accepted, SHUT_RDWR) < 0 ? -1 : close(locked_world.accepted);
}

static int hand_over(void)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec bytes = {.iov_base = (char *)"x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    memcpy(CMSG_DATA(&control.header), &locked_world.accepted, sizeof(int));
    return (int)sendmsg(locked_world.channel, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static int wait_for_the_watcher(void)
{
    struct pollfd pollfd = {.fd = locked_world.channel, .events = POLLOUT};
    return poll(&pollfd, 1, 1000) == 1 ? 0 : -1;
}

static int write_the_state(void)
{
    return (int)pwrite(locked_world.memory, "state", 5, 8192);
}

static int give_state_back(void)
{
    return fallocate(locked_world.memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096);
}

static int loop_once(void)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = locked_world.accepted};
    if (epoll_ctl(locked_world.loop, EPOLL_CTL_ADD, locked_world.accepted, &event) < 0) {
        return -1;
    }
    return epoll_wait(locked_world.loop, &event, 1, 1000) == 1 ? 0 : -1;
}

static int tell_the_time(void)
{
    struct timespec now;
    struct tm local;
    time_t seconds = time(NULL);
    return localtime_r(&seconds, &local) ? clock_gettime(CLOCK_MONOTONIC, &now) : -1;
}

static int log_a_line(void)
{
    return (int)sendto(locked_world.sender, "line", 4, MSG_NOSIGNAL,
                       (struct sockaddr *)&locked_world.log, locked_world.log_len);
}

static int allocate(void)
{
    char *volatile small = malloc(100);
    char *volatile large = malloc((size_t)1 << 20);
    if (!small || !large) {
        return -1;
    }
    memset(large, 1, (size_t)1 << 20);
    char *volatile larger = realloc(large, (size_t)64 << 20);
    bool kept = larger && larger[(1 << 20) - 1] == 1;
    free(larger ? larger : large);
    free(small);
    return kept ? 0 : -1;
}

static volatile sig_atomic_t was_signalled;

static void on_signal(int number)
{
    was_signalled = number;
}

static int take_a_signal(void)
{
    signal(SIGTERM, on_signal);
    return raise(SIGTERM) == 0 && was_signalled == SIGTERM ? 0 : -1;
}

static const struct locked_call granted[] = {
    {"accept4", accept_one},
    {"recv", receive},
    {"setsockopt SO_LINGER", reset_on_close},
    {"setsockopt SO_KEEPALIVE", watch_peer},
    {"send", reply},
    {"getsockname", ask_who},
    {"getsockopt", ask_which},
    {"shutdown, close", end_a_connection},
    {"sendmsg", hand_over},
    {"poll", wait_for_the_watcher},
    {"pwrite", write_the_state},
    {"fallocate", give_state_back},
    {"epoll", loop_once},
    {"time", tell_the_time},
    {"sendto", log_a_line},
    {"malloc", allocate},
    {"signal", take_a_signal},
};

static void what_a_worker_needs_is_granted(void **state)
{
    (void)state;
    if (!locked_is_possible()) {
        unit_cannot("no system call filter can be made");
    }
    for (size_t i = 0; i < LENGTH(granted); i++) {
        int outside = locked_try_outside(granted[i].act);
        int inside = locked_try_inside(granted[i].act);
        if (outside != 0 || inside != 0) {
            fail_msg("%s: %d outside, %d inside", granted[i].name, outside, inside);
        }
    }
}

static int end_by_abort(void)
{
    abort();
}

/* The log names the signal: what ends the process afterwards, were it refused, tells less. */
static void a_broken_assertion_still_aborts(void **state)
{
    (void)state;
    if (!locked_is_possible()) {
        unit_cannot("no system call filter can be made");
    }
    assert_int_equal(locked_try_inside(end_by_abort), CHILD_SIGNAL + SIGABRT);
}

static int no_core_file(void)
{
    struct rlimit limit;
    errno = ERANGE;
    return sandbox_enter(SANDBOX_CORE) == 0 && getrlimit(RLIMIT_CORE, &limit) == 0 &&
                   limit.rlim_max == 0
               ? 0
               : -1;
}

static int not_dumpable(void)
{
    errno = ERANGE;
    return prctl(PR_GET_DUMPABLE) == 1 && sandbox_enter(SANDBOX_DUMPABLE) == 0 &&
                   prctl(PR_GET_DUMPABLE) == 0
               ? 0
               : -1;
}

static int dumpable_again(void)
{
    errno = ERANGE;
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* as a change of the user does */
    sandbox_leave_dumpable();
    return prctl(PR_GET_DUMPABLE) == 1 ? 0 : -1;
}

static int no_new_privileges(void)
{
    errno = ERANGE;
    return sandbox_enter(SANDBOX_PRIVILEGES) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1
               ? 0
               : -1;
}

static void layers_stand_alone(void **state)
{
    (void)state;
    assert_int_equal(child_outcome(no_core_file), 0);
    assert_int_equal(child_outcome(not_dumpable), 0);
    assert_int_equal(child_outcome(dumpable_again), 0);
    assert_int_equal(child_outcome(no_new_privileges), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_needs_is_granted),
        cmocka_unit_test(a_broken_assertion_still_aborts),
        cmocka_unit_test(layers_stand_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

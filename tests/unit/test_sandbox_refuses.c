/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sandbox refuses.
 *
 * Each call is made outside, too: one that is refused everywhere would prove nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "child.h"
#include "locked.h"
#include "system/filter.h"
#include "unit.h"

static int open_a_file(void)
{
    return open("/dev/null", O_RDONLY);
}

static int make_a_file(void)
{
    return memfd_create("made", 0);
}

static int execute(void)
{
    char *const words[] = {(char *)"true", NULL};
    return execve("/bin/true", words, words + 1);
}

static int fork_a_process(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(0);
    }
    return child;
}

static int make_a_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int make_a_local_socket(void)
{
    return socket(AF_UNIX, SOCK_DGRAM, 0);
}

static int connect_out(void)
{
    return connect(locked_world.unconnected, (struct sockaddr *)&locked_world.address,
                   sizeof locked_world.address);
}

static int take_a_connection_apart(void)
{
    const struct sockaddr nothing = {.sa_family = AF_UNSPEC};
    return connect(locked_world.accepted, &nothing, sizeof nothing);
}

static int connect_by_sending(void)
{
    ssize_t n = sendto(locked_world.unconnected, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL,
                       (struct sockaddr *)&locked_world.address, sizeof locked_world.address);
    return n < 0 && errno == EPERM ? -1 : 0;
}

static int connect_by_sending_a_message(void)
{
    struct iovec bytes = {.iov_base = (char *)"x", .iov_len = 1};
    struct msghdr message = {.msg_name = &locked_world.address,
                             .msg_namelen = sizeof locked_world.address,
                             .msg_iov = &bytes,
                             .msg_iovlen = 1};
    ssize_t n = sendmsg(locked_world.unconnected, &message, MSG_FASTOPEN | MSG_NOSIGNAL);
    return n < 0 && errno == EPERM ? -1 : 0;
}

static int listen_elsewhere(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    return bind(locked_world.unconnected, (struct sockaddr *)&any, sizeof any);
}

static int be_traced(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int signal_another(void)
{
    return kill(getppid(), 0);
}

static int signal_a_thread_of_another(void)
{
    return (int)syscall(SYS_tgkill, getppid(), getppid(), 0);
}

static int map_code(void)
{
    /* At an address of its own choice, musl's mmap(3) tells of EPERM as ENOMEM. */
    void *wanted = (void *)0x10000000;
    void *page = mmap(wanted, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -1 : 0;
}

static int map_a_file(void)
{
    return mmap(NULL, 4096, PROT_READ, MAP_SHARED, locked_world.memory, 0) == MAP_FAILED ? -1 : 0;
}

static int make_code_of_data(void)
{
    static char page[8192];
    void *aligned = (void *)(((uintptr_t)page + 4095) / 4096 * 4096);
    return mprotect(aligned, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

static int change_a_socket(void)
{
    int size = 4096;
    return setsockopt(locked_world.accepted, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

/* The number of SO_LINGER is IP_RECVTOS on that level. */
static int change_ip(void)
{
    int on = 1;
    return setsockopt(locked_world.accepted, IPPROTO_IP, SO_LINGER, &on, sizeof on);
}

static int receive_scattered(void)
{
    char byte;
    struct iovec room = {.iov_base = &byte, .iov_len = 1};
    return (int)readv(locked_world.accepted, &room, 1);
}

static int become_a_user(void)
{
    return setuid(getuid());
}

static int be_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int change_directory(void)
{
    return chdir("/");
}

static int remove_a_file(void)
{
    return unlink("/nowhere/at/all") < 0 && errno == EPERM ? -1 : 0;
}

static int take_a_number(void)
{
    return dup2(locked_world.accepted, locked_world.peer);
}

static const struct locked_call refused[] = {
    {"open", open_a_file},
    {"memfd_create", make_a_file},
    {"execve", execute},
    {"fork", fork_a_process},
    {"socket AF_INET", make_a_socket},
    {"socket AF_UNIX", make_a_local_socket},
    {"connect", connect_out},
    {"connect AF_UNSPEC", take_a_connection_apart},
    {"sendto MSG_FASTOPEN", connect_by_sending},
    {"sendmsg MSG_FASTOPEN", connect_by_sending_a_message},
    {"bind", listen_elsewhere},
    {"setsockopt SO_SNDBUF", change_a_socket},
    {"setsockopt IPPROTO_IP", change_ip},
    {"readv", receive_scattered},
    {"ptrace", be_traced},
    {"kill", signal_another},
    {"tgkill", signal_a_thread_of_another},
    {"mmap PROT_EXEC", map_code},
    {"mmap of a file", map_a_file},
    {"mprotect PROT_EXEC", make_code_of_data},
    {"setuid", become_a_user},
    {"prctl", be_dumpable},
    {"chdir", change_directory},
    {"unlink", remove_a_file},
    {"dup2", take_a_number},
};

static void what_a_worker_does_not_need_is_refused(void **state)
{
    (void)state;
    if (!locked_is_possible()) {
        unit_cannot("no system call filter can be made");
    }
    for (size_t i = 0; i < LENGTH(refused); i++) {
        const char *name = refused[i].name;
        if (filter_tell_gap() && (strstr(name, "MSG_FASTOPEN") || strstr(name, "setsockopt"))) {
            continue;
        }
        int outside = locked_try_outside(refused[i].act);
        int inside = locked_try_inside(refused[i].act);
        if (outside != 0 || inside != EPERM) {
            fail_msg("%s: %d outside, %d inside", refused[i].name, outside, inside);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_worker_does_not_need_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

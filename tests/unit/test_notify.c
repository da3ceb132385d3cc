/* SPDX-License-Identifier: Apache-2.0 */
/* The service manager's conventions: what is meant for this process, and what is sent. */
#include "system/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "child.h"
#include "unit.h"

static void export_number(const char *variable, long number)
{
    char text[24];
    snprintf(text, sizeof text, "%ld", number);
    setenv(variable, text, 1);
}

static void descriptors_are_for_the_process_that_is_named(void **state)
{
    (void)state;
    setenv("LISTEN_FDS", "3", 1);
    export_number("LISTEN_PID", getpid());
    assert_int_equal(notify_listen_fds(), 3);
    export_number("LISTEN_PID", getppid());
    assert_int_equal(notify_listen_fds(), 0);
    unsetenv("LISTEN_PID");
    assert_int_equal(notify_listen_fds(), 0);
}

static void a_number_of_descriptors_that_is_none_is_none(void **state)
{
    static const char *const wrong[] = {"", "-1", "3x", " 3", "99999999999999999999", "2147483647"};
    (void)state;
    export_number("LISTEN_PID", getpid());
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        setenv("LISTEN_FDS", wrong[i], 1);
        assert_int_equal(notify_listen_fds(), 0);
    }
}

static void a_keeper_is_the_parent(void **state)
{
    (void)state;
    export_number("LISTEN_PID", getpid());
    export_number(NOTIFY_KEEPER_VARIABLE, getppid());
    assert_true(notify_has_keeper() && !notify_lost_keeper() && !notify_confirms());
    export_number(NOTIFY_CONFIRMS_VARIABLE, getppid());
    assert_true(notify_confirms());
    export_number(NOTIFY_KEEPER_VARIABLE, getpid());
    assert_true(!notify_has_keeper() && notify_lost_keeper() && !notify_confirms());
    export_number("LISTEN_PID", getppid()); /* inherited from a worker */
    assert_true(!notify_has_keeper() && !notify_lost_keeper());
}

static void an_abstract_address_reaches_the_manager(void **state)
{
    char path[80], got[16] = "";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)state;
    int len = snprintf(path, sizeof path, "@epmd-test-%ld", (long)getpid());
    memcpy(address.sun_path, path, (size_t)len);
    address.sun_path[0] = '\0';
    int manager = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(manager, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                     0);
    setenv("NOTIFY_SOCKET", path, 1);
    int channel = notify_open_manager();
    assert_true(channel >= 0);
    assert_int_equal(notify_send(channel, "READY=1\n", NULL, 0), 0);
    assert_int_equal(recv(manager, got, sizeof got - 1, MSG_DONTWAIT), 8);
    assert_string_equal(got, "READY=1\n");
    close(channel);
    close(manager);
}

static void an_address_that_is_none_is_no_manager(void **state)
{
    char long_path[200];
    (void)state;
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    const char *const wrong[] = {"", "/", "@", "relative", long_path};
    for (size_t i = 0; i < LENGTH(wrong); i++) {
        setenv("NOTIFY_SOCKET", wrong[i], 1);
        assert_int_equal(notify_open_manager(), -ENOENT);
    }
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_open_manager(), -ENOENT);
}

/* Returns the first status that is no success of messages with eight descriptors each, which
 * the receiver does not take. An unprivileged user has a bound for these (unix(7)). */
static int send_until_refused(void)
{
    int ends[2], fds[8];
    struct rlimit tight = {.rlim_cur = 20, .rlim_max = 20};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) < 0 || (geteuid() == 0 && setuid(65534) < 0) ||
        setrlimit(RLIMIT_NOFILE, &tight) < 0) {
        return -1;
    }
    for (size_t i = 0; i < LENGTH(fds); i++) {
        fds[i] = ends[0];
    }
    for (int i = 0; i < 6; i++) {
        int status = notify_send(ends[0], "FDSTORE=1\n", fds, LENGTH(fds));
        if (status < 0) {
            errno = -status;
            return -1;
        }
    }
    return 0;
}

static void too_many_descriptors_on_their_way_are_for_later(void **state)
{
    (void)state;
    assert_int_equal(child_outcome(send_until_refused), EAGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_for_the_process_that_is_named),
        cmocka_unit_test(a_number_of_descriptors_that_is_none_is_none),
        cmocka_unit_test(a_keeper_is_the_parent),
        cmocka_unit_test(an_abstract_address_reaches_the_manager),
        cmocka_unit_test(an_address_that_is_none_is_no_manager),
        cmocka_unit_test(too_many_descriptors_on_their_way_are_for_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

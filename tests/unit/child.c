/* SPDX-License-Identifier: Apache-2.0 */
/* Things that a process can do only once, done in a child of the test. */
#include "child.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

int child_outcome(int (*act)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(act() < 0 ? errno : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? CHILD_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

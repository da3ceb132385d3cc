/* SPDX-License-Identifier: Apache-2.0 */
/* What a process gives up, where only POSIX is sure: core files. */
#include <errno.h>
#include <sys/resource.h>

#include "system/sandbox.h"

int sandbox_enter(enum sandbox_layer layer)
{
    static const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    if (layer != SANDBOX_CORE) {
        return -EOPNOTSUPP;
    }
    return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

void sandbox_leave_dumpable(void)
{
}

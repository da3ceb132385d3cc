/* SPDX-License-Identifier: Apache-2.0 */
/* What a process gives up, on Linux: rlimits, prctl(2), seccomp(2). */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "system/filter.h"
#include "system/sandbox.h"

static int enter_core(void)
{
    static const struct rlimit none = {.rlim_cur = 0, .rlim_max = 0};
    return setrlimit(RLIMIT_CORE, &none) < 0 ? -errno : 0;
}

static int enter_dumpable(void)
{
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

static int enter_privileges(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

int sandbox_enter(enum sandbox_layer layer)
{
    static int (*const enter[SANDBOX_LAYERS])(void) = {
        [SANDBOX_CORE] = enter_core,
        [SANDBOX_DUMPABLE] = enter_dumpable,
        [SANDBOX_PRIVILEGES] = enter_privileges,
        [SANDBOX_SECCOMP] = filter_enter,
    };
    return enter[layer]();
}

void sandbox_leave_dumpable(void)
{
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What this process gives up before it serves. */
#include "daemon/lockdown.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "system/filter.h"
#include "system/log.h"
#include "system/sandbox.h"

static void log_no_user(const char *name, int error)
{
    const char *why = error == -ENOENT  ? "there is no such user"
                      : error == -EPERM ? "only root can become another user"
                                        : strerror(-error);
    log_line(LOG_ERR, "-user %s: %s", name, why);
}

int lockdown_init(struct lockdown *lockdown, const struct options *options, bool is_worker)
{
    *lockdown = (struct lockdown){.options = options};
    /* A keeper that has become the user cannot pass on more than that; and a restart is
     * not to depend on where users are looked up. */
    if (!options->user || (is_worker && geteuid() != 0)) {
        return 0;
    }
    int status = user_find(options->user, &lockdown->user);
    if (status < 0) {
        log_no_user(options->user, status);
    }
    lockdown->changes_user = status == 0;
    return status;
}

int lockdown_drop_user(const struct lockdown *lockdown)
{
    int status = lockdown->changes_user ? user_become(&lockdown->user) : 0;
    if (status < 0) {
        log_no_user(lockdown->options->user, status);
    }
    return status;
}

static void enter_layer(const struct lockdown *lockdown, enum sandbox_layer layer)
{
    if (lockdown->options->no_sandbox[layer]) {
        return;
    }
    int status = sandbox_enter(layer);
    const char *name = options_layer_name(layer);
    if (status == -EOPNOTSUPP) {
        log_line(LOG_VERBOSITY_REQUESTS, "sandbox: built without its layer %s", name);
    } else if (status < 0) {
        log_line(LOG_WARNING, "sandbox: its layer %s is not available: %s", name,
                 strerror(-status));
    }
}

void lockdown_enter_keeper(const struct lockdown *lockdown)
{
    if (lockdown->options->no_sandbox[SANDBOX_DUMPABLE]) {
        sandbox_leave_dumpable();
    }
    for (enum sandbox_layer layer = 0; layer < SANDBOX_SECCOMP; layer++) {
        enter_layer(lockdown, layer);
    }
}

void lockdown_enter_worker(const struct lockdown *lockdown)
{
    lockdown_enter_keeper(lockdown);
    enter_layer(lockdown, SANDBOX_SECCOMP);
    if (!lockdown->options->no_sandbox[SANDBOX_SECCOMP] && filter_tell_gap()) {
        log_line(LOG_INFO, "sandbox: its layer seccomp cannot refuse %s on this architecture",
                 filter_tell_gap());
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process gives up before it serves: another user's rights (-user), and the
 * sandbox's layers (-no_sandbox). What is refused is logged. A layer that is missing is
 * skipped; failing to change the user is fatal.
 */
#ifndef EPMD_DAEMON_LOCKDOWN_H
#define EPMD_DAEMON_LOCKDOWN_H

#include <stdbool.h>

#include "options/options.h"
#include "system/user.h"

struct lockdown {
    const struct options *options;
    bool changes_user;
    struct user user;
};

/* Looks up the user to become, while standard error still tells the operator of a mistake.
 * `options` must outlive the lockdown. Returns 0 or a negative errno. */
int lockdown_init(struct lockdown *lockdown, const struct options *options, bool is_worker);

/* Becomes the user. Returns 0 or a negative errno: then the process must not go on. */
int lockdown_drop_user(const struct lockdown *lockdown);

/* Enters the sandbox: of a keeper, which has to start workers, all layers but the filter. */
void lockdown_enter_worker(const struct lockdown *lockdown);
void lockdown_enter_keeper(const struct lockdown *lockdown);

#endif

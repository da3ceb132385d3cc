/* SPDX-License-Identifier: Apache-2.0 */
/* No keeper, where the system lacks what it needs. */
#include <errno.h>

#include "system/keeper.h"

int keeper_run(const struct keeper_config *config)
{
    (void)config;
    return -ENOSYS;
}

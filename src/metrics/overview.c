/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator is shown of an epmd. */
#include "metrics/overview.h"

#include <utlist.h>

size_t overview_count_shown(const struct overview *overview)
{
    const struct registry_node *node;
    size_t n = 0, names_size = 0;
    if (!overview->shows_names) {
        return 0;
    }
    DL_FOREACH (overview->registry->live, node) {
        names_size += node->info.name_len;
        if (n == OVERVIEW_NODES_MAX || names_size > OVERVIEW_NAMES_SIZE_MAX) {
            break;
        }
        n++;
    }
    return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator is shown of an epmd. */
#include "metrics/overview.h"

const struct registry_node *overview_oldest(const struct overview *overview)
{
    const struct registry_node *newest = overview->registry->live;
    return newest ? newest->prev : NULL; /* the list is a ring backwards (utlist) */
}

size_t overview_count_shown(const struct overview *overview)
{
    const struct registry_node *node = overview_oldest(overview);
    size_t n = 0, names_size = 0;
    if (!overview->shows_names) {
        return 0;
    }
    for (; n < overview->registry->n_live && n < OVERVIEW_NODES_MAX; n++, node = node->prev) {
        names_size += node->info.name_len;
        if (names_size > OVERVIEW_NAMES_SIZE_MAX) {
            break;
        }
    }
    return n;
}

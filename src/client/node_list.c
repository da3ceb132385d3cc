/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of one epmd. */
#include "client/node_list.h"

#include <stdlib.h>

#define SIZE_FIRST 64

struct node_list_node *node_list_add(struct node_list *list, enum node_list_knowledge known)
{
    if (list->n == list->size) {
        size_t size = list->size ? 2 * list->size : SIZE_FIRST;
        struct node_list_node *nodes = realloc(list->nodes, size * sizeof *nodes);
        if (!nodes) {
            return NULL;
        }
        list->nodes = nodes;
        list->size = size;
    }
    struct node_list_node *node = &list->nodes[list->n++];
    *node = (struct node_list_node){.known = known};
    return node;
}

void node_list_deinit(struct node_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        free(list->nodes[i].extra);
    }
    free(list->nodes);
    owners_free(&list->owners);
    exchange_free(&list->reply);
    *list = (struct node_list){0};
}

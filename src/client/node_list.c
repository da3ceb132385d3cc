/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of one epmd. */
#include "client/node_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/names_reply.h"

#define SIZE_FIRST 4 /* there may be lists of thousands of hosts */

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

int node_list_read(struct node_list *list)
{
    struct wire_reader reader;
    struct protocol_node found;
    list->port = names_reply_init(&reader, &list->reply);
    if (reader.overrun) {
        return -ENODATA;
    }
    while (listing_read_name(&reader, &found)) {
        struct node_list_node *added = node_list_add(list, NODE_LIST_PORT);
        if (!added) {
            return -ENOMEM;
        }
        added->node.info = found;
    }
    return 0;
}

int node_list_learn(struct node_list_node *node, const uint8_t *reply, size_t len)
{
    struct protocol_node info;
    if (protocol_decode_node(reply, len, &info) < 0) {
        return 0;
    }
    node->extra = malloc((size_t)info.extra_len + 1);
    if (!node->extra) {
        return -ENOMEM;
    }
    memcpy(node->extra, info.extra, info.extra_len);
    info.name = node->node.info.name;
    info.name_len = node->node.info.name_len;
    info.extra = node->extra;
    node->node.info = info;
    node->known = NODE_LIST_FIELDS;
    return 0;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct protocol_node *left = &((const struct node_list_node *)a)->node.info;
    const struct protocol_node *right = &((const struct node_list_node *)b)->node.info;
    size_t len = left->name_len < right->name_len ? left->name_len : right->name_len;
    int order = memcmp(left->name, right->name, len);
    order = order ? order : (int)left->name_len - (int)right->name_len;
    return order ? order : (int)left->port - (int)right->port;
}

void node_list_sort(struct node_list *list)
{
    if (list->n > 0) {
        qsort(list->nodes, list->n, sizeof *list->nodes, compare_nodes);
    }
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

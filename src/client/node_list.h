/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of one epmd, as far as a command has learned of them. */
#ifndef EPMD_CLIENT_NODE_LIST_H
#define EPMD_CLIENT_NODE_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "client/exchange.h"
#include "client/owners.h"
#include "core/inventory.h"

/* How much of a node is known. */
enum node_list_knowledge {
    NODE_LIST_PORT,   /* its name and port */
    NODE_LIST_FIELDS, /* and what the node said of itself when it registered */
    NODE_LIST_ALL,    /* and what its epmd knows of the registration */
};

struct node_list_node {
    enum node_list_knowledge known;
    struct inventory_node node; /* its name lies in the list's `reply` */
    uint8_t *extra;   /* owns what node.info.extra points to; NULL: that lies in `reply` */
    const char *user; /* who registered the node; NULL: not known */
};

struct node_list {
    uint32_t port;                     /* as the epmd reports its own */
    char version[INVENTORY_EPMD_SIZE]; /* empty: not known */
    size_t n, size;
    struct node_list_node *nodes;
    struct exchange_reply reply;
    struct owners owners;
};

/* Adds a node of which nothing is known yet. Returns it, until the next is added; or NULL
 * without memory. */
struct node_list_node *node_list_add(struct node_list *list, enum node_list_knowledge known);

/* Adds the nodes that the list's `reply`, to NAMES_REQ, names. Returns 0; -ENODATA where the
 * reply is too short for epmd's port; or -ENOMEM. */
int node_list_read(struct node_list *list);

/* Takes over what the reply to a lookup tells of a node, but for the name. A reply that tells
 * nothing, as when the node has left, changes nothing. Returns 0 or -ENOMEM. */
int node_list_learn(struct node_list_node *node, const uint8_t *reply, size_t len);

/* Puts the nodes into the order of their names, and of their ports. */
void node_list_sort(struct node_list *list);

/* Frees all that the list has, and empties it. */
void node_list_deinit(struct node_list *list);

#endif

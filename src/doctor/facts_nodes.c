/* SPDX-License-Identifier: Apache-2.0 */
/* What a check finds out about each of the nodes that are registered on this host. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/names_reply.h"
#include "client/target.h"
#include "doctor/facts.h"

/* Returns whether there is memory for more. */
static bool add_node(struct facts *facts, const struct protocol_node *info)
{
    struct facts_node *nodes = facts->nodes;
    if (facts->n_nodes == FACTS_NODES_MAX) {
        facts->n_nodes_left_out++;
        return true;
    }
    if ((facts->n_nodes & (facts->n_nodes - 1)) == 0) { /* full: it doubles at powers of two */
        size_t size = facts->n_nodes ? 2 * facts->n_nodes : 1;
        nodes = realloc(facts->nodes, size * sizeof *nodes);
    }
    if (!nodes) {
        return false;
    }
    facts->nodes = nodes;
    nodes[facts->n_nodes++] = (struct facts_node){.node = *info};
    return true;
}

/* Our own epmd has told all of them. */
static void list_ours(struct facts *facts)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    const struct exchange_reply *info = &facts->here.info;
    bool has_more = inventory_read_daemon(&reader, info->bytes, info->len, &daemon) == 0;
    while (has_more && inventory_read_node(&reader, &node) == 1) {
        has_more = add_node(facts, &node.info);
    }
}

/* Another one tells name and port, and is asked for the type later. */
static void list_others(struct facts *facts)
{
    struct wire_reader reader;
    struct protocol_node node;
    names_reply_init(&reader, &facts->here.names);
    while (listing_read_name(&reader, &node) && add_node(facts, &node)) {
    }
}

/* The way that a node of this host takes to another: through the address of the host's name, or
 * else through loopback. */
static struct address way_to_nodes(const struct facts *facts)
{
    struct address way;
    address_parse("127.0.0.1", &way);
    for (size_t i = 0; i < facts->n_addresses; i++) {
        if (facts_has_address(facts, &facts->addresses[i])) {
            return facts->addresses[i];
        }
    }
    return way;
}

static void look_up_type(struct facts *facts, struct facts_node *node, int timeout_ms)
{
    struct request request;
    struct exchange_reply reply;
    struct protocol_node told;
    request_init(&request, PROTOCOL_PORT2_REQ, node->node.name, node->node.name_len);
    if (target_ask_local(facts->port, &request, timeout_ms, &reply) < 0) {
        return;
    }
    if (protocol_decode_node(reply.bytes, reply.len, &told) == 0) {
        node->node.type = told.type;
        node->node.highest = told.highest;
    }
    exchange_free(&reply);
}

static void keep_answer(struct facts_node *node, const struct probe *probe)
{
    struct distribution_answer *answer = &node->answer;
    char text[NAME_TEXT_SIZE];
    node->connected = probe->connected;
    node->status = probe->status;
    distribution_decode_answer(probe->reply, probe->len, answer);
    if (answer->kind == DISTRIBUTION_NODE) {
        size_t len = node->node.name_len;
        node->is_other = answer->name_len <= len || answer->name[len] != '@' ||
                         memcmp(answer->name, node->node.name, len) != 0;
        name_format(answer->name, answer->name_len, text, sizeof text);
        node->own_name = strdup(text);
    }
    answer->name = NULL; /* it lies in the probe, which goes */
}

static void check_node(struct facts *facts, struct facts_node *node, const struct address *way)
{
    int left_ms = facts_time_left(facts->deadline_ms);
    left_ms = left_ms < FACTS_NODE_MS ? left_ms : FACTS_NODE_MS;
    if (left_ms == 0) {
        node->status = -ETIME;
        return;
    }
    if (node->node.type == 0) {
        look_up_type(facts, node, left_ms);
    }
    node->withheld = node->node.type != PROTOCOL_TYPE_NORMAL;
    if (!node->withheld) {
        const struct endpoint to = {*way, node->node.port};
        struct probe probe;
        facts_knock_at(&probe, &to, node->node.highest, left_ms);
        keep_answer(node, &probe);
    }
}

void facts_gather_nodes(struct facts *facts)
{
    if (facts->target.has_name || !facts->is_here || facts->here.status != 0) {
        return;
    }
    if (facts->here.ours) {
        list_ours(facts);
    } else {
        list_others(facts);
    }
    const struct address way = way_to_nodes(facts);
    for (size_t i = 0; i < facts->n_nodes; i++) {
        check_node(facts, &facts->nodes[i], &way);
    }
}

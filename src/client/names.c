/* SPDX-License-Identifier: Apache-2.0 */
/* -names with options. */
#include "client/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/names_json.h"
#include "client/names_reply.h"
#include "client/names_table.h"
#include "client/node_list.h"
#include "client/output.h"
#include "client/target.h"
#include "system/clock.h"

/* The limit for all lookups together: a slow network would make thousands of them last. */
#define LOOKUPS_TIMEOUT_MS 10000

/* ---- our own epmd, on this host ---- */

static int read_inventory(struct node_list *list)
{
    struct inventory_reader reader;
    struct inventory_daemon daemon;
    struct inventory_node node;
    int status = inventory_read_daemon(&reader, list->reply.bytes, list->reply.len, &daemon);
    if (status < 0) {
        return status;
    }
    list->port = daemon.port;
    memcpy(list->version, daemon.version, sizeof list->version);
    while ((status = inventory_read_node(&reader, &node)) == 1) {
        struct node_list_node *added = node_list_add(list, NODE_LIST_ALL);
        if (!added) {
            return -ENOMEM;
        }
        added->node = node;
    }
    return status;
}

/* Returns 0; -ENODATA where another epmd answers; or why none answers. */
static int ask_inventory(struct node_list *list, struct target *target, uint16_t port)
{
    struct request request;
    request_init(&request, PROTOCOL_INFO_REQ, NULL, 0);
    int status = target_ask(target, &request, EXCHANGE_TIMEOUT_MS, &list->reply);
    if (status < 0) {
        return status;
    }
    status = read_inventory(list);
    if (status < 0) {
        node_list_deinit(list);
        return status == -ENOMEM ? status : -ENODATA;
    }
    owners_init(&list->owners, port);
    for (size_t i = 0; i < list->n; i++) {
        list->nodes[i].user = owners_find(&list->owners, &list->nodes[i].node.peer);
    }
    return 0;
}

/* ---- any epmd ---- */

static int ask_listing(struct node_list *list, struct target *target)
{
    struct request request;
    request_init(&request, PROTOCOL_NAMES_REQ, NULL, 0);
    int status = target_ask(target, &request, EXCHANGE_TIMEOUT_MS, &list->reply);
    if (status == 0) {
        status = node_list_read(list);
        if (status == 0 && !names_reply_is_whole(&list->reply)) {
            status = -ECONNRESET;
        }
        target->answers->error = status;
    }
    return status;
}

static int node_look_up(struct node_list_node *node, struct target *target)
{
    const struct protocol_node *info = &node->node.info;
    struct request request;
    struct exchange_reply reply;
    if (info->name_len > NAME_MAX_LEN) {
        return 0; /* no node's name: no epmd has it */
    }
    request_init(&request, PROTOCOL_PORT2_REQ, info->name, info->name_len);
    int status = target_ask(target, &request, EXCHANGE_PROBE_TIMEOUT_MS, &reply);
    if (status < 0) {
        return status == -ENODATA ? 0 : status; /* the epmd does not tell */
    }
    status = node_list_learn(node, reply.bytes, reply.len);
    exchange_free(&reply);
    return status;
}

/* Looks up as many nodes as there is time for; of the others no more becomes known. */
static int look_up_nodes(struct node_list *list, struct target *target)
{
    int64_t deadline_ms = clock_now_ms() + LOOKUPS_TIMEOUT_MS;
    int status = 0;
    size_t n_done = 0;
    while (status == 0 && n_done < list->n && clock_now_ms() < deadline_ms) {
        status = node_look_up(&list->nodes[n_done], target);
        n_done += status == 0;
    }
    if (n_done < list->n && status != -ENOMEM) {
        fprintf(stderr, "epmd: of %zu nodes only name and port are known: %s\n", list->n - n_done,
                status < 0 ? strerror(-status) : "the lookups take too long");
        status = 0;
    }
    return status;
}

/* ---- the command ---- */

static int gather(struct node_list *list, struct target *target, const struct options *options)
{
    int status = options->host ? -ENODATA : ask_inventory(list, target, options->port);
    if (status != -ENODATA) {
        return status;
    }
    status = ask_listing(list, target);
    bool wants_more = options->in_columns || options->json;
    return status == 0 && wants_more ? look_up_nodes(list, target) : status;
}

/* Prints as -names does without options, but makes names printable: another host chose them. */
static void print_lines(const struct node_list *list, FILE *out)
{
    fprintf(out, "epmd: up and running on port %u with data:\n", (unsigned)list->port);
    for (size_t i = 0; i < list->n; i++) {
        const struct protocol_node *info = &list->nodes[i].node.info;
        char name[NAME_TEXT_SIZE];
        name_format(info->name, info->name_len, name, sizeof name);
        fprintf(out, "name %s at port %u\n", name, info->port);
    }
}

static int print_nodes(const struct node_list *list, const struct options *options)
{
    if (options->json) {
        const struct names_json_host host = {.name = options->host, .epmd_port = options->port};
        return names_json_print(list, options->host ? &host : NULL, stdout);
    }
    if (options->in_columns) {
        names_table_print(list, stdout);
    } else {
        print_lines(list, stdout);
    }
    return 0;
}

/* For programs, which read no sentences: the object, with all addresses that were asked. */
static int print_failures(const struct target *target)
{
    struct names_json_failure failures[TARGET_ADDRESSES_MAX];
    char addresses[TARGET_ADDRESSES_MAX][TARGET_ADDRESS_SIZE];
    for (size_t i = 0; i < target->n; i++) {
        const struct target_address *address = &target->addresses[i];
        target_format_address(address, addresses[i]);
        failures[i] =
            (struct names_json_failure){.host = {.name = target->host, .epmd_port = target->port},
                                        .address = addresses[i],
                                        .cause = target_error_cause(address->error),
                                        .reason = target_error_text(address->error)};
    }
    return names_json_print_failures(failures, target->n, stdout);
}

static int print_unresolvable(const struct options *options, const char *reason)
{
    const struct names_json_failure failure = {
        .host = {.name = options->host, .epmd_port = options->port},
        .cause = target_error_cause(-ENOENT),
        .reason = reason};
    return names_json_print_failures(&failure, 1, stdout);
}

static int show_nodes(struct target *target, const struct options *options)
{
    struct node_list list = {0};
    int status = gather(&list, target, options);
    if (status == 0) {
        status = print_nodes(&list, options);
    } else if (status != -ENOMEM) {
        target_report(target);
        if (options->json && options->host && print_failures(target) < 0) {
            status = -ENOMEM;
        }
    }
    node_list_deinit(&list);
    if (status == -ENOMEM) {
        fputs("epmd: out of memory\n", stderr);
    }
    return status < 0 || output_finish() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int names_run(const struct options *options)
{
    struct target target;
    const char *reason;
    if (!options->host) {
        target_init_local(&target, options->port);
    } else if (target_init_host(&target, options->host, options->port, &reason) < 0) {
        fprintf(stderr, "epmd: -host %s: cannot find its address: %s\n", options->host, reason);
        if (options->json && print_unresolvable(options, reason) < 0) {
            fputs("epmd: out of memory\n", stderr);
        }
        output_finish();
        return EXIT_FAILURE;
    }
    return show_nodes(&target, options);
}

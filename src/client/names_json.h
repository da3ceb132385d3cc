/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes for programs: -names -json, of one host and of many (epmd(1), "NODES"). */
#ifndef EPMD_CLIENT_NAMES_JSON_H
#define EPMD_CLIENT_NAMES_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/node_list.h"

/* The host whose epmd was asked. */
struct names_json_host {
    const char *name; /* as the user wrote it */
    uint16_t epmd_port;
};

/* Why it has not answered. */
struct names_json_failure {
    struct names_json_host host;
    const char *address; /* that was asked; NULL: none */
    const char *cause;   /* one word */
    const char *reason;
};

/* Prints the nodes in the order of the list; with `host` each has a member for it. Returns 0
 * or -ENOMEM. */
int names_json_print(const struct node_list *list, const struct names_json_host *host, FILE *out);

/* Prints the object of a host that has not answered at any of its addresses. Returns 0 or
 * -ENOMEM. */
int names_json_print_failures(const struct names_json_failure *failures, size_t n, FILE *out);

/* Prints one element of an array: a node, with its host unless that is NULL; or a failure.
 * `is_first` says that none stands before it. Returns 0 or -ENOMEM. */
int names_json_print_node(const struct names_json_host *host, const struct node_list_node *node,
                          bool is_first, FILE *out);
int names_json_print_failure(const struct names_json_failure *failure, bool is_first, FILE *out);

#endif

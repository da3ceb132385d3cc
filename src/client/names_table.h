/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes in columns: -names -l, -names -hosts.
 *
 * A table is measured before it is printed: each row once for its width.
 */
#ifndef EPMD_CLIENT_NAMES_TABLE_H
#define EPMD_CLIENT_NAMES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "client/node_list.h"

#define NAMES_TABLE_COLUMNS 9

struct names_table {
    bool shown[NAMES_TABLE_COLUMNS];
    size_t widths[NAMES_TABLE_COLUMNS]; /* in columns of a terminal */
};

/* Starts a table: with a column for the host or without, and with all that is known of a node
 * or with its name and port alone. */
void names_table_init(struct names_table *table, bool with_host, bool with_all);

/* Makes room for the row of a node; `host` is printable. Without a node, it is the row of a
 * host that has not answered. */
void names_table_measure(struct names_table *table, const char *host,
                         const struct node_list_node *node);

/* Prints the titles; the row of a node; that of a host that has not answered, and why. */
void names_table_print_titles(const struct names_table *table, FILE *out);
void names_table_print_node(const struct names_table *table, const char *host,
                            const struct node_list_node *node, FILE *out);
void names_table_print_failure(const struct names_table *table, const char *host,
                               const char *reason, FILE *out);

/* Prints the nodes of one epmd, in the order of the list, with all that is known of them. */
void names_table_print(const struct node_list *list, FILE *out);

#endif

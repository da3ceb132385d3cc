/* SPDX-License-Identifier: Apache-2.0 */
/* -names -l: the nodes in columns. */
#ifndef EPMD_CLIENT_NAMES_TABLE_H
#define EPMD_CLIENT_NAMES_TABLE_H

#include <stdio.h>

#include "client/node_list.h"

/* Prints the nodes in the order of the list. */
void names_table_print(const struct node_list *list, FILE *out);

#endif

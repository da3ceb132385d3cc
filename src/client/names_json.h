/* SPDX-License-Identifier: Apache-2.0 */
/* -names -json: the nodes for programs (epmd(1), "NODES"). */
#ifndef EPMD_CLIENT_NAMES_JSON_H
#define EPMD_CLIENT_NAMES_JSON_H

#include <stdio.h>

#include "client/node_list.h"

/* Prints the nodes in the order of the list. Returns 0 or -ENOMEM. */
int names_json_print(const struct node_list *list, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -names with options: all that can be learned of the nodes of an epmd.
 *
 * Our own epmd tells all of it in one reply to peers on its host (core/inventory). Any
 * other is asked for its names, and then for each of them.
 */
#ifndef EPMD_CLIENT_NAMES_H
#define EPMD_CLIENT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "client/exchange.h"
#include "client/owners.h"
#include "core/inventory.h"
#include "options/options.h"

#define NAMES_TIME_SIZE 24

/* How much of a node is known. */
enum names_knowledge {
    NAMES_PORT,   /* its name and port */
    NAMES_FIELDS, /* all that it said of itself */
    NAMES_ALL,    /* and what its epmd knows of the registration */
};

struct names_node {
    enum names_knowledge known;
    struct inventory_node node; /* its name lies in `reply` below */
    uint8_t *extra;             /* what node.info.extra points to, if not there; owned */
    const char *user;           /* who registered it; NULL: not known */
};

struct names {
    uint32_t port;                     /* as the epmd reports its own */
    char version[INVENTORY_EPMD_SIZE]; /* empty: not known */
    size_t n, size;
    struct names_node *nodes;
    struct exchange_reply reply;
    struct owners owners;
};

/* Carries out -names with -l, -json or -host and returns the exit status. */
int names_run(const struct options *options);

/* Each prints the nodes, in the order in which they came. Returns 0 or -ENOMEM. */
int names_print_table(const struct names *names, FILE *out);
int names_print_json(const struct names *names, FILE *out);

/* Writes a time, given in milliseconds of Unix time, as strftime(3) does: in UTC, or as the
 * clock on the wall shows it. Returns false for one that has no year of four digits. */
bool names_format_time(int64_t unix_ms, bool utc, const char *format, char text[NAMES_TIME_SIZE]);

#endif

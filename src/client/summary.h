/* SPDX-License-Identifier: Apache-2.0 */
/* How many hosts were asked, and what came of it, in one line. */
#ifndef EPMD_CLIENT_SUMMARY_H
#define EPMD_CLIENT_SUMMARY_H

#include <stddef.h>

#define SUMMARY_NUMBER_SIZE 28 /* room for any number, with its commas */
#define SUMMARY_SIZE 256

struct summary {
    size_t n_hosts, n_answered, n_nodes;
    size_t n_at_once;     /* hosts that could be asked at once */
    size_t n_descriptors; /* the limit of descriptors that allowed no more; 0: nothing did */
};

/* Writes a number with a comma before each three digits. */
void summary_format_number(size_t number, char text[SUMMARY_NUMBER_SIZE]);

/* Writes the line, without an end: "1,000 hosts, 998 answer, 4,012 nodes". It says how many
 * hosts were asked at once where the limit of descriptors has made all of it slower. */
void summary_format(const struct summary *summary, char text[SUMMARY_SIZE]);

#endif

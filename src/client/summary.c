/* SPDX-License-Identifier: Apache-2.0 */
/* How many hosts were asked, and what came of it, in one line. */
#include "client/summary.h"

#include <stdio.h>
#include <string.h>

void summary_format_number(size_t number, char text[SUMMARY_NUMBER_SIZE])
{
    char digits[SUMMARY_NUMBER_SIZE];
    size_t n = (size_t)snprintf(digits, sizeof digits, "%zu", number);
    for (size_t i = 0; i < n; i++) {
        *text++ = digits[i];
        if ((n - i) % 3 == 1 && i + 1 < n) {
            *text++ = ',';
        }
    }
    *text = '\0';
}

void summary_format(const struct summary *summary, char text[SUMMARY_SIZE])
{
    char hosts[SUMMARY_NUMBER_SIZE], answered[SUMMARY_NUMBER_SIZE], nodes[SUMMARY_NUMBER_SIZE];
    summary_format_number(summary->n_hosts, hosts);
    summary_format_number(summary->n_answered, answered);
    summary_format_number(summary->n_nodes, nodes);
    int len =
        snprintf(text, SUMMARY_SIZE, "%s host%s, %s answer%s, %s node%s", hosts,
                 summary->n_hosts == 1 ? "" : "s", answered, summary->n_answered == 1 ? "s" : "",
                 nodes, summary->n_nodes == 1 ? "" : "s");
    if (summary->n_descriptors > 0 && summary->n_hosts > summary->n_at_once) {
        snprintf(text + len, SUMMARY_SIZE - (size_t)len,
                 "; %zu at once, as the limit of descriptors (ulimit -Hn) is %zu",
                 summary->n_at_once, summary->n_descriptors);
    }
}

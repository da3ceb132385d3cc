/* SPDX-License-Identifier: Apache-2.0 */
/* What Prometheus is told of an overview, as a string. */
#ifndef EPMD_TESTS_TEXT_H
#define EPMD_TESTS_TEXT_H

#include <stddef.h>

#include "metrics/overview.h"
#include "world.h"

/* An overview of a world in which nothing has happened yet, seen by who may list names.
 * It started 100 s ago, at second 1000 since 1970. */
struct overview text_overview(struct world *world);

/* Returns all metrics, good until the next call. */
const char *text_of(const struct overview *overview);

/* How often `part` is in `text`. */
size_t text_count(const char *text, const char *part);

#endif

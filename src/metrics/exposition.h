/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overview as Prometheus reads it: its text format, version 0.0.4 ("Exposition
 * formats" in the documentation of Prometheus).
 */
#ifndef EPMD_METRICS_EXPOSITION_H
#define EPMD_METRICS_EXPOSITION_H

#include "metrics/document.h"
#include "metrics/overview.h"

#define EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Writes all metrics; of nodes, the oldest first. */
void exposition_write(struct document *out, const struct overview *overview);

#endif

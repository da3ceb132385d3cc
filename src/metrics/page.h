/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An overview as people read it: one page of HTML, for a screen of any size.
 *
 * It is whole by itself, runs no script, and loads itself again every few seconds.
 * Names appear as they do in the log, and escaped for HTML.
 */
#ifndef EPMD_METRICS_PAGE_H
#define EPMD_METRICS_PAGE_H

#include <stdio.h>

#include "metrics/overview.h"

#define PAGE_CONTENT_TYPE "text/html; charset=utf-8"

/* What a browser may do with the page: apply its own style, and nothing else. */
#define PAGE_SECURITY_POLICY                                                                      \
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action " \
    "'none'; "                                                                                    \
    "frame-ancestors 'none'"

/* Writes the page. Whether it could be written, ferror(3) tells. */
void page_write(FILE *out, const struct overview *overview);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page for people, which the build makes of page.html, page.css and page.js (embed.py).
 * It draws what /metrics tells.
 */
#ifndef EPMD_METRICS_PAGE_H
#define EPMD_METRICS_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define PAGE_CONTENT_TYPE "text/html; charset=utf-8"

extern const uint8_t page_html[];
extern const size_t page_html_len;

/* What a browser may do with it: apply its style, run its script, which may ask epmd, and
 * nothing else. */
extern const char page_security_policy[];

#endif

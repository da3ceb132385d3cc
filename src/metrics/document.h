/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that grows while it is written, and then is a sheet.
 *
 * Its errors are sticky: where memory runs out, what has been written is freed, all that is
 * written later is dropped, and document_finish() says so.
 */
#ifndef EPMD_METRICS_DOCUMENT_H
#define EPMD_METRICS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/sheet.h"

#define DOCUMENT_PIECE_MAX 256 /* the longest text of one document_format(), with its NUL */

struct document {
    struct sheet *sheet; /* NULL: none yet, or no memory */
    size_t size;         /* of the sheet's bytes, used or not */
    bool failed;
};

/* Starts a document with `n_reserved` bytes that the caller fills in at the end. */
void document_init(struct document *document, size_t n_reserved);

void document_add(struct document *document, const void *bytes, size_t len);

void document_add_text(struct document *document, const char *text);

/* As printf(3), but at most DOCUMENT_PIECE_MAX - 1 bytes; what is beyond is cut off. */
__attribute__((format(printf, 2, 3))) void document_format(struct document *document,
                                                           const char *format, ...);

/* Returns what has been written, of which the caller owns one reference, or NULL without
 * memory. The document is then empty. */
struct sheet *document_finish(struct document *document);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A text that grows while it is written. */
#include "metrics/document.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_MIN 8192

void document_init(struct document *document, size_t n_reserved)
{
    *document = (struct document){.size = n_reserved + SIZE_MIN};
    document->sheet = sheet_new(document->size);
    document->failed = !document->sheet;
    if (document->sheet) {
        document->sheet->len = n_reserved;
    }
}

static void document_fail(struct document *document)
{
    sheet_unref(document->sheet);
    document->sheet = NULL;
    document->failed = true;
}

/* Makes room for `len` more bytes, at least doubling what there is. */
static bool document_grow(struct document *document, size_t len)
{
    if (document->failed) {
        return false;
    }
    if (len <= document->size - document->sheet->len) {
        return true;
    }
    size_t size = 2 * document->size + len;
    struct sheet *grown = realloc(document->sheet, sizeof *grown + size);
    if (!grown) {
        document_fail(document);
        return false;
    }
    document->sheet = grown;
    document->size = size;
    return true;
}

void document_add(struct document *document, const void *bytes, size_t len)
{
    if (document_grow(document, len)) {
        memcpy(document->sheet->bytes + document->sheet->len, bytes, len);
        document->sheet->len += len;
    }
}

void document_add_text(struct document *document, const char *text)
{
    document_add(document, text, strlen(text));
}

void document_format(struct document *document, const char *format, ...)
{
    char piece[DOCUMENT_PIECE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(piece, sizeof piece, format, arguments);
    va_end(arguments);
    document_add_text(document, piece);
}

struct sheet *document_finish(struct document *document)
{
    struct sheet *sheet = document->sheet;
    *document = (struct document){.failed = true};
    if (!sheet) {
        return NULL;
    }
    struct sheet *shrunk = realloc(sheet, sizeof *sheet + sheet->len);
    return shrunk ? shrunk : sheet;
}

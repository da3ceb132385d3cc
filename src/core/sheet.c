/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of bytes, counted by reference. */
#include "core/sheet.h"

#include <stdlib.h>

struct sheet *sheet_new(size_t len)
{
    struct sheet *sheet = malloc(sizeof *sheet + len);
    if (sheet) {
        sheet->n_refs = 1;
        sheet->len = len;
    }
    return sheet;
}

struct sheet *sheet_shrink(struct sheet *sheet, size_t len)
{
    sheet->len = len;
    struct sheet *shrunk = realloc(sheet, sizeof *sheet + len);
    return shrunk ? shrunk : sheet;
}

struct sheet *sheet_ref(struct sheet *sheet)
{
    sheet->n_refs++;
    return sheet;
}

void sheet_unref(struct sheet *sheet)
{
    if (sheet && --sheet->n_refs == 0) {
        free(sheet);
    }
}

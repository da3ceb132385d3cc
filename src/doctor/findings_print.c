/* SPDX-License-Identifier: Apache-2.0 */
/* Findings, for people. */
#include <string.h>

#include "doctor/findings.h"

#define STEP_COLUMNS 9    /* unless the findings say otherwise */
#define BESIDE_STEP 9     /* columns of the judgement, and of the blanks */
#define NARROWEST_TEXT 20 /* in fewer columns words are not wrapped */
#define CURE "cure: "

#define COLOUR_OFF "\033[0m"

static const struct {
    const char *word;
    const char *colour;
} looks[] = {
    [FINDINGS_OK] = {"ok", "\033[32m"},
    [FINDINGS_WARNING] = {"warning", "\033[33m"},
    [FINDINGS_FAILED] = {"FAILED", "\033[1;31m"},
    [FINDINGS_SKIPPED] = {"skipped", "\033[2m"},
};

/* How many columns the first `len` bytes take, if each character takes one. */
static unsigned width_of(const char *text, size_t len)
{
    unsigned width = 0;
    for (size_t i = 0; i < len; i++) {
        width += ((unsigned char)text[i] & 0xc0) != 0x80;
    }
    return width;
}

/* Writes words from column `indent` on, and goes to the next line before a word that would
 * be beyond the last column. */
static void print_words(const char *text, unsigned indent, FILE *out, unsigned columns)
{
    const bool wraps = columns >= indent + NARROWEST_TEXT;
    unsigned column = indent;
    while (*text) {
        size_t len = strcspn(text, " ");
        unsigned width = width_of(text, len);
        if (wraps && column > indent && column + 1 + width >= columns) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(text, 1, len, out);
        column += width;
        text += len + (text[len] == ' ');
    }
    fputc('\n', out);
}

static void print_finding(const struct finding *finding, unsigned step_columns, FILE *out,
                          bool colour, unsigned columns)
{
    unsigned indent = BESIDE_STEP + step_columns;
    fprintf(out, "%s%-7s%s %-*s ", colour ? looks[finding->status].colour : "",
            looks[finding->status].word, colour ? COLOUR_OFF : "", (int)step_columns,
            finding->step);
    print_words(finding->found ? finding->found : "", indent, out, columns);
    if (finding->cure) {
        fprintf(out, "%*s", (int)indent, CURE);
        print_words(finding->cure, indent, out, columns);
    }
}

static size_t count(const struct findings *findings, enum findings_status status)
{
    size_t n = 0;
    for (size_t i = 0; i < findings->n; i++) {
        n += findings->list[i].status == status;
    }
    return n;
}

void findings_print(const struct findings *findings, FILE *out, bool colour, unsigned columns)
{
    const struct finding *failure = findings_failure(findings);
    size_t n_warnings = count(findings, FINDINGS_WARNING);
    unsigned step_columns = findings->step_columns ? findings->step_columns : STEP_COLUMNS;
    for (size_t i = 0; i < findings->n; i++) {
        print_finding(&findings->list[i], step_columns, out, colour, columns);
    }
    if (findings->end) {
        fprintf(out, "epmd: %s\n", findings->end);
        return;
    }
    fprintf(out, "epmd: %s: ", findings->target);
    if (failure) {
        fprintf(out, "%zu of %zu steps failed; the cause: %s\n", count(findings, FINDINGS_FAILED),
                findings->n, failure->cause);
    } else {
        fprintf(out, "all is well%s%s%s\n", n_warnings ? ", but see the warnings" : "",
                findings->unchecked ? "; not checked: " : "",
                findings->unchecked ? findings->unchecked : "");
    }
}

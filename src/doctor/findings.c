/* SPDX-License-Identifier: Apache-2.0 */
/* What a check has found, step by step. */
#include "doctor/findings.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#include "core/name.h"

#define SIZE_FIRST 16

void findings_begin(struct findings *findings, const char *step)
{
    if (findings->n == findings->size) {
        size_t size = findings->size ? 2 * findings->size : SIZE_FIRST;
        struct finding *list = realloc(findings->list, size * sizeof *list);
        if (!list) {
            findings->has_lost = true;
            return;
        }
        findings->list = list;
        findings->size = size;
    }
    findings->list[findings->n++] = (struct finding){.step = step};
}

static struct finding *last_of(struct findings *findings)
{
    assert(findings->n > 0 || findings->has_lost);
    return findings->has_lost ? &findings->lost : &findings->list[findings->n - 1];
}

static void append(char **text, const char *format, va_list arguments)
{
    char *words, *longer;
    if (vasprintf(&words, format, arguments) < 0) {
        return;
    }
    if (asprintf(&longer, "%s%s", *text ? *text : "", words) >= 0) {
        free(*text);
        *text = longer;
    }
    free(words);
}

void findings_say(struct findings *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(&last_of(findings)->found, format, arguments);
    va_end(arguments);
}

void findings_cure(struct findings *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(&last_of(findings)->cure, format, arguments);
    va_end(arguments);
}

void findings_leave(struct findings *findings, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(&findings->unchecked, format, arguments);
    va_end(arguments);
}

void findings_cure_quoted(struct findings *findings, const void *text, size_t len)
{
    char printable[NAME_TEXT_SIZE];
    name_format(text, len, printable, sizeof printable);
    findings_cure(findings, "\"%s\"", printable);
}

void findings_say_quoted(struct findings *findings, const void *text, size_t len)
{
    char printable[NAME_TEXT_SIZE];
    name_format(text, len, printable, sizeof printable);
    findings_say(findings, "\"%s\"", printable);
}

void findings_say_address(struct findings *findings, const struct address *address)
{
    char text[ADDRESS_TEXT_SIZE];
    address_format(address, text);
    findings_say(findings, "%s", text);
}

void findings_judge(struct findings *findings, enum findings_status status, const char *cause)
{
    last_of(findings)->status = status;
    last_of(findings)->cause = cause;
}

const struct finding *findings_failure(const struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        if (findings->list[i].status == FINDINGS_FAILED) {
            return &findings->list[i];
        }
    }
    return NULL;
}

void findings_deinit(struct findings *findings)
{
    for (size_t i = 0; i < findings->n; i++) {
        free(findings->list[i].found);
        free(findings->list[i].cure);
    }
    free(findings->list);
    free(findings->lost.found);
    free(findings->lost.cure);
    free(findings->unchecked);
    *findings = (struct findings){0};
}

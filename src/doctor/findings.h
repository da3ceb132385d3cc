/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a check has found, step by step: in words, with a judgement and, where something
 * is wrong, its cause and its cure.
 *
 * Words are added to the last step that was begun. What comes from elsewhere has to be
 * made printable before (name_format()), or is added in quotes.
 */
#ifndef EPMD_DOCTOR_FINDINGS_H
#define EPMD_DOCTOR_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/address.h"

enum findings_status {
    FINDINGS_OK,
    FINDINGS_WARNING, /* works, but not for all peers or not for ever */
    FINDINGS_FAILED,
    FINDINGS_SKIPPED, /* could not be looked at, or need not be */
};

struct finding {
    const char *step; /* one word */
    enum findings_status status;
    const char *cause; /* one word for what is wrong, or NULL */
    char *found;       /* sentences, or NULL */
    char *cure;
};

struct findings {
    const char *target;    /* what was asked for; printable */
    const char *end;       /* the last line, in the place of what is said of the target; or NULL */
    unsigned step_columns; /* that a step takes when it is printed; 0: as many as most do */
    char *unchecked;       /* what no step has looked at though all is well, or NULL */
    size_t n, size;
    struct finding *list;
    struct finding lost; /* takes the words of a step for which there was no memory */
    bool has_lost;
};

/* Begins a step. Its name has to stay. Without memory the step is lost (`has_lost`). */
void findings_begin(struct findings *findings, const char *step);

/* Adds words on what was found, or on how to cure it. Without memory they are lost. */
void findings_say(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void findings_cure(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Adds a text that came from elsewhere, in quotes and printable; an address. */
void findings_say_quoted(struct findings *findings, const void *text, size_t len);
void findings_cure_quoted(struct findings *findings, const void *text, size_t len);
void findings_say_address(struct findings *findings, const struct address *address);

/* Judges the step. The cause, which may be NULL, has to stay. */
void findings_judge(struct findings *findings, enum findings_status status, const char *cause);

/* Adds words on what was not looked at. */
void findings_leave(struct findings *findings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Returns the first step that has failed, or NULL. */
const struct finding *findings_failure(const struct findings *findings);

/* Writes them for people: in colours, and in lines of `columns` characters, or whole
 * where that is 0. */
void findings_print(const struct findings *findings, FILE *out, bool colour, unsigned columns);

/* Writes them as one JSON object (epmd(1), "CHECKING"). Returns 0 or -ENOMEM. */
int findings_print_json(const struct findings *findings, FILE *out);

/* What there is beside the findings of many hosts, whose names are the steps. */
struct findings_totals {
    size_t n_hosts, n_answered, n_nodes;
    bool is_whole; /* there was time for all */
};

/* Writes the findings of many hosts as one JSON object (epmd(1), "MANY HOSTS"). Returns 0 or
 * -ENOMEM. */
int findings_print_json_hosts(const struct findings *findings, const struct findings_totals *totals,
                              FILE *out);

/* Frees the words. */
void findings_deinit(struct findings *findings);

#endif

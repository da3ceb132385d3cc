/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which options there are, and which variables stand for them: a row each.
 *
 * options.c reads by it, and the usage text is made of it.
 */
#ifndef EPMD_OPTIONS_OPTION_TABLE_H
#define EPMD_OPTIONS_OPTION_TABLE_H

#include <stddef.h>

/* Room for a flag for each option. */
#define OPTION_TABLE_MAX 64

/* What is made of its value, or of its being there. */
enum option_kind {
    OPTION_FLAG,
    OPTION_COUNT,
    OPTION_PORT,
    OPTION_SECONDS,
    OPTION_NUMBER,
    OPTION_PERCENT,
    OPTION_ADDRESSES,
    OPTION_NETWORKS,
    OPTION_REGISTRANTS, /* networks that are named one by one */
    OPTION_ENDPOINT,
    OPTION_TEXT,
    OPTION_PATH,
    OPTION_LAYERS,
    OPTION_LOG_TARGET,
    OPTION_LOG_LEVEL,
    OPTION_COMMAND,
};

struct option {
    const char *name;
    const char *value; /* what has to follow it, or in brackets may, or NULL */
    enum option_kind kind;
    size_t offset;     /* of the member that it sets */
    unsigned commands; /* the one that it is, or else those that it goes with; 0: all */
    const char *help;
};

/* In the order of the usage text; an option without help is another name of the last. The
 * end is an option without a name. */
extern const struct option option_table[];

/* What gives an option that is not among the words. The end is one without a name. */
struct option_variable {
    const char *name;
    const char *option;
};

extern const struct option_variable option_variables[];

/* Returns the option that a word names, with one dash or two, or NULL. */
const struct option *option_find(const char *word);

#endif

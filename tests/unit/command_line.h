/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options_read() given a line of words.
 *
 * Each call sees the environment variables that it names, and no others of epmd's.
 */
#ifndef EPMD_TESTS_COMMAND_LINE_H
#define EPMD_TESTS_COMMAND_LINE_H

#include "options/options.h"

struct command_line {
    int status;
    struct options options;
    char error[OPTIONS_ERROR_SIZE];
    char text[8192]; /* the words; stop_name lies in here */
};

/* Reads `environment` (NAME=value words, or NULL) and `words`; a blank parts two, a tilde
 * stands for a blank within. The result is good until the next call. */
const struct command_line *command_line_read(const char *environment, const char *words);

#endif

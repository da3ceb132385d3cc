/* SPDX-License-Identifier: Apache-2.0 */
/* options_read() given a line of words. */
#include "command_line.h"

#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 256

static void clear_environment(void)
{
    unsetenv("ERL_EPMD_ADDRESS");
    unsetenv("ERL_EPMD_PORT");
    unsetenv("ERL_EPMD_RELAXED_COMMAND_CHECK");
    unsetenv("ERL_EPMD_ALLOW_LOOKUP");
    unsetenv("ERL_EPMD_ALLOW_NAMES");
    unsetenv("ERL_EPMD_ALLOW_REGISTER");
    unsetenv("ERL_EPMD_METRICS");
    unsetenv("ERL_EPMD_METRICS_NO_NAMES");
    unsetenv("ERL_EPMD_EXIT_WHEN_IDLE");
}

/* Splits in place. */
static int split(char *text, char *words[WORDS_MAX])
{
    int n = 0;
    for (char *rest = text, *word; n < WORDS_MAX && (word = strtok_r(rest, " ", &rest));) {
        for (char *tilde; (tilde = strchr(word, '~'));) {
            *tilde = ' ';
        }
        words[n++] = word;
    }
    return n;
}

static void set_environment(const char *environment)
{
    char text[1024], *words[WORDS_MAX];
    strncpy(text, environment, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    int n = split(text, words);
    for (int i = 0; i < n; i++) {
        char *value = strchr(words[i], '=');
        *value++ = '\0';
        setenv(words[i], value, 1);
    }
}

const struct command_line *command_line_read(const char *environment, const char *words)
{
    static struct command_line line;
    char *argv[WORDS_MAX + 2] = {(char[]){"epmd"}};

    clear_environment();
    if (environment) {
        set_environment(environment);
    }
    line = (struct command_line){.status = 0};
    strncpy(line.text, words, sizeof line.text - 1);
    int n = split(line.text, argv + 1);
    line.status = options_read(1 + n, argv, &line.options, line.error);
    return &line;
}

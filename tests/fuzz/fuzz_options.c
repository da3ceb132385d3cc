/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is words, a NUL after each. A first byte says which of the environment
 * variables take the first words; the rest is the argument vector.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/binding.h"
#include "fuzz.h"
#include "options/options.h"

#define WORDS_MAX 64
#define INPUT_MAX 4096

static const char *const variables[] = {
    "ERL_EPMD_PORT",         "ERL_EPMD_ADDRESS",     "ERL_EPMD_RELAXED_COMMAND_CHECK",
    "ERL_EPMD_ALLOW_LOOKUP", "ERL_EPMD_ALLOW_NAMES", "ERL_EPMD_ALLOW_REGISTER",
    "ERL_EPMD_METRICS"};
#define N_VARIABLES (sizeof variables / sizeof *variables)

static int split(char *text, size_t size, char *words[WORDS_MAX])
{
    int n = 0;
    for (size_t at = 0; at < size && n < WORDS_MAX; at += strlen(text + at) + 1) {
        words[n++] = text + at;
    }
    return n;
}

/* setenv(3) keeps every value for ever, which a fuzzer cannot afford. */
static int set_environment(unsigned which, int n_words, char *words[])
{
    static char values[N_VARIABLES][INPUT_MAX + 64];
    static char *environment[N_VARIABLES + 1];
    int used = 0;
    for (size_t i = 0; i < N_VARIABLES; i++) {
        if (which & 1u << i && used < n_words) {
            snprintf(values[used], sizeof values[used], "%s=%s", variables[i], words[used]);
            environment[used] = values[used];
            used++;
        }
    }
    environment[used] = NULL;
    environ = environment;
    return used;
}

static void require_plan(const struct options *options)
{
    struct binding bindings[BINDING_MAX];
    size_t n = binding_plan(options, bindings), n_required = 0;
    REQUIRE(n >= 2 && n <= BINDING_MAX);
    for (size_t i = 0; i < n; i++) {
        n_required += bindings[i].required;
        for (size_t k = 0; k < i; k++) {
            REQUIRE(!address_equal(&bindings[i].address, &bindings[k].address));
        }
    }
    REQUIRE(n_required <= options->n_addresses);
    REQUIRE(n - n_required <= 2); /* one of each family: a wildcard, or a loopback address */
}

static void require_sane(const struct options *options, char *const argv[])
{
    const char *word = options->stop_name ? options->stop_name : options->check_target;
    bool found = word == NULL;
    REQUIRE(options->port > 0);
    REQUIRE(options->packet_timeout_s >= 1 && options->packet_timeout_s <= 86400);
    REQUIRE(options->exit_when_idle_s <= 86400);
    REQUIRE(options->delay_accept_s <= 86400 && options->delay_write_s <= 86400);
    if (options->command != COMMAND_HELP && options->command != COMMAND_VERSION) {
        REQUIRE(!options->detach || !options->systemd);
        REQUIRE(!options->keeper || !(options->no_keeper || options->systemd));
    }
    REQUIRE(options->n_addresses <= OPTIONS_ADDRESSES_MAX);
    REQUIRE(options->command != COMMAND_STOP || options->stop_name);
    REQUIRE(!options->check_target || options->check_target[0] != '-');
    for (size_t i = 1; argv[i]; i++) {
        found |= argv[i] == word;
    }
    REQUIRE(found);
    require_plan(options);
}

static void require_error(const char error[OPTIONS_ERROR_SIZE])
{
    REQUIRE(memchr(error, '\0', OPTIONS_ERROR_SIZE));
    REQUIRE(error[0] != '\0' && !strchr(error, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX + 1] = {NULL};
    char error[OPTIONS_ERROR_SIZE];
    struct options options;
    char *text = malloc(size + 1);
    REQUIRE(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';

    int n = size > 1 ? split(text + 1, size - 1, words) : 0;
    int used = set_environment((uint8_t)text[0], n, words);
    int status = options_read(n - used, words + used, &options, error);
    REQUIRE(status == 0 || status == -EINVAL || status == OPTIONS_MISCONFIGURED);
    if (status == 0) {
        require_sane(&options, words + used);
    } else {
        require_error(error);
    }
    free(text);
    return 0;
}

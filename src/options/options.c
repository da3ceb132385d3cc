/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment, read once. */
#include "options/options.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "options/option_table.h"
#include "options/option_values.h"

#define PACKET_TIMEOUT_DEFAULT_S 60
#define SECONDS_MAX 86400 /* a day: more is a slip of the finger */
#define NUMBER_MAX 1000000
#define MAX_PER_HOST_DEFAULT 128
#define MAX_NODES_PER_HOST_DEFAULT 1024
#define RESERVE_LOCAL_DEFAULT 25 /* percent */

static int set_command(const struct option *option, const char *word, const char *value,
                       struct options *options, char *error)
{
    enum options_command command = (enum options_command)option->commands;
    if (command == COMMAND_HELP || options->command == COMMAND_HELP) {
        options->command = COMMAND_HELP;
        return 0;
    }
    if (options->command != COMMAND_SERVE && options->command != command) {
        return value_fail(error, "%s: there is another command already; one at a time", word);
    }
    options->command = command;
    if (value) {
        *(const char **)(void *)((char *)options + option->offset) = value;
    }
    return 0;
}

/* A value of which nothing but the member of its option is made. */
static int set_member(const struct option *option, const char *word, const char *value,
                      void *member, char *error)
{
    switch (option->kind) {
    case OPTION_SECONDS:
        return value_read_unsigned(word, value, " of seconds", SECONDS_MAX, member, error);
    case OPTION_NUMBER:
        return value_read_unsigned(word, value, "", NUMBER_MAX, member, error);
    case OPTION_PERCENT:
        return value_read_unsigned(word, value, " of percent", 100, member, error);
    case OPTION_NETWORKS:
        return value_read_networks(word, value, member, error);
    case OPTION_REGISTRANTS:
        return value_read_registrants(word, value, member, error);
    case OPTION_ENDPOINT:
        return value_read_endpoint(word, value, member, error);
    case OPTION_PATH:
        return value_read_path(word, value, member, error);
    case OPTION_LOG_TARGET:
        return value_read_log_target(word, value, member, error);
    case OPTION_LOG_LEVEL:
        return value_read_log_level(word, value, member, error);
    case OPTION_TEXT:
        *(const char **)member = value;
        return 0;
    default:
        assert(false); /* set_option() reads the other kinds itself */
        return 0;
    }
}

static int set_option(const struct option *option, const char *word, const char *value,
                      struct options *options, char *error)
{
    void *member = (char *)options + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case OPTION_COUNT:
        ++*(unsigned *)member;
        return 0;
    case OPTION_PORT:
        options->port_from = (struct option_origin){.word = word, .value = value};
        return value_read_port(word, value, member, error);
    case OPTION_ADDRESSES:
        options->addresses_from = (struct option_origin){.word = word, .value = value};
        return value_read_addresses(word, value, options, error);
    case OPTION_LAYERS:
        return value_read_layers(word, value, options, error);
    case OPTION_COMMAND:
        return set_command(option, word, value, options, error);
    default:
        return set_member(option, word, value, member, error);
    }
}

/* All of an optional value is in brackets: "[NAME[@HOST]]", but not "[ADDR:]PORT". */
static bool may_lack_value(const struct option *option)
{
    const char *value = option->value;
    return !value || (value[0] == '[' && value[strlen(value) - 1] == ']');
}

/* The word that belongs to the option before it, or NULL. */
static const char *find_value(const struct option *option, const char *next)
{
    bool missing = !option->value || !next || (may_lack_value(option) && next[0] == '-');
    return missing ? NULL : next;
}

/* What has to be known of the words before any of them is read. */
struct occasion {
    enum options_command command;
    bool systemd; /* a unit has written them, and its log is where an error goes */
};

static struct occasion find_occasion(int argc, char *const argv[])
{
    struct occasion found = {.command = COMMAND_SERVE};
    for (int i = 1; i < argc; i++) {
        const struct option *option = option_find(argv[i]);
        if (option) {
            i += find_value(option, i + 1 < argc ? argv[i + 1] : NULL) != NULL;
            found.command |= option->kind == OPTION_COMMAND ? option->commands : 0;
            found.systemd |= option->offset == offsetof(struct options, systemd);
        }
    }
    return found;
}

/* A command needs only the port and its own options: what the daemon's say, and whether that
 * is right, does not concern it. */
static bool concerns(const struct option *option, const struct occasion *occasion)
{
    return occasion->command == COMMAND_SERVE || option->kind == OPTION_PORT ||
           option->commands != 0;
}

static int no_such_option(const char *word, char *error)
{
    return value_fail(error, "\"%s\": no such option; `epmd -help` lists them", word);
}

/* A word that no option has taken is what -check is to look at, wherever the two stand. */
static int settle_check_target(const char *word, struct options *options, char *error)
{
    if (word && (options->command != COMMAND_CHECK || options->check_target)) {
        return no_such_option(word, error);
    }
    options->check_target = word ? word : options->check_target;
    return 0;
}

static int read_arguments(int argc, char *const argv[], const struct occasion *occasion,
                          struct options *options, bool given[], char *error)
{
    const char *target = NULL;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const struct option *option = option_find(word);
        if (!option && !target && word[0] != '-') {
            target = word;
            continue;
        }
        if (!option) {
            return no_such_option(word, error);
        }
        const char *value = find_value(option, i + 1 < argc ? argv[i + 1] : NULL);
        if (!value && !may_lack_value(option)) {
            return value_fail(error, "%s: its %s is missing", word, option->value);
        }
        i += value != NULL;
        int status =
            concerns(option, occasion) ? set_option(option, word, value, options, error) : 0;
        if (status < 0) {
            return status;
        }
        given[option - option_table] = true;
    }
    return settle_check_target(target, options, error);
}

static bool means_default(const struct option *option, const char *value)
{
    bool may_be_empty = option->kind == OPTION_NETWORKS || option->kind == OPTION_REGISTRANTS ||
                        option->kind == OPTION_ENDPOINT || option->kind == OPTION_SECONDS;
    return may_be_empty && *value == '\0';
}

static int read_environment(const struct occasion *occasion, struct options *options,
                            const bool given[], char *error)
{
    for (const struct option_variable *variable = option_variables; variable->name; variable++) {
        const struct option *option = option_find(variable->option);
        const char *value = getenv(variable->name);
        if (!value || given[option - option_table] || !concerns(option, occasion) ||
            means_default(option, value)) {
            continue;
        }
        if (set_option(option, variable->name, value, options, error) < 0) {
            return OPTIONS_MISCONFIGURED;
        }
    }
    return 0;
}

/* What watches over the daemon: our own keeper, the service manager, or nothing. */
static int settle_keeper(struct options *options, char *error)
{
    if (options->keeper && (options->no_keeper || options->systemd)) {
        return value_fail(error, "-keeper does not go together with %s",
                          options->no_keeper ? "-no_keeper"
                                             : "-systemd, which keeps descriptors itself");
    }
    if (options->detach && options->systemd) {
        return value_fail(error,
                          "-daemon does not go together with -systemd, which runs the daemon "
                          "in its foreground");
    }
    options->keeper = options->keeper || (options->detach && !options->no_keeper);
    return 0;
}

/* Where the log is to go, and how much of it. */
static int settle_log(struct options *options, char *error)
{
    static const unsigned steps = 1 + LOG_VERBOSITY_BYTES - LOG_VERBOSITY_REQUESTS;
    if (options->detach && options->log_target == LOG_TARGET_STDERR) {
        return value_fail(error, "-log stderr does not go together with -daemon, whose standard "
                                 "error is /dev/null");
    }
    if (options->debug > 0) {
        options->log_level = LOG_INFO + (int)(options->debug < steps ? options->debug : steps);
    }
    return 0;
}

/* Whose epmd is asked: one host's, or those of many. */
static int settle_hosts(const struct options *options, char *error)
{
    if (options->hosts && (options->host || options->check_target)) {
        return value_fail(error, "-hosts does not go together with %s, which is of one host",
                          options->host ? "-host" : "the name of a node");
    }
    return 0;
}

/* Writes which commands an option goes with. */
static void write_commands(const struct option *option, char *text, size_t size)
{
    size_t len = 0;
    for (const struct option *command = option_table; command->name && len < size; command++) {
        if (command->kind == OPTION_COMMAND && command->help &&
            command->commands & option->commands) {
            len +=
                (size_t)snprintf(text + len, size - len, "%s-%s", len ? " or " : "", command->name);
        }
    }
}

static int check_companions(const struct options *options, const bool given[], char *error)
{
    for (const struct option *option = option_table; option->name; option++) {
        if (given[option - option_table] && option->commands &&
            !(option->commands & options->command)) {
            char commands[64] = "";
            write_commands(option, commands, sizeof commands);
            return value_fail(error, "-%s goes only with %s", option->name, commands);
        }
    }
    return 0;
}

/* Reads the words; what is left to the environment is not `given`. */
static int read_words(int argc, char *const argv[], const struct occasion *occasion,
                      struct options *options, bool given[], char *error)
{
    int status = read_arguments(argc, argv, occasion, options, given, error);
    if (status < 0 || options->command == COMMAND_HELP || options->command == COMMAND_VERSION) {
        return status;
    }
    status = settle_keeper(options, error);
    status = status < 0 ? status : settle_log(options, error);
    status = status < 0 ? status : settle_hosts(options, error);
    return status < 0 ? status : check_companions(options, given, error);
}

int options_read(int argc, char *const argv[], struct options *out, char error[OPTIONS_ERROR_SIZE])
{
    bool given[OPTION_TABLE_MAX] = {false};
    struct occasion occasion = find_occasion(argc, argv);
    *out = (struct options){.port = OPTIONS_PORT_DEFAULT,
                            .packet_timeout_s = PACKET_TIMEOUT_DEFAULT_S,
                            .max_per_host = MAX_PER_HOST_DEFAULT,
                            .max_nodes_per_host = MAX_NODES_PER_HOST_DEFAULT,
                            .reserve_local = RESERVE_LOCAL_DEFAULT,
                            .log_level = LOG_INFO};
    policy_init(&out->policy);

    int status = read_words(argc, argv, &occasion, out, given, error);
    if (status < 0) {
        return occasion.systemd ? OPTIONS_MISCONFIGURED : status;
    }
    if (out->command == COMMAND_HELP || out->command == COMMAND_VERSION) {
        return 0;
    }
    return read_environment(&occasion, out, given, error);
}

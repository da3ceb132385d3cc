/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment, read once. */
#include "options.h"

#include <stdlib.h>
#include <string.h>

#include "option_values.h"

#define PORT_DEFAULT 4369
#define PACKET_TIMEOUT_DEFAULT_S 60
#define SECONDS_MAX 86400 /* a day: more is a slip of the finger */
#define NUMBER_MAX 1000000
#define MAX_PER_HOST_DEFAULT 128

enum option_kind {
    OPTION_FLAG,
    OPTION_COUNT,
    OPTION_PORT,
    OPTION_SECONDS,
    OPTION_NUMBER,
    OPTION_ADDRESSES,
    OPTION_NETWORKS,
    OPTION_ENDPOINT,
    OPTION_TEXT,
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

#define MEMBER(name) offsetof(struct options, name)

/* In the order of the usage text; an option without help is another name of the last. */
static const struct option option_table[] = {
    {"address", "LIST", OPTION_ADDRESSES, 0, 0,
     "listen on these addresses (comma-separated), and on the loopback ones"},
    {"port", "NO", OPTION_PORT, MEMBER(port), 0, "TCP port, of the daemon or to ask (4369)"},
    {"daemon", NULL, OPTION_FLAG, MEMBER(detach), 0,
     "run in the background, log to syslog; return when lookups work"},
    {"keeper", NULL, OPTION_FLAG, MEMBER(keeper), 0,
     "survive crashes and -reload in the foreground, too, as with -daemon"},
    {"no_keeper", NULL, OPTION_FLAG, MEMBER(no_keeper), 0, "run as one process"},
    {"relaxed_command_check", NULL, OPTION_FLAG, MEMBER(policy.relaxed), 0,
     "allow -kill while nodes are registered, and -stop"},
    {"allow_lookup", "LIST", OPTION_NETWORKS, MEMBER(policy.allow_lookup), 0,
     "who else may look names up: addresses, networks, any, local, none (any)"},
    {"allow_names", "LIST", OPTION_NETWORKS, MEMBER(policy.allow_names), 0,
     "who else may list the names (any)"},
    {"allow_register", "LIST", OPTION_NETWORKS, MEMBER(policy.allow_register), 0,
     "who else may register nodes, as in containers (local)"},
    {"metrics", "[ADDR:]PORT", OPTION_ENDPOINT, MEMBER(metrics), 0,
     "serve Prometheus metrics and a page for people over HTTP (127.0.0.1)"},
    {"systemd", NULL, OPTION_FLAG, MEMBER(systemd), 0,
     "listen on the sockets that systemd passes, and tell it the state"},
    {"debug", NULL, OPTION_COUNT, MEMBER(debug), 0,
     "log requests; repeated: registrations, too; bytes, too"},
    {"d", NULL, OPTION_COUNT, MEMBER(debug), 0, NULL},
    {"log", "WHERE", OPTION_LOG_TARGET, MEMBER(log_target), 0,
     "stderr, syslog or journal (as it suits how epmd was started)"},
    {"log_level", "LEVEL", OPTION_LOG_LEVEL, MEMBER(log_level), 0,
     "log what is at least that grave: error, warning, info, debug (info)"},
    {"packet_timeout", "SECONDS", OPTION_SECONDS, MEMBER(packet_timeout_s), 0,
     "time that a request, and its reply, may take (60)"},
    {"max_per_host", "N", OPTION_NUMBER, MEMBER(max_per_host), 0,
     "unfinished connections that a remote host may have (128)"},
    {"delay_accept", "SECONDS", OPTION_SECONDS, MEMBER(delay_accept_s), 0,
     "simulate a busy server: let each connection wait"},
    {"delay_write", "SECONDS", OPTION_SECONDS, MEMBER(delay_write_s), 0,
     "simulate a busy server: let each reply wait"},
    {"user", "NAME", OPTION_TEXT, MEMBER(user), 0,
     "once it listens, become this user for good; needs root"},
    {"no_sandbox", "LIST", OPTION_LAYERS, 0, 0,
     "do without these: core, dumpable, privileges, seccomp, or all"},
    {"names", NULL, OPTION_COMMAND, 0, COMMAND_NAMES, "list the registered names"},
    {"l", NULL, OPTION_FLAG, MEMBER(in_columns), COMMAND_NAMES,
     "with -names: in columns, with all that is known of each node"},
    {"json", NULL, OPTION_FLAG, MEMBER(json), COMMAND_NAMES | COMMAND_CHECK,
     "with -names, -check: the same for programs"},
    {"host", "HOST", OPTION_TEXT, MEMBER(host), COMMAND_NAMES,
     "with -names: ask the daemon of another host, by name or address"},
    {"dump", NULL, OPTION_COMMAND, 0, COMMAND_DUMP, "list all that the daemon knows"},
    {"started", NULL, OPTION_COMMAND, 0, COMMAND_STARTED,
     "exit with 0 if a daemon answers, else with 1; print nothing"},
    {"kill", NULL, OPTION_COMMAND, 0, COMMAND_KILL, "end the daemon"},
    {"stop", "NAME", OPTION_COMMAND, MEMBER(stop_name), COMMAND_STOP, "unregister a name"},
    {"reload", NULL, OPTION_COMMAND, 0, COMMAND_RELOAD,
     "let the program now on disk take over, registrations and all"},
    {"check", "[NAME[@HOST]]", OPTION_COMMAND, MEMBER(check_target), COMMAND_CHECK,
     "find out why a node is not found, and say what would cure it"},
    {"help", NULL, OPTION_COMMAND, 0, COMMAND_HELP, "print this text"},
    {"h", NULL, OPTION_COMMAND, 0, COMMAND_HELP, NULL},
    {"version", NULL, OPTION_COMMAND, 0, COMMAND_VERSION, "print the version"},
};

#define N_OPTIONS (sizeof option_table / sizeof *option_table)

/* What gives an option that is not among the words. */
static const struct {
    const char *name;
    const char *option;
} variable_table[] = {
    {"ERL_EPMD_ADDRESS", "-address"},
    {"ERL_EPMD_PORT", "-port"},
    {"ERL_EPMD_RELAXED_COMMAND_CHECK", "-relaxed_command_check"},
    {"ERL_EPMD_ALLOW_LOOKUP", "-allow_lookup"},
    {"ERL_EPMD_ALLOW_NAMES", "-allow_names"},
    {"ERL_EPMD_ALLOW_REGISTER", "-allow_register"},
    {"ERL_EPMD_METRICS", "-metrics"},
};

#define N_VARIABLES (sizeof variable_table / sizeof *variable_table)

static const struct option *find_option(const char *word)
{
    size_t dashes = strncmp(word, "--", 2) == 0 ? 2 : 1;
    for (size_t i = 0; word[0] == '-' && i < N_OPTIONS; i++) {
        if (strcmp(word + dashes, option_table[i].name) == 0) {
            return &option_table[i];
        }
    }
    return NULL;
}

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

static int set_option(const struct option *option, const char *word, const char *value,
                      struct options *options, char *error)
{
    char *member = (char *)options + option->offset;
    switch (option->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        return 0;
    case OPTION_COUNT:
        ++*(unsigned *)(void *)member;
        return 0;
    case OPTION_PORT:
        options->port_from = (struct option_origin){.word = word, .value = value};
        return value_read_port(word, value, (uint16_t *)(void *)member, error);
    case OPTION_SECONDS:
        return value_read_unsigned(word, value, " of seconds", SECONDS_MAX,
                                   (unsigned *)(void *)member, error);
    case OPTION_NUMBER:
        return value_read_unsigned(word, value, "", NUMBER_MAX, (unsigned *)(void *)member, error);
    case OPTION_ADDRESSES:
        options->addresses_from = (struct option_origin){.word = word, .value = value};
        return value_read_addresses(word, value, options, error);
    case OPTION_NETWORKS:
        return value_read_networks(word, value, (struct networks *)(void *)member, error);
    case OPTION_ENDPOINT:
        return value_read_endpoint(word, value, (struct endpoint *)(void *)member, error);
    case OPTION_TEXT:
        *(const char **)(void *)member = value;
        return 0;
    case OPTION_LAYERS:
        return value_read_layers(word, value, options, error);
    case OPTION_LOG_TARGET:
        return value_read_log_target(word, value, (enum log_target *)(void *)member, error);
    case OPTION_LOG_LEVEL:
        return value_read_log_level(word, value, (int *)(void *)member, error);
    case OPTION_COMMAND:
        return set_command(option, word, value, options, error);
    }
    return 0;
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

static int read_arguments(int argc, char *const argv[], struct options *options, bool given[],
                          char *error)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const struct option *option = find_option(word);
        if (!option) {
            return value_fail(error, "\"%s\": no such option; `epmd -help` lists them", word);
        }
        const char *value = find_value(option, i + 1 < argc ? argv[i + 1] : NULL);
        if (!value && !may_lack_value(option)) {
            return value_fail(error, "%s: its %s is missing", word, option->value);
        }
        i += value != NULL;
        int status = set_option(option, word, value, options, error);
        if (status < 0) {
            return status;
        }
        given[option - option_table] = true;
    }
    return 0;
}

/* A command needs only the port: what else is wrong there does not concern it. */
static bool is_read(const struct option *option, const struct options *options, const char *value)
{
    bool may_be_empty = option->kind == OPTION_NETWORKS || option->kind == OPTION_ENDPOINT;
    bool means_default = may_be_empty && *value == '\0';
    bool concerns = options->command == COMMAND_SERVE || option->kind == OPTION_PORT;
    return concerns && !means_default;
}

static int read_environment(struct options *options, const bool given[], char *error)
{
    for (size_t i = 0; i < N_VARIABLES; i++) {
        const struct option *option = find_option(variable_table[i].option);
        const char *value = getenv(variable_table[i].name);
        if (!value || given[option - option_table] || !is_read(option, options, value)) {
            continue;
        }
        int status = set_option(option, variable_table[i].name, value, options, error);
        if (status < 0) {
            return status;
        }
    }
    return 0;
}

/* Who watches over the daemon: our own keeper, the service manager, or nobody. */
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

/* Writes which commands an option goes with. */
static void write_commands(const struct option *option, char *text, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < N_OPTIONS && len < size; i++) {
        const struct option *command = &option_table[i];
        if (command->kind == OPTION_COMMAND && command->help &&
            command->commands & option->commands) {
            len +=
                (size_t)snprintf(text + len, size - len, "%s-%s", len ? " or " : "", command->name);
        }
    }
}

static int check_companions(const struct options *options, const bool given[], char *error)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &option_table[i];
        if (given[i] && option->commands && !(option->commands & options->command)) {
            char commands[64] = "";
            write_commands(option, commands, sizeof commands);
            return value_fail(error, "-%s goes only with %s", option->name, commands);
        }
    }
    return 0;
}

int options_read(int argc, char *const argv[], struct options *out, char error[OPTIONS_ERROR_SIZE])
{
    bool given[N_OPTIONS] = {false};
    *out = (struct options){.port = PORT_DEFAULT,
                            .packet_timeout_s = PACKET_TIMEOUT_DEFAULT_S,
                            .max_per_host = MAX_PER_HOST_DEFAULT,
                            .log_level = LOG_INFO};
    policy_init(&out->policy);

    int status = read_arguments(argc, argv, out, given, error);
    if (status < 0 || out->command == COMMAND_HELP || out->command == COMMAND_VERSION) {
        return status;
    }
    status = settle_keeper(out, error);
    status = status < 0 ? status : settle_log(out, error);
    if (status == 0) {
        status = check_companions(out, given, error);
    }
    return status < 0 ? status : read_environment(out, given, error);
}

static void print_option(FILE *out, const struct option *option, const struct option *other)
{
    char words[64];
    snprintf(words, sizeof words, "-%s%s%s%s%s", option->name, other ? ", -" : "",
             other ? other->name : "", option->value ? " " : "",
             option->value ? option->value : "");
    fprintf(out, "  %-24s %s\n", words, option->help);
}

static void print_options(FILE *out, bool commands)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const struct option *option = &option_table[i];
        bool last = i + 1 == N_OPTIONS;
        if (option->help && (option->commands != 0) == commands) {
            print_option(out, option, last || option[1].help ? NULL : &option[1]);
        }
    }
}

static void print_variables(FILE *out)
{
    for (size_t i = 0; i < N_VARIABLES; i++) {
        fprintf(out, "  %-32s as %s\n", variable_table[i].name, variable_table[i].option);
    }
}

void options_print_usage(FILE *out)
{
    fputs("usage: epmd [OPTION ...]            run the Erlang port mapper daemon\n"
          "       epmd [-port NO] COMMAND     talk to one that runs\n"
          "\nOptions:\n",
          out);
    print_options(out, false);
    fputs("\nCommands:\n", out);
    print_options(out, true);
    fputs("\nEnvironment:\n", out);
    print_variables(out);
    fputs("See epmd(1).\n", out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and the environment, read once. */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PORT_DEFAULT 4369
#define PORT_MAX 65535
#define PACKET_TIMEOUT_DEFAULT_S 60
#define SECONDS_MAX 86400 /* a day: more is a slip of the finger */
#define NUMBER_MAX 1000000
#define MAX_PER_HOST_DEFAULT 128
#define SEPARATORS ", "
#define LAYER_SHOWN_MAX 64 /* of a word that is none */

enum option_kind {
    OPTION_FLAG,
    OPTION_COUNT,
    OPTION_PORT,
    OPTION_SECONDS,
    OPTION_NUMBER,
    OPTION_ADDRESSES,
    OPTION_NETWORKS,
    OPTION_TEXT,
    OPTION_LAYERS,
    OPTION_COMMAND,
};

struct option {
    const char *name;
    const char *value; /* what has to follow it, or NULL */
    enum option_kind kind;
    size_t offset; /* of the member that it sets */
    enum options_command command;
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
    {"systemd", NULL, OPTION_FLAG, MEMBER(systemd), 0,
     "listen on the sockets that systemd passes, and tell it the state"},
    {"debug", NULL, OPTION_COUNT, MEMBER(debug), 0,
     "log requests; repeated: registrations, too; bytes, too"},
    {"d", NULL, OPTION_COUNT, MEMBER(debug), 0, NULL},
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
    {"dump", NULL, OPTION_COMMAND, 0, COMMAND_DUMP, "list all that the daemon knows"},
    {"started", NULL, OPTION_COMMAND, 0, COMMAND_STARTED,
     "exit with 0 if a daemon answers, else with 1; print nothing"},
    {"kill", NULL, OPTION_COMMAND, 0, COMMAND_KILL, "end the daemon"},
    {"stop", "NAME", OPTION_COMMAND, MEMBER(stop_name), COMMAND_STOP, "unregister a name"},
    {"reload", NULL, OPTION_COMMAND, 0, COMMAND_RELOAD,
     "let the program now on disk take over, registrations and all"},
    {"help", NULL, OPTION_COMMAND, 0, COMMAND_HELP, "print this text"},
    {"h", NULL, OPTION_COMMAND, 0, COMMAND_HELP, NULL},
    {"version", NULL, OPTION_COMMAND, 0, COMMAND_VERSION, "print the version"},
};

static const char *const layer_names[SANDBOX_LAYERS] = {
    [SANDBOX_CORE] = "core",
    [SANDBOX_DUMPABLE] = "dumpable",
    [SANDBOX_PRIVILEGES] = "privileges",
    [SANDBOX_SECCOMP] = "seccomp",
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
};

#define N_VARIABLES (sizeof variable_table / sizeof *variable_table)

__attribute__((format(printf, 2, 3))) static int fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, OPTIONS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return -EINVAL;
}

/* Reads a whole decimal number from 1 on; strtoul(3) alone would take signs and blanks. */
static int read_number(const char *text, unsigned long max, unsigned long *out)
{
    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0') {
        return -EINVAL;
    }
    unsigned long number = strtoul(text, NULL, 10);
    if (number < 1 || number > max) {
        return -ERANGE;
    }
    *out = number;
    return 0;
}

static int read_port(const char *origin, const char *text, uint16_t *out, char *error)
{
    unsigned long port;
    if (read_number(text, PORT_MAX, &port) < 0) {
        return fail(error, "%s \"%s\": not a port number, which is 1 to %d", origin, text,
                    PORT_MAX);
    }
    *out = (uint16_t)port;
    return 0;
}

static int read_unsigned(const char *origin, const char *text, const char *unit, unsigned max,
                         unsigned *out, char *error)
{
    unsigned long number;
    if (read_number(text, max, &number) < 0) {
        return fail(error, "%s \"%s\": not a number%s, which is 1 to %u", origin, text, unit, max);
    }
    *out = (unsigned)number;
    return 0;
}

static bool has_address(const struct options *options, const struct address *address)
{
    for (size_t i = 0; i < options->n_addresses; i++) {
        if (address_equal(&options->addresses[i], address)) {
            return true;
        }
    }
    return false;
}

static int read_address(const char *origin, const char *word, size_t len, struct options *options,
                        char *error)
{
    char text[ADDRESS_TEXT_SIZE];
    struct address address;
    if (len < sizeof text) {
        memcpy(text, word, len);
        text[len] = '\0';
    }
    if (len >= sizeof text || address_parse(text, &address) < 0) {
        return fail(error, "%s: \"%.*s\" is not an IPv4 or IPv6 address", origin,
                    (int)(len < ADDRESS_TEXT_SIZE ? len : ADDRESS_TEXT_SIZE), word);
    }
    if (has_address(options, &address)) {
        return 0;
    }
    if (options->n_addresses == OPTIONS_ADDRESSES_MAX) {
        return fail(error, "%s: more than %d addresses", origin, OPTIONS_ADDRESSES_MAX);
    }
    options->addresses[options->n_addresses++] = address;
    return 0;
}

/* Reads one word of a list. */
typedef int word_reader(const char *origin, const char *word, size_t len, struct options *options,
                        char *error);

static int read_list(const char *origin, const char *list, word_reader *read_word,
                     struct options *options, char *error)
{
    for (const char *at = list + strspn(list, SEPARATORS); *at; at += strspn(at, SEPARATORS)) {
        size_t len = strcspn(at, SEPARATORS);
        int status = read_word(origin, at, len, options, error);
        if (status < 0) {
            return status;
        }
        at += len;
    }
    return 0;
}

static int read_networks(const char *origin, const char *list, struct networks *out, char *error)
{
    char reason[NETWORKS_ERROR_SIZE];
    return networks_parse(list, out, reason) < 0 ? fail(error, "%s: %s", origin, reason) : 0;
}

static int read_addresses(const char *origin, const char *list, struct options *options,
                          char *error)
{
    options->n_addresses = 0;
    return read_list(origin, list, read_address, options, error);
}

/* Adds the layers that one word names. */
static int read_layer(const char *origin, const char *word, size_t len, struct options *options,
                      char *error)
{
    bool all = len == strlen("all") && memcmp(word, "all", len) == 0;
    bool known = all;
    for (size_t i = 0; i < SANDBOX_LAYERS; i++) {
        if (all || (len == strlen(layer_names[i]) && memcmp(word, layer_names[i], len) == 0)) {
            options->no_sandbox[i] = true;
            known = true;
        }
    }
    if (!known) {
        return fail(error,
                    "%s: \"%.*s\" is no layer of the sandbox, which are core, dumpable, "
                    "privileges, seccomp; or all",
                    origin, len < LAYER_SHOWN_MAX ? (int)len : LAYER_SHOWN_MAX, word);
    }
    return 0;
}

const char *options_layer_name(enum sandbox_layer layer)
{
    return layer_names[layer];
}

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
    if (option->command == COMMAND_HELP || options->command == COMMAND_HELP) {
        options->command = COMMAND_HELP;
        return 0;
    }
    if (options->command != COMMAND_SERVE && options->command != option->command) {
        return fail(error, "%s: there is another command already; one at a time", word);
    }
    options->command = option->command;
    if (option->value) {
        options->stop_name = value;
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
        return read_port(word, value, (uint16_t *)(void *)member, error);
    case OPTION_SECONDS:
        return read_unsigned(word, value, " of seconds", SECONDS_MAX, (unsigned *)(void *)member,
                             error);
    case OPTION_NUMBER:
        return read_unsigned(word, value, "", NUMBER_MAX, (unsigned *)(void *)member, error);
    case OPTION_ADDRESSES:
        return read_addresses(word, value, options, error);
    case OPTION_NETWORKS:
        return read_networks(word, value, (struct networks *)(void *)member, error);
    case OPTION_TEXT:
        *(const char **)(void *)member = value;
        return 0;
    case OPTION_LAYERS:
        return read_list(word, value, read_layer, options, error);
    case OPTION_COMMAND:
        return set_command(option, word, value, options, error);
    }
    return 0;
}

static int read_arguments(int argc, char *const argv[], struct options *options, bool given[],
                          char *error)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        const struct option *option = find_option(word);
        if (!option) {
            return fail(error, "\"%s\": no such option; `epmd -help` lists them", word);
        }
        if (option->value && i + 1 == argc) {
            return fail(error, "%s: its %s is missing", word, option->value);
        }
        const char *value = option->value ? argv[++i] : "";
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
    bool means_default = option->kind == OPTION_NETWORKS && *value == '\0';
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
        return fail(error, "-keeper does not go together with %s",
                    options->no_keeper ? "-no_keeper" : "-systemd, which keeps descriptors itself");
    }
    if (options->detach && options->systemd) {
        return fail(error, "-daemon does not go together with -systemd, which runs the daemon "
                           "in its foreground");
    }
    options->keeper = options->keeper || (options->detach && !options->no_keeper);
    return 0;
}

int options_read(int argc, char *const argv[], struct options *out, char error[OPTIONS_ERROR_SIZE])
{
    bool given[N_OPTIONS] = {false};
    *out = (struct options){.port = PORT_DEFAULT,
                            .packet_timeout_s = PACKET_TIMEOUT_DEFAULT_S,
                            .max_per_host = MAX_PER_HOST_DEFAULT};
    policy_init(&out->policy);

    int status = read_arguments(argc, argv, out, given, error);
    if (status < 0 || out->command == COMMAND_HELP || out->command == COMMAND_VERSION) {
        return status;
    }
    status = settle_keeper(out, error);
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
        if (option->help && (option->kind == OPTION_COMMAND) == commands) {
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
          "       epmd [-port NO] COMMAND     talk to the one that runs on this host\n"
          "\nOptions:\n",
          out);
    print_options(out, false);
    fputs("\nCommands:\n", out);
    print_options(out, true);
    fputs("\nEnvironment:\n", out);
    print_variables(out);
    fputs("See epmd(1).\n", out);
}

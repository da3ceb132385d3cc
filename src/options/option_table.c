/* SPDX-License-Identifier: Apache-2.0 */
/* Which options there are, and the usage text. */
#include "options/option_table.h"

#include <assert.h>
#include <string.h>

#include "options/option_values.h"

#define MEMBER(name) offsetof(struct options, name)

const struct option option_table[] = {
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
     "remote peers that may look names up: networks, any, local, private, none (any)"},
    {"allow_names", "LIST", OPTION_NETWORKS, MEMBER(policy.allow_names), 0,
     "remote peers that may list the names (any)"},
    {"allow_register", "LIST", OPTION_REGISTRANTS, MEMBER(policy.allow_register), 0,
     "remote peers that may register nodes, as in containers (local)"},
    {"metrics", "[ADDR:]PORT", OPTION_ENDPOINT, MEMBER(metrics), 0,
     "serve Prometheus metrics and a page for people over HTTP (127.0.0.1)"},
    {"metrics_no_names", NULL, OPTION_FLAG, MEMBER(metrics_no_names), 0,
     "with -metrics: count nodes only, and name none"},
    {"systemd", NULL, OPTION_FLAG, MEMBER(systemd), 0,
     "listen on the sockets that systemd passes, and tell it the state"},
    {"exit_when_idle", "SECONDS", OPTION_SECONDS, MEMBER(exit_when_idle_s), 0,
     "end when no node has been registered for so long, or since the start"},
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
    {"max_nodes_per_host", "N", OPTION_NUMBER, MEMBER(max_nodes_per_host), 0,
     "registrations that a remote host may have (1024)"},
    {"reserve_local", "PERCENT", OPTION_PERCENT, MEMBER(reserve_local), 0,
     "registrations that are kept free for nodes of this host (25)"},
    {"delay_accept", "SECONDS", OPTION_SECONDS, MEMBER(delay_accept_s), 0,
     "simulate a busy server: let each connection wait"},
    {"delay_write", "SECONDS", OPTION_SECONDS, MEMBER(delay_write_s), 0,
     "simulate a busy server: let each reply wait"},
    {"pid_file", "FILE", OPTION_PATH, MEMBER(pid_file), 0,
     "write to this file which process to signal"},
    {"user", "NAME", OPTION_TEXT, MEMBER(user), 0,
     "once it listens, become this user for good; needs root"},
    {"no_sandbox", "LIST", OPTION_LAYERS, 0, 0,
     "do without these: " VALUE_LAYERS ", or " VALUE_LAYER_ALL},
    {"names", NULL, OPTION_COMMAND, 0, COMMAND_NAMES, "list the registered names"},
    {"l", NULL, OPTION_FLAG, MEMBER(in_columns), COMMAND_NAMES,
     "with -names: in columns, with all that is known of each node"},
    {"json", NULL, OPTION_FLAG, MEMBER(json), COMMAND_NAMES | COMMAND_CHECK,
     "with -names, -check: the same for programs"},
    {"host", "HOST", OPTION_TEXT, MEMBER(host), COMMAND_NAMES,
     "with -names: ask the daemon of another host, by name or address"},
    {"hosts", "LIST", OPTION_TEXT, MEMBER(hosts), COMMAND_NAMES | COMMAND_CHECK,
     "with -names, -check: many hosts at once: names, addresses, @FILE, dns:NAME"},
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
    {NULL, NULL, OPTION_FLAG, 0, 0, NULL},
};

static_assert(sizeof option_table / sizeof *option_table <= OPTION_TABLE_MAX + 1,
              "no room for all");

const struct option_variable option_variables[] = {
    {"ERL_EPMD_ADDRESS", "-address"},
    {"ERL_EPMD_PORT", "-port"},
    {"ERL_EPMD_RELAXED_COMMAND_CHECK", "-relaxed_command_check"},
    {"ERL_EPMD_ALLOW_LOOKUP", "-allow_lookup"},
    {"ERL_EPMD_ALLOW_NAMES", "-allow_names"},
    {"ERL_EPMD_ALLOW_REGISTER", "-allow_register"},
    {"ERL_EPMD_METRICS", "-metrics"},
    {"ERL_EPMD_METRICS_NO_NAMES", "-metrics_no_names"},
    {"ERL_EPMD_EXIT_WHEN_IDLE", "-exit_when_idle"},
    {NULL, NULL},
};

const struct option *option_find(const char *word)
{
    size_t dashes = strncmp(word, "--", 2) == 0 ? 2 : 1;
    for (const struct option *option = option_table; word[0] == '-' && option->name; option++) {
        if (strcmp(word + dashes, option->name) == 0) {
            return option;
        }
    }
    return NULL;
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
    for (const struct option *option = option_table; option->name; option++) {
        const struct option *other = option[1].name && !option[1].help ? &option[1] : NULL;
        if (option->help && (option->commands != 0) == commands) {
            print_option(out, option, other);
        }
    }
}

static void print_variables(FILE *out)
{
    for (const struct option_variable *variable = option_variables; variable->name; variable++) {
        fprintf(out, "  %-32s as %s\n", variable->name, variable->option);
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
    fputs("See epmd(1), epmd-protocol(7) and epmd-monitoring(7).\n", out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the words and the environment set, and which of them win. */
#include "options/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "unit.h"

static const struct options *read_with(const char *environment, const char *words)
{
    const struct command_line *line = command_line_read(environment, words);
    if (line->status != 0) {
        fail_msg("%s: %s", words, line->error);
    }
    return &line->options;
}

static const struct options *read_words(const char *words)
{
    return read_with(NULL, words);
}

static void defaults(void **state)
{
    (void)state;
    const struct options *options = read_words("");
    assert_int_equal(options->command, COMMAND_SERVE);
    assert_null(options->stop_name);
    assert_int_equal(options->port, 4369);
    assert_false(options->detach);
    assert_false(options->systemd);
    assert_false(options->policy.relaxed);
    assert_int_equal(options->debug, 0);
    assert_int_equal(options->packet_timeout_s, 60);
    assert_int_equal(options->delay_accept_s, 0);
    assert_int_equal(options->delay_write_s, 0);
    assert_int_equal(options->n_addresses, 0);
}

static void no_words_at_all(void **state)
{
    (void)state;
    struct options options;
    char error[OPTIONS_ERROR_SIZE];
    char *argv[] = {NULL};
    unsetenv("ERL_EPMD_PORT");
    assert_int_equal(options_read(0, argv, &options, error), 0);
    assert_int_equal(options.command, COMMAND_SERVE);
}

static void flags_set_their_own_member(void **state)
{
    (void)state;
    const struct options *options = read_words("-daemon");
    assert_true(options->detach && !options->systemd && !options->policy.relaxed);
    options = read_words("-systemd");
    assert_true(!options->detach && options->systemd && !options->policy.relaxed);
    options = read_words("-relaxed_command_check");
    assert_true(!options->detach && !options->systemd && options->policy.relaxed);
    options = read_words("-daemon -relaxed_command_check -daemon");
    assert_true(options->detach && !options->systemd && options->policy.relaxed);
}

static void daemon_has_a_keeper(void **state)
{
    (void)state;
    assert_false(read_words("")->keeper);
    assert_true(read_words("-keeper")->keeper);
    assert_true(read_words("-daemon")->keeper);
    assert_true(read_words("-daemon -keeper")->keeper);
    assert_false(read_words("-daemon -no_keeper")->keeper);
    assert_false(read_words("-no_keeper")->keeper);
    assert_false(read_words("-systemd -no_keeper")->keeper);
}

static void debug_is_counted(void **state)
{
    (void)state;
    assert_int_equal(read_words("-d")->debug, 1);
    assert_int_equal(read_words("-debug")->debug, 1);
    assert_int_equal(read_words("-d -d")->debug, 2);
    assert_int_equal(read_words("-d -debug --d -d")->debug, 4);
}

static void the_log_has_a_place(void **state)
{
    (void)state;
    assert_int_equal(read_words("")->log_target, LOG_TARGET_DEFAULT);
    assert_int_equal(read_words("-daemon")->log_target, LOG_TARGET_DEFAULT);
    assert_int_equal(read_words("-log stderr")->log_target, LOG_TARGET_STDERR);
    assert_int_equal(read_words("-log syslog")->log_target, LOG_TARGET_SYSLOG);
    assert_int_equal(read_words("--log journal")->log_target, LOG_TARGET_JOURNAL);
    assert_int_equal(read_words("-log stderr -log syslog -daemon")->log_target, LOG_TARGET_SYSLOG);
}

static void the_log_has_a_level(void **state)
{
    (void)state;
    assert_int_equal(read_words("")->log_level, LOG_INFO);
    assert_int_equal(read_words("-log_level error")->log_level, LOG_ERR);
    assert_int_equal(read_words("-log_level warning")->log_level, LOG_WARNING);
    assert_int_equal(read_words("-log_level info")->log_level, LOG_INFO);
    assert_int_equal(read_words("-log_level debug")->log_level, LOG_VERBOSITY_REQUESTS);
}

static void debug_is_a_level(void **state)
{
    (void)state;
    assert_int_equal(read_words("-d")->log_level, LOG_VERBOSITY_REQUESTS);
    assert_int_equal(read_words("-d -log_level error")->log_level, LOG_VERBOSITY_REQUESTS);
    assert_int_equal(read_words("-log_level error -d -d")->log_level, LOG_VERBOSITY_REGISTRATIONS);
    assert_int_equal(read_words("-d -d -d")->log_level, LOG_VERBOSITY_BYTES);
    assert_int_equal(read_words("-d -d -d -d")->log_level, LOG_VERBOSITY_BYTES);
    assert_int_equal(read_words("-log_level debug")->debug, 0);
}

static void numbers_reach_their_limits(void **state)
{
    (void)state;
    assert_int_equal(read_words("-port 1")->port, 1);
    assert_int_equal(read_words("-port 65535")->port, 65535);
    assert_int_equal(read_words("-port 005000")->port, 5000);
    assert_int_equal(read_words("-packet_timeout 1")->packet_timeout_s, 1);
    assert_int_equal(read_words("-packet_timeout 86400")->packet_timeout_s, 86400);
    assert_int_equal(read_words("-delay_accept 1")->delay_accept_s, 1);
    assert_int_equal(read_words("-delay_accept 86400")->delay_accept_s, 86400);
    assert_int_equal(read_words("-delay_write 1")->delay_write_s, 1);
    assert_int_equal(read_words("-max_per_host 1")->max_per_host, 1);
    assert_int_equal(read_words("-delay_write 86400")->delay_write_s, 86400);
}

static void each_number_sets_its_own_member(void **state)
{
    (void)state;
    const struct options *options =
        read_words("-port 2 -packet_timeout 3 -delay_accept 4 -delay_write 5");
    assert_int_equal(options->port, 2);
    assert_int_equal(options->packet_timeout_s, 3);
    assert_int_equal(options->delay_accept_s, 4);
    assert_int_equal(options->delay_write_s, 5);
}

static void last_one_wins(void **state)
{
    (void)state;
    assert_int_equal(read_words("-port 1 -port 2")->port, 2);
    const struct options *options = read_words("-address 192.0.2.1,192.0.2.2 -address ::1");
    assert_int_equal(options->n_addresses, 1);
    assert_true(address_is_loopback(&options->addresses[0]));
}

static void commands_may_stand_anywhere(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum options_command command;
    } commands[] = {
        {"-names", COMMAND_NAMES}, {"-dump", COMMAND_DUMP},       {"-started", COMMAND_STARTED},
        {"-kill", COMMAND_KILL},   {"-reload", COMMAND_RELOAD},   {"-help", COMMAND_HELP},
        {"-h", COMMAND_HELP},      {"-version", COMMAND_VERSION}, {"-check", COMMAND_CHECK},
    };
    static const char *const formats[] = {"%s",       "-%s",      "-port 5000 %s", "%s -port 5000",
                                          "-d %s -d", "%1$s %1$s"};
    for (size_t i = 0; i < LENGTH(commands); i++) {
        for (size_t k = 0; k < LENGTH(formats); k++) {
            char words[64];
            snprintf(words, sizeof words, formats[k], commands[i].word);
            assert_int_equal(read_words(words)->command, commands[i].command);
        }
    }
}

static void stop_takes_any_name(void **state)
{
    (void)state;
    const struct options *options = read_words("-stop alice");
    assert_int_equal(options->command, COMMAND_STOP);
    assert_string_equal(options->stop_name, "alice");
    assert_string_equal(read_words("-stop -names")->stop_name, "-names");
    options = read_words("-stop alice -port 5000");
    assert_string_equal(options->stop_name, "alice");
    assert_int_equal(options->port, 5000);
}

static void names_have_options(void **state)
{
    (void)state;
    const struct options *options = read_words("-names");
    assert_true(!options->in_columns && !options->json && !options->host);
    options = read_words("-l -names");
    assert_true(options->in_columns && !options->json && !options->host);
    options = read_words("-names -json");
    assert_true(!options->in_columns && options->json && !options->host);
    options = read_words("-host -l -names");
    assert_true(!options->in_columns && !options->json);
    assert_string_equal(options->host, "-l");
    options = read_words("--names --json --l --host h -port 5000");
    assert_true(options->in_columns && options->json);
    assert_string_equal(options->host, "h");
    assert_int_equal(read_words("-l -help")->command, COMMAND_HELP);
    assert_int_equal(read_words("-version -json")->command, COMMAND_VERSION);
}

static void check_takes_the_next_word_unless_it_is_an_option(void **state)
{
    (void)state;
    const struct options *options = read_words("-check");
    assert_int_equal(options->command, COMMAND_CHECK);
    assert_null(options->check_target);
    assert_string_equal(read_words("-check alice@host")->check_target, "alice@host");
    assert_string_equal(read_words("--check @host")->check_target, "@host");
    options = read_words("-check -port 5000");
    assert_null(options->check_target);
    assert_int_equal(options->port, 5000);
    options = read_words("-check alice -json");
    assert_string_equal(options->check_target, "alice");
    assert_true(options->json);
    assert_true(read_words("-json -check")->json);
    static const char *const orders[] = {"-check -json a@b", "-json a@b -check", "a@b -check -json",
                                         "-json -check a@b", "-check -port 4369 a@b -json"};
    for (size_t i = 0; i < LENGTH(orders); i++) {
        options = read_words(orders[i]);
        assert_int_equal(options->command, COMMAND_CHECK);
        assert_true(options->json);
        assert_string_equal(options->check_target, "a@b");
    }
    assert_int_equal(read_with("ERL_EPMD_PORT=5000", "-check")->port, 5000);
}

static void help_wins(void **state)
{
    (void)state;
    static const char *const lines[] = {"-help -names",   "-names -help",      "-stop alice -h",
                                        "-h -stop alice", "-kill -help -dump", "-version -h"};
    for (size_t i = 0; i < LENGTH(lines); i++) {
        assert_int_equal(read_words(lines[i])->command, COMMAND_HELP);
    }
}

static void two_dashes_are_as_one(void **state)
{
    (void)state;
    const struct options *options =
        read_words("--port 5000 --address ::1 --relaxed_command_check --d --daemon");
    assert_int_equal(options->port, 5000);
    assert_int_equal(options->n_addresses, 1);
    assert_int_equal(options->debug, 1);
    assert_true(options->policy.relaxed && options->detach);
    assert_string_equal(read_words("--stop alice")->stop_name, "alice");
}

static void assert_addresses(const char *list, const char *expected)
{
    char words[256], text[256] = "";
    size_t len = 0;
    snprintf(words, sizeof words, "-address %s", list);
    const struct options *options = read_words(words);
    for (size_t i = 0; i < options->n_addresses; i++) {
        char address[ADDRESS_TEXT_SIZE];
        address_format(&options->addresses[i], address);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", address);
    }
    assert_string_equal(text, expected);
}

static void addresses_are_a_list(void **state)
{
    (void)state;
    assert_addresses("192.0.2.1", "192.0.2.1");
    assert_addresses("192.0.2.1,2001:db8::1", "192.0.2.1 2001:db8::1");
    assert_addresses("192.0.2.1~2001:db8::1", "192.0.2.1 2001:db8::1");
    assert_addresses(",~192.0.2.1~,,::1,", "192.0.2.1 ::1");
    assert_addresses(",", "");
    assert_addresses("::1,::1,127.0.0.1,0:0:0:0:0:0:0:1", "::1 127.0.0.1");
    assert_addresses("127.0.0.1,::ffff:127.0.0.1", "127.0.0.1");
    assert_addresses("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
                     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

static void environment_gives_defaults(void **state)
{
    (void)state;
    assert_int_equal(read_with("ERL_EPMD_PORT=5000", "")->port, 5000);
    assert_int_equal(read_with("ERL_EPMD_PORT=5000", "-names")->port, 5000);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=192.0.2.1,::1", "")->n_addresses, 2);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=", "")->n_addresses, 0);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=,~,", "")->n_addresses, 0);
    assert_true(read_with("ERL_EPMD_RELAXED_COMMAND_CHECK=", "")->policy.relaxed);
    assert_true(read_with("ERL_EPMD_RELAXED_COMMAND_CHECK=false", "")->policy.relaxed);
}

static void assert_metrics(const char *value, const char *address, uint16_t port)
{
    char words[64], text[ADDRESS_TEXT_SIZE];
    snprintf(words, sizeof words, "-metrics %s", value);
    const struct options *options = read_words(words);
    address_format(&options->metrics.address, text);
    assert_string_equal(text, address);
    assert_int_equal(options->metrics.port, port);
}

static void metrics_have_an_endpoint(void **state)
{
    (void)state;
    assert_int_equal(read_words("")->metrics.port, 0);
    assert_metrics("1", "127.0.0.1", 1);
    assert_metrics("65535", "127.0.0.1", 65535);
    assert_metrics("192.0.2.1:80", "192.0.2.1", 80);
    assert_metrics("0.0.0.0:80", "0.0.0.0", 80);
    assert_metrics("[::1]:9568", "::1", 9568);
    assert_metrics("[::]:9568", "::", 9568);
    assert_metrics("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:9568",
                   "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 9568);
    assert_int_equal(read_with("ERL_EPMD_METRICS=9568", "")->metrics.port, 9568);
    assert_int_equal(read_with("ERL_EPMD_METRICS=", "")->metrics.port, 0);
    assert_int_equal(read_with("ERL_EPMD_METRICS=bad", "-metrics 1")->metrics.port, 1);
    assert_int_equal(read_with("ERL_EPMD_METRICS=bad", "-names")->metrics.port, 0);
    assert_false(read_words("-metrics 1")->metrics_no_names);
    assert_true(read_words("-metrics 1 -metrics_no_names")->metrics_no_names);
    assert_true(read_with("ERL_EPMD_METRICS_NO_NAMES=", "-metrics 1")->metrics_no_names);
}

static void idle_exits(void **state)
{
    (void)state;
    assert_int_equal(read_words("")->exit_when_idle_s, 0);
    assert_int_equal(read_words("-exit_when_idle 1")->exit_when_idle_s, 1);
    assert_int_equal(read_words("-exit_when_idle 86400")->exit_when_idle_s, 86400);
    assert_int_equal(read_with("ERL_EPMD_EXIT_WHEN_IDLE=60", "")->exit_when_idle_s, 60);
    assert_int_equal(read_with("ERL_EPMD_EXIT_WHEN_IDLE=", "")->exit_when_idle_s, 0);
    assert_int_equal(read_with("ERL_EPMD_EXIT_WHEN_IDLE=x", "-exit_when_idle 2")->exit_when_idle_s,
                     2);
    assert_int_equal(read_with("ERL_EPMD_EXIT_WHEN_IDLE=x", "-names")->exit_when_idle_s, 0);
}

static void options_win(void **state)
{
    (void)state;
    assert_int_equal(read_with("ERL_EPMD_PORT=5000", "-port 5001")->port, 5001);
    assert_int_equal(read_with("ERL_EPMD_PORT=bad", "-port 5001")->port, 5001);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=192.0.2.1,::1", "-address ::1")->n_addresses, 1);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=192.0.2.1", "-address ,")->n_addresses, 0);
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=bad", "-address ::1")->n_addresses, 1);
}

static void only_what_is_used_is_read(void **state)
{
    (void)state;
    assert_int_equal(read_with("ERL_EPMD_ADDRESS=bad", "-names")->command, COMMAND_NAMES);
    assert_int_equal(read_with("ERL_EPMD_PORT=bad", "-help")->command, COMMAND_HELP);
    assert_int_equal(read_with("ERL_EPMD_PORT=bad", "-version")->command, COMMAND_VERSION);
}

/* The values of the daemon's options, and whether these go together. */
static void beside_a_command_the_daemons_are_not_looked_at(void **state)
{
    (void)state;
    static const char *const words[] = {
        "-address nonsense", "-allow_names x",     "-metrics x",         "-log x",
        "-log_level x",      "-packet_timeout x",  "-max_per_host 0",    "-delay_write -1",
        "-no_sandbox x",     "-delay_accept 1e9",  "-keeper -no_keeper", "-daemon -systemd",
        "-user nobody",      "-daemon -log stderr"};
    static const char *const formats[] = {"%s -names", "-names %s", "%s -check a", "-stop a %s"};
    for (size_t i = 0; i < LENGTH(words); i++) {
        for (size_t k = 0; k < LENGTH(formats); k++) {
            char line[64];
            snprintf(line, sizeof line, formats[k], words[i]);
            const struct options *options = read_words(line);
            assert_int_not_equal(options->command, COMMAND_SERVE);
            assert_int_equal(options->packet_timeout_s, 60);
            assert_int_equal(options->n_addresses, 0);
        }
    }
    assert_int_equal(read_words("-names -port 1 -packet_timeout 5")->port, 1);
}

static void most_addresses_fit(void **state)
{
    (void)state;
    char words[2048] = "-address ";
    size_t len = strlen(words);
    for (int i = 1; i <= OPTIONS_ADDRESSES_MAX; i++) {
        len += (size_t)snprintf(words + len, sizeof words - len, "10.0.0.%d,", i);
    }
    snprintf(words + len, sizeof words - len, "10.0.0.1,10.0.0.2");
    const struct options *options = read_words(words);
    assert_int_equal(options->n_addresses, OPTIONS_ADDRESSES_MAX);
    assert_int_equal(options->addresses[OPTIONS_ADDRESSES_MAX - 1].bytes[15],
                     OPTIONS_ADDRESSES_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(no_words_at_all),
        cmocka_unit_test(flags_set_their_own_member),
        cmocka_unit_test(daemon_has_a_keeper),
        cmocka_unit_test(debug_is_counted),
        cmocka_unit_test(the_log_has_a_place),
        cmocka_unit_test(the_log_has_a_level),
        cmocka_unit_test(debug_is_a_level),
        cmocka_unit_test(numbers_reach_their_limits),
        cmocka_unit_test(each_number_sets_its_own_member),
        cmocka_unit_test(last_one_wins),
        cmocka_unit_test(commands_may_stand_anywhere),
        cmocka_unit_test(stop_takes_any_name),
        cmocka_unit_test(names_have_options),
        cmocka_unit_test(check_takes_the_next_word_unless_it_is_an_option),
        cmocka_unit_test(help_wins),
        cmocka_unit_test(two_dashes_are_as_one),
        cmocka_unit_test(addresses_are_a_list),
        cmocka_unit_test(environment_gives_defaults),
        cmocka_unit_test(metrics_have_an_endpoint),
        cmocka_unit_test(idle_exits),
        cmocka_unit_test(options_win),
        cmocka_unit_test(only_what_is_used_is_read),
        cmocka_unit_test(beside_a_command_the_daemons_are_not_looked_at),
        cmocka_unit_test(most_addresses_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

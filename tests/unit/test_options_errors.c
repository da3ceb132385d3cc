/* SPDX-License-Identifier: Apache-2.0 */
/* Words that are wrong: each is refused, and named in one line that fits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command_line.h"
#include "options/options.h"
#include "unit.h"

/* With an environment the mistake is in that. */
static void assert_error(const char *environment, const char *words, const char *part)
{
    const struct command_line *line = command_line_read(environment, words);
    bool misconfigured = environment || strstr(words, "-systemd");
    assert_int_equal(line->status, misconfigured ? OPTIONS_MISCONFIGURED : -EINVAL);
    assert_non_null(memchr(line->error, '\0', sizeof line->error));
    assert_null(strchr(line->error, '\n'));
    if (!strstr(line->error, part)) {
        fail_msg("%s: %s", words, line->error);
    }
}

static void words_that_are_no_option(void **state)
{
    (void)state;
    static const char *const words[] = {"names", "+names", "-",      "--",      "---port",
                                        "-prt",  "-Port",  "-porte", "-port=1", "-names-",
                                        "-x",    "-dd",    "~",      "-~"};
    for (size_t i = 0; i < LENGTH(words); i++) {
        char line[64], quoted[64];
        snprintf(quoted, sizeof quoted, "\"%s\"", words[i][0] == '~' ? " " : words[i]);
        snprintf(line, sizeof line, "-d %s -d", words[i]);
        assert_error(NULL, line, strcmp(words[i], "-~") == 0 ? "\"- \"" : quoted);
    }
    assert_error(NULL, "-names extra", "\"extra\"");
    assert_error(NULL, "-check a b", "\"b\"");
    assert_error(NULL, "a -check b", "\"a\"");
    assert_error(NULL, "a b -check", "\"b\"");
    assert_error(NULL, "a -json -names", "\"a\"");
    assert_error(NULL, "-help extra", "\"extra\"");
}

/* Not even where 0 would do for a number. */
static void empty_words(void **state)
{
    (void)state;
    struct options options;
    char error[OPTIONS_ERROR_SIZE], name[] = "epmd", delay[] = "-delay_accept", empty[] = "";
    char *option[] = {name, empty, NULL}, *number[] = {name, delay, empty, NULL};
    assert_int_equal(options_read(2, option, &options, error), -EINVAL);
    assert_non_null(strstr(error, "\"\""));
    assert_int_equal(options_read(3, number, &options, error), -EINVAL);
    assert_non_null(strstr(error, "-delay_accept \"\""));
}

/* -daemon changes the working directory. */
static void paths_that_are_relative(void **state)
{
    (void)state;
    assert_error(NULL, "-pid_file epmd.pid -daemon",
                 "-pid_file \"epmd.pid\": not an absolute path");
    assert_error(NULL, "-pid_file ./epmd.pid", "which begins with /");
    assert_string_equal(command_line_read(NULL, "-pid_file /run/epmd.pid")->options.pid_file,
                        "/run/epmd.pid");
}

static void endpoints_that_are_none(void **state)
{
    (void)state;
    static const char *const values[] = {"0",
                                         "65536",
                                         "http",
                                         "-1",
                                         "+1",
                                         "127.0.0.1",
                                         ":80",
                                         "127.0.0.1:",
                                         "[::1]",
                                         "[::1]:",
                                         "::1:80",
                                         "[::1:80",
                                         "::1]:80",
                                         "[127.0.0.1]:80",
                                         "[]:80",
                                         "localhost:80",
                                         "[::1%lo]:80",
                                         "127.0.0.1:80:90",
                                         "[[::1]]:80",
                                         "127.0.0.1:~80",
                                         "256.0.0.1:80",
                                         "[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555]:80"};
    for (size_t i = 0; i < LENGTH(values); i++) {
        char words[128];
        snprintf(words, sizeof words, "-metrics %s", values[i]);
        assert_error(NULL, words, "-metrics \"");
        assert_error(NULL, words, "not [ADDRESS:]PORT");
    }
    assert_error("ERL_EPMD_METRICS=x", "", "ERL_EPMD_METRICS \"x\": not [ADDRESS:]PORT");
}

static void missing_values(void **state)
{
    (void)state;
    static const char *const words[] = {"-port",           "-metrics",      "-address",
                                        "-packet_timeout", "-delay_accept", "-delay_write",
                                        "-exit_when_idle", "-stop",         "--port"};
    for (size_t i = 0; i < LENGTH(words); i++) {
        char line[64];
        assert_error(NULL, words[i], words[i]);
        snprintf(line, sizeof line, "-d %s", words[i]);
        assert_error(NULL, line, "missing");
    }
}

static void bad_numbers(void **state)
{
    (void)state;
    static const char *const bad[] = {"-1",
                                      "+1",
                                      "~1",
                                      "1~",
                                      "1x",
                                      "x",
                                      "0x10",
                                      "1.5",
                                      "1e3",
                                      "~",
                                      "4294967296",
                                      "18446744073709551615",
                                      "18446744073709551617",
                                      "99999999999999999999999999"};
    static const char *const words[] = {"-port", "-packet_timeout", "-delay_accept", "-delay_write",
                                        "-exit_when_idle"};
    for (size_t i = 0; i < LENGTH(words); i++) {
        for (size_t k = 0; k < LENGTH(bad); k++) {
            char line[128];
            snprintf(line, sizeof line, "%s %s", words[i], bad[k]);
            assert_error(NULL, line, words[i]);
        }
    }
}

static void numbers_out_of_range(void **state)
{
    (void)state;
    assert_error(NULL, "-port 0", "-port \"0\": not a port number, which is 1 to 65535");
    assert_error(NULL, "-port 65536", "\"65536\"");
    assert_error(NULL, "--port 70000", "--port \"70000\"");
    assert_error(NULL, "-packet_timeout 0", "which is 1 to 86400");
    assert_error(NULL, "-packet_timeout 86401", "\"86401\"");
    assert_error(NULL, "-delay_accept 86401", "which is 1 to 86400");
    assert_error(NULL, "-delay_write 86401", "which is 1 to 86400");
    assert_error(NULL, "-delay_write 0", "which is 1 to 86400");
    assert_error(NULL, "-exit_when_idle 0",
                 "-exit_when_idle \"0\": not a number of seconds, which is 1");
    assert_error(NULL, "-exit_when_idle 86401", "which is 1 to 86400");
    assert_error("ERL_EPMD_EXIT_WHEN_IDLE=0", "", "ERL_EPMD_EXIT_WHEN_IDLE \"0\": not a number");
    assert_error(NULL, "-max_per_host 0", "not a number, which is 1 to 1000000");
    assert_error(NULL, "-port 0 -port 5000", "\"0\"");
}

static void bad_logs(void **state)
{
    (void)state;
    assert_error(NULL, "-log file",
                 "-log \"file\": no place for a log, which is stderr, syslog or");
    assert_error(NULL, "-log Syslog", "\"Syslog\"");
    assert_error(NULL, "-log", "-log: its WHERE is missing");
    assert_error(NULL, "-log_level notice", "which is error, warning, info or debug");
    assert_error(NULL, "-log_level 7", "-log_level \"7\"");
    assert_error(NULL, "-log_level", "-log_level: its LEVEL is missing");
    assert_error(NULL, "-daemon -log stderr", "-log stderr does not go together with -daemon");
    assert_error(NULL, "-log stderr -daemon -no_keeper", "/dev/null");
}

static void bad_addresses(void **state)
{
    (void)state;
    assert_error(NULL, "-address localhost", "-address: \"localhost\" is not");
    assert_error(NULL, "-address ::1,bad,127.0.0.1", "\"bad\"");
    assert_error(NULL, "-address ::1;127.0.0.1", "\"::1;127.0.0.1\"");
    assert_error(NULL, "-address 127.0.0.1:4369", "\"127.0.0.1:4369\"");
    assert_error(NULL, "-address ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "\"ffff:");
}

/* Its members may take any name. */
static void no_private_registrants(void **state)
{
    (void)state;
    assert_error(NULL, "-allow_register private",
                 "-allow_register: \"private\" is not for this list");
    assert_error("ERL_EPMD_ALLOW_REGISTER=10.0.0.0/8,private", "",
                 "ERL_EPMD_ALLOW_REGISTER: \"private\" is not for this list");
}

static void too_many_addresses(void **state)
{
    (void)state;
    char words[2048] = "-address ";
    size_t len = strlen(words);
    for (int i = 0; i <= OPTIONS_ADDRESSES_MAX; i++) {
        len += (size_t)snprintf(words + len, sizeof words - len, "10.0.0.%d,", i);
    }
    assert_error(NULL, words, "-address: more than 64 addresses");
}

static void bad_environment(void **state)
{
    (void)state;
    static const char *const ports[] = {"", "0", "65536", "-1", "x", "~4369"};
    for (size_t i = 0; i < LENGTH(ports); i++) {
        char environment[64];
        snprintf(environment, sizeof environment, "ERL_EPMD_PORT=%s", ports[i]);
        assert_error(environment, "", "ERL_EPMD_PORT \"");
        assert_error(environment, "-names", "ERL_EPMD_PORT \"");
    }
    assert_error("ERL_EPMD_ADDRESS=localhost", "", "ERL_EPMD_ADDRESS: \"localhost\"");
    assert_error("ERL_EPMD_ADDRESS=::1,1.2.3", "-d", "\"1.2.3\"");
    assert_error("ERL_EPMD_PORT=1\n2\x1b", "", "ERL_EPMD_PORT \"1?2?\"");
}

static void a_unit_has_no_use_for_the_usage(void **state)
{
    (void)state;
    assert_error(NULL, "-systemd -port bad", "-port \"bad\"");
    assert_error(NULL, "-port bad -systemd", "-port \"bad\"");
    assert_error(NULL, "-bogus --systemd", "\"-bogus\"");
    assert_error(NULL, "-systemd -allow_names 10.0.0.0/33", "10.0.0.0/33");
    assert_error(NULL, "-systemd -address", "-address: its LIST is missing");
    assert_int_equal(command_line_read(NULL, "-user -systemd -bogus")->status, -EINVAL);
}

static void two_commands(void **state)
{
    (void)state;
    assert_error(NULL, "-names -dump", "-dump: ");
    assert_error(NULL, "-kill -stop alice", "-stop: ");
    assert_error(NULL, "-started -version", "-version: ");
}

static void options_of_other_commands(void **state)
{
    (void)state;
    static const char *const options[] = {"-l", "-json", "-host h"};
    static const char *const others[] = {"",        "-dump",   "-started", "-kill",
                                         "-stop x", "-reload", "-daemon",  "-systemd"};
    for (size_t i = 0; i < LENGTH(options); i++) {
        for (size_t k = 0; k < LENGTH(others); k++) {
            char line[64], part[64];
            snprintf(part, sizeof part, "%.*s goes only with -names", (int)strcspn(options[i], " "),
                     options[i]);
            snprintf(line, sizeof line, "%s %s", options[i], others[k]);
            assert_error(NULL, line, part);
            snprintf(line, sizeof line, "%s %s", others[k], options[i]);
            assert_error(NULL, line, part);
        }
    }
    assert_error(NULL, "-names -host", "-host: its HOST is missing");
    assert_error("ERL_EPMD_PORT=bad", "-names -l", "ERL_EPMD_PORT");
}

static void two_keepers(void **state)
{
    (void)state;
    assert_error(NULL, "-keeper -no_keeper", "-no_keeper");
    assert_error(NULL, "-systemd -keeper", "-systemd");
    assert_error(NULL, "-daemon -systemd", "-systemd");
    assert_error(NULL, "-systemd -no_keeper -daemon", "-systemd");
}

static void long_words_are_cut(void **state)
{
    (void)state;
    char words[4096] = "-address ";
    memset(words + 9, 'f', sizeof words - 10);
    assert_error(NULL, words, "is not an IPv4 or IPv6 address");
    memset(words, 'x', sizeof words - 1);
    assert_error(NULL, words, "\"xxx");
}

static void usage_names_every_option(void **state)
{
    (void)state;
    static const char *const words[] = {"-address LIST",
                                        "-port NO",
                                        "-daemon",
                                        "-relaxed_command_check",
                                        "-systemd",
                                        "-keeper",
                                        "-no_keeper",
                                        "-reload",
                                        "-debug, -d",
                                        "-exit_when_idle SECONDS",
                                        "-packet_timeout SECONDS",
                                        "-delay_accept SECONDS",
                                        "-delay_write SECONDS",
                                        "-names",
                                        "-l ",
                                        "-json",
                                        "-host HOST",
                                        "-dump",
                                        "-started",
                                        "-kill",
                                        "-stop NAME",
                                        "-help, -h",
                                        "-version",
                                        "ERL_EPMD_ADDRESS",
                                        "ERL_EPMD_PORT",
                                        "ERL_EPMD_RELAXED_COMMAND_CHECK",
                                        "-allow_lookup LIST",
                                        "-allow_names LIST",
                                        "-allow_register LIST",
                                        "ERL_EPMD_ALLOW_LOOKUP",
                                        "ERL_EPMD_ALLOW_NAMES",
                                        "ERL_EPMD_ALLOW_REGISTER"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    options_print_usage(out);
    assert_int_equal(fclose(out), 0);
    assert_memory_equal(text, "usage: epmd", 11);
    assert_int_equal(text[len - 1], '\n');
    for (size_t i = 0; i < LENGTH(words); i++) {
        if (!strstr(text, words[i])) {
            fail_msg("%s is not in the usage", words[i]);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_that_are_no_option),
        cmocka_unit_test(empty_words),
        cmocka_unit_test(paths_that_are_relative),
        cmocka_unit_test(endpoints_that_are_none),
        cmocka_unit_test(missing_values),
        cmocka_unit_test(bad_numbers),
        cmocka_unit_test(numbers_out_of_range),
        cmocka_unit_test(bad_logs),
        cmocka_unit_test(bad_addresses),
        cmocka_unit_test(no_private_registrants),
        cmocka_unit_test(too_many_addresses),
        cmocka_unit_test(bad_environment),
        cmocka_unit_test(a_unit_has_no_use_for_the_usage),
        cmocka_unit_test(two_commands),
        cmocka_unit_test(options_of_other_commands),
        cmocka_unit_test(two_keepers),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(usage_names_every_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

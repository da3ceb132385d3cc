/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of hosts, and the line that sums up what came of asking them. */
#include "client/hosts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/summary.h"
#include "guarded.h"
#include "unit.h"

#define PORT 4369

/* Reads a list that ends where memory does. */
static int read_list(struct hosts *hosts, const char *text, char *error)
{
    *hosts = (struct hosts){0};
    const uint8_t *copy = guarded_copy(text, strlen(text) + 1);
    return hosts_read_list(hosts, (const char *)copy, PORT, error);
}

static int read_lines(struct hosts *hosts, const char *text, char *error)
{
    *hosts = (struct hosts){0};
    const uint8_t *copy = guarded_copy(text, strlen(text));
    return hosts_read_lines(hosts, (const char *)copy, strlen(text), PORT, error);
}

/* The entries, each by kind and name, as one text; frees them. */
static const char *shown(struct hosts *hosts)
{
    static char text[1024];
    static const char *const marks[] = {
        [HOSTS_HOST] = "", [HOSTS_FILE] = "@", [HOSTS_DOMAIN] = "dns:"};
    size_t len = 0;
    text[0] = '\0';
    for (size_t i = 0; i < hosts->n; i++) {
        const struct hosts_entry *entry = &hosts->list[i];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s%s", i ? " " : "",
                                marks[entry->kind], entry->name);
        if (entry->port != PORT) {
            len += (size_t)snprintf(text + len, sizeof text - len, "#%u", entry->port);
        }
    }
    hosts_deinit(hosts);
    return text;
}

static void assert_list(const char *text, const char *expected)
{
    struct hosts hosts;
    char error[HOSTS_ERROR_SIZE];
    assert_int_equal(read_list(&hosts, text, error), 0);
    assert_string_equal(shown(&hosts), expected);
}

static void assert_lines(const char *text, const char *expected)
{
    struct hosts hosts;
    char error[HOSTS_ERROR_SIZE];
    assert_int_equal(read_lines(&hosts, text, error), 0);
    assert_string_equal(shown(&hosts), expected);
}

static void lists_have_many_words(void **state)
{
    (void)state;
    assert_list("", "");
    assert_list(" ,\t,\n", "");
    assert_list("h1", "h1");
    assert_list("h1,h2 h3,,\th4\n", "h1 h2 h3 h4");
    assert_list("10.0.0.1,::1,fe80::1%eth0", "10.0.0.1 ::1 fe80::1%eth0");
    assert_list("@hosts,@/etc/my-hosts,dns:example.org", "@hosts @/etc/my-hosts dns:example.org");
    assert_list("dns", "dns");
    assert_list("b\xc3\xbc"
                "cher.example",
                "b\xc3\xbc"
                "cher.example");
}

static void words_that_are_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *list, *error;
    } cases[] = {
        {"@", "\"@\": the name of its file is missing"},
        {"h1,dns:", "\"\": a host's name has 1 to 255 bytes"},
        {"a@h1", "\"a@h1\": a node; name its host, which stands behind the @"},
        {"h1;h2", "\"h1;h2\": not the name or the address of a host"},
        {"'h1'", "\"'h1'\": not the name or the address of a host"},
        {"a\x1b[2J", "\"a\\x1b[2J\": not the name or the address of a host"},
        {"dns:a/b", "\"a/b\": not the name or the address of a host"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct hosts hosts;
        char error[HOSTS_ERROR_SIZE] = "";
        assert_int_equal(read_list(&hosts, cases[i].list, error), -EINVAL);
        assert_string_equal(error, cases[i].error);
        hosts_deinit(&hosts);
    }
}

static void names_have_a_bound(void **state)
{
    (void)state;
    char name[HOSTS_NAME_MAX + 2], error[HOSTS_ERROR_SIZE];
    struct hosts hosts;
    memset(name, 'a', sizeof name);
    name[HOSTS_NAME_MAX + 1] = '\0';
    assert_int_equal(read_list(&hosts, name, error), -EINVAL);
    name[HOSTS_NAME_MAX] = '\0';
    assert_int_equal(read_list(&hosts, name, error), 0);
    assert_int_equal(hosts.n, 1);
    hosts_deinit(&hosts);
}

static void lines_are_hosts(void **state)
{
    (void)state;
    assert_lines("", "");
    assert_lines("h1", "h1");
    assert_lines("h1\nh2\r\n\n  h3 \t\n", "h1 h2 h3");
    assert_lines("# all\n% of\n  # them\nh1\n", "h1");
    assert_lines("h1.example.org.\n", "h1.example.org.");
    assert_lines("fe80::1%eth0\n", "fe80::1%eth0");
}

static void lines_may_be_those_of_hosts_erlang(void **state)
{
    (void)state;
    assert_lines("'h1.example.org'.\n", "h1.example.org");
    assert_lines("h1.\n'h2'.\n", "h1 h2");
    struct hosts hosts;
    char error[HOSTS_ERROR_SIZE];
    assert_int_equal(read_lines(&hosts, "h1\n'h2'\n", error), -EINVAL);
    assert_string_equal(error, "line 2: \"'h2'\": not the name or the address of a host");
    hosts_deinit(&hosts);
    assert_int_equal(read_lines(&hosts, "''.\n", error), -EINVAL);
    assert_string_equal(error, "line 1: \"\": a host's name has 1 to 255 bytes");
    hosts_deinit(&hosts);
    assert_int_equal(read_lines(&hosts, "h1 h2\n", error), -EINVAL);
    hosts_deinit(&hosts);
    assert_int_equal(read_lines(&hosts, "dns:h1,\n", error), -EINVAL);
    hosts_deinit(&hosts);
}

static void srv_records_have_ports(void **state)
{
    (void)state;
    struct hosts hosts = {0};
    char error[HOSTS_ERROR_SIZE];
    assert_int_equal(hosts_add_srv(&hosts, "h1.example", 4369, error), 0);
    assert_int_equal(hosts_add_srv(&hosts, "h2.example", 4370, error), 0);
    /* RFC 2782: such a service is decidedly not there. */
    assert_int_equal(hosts_add_srv(&hosts, ".", 4369, error), 0);
    assert_int_equal(hosts_add_srv(&hosts, "", 4369, error), 0);
    assert_int_equal(hosts_add_srv(&hosts, "h3.example", 0, error), 0);
    assert_int_equal(hosts_add_srv(&hosts, "h4 example", 1, error), -EINVAL);
    assert_string_equal(shown(&hosts), "h1.example h2.example#4370");
}

static void hosts_are_sorted_and_there_once(void **state)
{
    (void)state;
    struct hosts hosts;
    char error[HOSTS_ERROR_SIZE];
    if (strverscmp("10", "h") > 0) {
        unit_cannot("strverscmp(3) of this C library takes digits for the last of characters");
    }
    read_list(&hosts, "h10,h9,h1,10.0.0.10,10.0.0.9,h9,dns:h9,h1", error);
    hosts_add_srv(&hosts, "h9", 1, error);
    hosts_sort(&hosts);
    assert_string_equal(shown(&hosts), "10.0.0.9 10.0.0.10 h1 h9#1 h9 dns:h9 h10");
    hosts_sort(&hosts); /* an empty list */
    assert_int_equal(hosts.n, 0);
}

static void entries_have_a_text(void **state)
{
    (void)state;
    static const struct {
        struct hosts_entry entry;
        const char *text;
    } cases[] = {
        {{HOSTS_HOST, PORT, (char *)"h1", NULL}, "h1"},
        {{HOSTS_HOST, 1, (char *)"h1", NULL}, "h1:1"},
        {{HOSTS_HOST, PORT, (char *)"::1", NULL}, "::1"},
        {{HOSTS_HOST, 65535, (char *)"::1", NULL}, "[::1]:65535"},
        {{HOSTS_DOMAIN, PORT, (char *)"h1", NULL}, "dns:h1"},
        {{HOSTS_HOST, PORT, (char *)"\x1b", NULL}, "\\x1b"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        char text[HOSTS_TEXT_SIZE];
        hosts_format(&cases[i].entry, PORT, text);
        assert_string_equal(text, cases[i].text);
    }
    char longest[HOSTS_NAME_MAX + 1], text[HOSTS_TEXT_SIZE];
    memset(longest, 0x1b, HOSTS_NAME_MAX);
    longest[HOSTS_NAME_MAX] = '\0';
    longest[0] = ':';
    hosts_format(&(struct hosts_entry){HOSTS_HOST, 65535, longest, NULL}, PORT, text);
    assert_string_equal(text + strlen(text) - 11, "\\x1b]:65535");
}

static void lists_have_a_bound(void **state)
{
    (void)state;
    struct hosts hosts = {0};
    for (size_t i = 0; i < HOSTS_MAX; i++) {
        assert_int_equal(hosts_add(&hosts, HOSTS_HOST, "h", 1, PORT), 0);
    }
    assert_int_equal(hosts_add(&hosts, HOSTS_HOST, "h", 1, PORT), -E2BIG);
    hosts_sort(&hosts);
    assert_string_equal(shown(&hosts), "h");
}

static void assert_summary(struct summary summary, const char *expected)
{
    char text[SUMMARY_SIZE];
    summary_format(&summary, text);
    assert_string_equal(text, expected);
}

static void summaries(void **state)
{
    (void)state;
    assert_summary((struct summary){1000, 998, 4012, 1024, 0},
                   "1,000 hosts, 998 answer, 4,012 nodes");
    assert_summary((struct summary){1, 1, 1, 1024, 0}, "1 host, 1 answers, 1 node");
    assert_summary((struct summary){2, 0, 0, 1024, 0}, "2 hosts, 0 answer, 0 nodes");
    assert_summary((struct summary){200, 200, 200, 180, 256},
                   "200 hosts, 200 answer, 200 nodes; 180 at once, as the limit of descriptors "
                   "(ulimit -Hn) is 256");
    assert_summary((struct summary){180, 180, 0, 180, 256}, "180 hosts, 180 answer, 0 nodes");
}

static void numbers_have_commas(void **state)
{
    (void)state;
    static const struct {
        size_t number;
        const char *text;
    } cases[] = {{0, "0"},          {999, "999"},        {1000, "1,000"},
                 {12345, "12,345"}, {123456, "123,456"}, {1234567, "1,234,567"}};
    char text[SUMMARY_NUMBER_SIZE];
    for (size_t i = 0; i < LENGTH(cases); i++) {
        summary_format_number(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
    }
    summary_format_number(SIZE_MAX, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_have_many_words),
        cmocka_unit_test(words_that_are_wrong),
        cmocka_unit_test(names_have_a_bound),
        cmocka_unit_test(lines_are_hosts),
        cmocka_unit_test(lines_may_be_those_of_hosts_erlang),
        cmocka_unit_test(srv_records_have_ports),
        cmocka_unit_test(hosts_are_sorted_and_there_once),
        cmocka_unit_test(entries_have_a_text),
        cmocka_unit_test(lists_have_a_bound),
        cmocka_unit_test(summaries),
        cmocka_unit_test(numbers_have_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

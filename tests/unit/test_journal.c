/* SPDX-License-Identifier: Apache-2.0 */
/* Entries for the journal, as its native protocol has them. */
#include "system/journal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

#define ALWAYS "SYSLOG_IDENTIFIER=epmd\nSYSLOG_FACILITY=3\n"

static void assert_entry(int level, const struct log_fields *fields, const char *text,
                         const char *expected, size_t expected_len)
{
    char entry[JOURNAL_ENTRY_SIZE];
    size_t len = journal_format_entry(level, fields, text, entry);
    assert_int_equal(len, expected_len);
    assert_memory_equal(entry, expected, len);
}

static void a_line_without_fields(void **state)
{
    (void)state;
    static const char expected[] = "PRIORITY=6\n" ALWAYS "MESSAGE=listening\n";
    assert_entry(LOG_INFO, NULL, "listening", expected, strlen(expected));
}

static void all_fields(void **state)
{
    (void)state;
    const struct log_fields fields = {.peer = "::1",
                                      .peer_port = 65535,
                                      .request = "ALIVE2_REQ",
                                      .name = "a",
                                      .reason = "name_taken",
                                      .holder = "127.0.0.1",
                                      .holder_port = 1};
    static const char expected[] =
        "PRIORITY=4\n" ALWAYS
        "MESSAGE=refused\nEPMD_PEER=::1\nEPMD_PEER_PORT=65535\nEPMD_REQUEST=ALIVE2_REQ\n"
        "EPMD_REASON=name_taken\nEPMD_HOLDER=127.0.0.1\nEPMD_HOLDER_PORT=1\nEPMD_NAME=a\n";
    assert_entry(LOG_WARNING, &fields, "refused", expected, strlen(expected));
}

static void what_is_not_set_is_left_out(void **state)
{
    (void)state;
    const struct log_fields fields = {.reason = "no_room"};
    static const char expected[] = "PRIORITY=3\n" ALWAYS "MESSAGE=m\nEPMD_REASON=no_room\n";
    assert_entry(LOG_ERR, &fields, "m", expected, strlen(expected));
}

static void all_that_d_adds_is_debug(void **state)
{
    (void)state;
    static const char expected[] = "PRIORITY=7\n" ALWAYS "MESSAGE=m\n";
    for (int level = LOG_VERBOSITY_REQUESTS; level <= LOG_VERBOSITY_BYTES; level++) {
        assert_entry(level, NULL, "m", expected, strlen(expected));
    }
}

/* The length, little-endian; nothing in the value can then end it. */
static void a_value_with_a_newline_is_binary(void **state)
{
    (void)state;
    static const char expected[] =
        "PRIORITY=6\n" ALWAYS "MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n";
    assert_entry(LOG_INFO, NULL, "a\nPRIORITY=0", expected, sizeof expected - 1);
}

static void an_empty_value_is_one(void **state)
{
    (void)state;
    static const char expected[] = "PRIORITY=6\n" ALWAYS "MESSAGE=\n";
    assert_entry(LOG_INFO, NULL, "", expected, strlen(expected));
}

static void what_has_no_room_is_left_out(void **state)
{
    (void)state;
    char text[JOURNAL_ENTRY_SIZE], entry[JOURNAL_ENTRY_SIZE];
    const struct log_fields fields = {.peer = "::1", .reason = text, .name = "last"};
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    size_t len = journal_format_entry(LOG_INFO, &fields, "m", entry);
    static const char expected[] = "PRIORITY=6\n" ALWAYS "MESSAGE=m\nEPMD_PEER=::1\n"
                                   "EPMD_NAME=last\n";
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(entry, expected, len);
}

/* The whole of it, and not a byte beyond: a sanitizer sees that. */
static void an_entry_may_be_full(void **state)
{
    (void)state;
    static const char before[] = "PRIORITY=6\n" ALWAYS "MESSAGE=m\n";
    size_t room = JOURNAL_ENTRY_SIZE - strlen(before) - strlen("EPMD_NAME") - 1 - 8 - 1;
    for (size_t len = room - 1; len <= room + 1; len++) {
        char *name = calloc(1, len + 1);
        char *entry = malloc(JOURNAL_ENTRY_SIZE);
        assert_true(name && entry);
        memset(name, '\n', len);
        const struct log_fields fields = {.name = name};
        size_t expected = len > room ? strlen(before) : JOURNAL_ENTRY_SIZE - (room - len);
        assert_int_equal(journal_format_entry(LOG_INFO, &fields, "m", entry), expected);
        free(name);
        free(entry);
    }
}

static void stderr_is_the_journals_where_both_numbers_match(void **state)
{
    (void)state;
    struct stat own;
    char text[64];
    assert_int_equal(fstat(STDERR_FILENO, &own), 0);
    unsetenv("JOURNAL_STREAM");
    assert_false(journal_has_stderr());
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)own.st_dev, (uintmax_t)own.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    assert_true(journal_has_stderr());
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)own.st_dev, (uintmax_t)own.st_ino + 1);
    setenv("JOURNAL_STREAM", text, 1);
    assert_false(journal_has_stderr());
    snprintf(text, sizeof text, "%ju:%ju", (uintmax_t)own.st_dev + 1, (uintmax_t)own.st_ino);
    setenv("JOURNAL_STREAM", text, 1);
    assert_false(journal_has_stderr());
    setenv("JOURNAL_STREAM", "", 1);
    assert_false(journal_has_stderr());
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_without_fields),
        cmocka_unit_test(all_fields),
        cmocka_unit_test(what_is_not_set_is_left_out),
        cmocka_unit_test(all_that_d_adds_is_debug),
        cmocka_unit_test(a_value_with_a_newline_is_binary),
        cmocka_unit_test(an_empty_value_is_one),
        cmocka_unit_test(what_has_no_room_is_left_out),
        cmocka_unit_test(an_entry_may_be_full),
        cmocka_unit_test(stderr_is_the_journals_where_both_numbers_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

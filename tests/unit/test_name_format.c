/* SPDX-License-Identifier: Apache-2.0 */
/* Names in log lines: one safe word, whatever bytes they are and however small the room. */
#include <string.h>

#include "core/name.h"
#include "guarded.h"
#include "requests.h"
#include "unit.h"

static const char *format(const void *name, size_t len, size_t size)
{
    static char text[NAME_TEXT_SIZE];
    uint8_t copy[NAME_MAX_LEN];
    memcpy(copy, name, len);
    char *room = (char *)guarded_room(size);
    name_format(copy, len, room, size);
    assert_non_null(memchr(room, '\0', size));
    return strcpy(text, room);
}

static const struct {
    const char *name;
    const char *text;
} samples[] = {
    {"", ""},
    {"alice", "alice"},
    {"two words", "two words"},
    {"a\nb", "a\\x0ab"},
    {"\x1b[2J", "\\x1b[2J"},
    {"\x01\x1f \x7e\x7f", "\\x01\\x1f \x7e\\x7f"},
    {"\\x41", "\\x5cx41"},
    {"\"", "\\x22"},
    {"\xc2\x80\xc2\x9f", "\\xc2\\x80\\xc2\\x9f"},
    {"\xc2\xa0", "\xc2\xa0"},
    {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa9", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x92\xa9"},
    {"\xd8\x9b\xd8\x9c", "\xd8\x9b\\xd8\\x9c"},
    {"\xe2\x80\x8d\xe2\x80\x8e", "\xe2\x80\x8d\\xe2\\x80\\x8e"},
    {"\xe2\x80\x8f\xe2\x80\x90", "\\xe2\\x80\\x8f\xe2\x80\x90"},
    {"\xe2\x80\xa7\xe2\x80\xa8", "\xe2\x80\xa7\\xe2\\x80\\xa8"},
    {"\xe2\x80\xae\xe2\x80\xaf", "\\xe2\\x80\\xae\xe2\x80\xaf"},
    {"\xe2\x81\xa5\xe2\x81\xa6", "\xe2\x81\xa5\\xe2\\x81\\xa6"},
    {"\xe2\x81\xa9\xe2\x81\xaa", "\\xe2\\x81\\xa9\xe2\x81\xaa"},
    {"\xff\xfe", "\\xff\\xfe"},
    {"\xc0\xaf", "\\xc0\\xaf"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
    {"\xe2\x82", "\\xe2\\x82"},
    {"\xe2\x82x", "\\xe2\\x82x"},
};

static void escapes_what_is_not_plain(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(samples); i++) {
        size_t len = strlen(samples[i].name);
        assert_string_equal(format(samples[i].name, len, NAME_TEXT_SIZE), samples[i].text);
    }
    assert_string_equal(format("a\0b", 3, NAME_TEXT_SIZE), "a\\x00b");
}

static void reads_no_further_than_the_name(void **state)
{
    (void)state;
    char text[64];
    for (size_t i = 0; i < LENGTH(samples); i++) {
        size_t len = strlen(samples[i].name);
        name_format(guarded_copy(samples[i].name, len), len, text, sizeof text);
        assert_string_equal(text, samples[i].text);
    }
}

/* A cut text is the start of the whole one, in whole pieces, and dots. */
static void assert_cut(const char *text, const char *whole, size_t size)
{
    size_t kept = strlen(text) - 3;
    assert_true(strlen(text) < size);
    assert_string_equal(text + kept, "...");
    assert_memory_equal(text, whole, kept);
    assert_true((whole[kept] & 0xc0) != 0x80);
    for (size_t back = 1; back <= 3 && back <= kept; back++) {
        assert_true(whole[kept - back] != '\\');
    }
}

static void cuts_what_does_not_fit(void **state)
{
    (void)state;
    static const char name[] = "a\n\xc3\xa9\x01\xe2\x82\xac\xff\xf0\x9f\x92\xa9z";
    static const char whole[] = "a\\x0a\xc3\xa9\\x01\xe2\x82\xac\\xff\xf0\x9f\x92\xa9z";
    for (size_t size = 4; size < sizeof whole; size++) {
        assert_cut(format(name, sizeof name - 1, size), whole, size);
    }
    assert_string_equal(format(name, sizeof name - 1, sizeof whole + 3), whole);
}

static void smallest_room_holds_the_dots(void **state)
{
    (void)state;
    assert_string_equal(format("alice", 5, 4), "...");
    assert_string_equal(format("b", 1, 4), "b");
    assert_string_equal(format("\n", 1, 4), "...");
    assert_string_equal(format("\n", 1, 5), "\\x0a");
}

static void longest_name_fits(void **state)
{
    (void)state;
    uint8_t name[NAME_MAX_LEN];
    repeat(name, "\x01", sizeof name);
    const char *text = format(name, sizeof name, NAME_TEXT_SIZE);
    assert_int_equal(strlen(text), 4 * NAME_MAX_LEN);
    assert_string_equal(text + 4 * (NAME_MAX_LEN - 1), "\\x01");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(escapes_what_is_not_plain),
        cmocka_unit_test(reads_no_further_than_the_name),
        cmocka_unit_test(cuts_what_does_not_fit),
        cmocka_unit_test(smallest_room_holds_the_dots),
        cmocka_unit_test(longest_name_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

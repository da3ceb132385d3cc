/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons' texts and words: each reason has its own. */
#include "core/refusal.h"

#include <string.h>

#include "unit.h"

static void each_has_its_own_text(void **state)
{
    (void)state;
    for (int i = REFUSAL_NONE; i < REFUSAL_COUNT; i++) {
        const char *text = refusal_text((enum refusal)i);
        assert_non_null(text);
        assert_string_not_equal(text, "");
        for (int k = REFUSAL_NONE; k < i; k++) {
            assert_string_not_equal(text, refusal_text((enum refusal)k));
        }
    }
}

/* One word of lower case letters, digits and underscores, to look for in a log. */
static void each_has_its_own_word(void **state)
{
    (void)state;
    for (int i = REFUSAL_NONE; i < REFUSAL_COUNT; i++) {
        const char *word = refusal_word((enum refusal)i);
        assert_true(strlen(word) > 0);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(word));
        for (int k = REFUSAL_NONE; k < i; k++) {
            assert_string_not_equal(word, refusal_word((enum refusal)k));
        }
    }
    assert_string_equal(refusal_word(REFUSAL_NAME_TAKEN), "name_taken");
}

static void others_have_a_text(void **state)
{
    (void)state;
    assert_string_equal(refusal_text((enum refusal)REFUSAL_COUNT), "unknown reason");
    assert_string_equal(refusal_text((enum refusal) - 1), "unknown reason");
    assert_string_equal(refusal_word((enum refusal)REFUSAL_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_own_text),
        cmocka_unit_test(each_has_its_own_word),
        cmocka_unit_test(others_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The reasons' texts: each reason has one of its own. */
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

static void others_have_a_text(void **state)
{
    (void)state;
    assert_string_equal(refusal_text((enum refusal)REFUSAL_COUNT), "unknown reason");
    assert_string_equal(refusal_text((enum refusal) - 1), "unknown reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_has_its_own_text),
        cmocka_unit_test(others_have_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

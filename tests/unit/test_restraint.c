/* SPDX-License-Identifier: Apache-2.0 */
/* How long starts that fail wait. */
#include "system/restraint.h"
#include "unit.h"

static void each_failure_in_a_row_waits_twice_as_long(void **state)
{
    static const int wait_ms[] = {0, 100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    (void)state;
    for (size_t i = 0; i < LENGTH(wait_ms); i++) {
        assert_int_equal(restraint_wait_ms(i), wait_ms[i]);
    }
    assert_int_equal(restraint_wait_ms(UINT64_MAX), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_in_a_row_waits_twice_as_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

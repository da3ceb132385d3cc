/* SPDX-License-Identifier: Apache-2.0 */
/* Text from elsewhere: printable ASCII stays, all other bytes are replaced one by one. */
#include "core/ascii.h"

#include <string.h>

#include "unit.h"

static void each_byte_stays_or_is_replaced(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        const uint8_t bytes[] = {'a', (uint8_t)byte, 'b'};
        char text[] = "????", expected[] = "a.b";
        if (byte >= 0x20 && byte < 0x7f) {
            expected[1] = (char)byte;
        }
        ascii_copy(bytes, sizeof bytes, '.', text);
        assert_string_equal(text, expected);
    }
}

static void nothing_is_an_empty_text(void **state)
{
    (void)state;
    char text[] = "?";
    ascii_copy(NULL, 0, '.', text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_stays_or_is_replaced),
        cmocka_unit_test(nothing_is_an_empty_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

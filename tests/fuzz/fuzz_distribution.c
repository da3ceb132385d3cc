/* SPDX-License-Identifier: Apache-2.0 */
/* The input is what comes from a node's port: more of it never makes a node of a stranger. */
#include <string.h>

#include "doctor/distribution.h"
#include "fuzz.h"

static void require_printable(const char status[DISTRIBUTION_STATUS_SIZE])
{
    size_t len = strnlen(status, DISTRIBUTION_STATUS_SIZE);
    REQUIRE(len < DISTRIBUTION_STATUS_SIZE);
    for (size_t i = 0; i < len; i++) {
        REQUIRE(status[i] >= 0x20 && status[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum distribution_answer last = DISTRIBUTION_MORE;
    for (size_t len = 0; len <= size && len <= 2 * DISTRIBUTION_STATUS_SIZE; len++) {
        char status[DISTRIBUTION_STATUS_SIZE];
        enum distribution_answer answer = distribution_decode_answer(data, len, status);
        REQUIRE(last == DISTRIBUTION_MORE || answer == last);
        if (answer == DISTRIBUTION_STATUS) {
            require_printable(status);
        }
        last = answer;
    }
    return 0;
}

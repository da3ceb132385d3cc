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

/* What may become of a judgement when more bytes come. */
static bool may_follow(enum distribution_kind before, enum distribution_kind now, bool was_whole)
{
    return before == now || before == DISTRIBUTION_MORE ||
           (before == DISTRIBUTION_STATUS && !was_whole &&
            (now == DISTRIBUTION_NODE || now == DISTRIBUTION_OTHER));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct distribution_answer last = {.kind = DISTRIBUTION_MORE};
    for (size_t len = 0; len <= size && len <= 4 * DISTRIBUTION_STATUS_SIZE; len++) {
        struct distribution_answer answer;
        distribution_decode_answer(data, len, &answer);
        REQUIRE(may_follow(last.kind, answer.kind, last.is_whole));
        if (answer.kind == DISTRIBUTION_STATUS || answer.kind == DISTRIBUTION_NODE) {
            require_printable(answer.status);
        }
        if (answer.kind == DISTRIBUTION_NODE) {
            REQUIRE(answer.name_len >= 1 && answer.name_len <= DISTRIBUTION_NODE_MAX);
            REQUIRE(answer.name >= data && answer.name + answer.name_len <= data + len);
        }
        last = answer;
    }
    return 0;
}

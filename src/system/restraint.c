/* SPDX-License-Identifier: Apache-2.0 */
/* How long starts that fail wait. */
#include "system/restraint.h"

#define WAIT_FIRST_MS 100
#define WAIT_MAX_MS 10000

int restraint_wait_ms(uint64_t n_failures)
{
    int ms = n_failures > 0 ? WAIT_FIRST_MS : 0;
    for (uint64_t i = 1; i < n_failures && ms < WAIT_MAX_MS; i++) {
        ms *= 2;
    }
    return ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
}

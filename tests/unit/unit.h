/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every unit test includes.
 *
 * cmocka.h does not compile without the four headers before it.
 */
#ifndef EPMD_TESTS_UNIT_H
#define EPMD_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

/* The calling test cannot run on this machine, for a reason that the summary shows: skips
 * it, or fails it where all must run. tests/machine.py has the same for the other tests. */
static inline void unit_cannot(const char *reason)
{
    const char *must_run = getenv("EPMD_ALL_MUST_RUN");
    print_message("cannot run here: %s\n", reason);
    if (must_run && *must_run && strcmp(must_run, "0") != 0) {
        fail();
    }
    skip();
}

#endif

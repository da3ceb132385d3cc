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

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

#endif

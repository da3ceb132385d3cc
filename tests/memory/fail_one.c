/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program, lets its n-th allocation fail: n is $FAIL_AT, 0 for none.
 * When the program ends, how many there were is written to the file $COUNT_TO.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static atomic_ulong n_allocations;
static unsigned long fail_at;
static const char *count_to; /* opened at the end: the program closes what is not its own */

__attribute__((constructor)) static void read_number(void)
{
    const char *text = getenv("FAIL_AT");
    fail_at = text ? strtoul(text, NULL, 10) : 0;
    count_to = getenv("COUNT_TO");
}

__attribute__((destructor)) static void write_count(void)
{
    char text[24];
    if (!count_to) {
        return;
    }
    int to = open(count_to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int len = snprintf(text, sizeof text, "%lu\n", atomic_load(&n_allocations));
    if (to < 0 || write(to, text, (size_t)len) != len) {
        abort();
    }
}

static bool fails(void)
{
    if (atomic_fetch_add(&n_allocations, 1) + 1 != fail_at) {
        return false;
    }
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails() ? NULL : __libc_realloc(old, size);
}

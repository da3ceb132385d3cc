/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program, lets its n-th allocation fail: n is $FAIL_AT, 0 for none.
 * When the program ends, how many there were is written to the file $COUNT_TO.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);

static atomic_ulong n_allocations;
static unsigned long fail_at;

__attribute__((constructor)) static void read_number(void)
{
    const char *text = getenv("FAIL_AT");
    fail_at = text ? strtoul(text, NULL, 10) : 0;
}

__attribute__((destructor)) static void write_count(void)
{
    const char *path = getenv("COUNT_TO");
    FILE *out = path ? fopen(path, "w") : NULL;
    if (out) {
        fprintf(out, "%lu\n", atomic_load(&n_allocations));
        fclose(out);
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

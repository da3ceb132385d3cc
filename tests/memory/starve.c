/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into a program, lets allocations fail as long as the file $STARVE is there:
 * those with which it would hold more than it did, and so many bytes as the file says.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *old);

static size_t n_held, n_allowed; /* bytes */

/* Opens the file at each allocation, and so asks the allocator for nothing. */
static bool is_starving(void)
{
    char digits[16] = "";
    const char *path = getenv("STARVE");
    int fd = path ? open(path, O_RDONLY) : -1;
    if (fd < 0) {
        n_allowed = 0;
        return false;
    }
    if (n_allowed == 0 && read(fd, digits, sizeof digits - 1) > 0) {
        n_allowed = n_held + strtoul(digits, NULL, 10);
    }
    close(fd);
    return n_allowed > 0;
}

static bool may_grow(size_t by)
{
    bool may = !is_starving() || n_held + by <= n_allowed;
    errno = may ? errno : ENOMEM;
    return may;
}

static void *hold(void *new)
{
    n_held += malloc_usable_size(new);
    return new;
}

void *malloc(size_t size)
{
    return may_grow(size) ? hold(__libc_malloc(size)) : NULL;
}

void *calloc(size_t n, size_t size)
{
    return may_grow(n * size) ? hold(__libc_calloc(n, size)) : NULL;
}

void *realloc(void *old, size_t size)
{
    size_t before = malloc_usable_size(old);
    if (size > before && !may_grow(size - before)) {
        return NULL;
    }
    void *new = __libc_realloc(old, size);
    n_held -= new ? before : 0;
    return new ? hold(new) : NULL;
}

void free(void *old)
{
    n_held -= malloc_usable_size(old);
    __libc_free(old);
}

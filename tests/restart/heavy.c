/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program, ends it as the kernel does where memory is short: at the
 * allocation that makes the sum of all of them exceed what the file $HEAVY says. That file
 * is two numbers of 64 bits: the limit, and the largest sum that there has been in any process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void __libc_free(void *);

static volatile int64_t *shared;
static int64_t sum;

__attribute__((constructor)) static void map_file(void)
{
    int fd = open(getenv("HEAVY"), O_RDWR | O_CLOEXEC);
    shared = mmap(NULL, 2 * sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
}

static void *counted(void *block)
{
    sum += (int64_t)malloc_usable_size(block);
    if (shared) {
        shared[1] = sum > shared[1] ? sum : shared[1];
        if (sum > shared[0]) {
            syscall(SYS_kill, getpid(), SIGKILL);
            __builtin_trap(); /* where a filter forbids that */
        }
    }
    return block;
}

void free(void *block)
{
    sum -= (int64_t)malloc_usable_size(block);
    __libc_free(block);
}

void *malloc(size_t size)
{
    return counted(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
    return counted(__libc_calloc(n, size));
}

void *realloc(void *block, size_t size)
{
    int64_t old = (int64_t)malloc_usable_size(block);
    void *moved = __libc_realloc(block, size);
    if (!moved) {
        return NULL;
    }
    sum -= old;
    return counted(moved);
}

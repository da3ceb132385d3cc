/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of many names at once, as getaddrinfo(3) finds them, which is how nodes do.
 *
 * getaddrinfo(3) blocks, and its asynchronous sister is in glibc alone, so that some threads
 * call it. They run nothing else of this program: each question comes back to the loop.
 */
#ifndef EPMD_CLIENT_RESOLVER_H
#define EPMD_CLIENT_RESOLVER_H

#include <event2/event.h>
#include <netdb.h>
#include <stddef.h>

/* Descriptors that one thread may need: for its name servers, and a file. */
#define RESOLVER_DESCRIPTORS 4

struct resolver;

/* Embedded in what wants to know. */
struct resolver_question {
    const char *name; /* has to outlive the question */
    void *owner;
    int error;              /* of getaddrinfo(3), or 0 */
    struct addrinfo *found; /* where the error is 0: for freeaddrinfo(3) */
    struct resolver_question *next;
};

/* Is told that a question has been answered. */
typedef void resolver_answered(struct resolver_question *question);

/* Makes a resolver of at most `n_threads` threads, on a loop that runs for as long as the
 * resolver is there. Returns NULL without memory or descriptors. */
struct resolver *resolver_new(struct event_base *base, size_t n_threads,
                              resolver_answered *answered);

/* Asks; the answer comes from the loop. Returns 0; or a negative errno where there is no
 * thread, and none can be started. */
int resolver_ask(struct resolver *resolver, struct resolver_question *question);

/* Drops the questions that no thread has taken, waits for the threads, and frees. NULL is
 * ignored. */
void resolver_free(struct resolver *resolver);

#endif

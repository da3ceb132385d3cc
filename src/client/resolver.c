/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The addresses of many names at once.
 *
 * Two lists of questions stand between the loop and the threads, under one lock: those that
 * wait, and those that are answered. A byte in a pipe wakes the loop for the latter.
 */
#include "client/resolver.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/cloexec.h"

/* musl gives a thread 128 KiB, and modules of glibc's resolver may take more. */
#define STACK_SIZE ((size_t)512 << 10)

struct queue {
    struct resolver_question *first, **end;
};

struct resolver {
    pthread_mutex_t lock;
    pthread_cond_t has_waiting;
    struct queue waiting, answered; /* these and `ends`: under the lock */
    bool ends;
    size_t n_unanswered; /* the loop's, as all below */
    size_t n_threads, max_threads;
    pthread_t *threads;
    int wake[2];
    struct event *woken;
    resolver_answered *tell;
};

static void queue_init(struct queue *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
}

static void queue_put(struct queue *queue, struct resolver_question *question)
{
    question->next = NULL;
    *queue->end = question;
    queue->end = &question->next;
}

static struct resolver_question *queue_take(struct queue *queue)
{
    struct resolver_question *question = queue->first;
    if (question) {
        queue->first = question->next;
        queue->end = queue->first ? queue->end : &queue->first;
    }
    return question;
}

/* ---- in a thread ---- */

/* Returns NULL at the end. */
static struct resolver_question *await_question(struct resolver *resolver)
{
    pthread_mutex_lock(&resolver->lock);
    while (!resolver->ends && !resolver->waiting.first) {
        pthread_cond_wait(&resolver->has_waiting, &resolver->lock);
    }
    struct resolver_question *question = resolver->ends ? NULL : queue_take(&resolver->waiting);
    pthread_mutex_unlock(&resolver->lock);
    return question;
}

static void give_back(struct resolver *resolver, struct resolver_question *question)
{
    pthread_mutex_lock(&resolver->lock);
    queue_put(&resolver->answered, question);
    pthread_mutex_unlock(&resolver->lock);
    /* A pipe that is full wakes the loop as well. */
    ssize_t n = write(resolver->wake[1], "", 1);
    (void)n;
}

static void *resolve(void *argument)
{
    struct resolver *resolver = argument;
    struct resolver_question *question;
    while ((question = await_question(resolver))) {
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        question->error = getaddrinfo(question->name, NULL, &hints, &question->found);
        give_back(resolver, question);
    }
    return NULL;
}

/* ---- in the loop ---- */

static void on_woken(evutil_socket_t fd, short events, void *argument)
{
    (void)events;
    struct resolver *resolver = argument;
    char bytes[64];
    ssize_t n = read(fd, bytes, sizeof bytes);
    (void)n; /* however many: all that is answered is told of */
    pthread_mutex_lock(&resolver->lock);
    struct resolver_question *question = resolver->answered.first;
    queue_init(&resolver->answered);
    pthread_mutex_unlock(&resolver->lock);
    while (question) {
        struct resolver_question *next = question->next;
        resolver->n_unanswered--;
        resolver->tell(question);
        question = next;
    }
}

/* The signals of the command are for the loop's thread. */
static int start_thread(struct resolver *resolver)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error =
        pthread_create(&resolver->threads[resolver->n_threads], &attributes, resolve, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    resolver->n_threads += error == 0;
    return -error;
}

int resolver_ask(struct resolver *resolver, struct resolver_question *question)
{
    bool all_busy = resolver->n_unanswered >= resolver->n_threads;
    int status =
        all_busy && resolver->n_threads < resolver->max_threads ? start_thread(resolver) : 0;
    if (resolver->n_threads == 0) {
        return status;
    }
    resolver->n_unanswered++;
    pthread_mutex_lock(&resolver->lock);
    queue_put(&resolver->waiting, question);
    pthread_mutex_unlock(&resolver->lock);
    pthread_cond_signal(&resolver->has_waiting);
    return 0;
}

static int open_pipe(struct resolver *resolver, struct event_base *base)
{
    if (cloexec_pipe(resolver->wake, false) < 0) {
        resolver->wake[0] = resolver->wake[1] = -1;
        return -errno;
    }
    resolver->woken = event_new(base, resolver->wake[0], EV_READ | EV_PERSIST, on_woken, resolver);
    return resolver->woken && event_add(resolver->woken, NULL) == 0 ? 0 : -ENOMEM;
}

struct resolver *resolver_new(struct event_base *base, size_t n_threads,
                              resolver_answered *answered)
{
    struct resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver) {
        return NULL;
    }
    queue_init(&resolver->waiting);
    queue_init(&resolver->answered);
    pthread_mutex_init(&resolver->lock, NULL);
    pthread_cond_init(&resolver->has_waiting, NULL);
    resolver->tell = answered;
    resolver->max_threads = n_threads;
    resolver->threads = calloc(n_threads, sizeof *resolver->threads);
    if (open_pipe(resolver, base) < 0 || !resolver->threads) {
        resolver_free(resolver);
        return NULL;
    }
    return resolver;
}

static void end_threads(struct resolver *resolver)
{
    pthread_mutex_lock(&resolver->lock);
    resolver->ends = true;
    pthread_mutex_unlock(&resolver->lock);
    pthread_cond_broadcast(&resolver->has_waiting);
    for (size_t i = 0; i < resolver->n_threads; i++) {
        pthread_join(resolver->threads[i], NULL);
    }
}

void resolver_free(struct resolver *resolver)
{
    if (!resolver) {
        return;
    }
    end_threads(resolver);
    for (struct resolver_question *at = resolver->answered.first; at; at = at->next) {
        if (at->error == 0) {
            freeaddrinfo(at->found);
        }
    }
    if (resolver->woken) {
        event_free(resolver->woken);
    }
    for (size_t i = 0; i < 2; i++) {
        if (resolver->wake[i] >= 0) {
            close(resolver->wake[i]);
        }
    }
    pthread_cond_destroy(&resolver->has_waiting);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver->threads);
    free(resolver);
}

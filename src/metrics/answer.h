/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is answered over HTTP: bodies by path, errors, and the head of the reply.
 *
 * The body is written first, behind room for the head, which tells the body's length.
 */
#ifndef EPMD_METRICS_ANSWER_H
#define EPMD_METRICS_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/document.h"
#include "metrics/overview.h"

struct answer {
    unsigned status, minor; /* of version 1 */
    const char *type;       /* of the body */
    const char *policy;     /* the body's Content-Security-Policy */
    bool has_body;          /* or the head alone, as for HEAD */
    struct document body;
};

/* Makes an answer of what is known. */
typedef void answer_maker(struct answer *answer, const struct overview *overview);

/* Starts an answer, which is 200, with a body, and of HTTP/1.1 where nothing else is set. */
void answer_init(struct answer *answer);

/* Returns what makes the answer for a path, or NULL. */
answer_maker *answer_find(const char *path, size_t len);

/* Makes it a line of text. */
void answer_text(struct answer *answer, unsigned status, const char *text);

/* Makes it the error of that status, in its own words. */
void answer_error(struct answer *answer, unsigned status);

/* Returns what `*reply` lies in, of which the caller owns one reference. Without memory, it
 * returns NULL, the answer's status is 503, and the reply lies in constant memory. */
struct sheet *answer_finish(struct answer *answer, const struct overview *overview,
                            const uint8_t **reply, size_t *reply_len);

#endif

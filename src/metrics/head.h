/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request (RFC 9112): its first line, its fields, and the empty line
 * after them.
 *
 * Only what -metrics needs is taken from it. It is read more strictly than the RFC asks for:
 * folded lines and control characters are errors, and so is a second Host field. A line may
 * end with LF alone.
 */
#ifndef EPMD_METRICS_HEAD_H
#define EPMD_METRICS_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum head_method {
    HEAD_GET,
    HEAD_HEAD,
    HEAD_OTHER, /* one that HTTP knows, and we do not serve */
};

/* A part of a head. It has no NUL at its end. */
struct head_text {
    const char *at; /* NULL: there is none */
    size_t len;
};

struct head {
    enum head_method method;
    unsigned minor;        /* of version 1 */
    struct head_text path; /* of the target, without what a `?` or `#` starts */
    struct head_text host; /* of the target, else of the Host field, with its port */
};

/* Returns the length of the head that `bytes` start with, 0 while its end is not among
 * them. The end is not in the first `n_seen` bytes, which an earlier call has seen. */
size_t head_find_end(const uint8_t *bytes, size_t len, size_t n_seen);

/* Whether the first line, as far as it is there, may be one of HTTP/1: only a line that is
 * complete and no such one is not. */
bool head_may_be_http(const uint8_t *bytes, size_t len);

/* Reads a whole head; `out` points into it. Returns 0; or the status that is to be answered,
 * and leaves `out` half set: 400 where this is no head, 413 where a body follows, 501 where
 * HTTP does not know the method. */
int head_parse(const uint8_t *bytes, size_t len, struct head *out);

#endif

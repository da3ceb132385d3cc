/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as clients send them.
 *
 * Written byte by byte from the protocol's description, without the code under test.
 */
#ifndef EPMD_TESTS_REQUESTS_H
#define EPMD_TESTS_REQUESTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/protocol.h"

#define ALIVE_FIXED_LEN 13 /* tag, five fields, two lengths */

struct request {
    size_t len;
    uint8_t bytes[4096]; /* length and frame */
};

/* Without a frame: to be filled by the functions below. */
void request_add_bytes(struct request *request, const void *bytes, size_t len);

/* What OTP 25 says of itself, under that name. The name stays the caller's. */
struct protocol_node node_info(const char *name);

struct request request_alive(const struct protocol_node *info);
struct request request_named(uint8_t tag, const void *name, size_t len);
struct request request_bare(uint8_t tag);

/* Makes the length say what is there. */
void request_set_length(struct request *request);

/* Writes a character `n` times to `out`; returns the length in bytes. */
size_t repeat(uint8_t *out, const char *character, size_t n);

#endif

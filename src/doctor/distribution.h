/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first step of the handshake between two nodes (Erlang/OTP, "Distribution
 * Protocol", section "Distribution Handshake").
 *
 * Whoever connects says its name; the other answers with a status. Each message has its
 * length in two bytes before it. What follows, the cookie, is beyond this.
 */
#ifndef EPMD_DOCTOR_DISTRIBUTION_H
#define EPMD_DOCTOR_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

#define DISTRIBUTION_NAME_MAX 255
#define DISTRIBUTION_HELLO_MAX (2 + 15 + DISTRIBUTION_NAME_MAX)
#define DISTRIBUTION_STATUS_SIZE 64 /* room for a status as text, with its NUL */

enum distribution_answer {
    DISTRIBUTION_MORE,   /* so far it may be a status */
    DISTRIBUTION_STATUS, /* a node's */
    DISTRIBUTION_TLS,    /* a TLS record: the nodes speak the handshake inside of TLS */
    DISTRIBUTION_OTHER,  /* no node says that */
};

/* Writes the message by which a hidden node of that name, NAME@HOST of up to
 * DISTRIBUTION_NAME_MAX bytes, begins with a node whose highest distribution version is
 * `highest`. Returns its length, or 0 for a longer name. */
size_t distribution_encode_hello(uint8_t hello[DISTRIBUTION_HELLO_MAX], uint16_t highest,
                                 const char *name);

/* Judges what has come back, of which there may be more to come. For DISTRIBUTION_STATUS,
 * `status` gets its text, in which a `?` stands for what is not printable ASCII. */
enum distribution_answer distribution_decode_answer(const uint8_t *bytes, size_t len,
                                                    char status[DISTRIBUTION_STATUS_SIZE]);

#endif

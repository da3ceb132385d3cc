/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The start of the handshake between two nodes, up to where a cookie is needed
 * (Erlang/OTP, "Distribution Protocol", section "Distribution Handshake").
 *
 * The node that connects says its name. The other answers with a status and, where that lets
 * the handshake go on, with a challenge, which has its own full name in it. Each message has
 * its length in two bytes before it.
 */
#ifndef EPMD_DOCTOR_DISTRIBUTION_H
#define EPMD_DOCTOR_DISTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISTRIBUTION_NAME_MAX 255 /* bytes of the name that is said */
#define DISTRIBUTION_HELLO_MAX (2 + 15 + DISTRIBUTION_NAME_MAX)
#define DISTRIBUTION_STATUS_SIZE 64 /* room for a status as text, with its NUL */
#define DISTRIBUTION_NODE_MAX 1020  /* bytes of a node's full name: 255 characters of four */

enum distribution_kind {
    DISTRIBUTION_MORE,   /* so far it may be a status */
    DISTRIBUTION_STATUS, /* a node's status, without a challenge */
    DISTRIBUTION_NODE,   /* both: the node has said its name */
    DISTRIBUTION_TLS,    /* a TLS record: the nodes speak the handshake inside of TLS */
    DISTRIBUTION_OTHER,  /* no node says that */
};

struct distribution_answer {
    enum distribution_kind kind;
    bool is_whole;                         /* nothing that comes later would change it */
    char status[DISTRIBUTION_STATUS_SIZE]; /* of STATUS and NODE: printable ASCII */
    const uint8_t *name;                   /* of NODE: NAME@HOST, unchecked; lies in the bytes */
    size_t name_len;                       /* 1 to DISTRIBUTION_NODE_MAX */
    uint32_t creation; /* of NODE: tells nodes of one name apart; 0 of an older one */
};

/* Writes the message by which a hidden node of that name, NAME@HOST of up to
 * DISTRIBUTION_NAME_MAX bytes, begins with a node whose highest distribution version is
 * `highest`. Returns its length, or 0 for a longer name. */
size_t distribution_encode_hello(uint8_t hello[DISTRIBUTION_HELLO_MAX], uint16_t highest,
                                 const char *name);

/* Judges what has come back so far. */
void distribution_decode_answer(const uint8_t *bytes, size_t len, struct distribution_answer *out);

#endif

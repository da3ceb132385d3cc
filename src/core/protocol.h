/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies of the EPMD protocol (Erlang/OTP, "Distribution Protocol",
 * section "EPMD Protocol"; byte by byte in epmd-protocol(7)).
 *
 * A request is a frame: its length in two bytes, then that many bytes, of which the
 * first is the tag. Replies carry no length. All integers are big-endian. Nothing
 * here allocates or keeps anything: what a decoded request points at is the frame.
 */
#ifndef EPMD_CORE_PROTOCOL_H
#define EPMD_CORE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/name.h"
#include "core/refusal.h"
#include "core/wire.h"

#define PROTOCOL_LENGTH_SIZE 2
#define PROTOCOL_FRAME_MAX 3057 /* largest legal request, and some slack */
#define PROTOCOL_EXTRA_MAX 1020 /* bytes */

/* Room for any reply but NAMES, DUMP and INFO: a port reply with the longest name and extra. */
#define PROTOCOL_REPLY_MAX (14 + NAME_MAX_LEN + PROTOCOL_EXTRA_MAX)

enum protocol_tag {
    PROTOCOL_ALIVE2_REQ = 'x',
    PROTOCOL_PORT2_REQ = 'z',
    PROTOCOL_NAMES_REQ = 'n',
    PROTOCOL_DUMP_REQ = 'd',
    PROTOCOL_KILL_REQ = 'k',
    PROTOCOL_STOP_REQ = 's',
    PROTOCOL_RELOAD_REQ = 'r', /* our own: let the program now on disk take over */
    PROTOCOL_INFO_REQ = 'i',   /* our own: tell of the daemon and its nodes (core/inventory) */
};

/* The types of nodes that are known; C and Java nodes have others. */
enum {
    PROTOCOL_TYPE_HIDDEN = 72,
    PROTOCOL_TYPE_NORMAL = 77,
};

/* What a node tells of itself: stored and given out as it came, never judged. */
struct protocol_node {
    uint16_t port; /* where the node listens for distribution */
    uint8_t type;
    uint8_t protocol; /* 0: TCP over IPv4 */
    uint16_t highest; /* distribution versions */
    uint16_t lowest;
    uint16_t name_len; /* bytes */
    uint16_t extra_len;
    const uint8_t *name;
    const uint8_t *extra;
};

struct protocol_request {
    enum protocol_tag tag;
    struct protocol_node node; /* ALIVE2_REQ: all of it; PORT2_REQ, STOP_REQ: the name */
};

/* Reads the length of a frame. Returns why a frame of that length is no request. */
enum refusal protocol_frame_check(size_t frame_len);

/* Decodes the `len` bytes after a frame's length. Returns REFUSAL_NONE, or why this
 * is no request; `out` then holds as much as could be read, for the log. */
enum refusal protocol_decode(const uint8_t *frame, size_t len, struct protocol_request *out);

/* Reads or writes what ALIVE2_REQ and PORT2_RESP tell of a node, in their order. Name and
 * extra of the one that was read lie in the reader's bytes, and are not checked; where the
 * reader overruns they may be cut off. */
void protocol_read_node(struct wire_reader *reader, struct protocol_node *node);
void protocol_write_node(struct wire_writer *writer, const struct protocol_node *node);

/* Decodes a reply to PORT2_REQ, from whatever answered. Returns 0; -ENOENT where there is no
 * such node; -EINVAL where this is no such reply. `out` points into it; its name is not
 * checked. */
int protocol_decode_node(const uint8_t *reply, size_t len, struct protocol_node *out);

/* The name of a request as the protocol's description has it, or NULL for no tag. */
const char *protocol_tag_name(uint8_t tag);

/* The word for a type of nodes, or NULL for one that is not known. */
const char *protocol_type_name(uint8_t type);

/* Whether a refusal of ALIVE2_REQ is told by a reply; the others are told by a close. */
bool protocol_alive_refusal_has_reply(enum refusal refusal);

/* Each writes one reply to `reply` and returns its length in bytes. */
size_t protocol_encode_alive(uint8_t reply[PROTOCOL_REPLY_MAX], uint16_t highest, bool accepted,
                             uint32_t creation);
size_t protocol_encode_node(uint8_t reply[PROTOCOL_REPLY_MAX], const struct protocol_node *node);
size_t protocol_encode_no_node(uint8_t reply[PROTOCOL_REPLY_MAX]);
size_t protocol_encode_text(uint8_t reply[PROTOCOL_REPLY_MAX], const char *text);

#endif

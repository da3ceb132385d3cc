/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection's life, without the connection.
 *
 * Bytes go in; a verdict comes out, with the reply to send where there is one. A
 * session serves one request. If that registers a node, the session owns the
 * registration from then on: its end, by whatever cause, unregisters the node.
 */
#ifndef EPMD_CORE_SESSION_H
#define EPMD_CORE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/counters.h"
#include "core/inventory.h"
#include "core/listing.h"
#include "core/policy.h"
#include "core/protocol.h"
#include "core/refusal.h"
#include "core/registry.h"

/* Room for the longest request with its length. */
#define SESSION_REQUEST_MAX (PROTOCOL_LENGTH_SIZE + PROTOCOL_FRAME_MAX)

struct session {
    struct endpoint peer;
    bool local;    /* the peer is on this host */
    int fd;        /* the connection's, as DUMP shows it; never used here */
    uint8_t asked; /* the tag of a request that session_list() is to answer */
    uint16_t held_len;
    uint8_t *held;              /* the start of a request that came in pieces, or NULL */
    struct registry_node *node; /* what this session registered, or NULL */
};

/* Room for a sentence that tells a peer why something is refused. */
#define SESSION_REASON_SIZE 256

/* What sessions ask of the owner of the connections. */
struct session_hooks {
    /* Ends a registered session whose connection has ended, or has bytes to be read, which
     * end it, though that has not been noticed yet. Returns whether it was so. */
    bool (*end_if_over)(struct session *session);

    /* Ends the connection of a registered session, and the session with it. */
    void (*end)(struct session *session);

    /* Returns REFUSAL_NONE where the session's peer may register one more node. */
    enum refusal (*may_register)(struct session *session);
    /* Returns REFUSAL_NONE where a successor may take over; else a sentence in `reason`. */
    enum refusal (*may_reload)(struct session *session, char reason[SESSION_REASON_SIZE]);
    /* Brings up to date what the daemon tells a session's peer of itself, in the context. */
    void (*describe)(struct session *session);
};

/* The last reply of its kind, good as long as what it tells of has that generation. */
struct session_listing {
    struct listing *listing;
    uint64_t generation;
};

/* What all sessions of an epmd share. */
struct session_context {
    struct registry registry;
    struct policy policy;
    struct counters counters; /* of connections, the caller counts */
    struct session_hooks hooks;
    uint16_t port; /* epmd's own, as NAMES and DUMP report it */
    struct inventory_daemon self;
    struct denials denials;
    struct session_listing names, dump, info;
    char reason[SESSION_REASON_SIZE];
    uint8_t reply[PROTOCOL_REPLY_MAX];
};

enum session_verdict {
    SESSION_WAIT,       /* the request is not complete */
    SESSION_CLOSE,      /* close without a reply */
    SESSION_REPLY,      /* send the reply, then close */
    SESSION_LIST,       /* the reply grows with the nodes: have session_list() make it when
                           nothing cheaper waits */
    SESSION_REGISTERED, /* send the reply and stay; what the peer sends next ends the node */
    SESSION_SHUTDOWN,   /* send the reply, then end the daemon */
    SESSION_RELOAD,     /* send the reply, then let a successor take over */
};

/* All pointers are good until the next call with the same session or context. */
struct session_outcome {
    enum session_verdict verdict;
    enum refusal refusal;
    struct protocol_request request;
    const uint8_t *reply; /* lies in the context; NULL where there is none, or a listing */
    size_t reply_len;
    struct listing *listing; /* take a reference to keep it; else NULL */
    const char *reason;      /* of a refusal, where more is known than its kind; else NULL */
    const struct registry_node *node; /* registered, or looked up, or the holder of a
                                         name that is taken; else NULL */
};

/* Sets up the shared part; the registry in it starts empty. `max_live`, `max_departed`
 * and `seed` are registry_init()'s. The policy starts as policy_init()'s.
 * The caller fills in hooks, port, and what never changes of `self`. */
void session_context_init(struct session_context *context, size_t max_live, size_t max_departed,
                          const uint8_t seed[HASH_SEED_SIZE]);

/* Frees what the shared part owns. All sessions have ended before. */
void session_context_deinit(struct session_context *context);

/* Starts a session with a peer over the connection that has descriptor `fd`. */
void session_init(struct session *session, const struct endpoint *peer, bool local, int fd);

/* Makes it the session of a live node that has none. */
void session_resume(struct session *session, struct registry_node *node);

/* Forgets the request, which has been served and reported; its registration stays. */
void session_forget_request(struct session *session);

/* Ends it, and unregisters its node. */
void session_deinit(struct session *session, struct session_context *context);

/* Whether enough of the request has come to tell what it asks. */
bool session_has_begun(const struct session *session);

/* How many bytes the session takes at the most in its next session_receive(): all of
 * a request while its length is unknown, then only what is missing of it. */
size_t session_want(const struct session *session);

/* Hands `len` bytes, 1 to session_want(), to a session that has registered nothing.
 * `now_ms` is a monotonic clock's. */
void session_receive(struct session *session, struct session_context *context, const uint8_t *bytes,
                     size_t len, int64_t now_ms, struct session_outcome *outcome);

/* Makes the listing that a session with the verdict SESSION_LIST has asked for, or finds the
 * last one still true. */
void session_list(struct session *session, struct session_context *context,
                  struct session_outcome *outcome);

#endif
